//! Shape rules and axes of layers that move a window over an image or a sequence.

use super::rule::zero_size;
use crate::kernels::{Axis, Plane, Reach};
use crate::network::{Inferred, Sentence};
use crate::sizes;
use crate::tensor::Dims;

/// The windows of a pooling layer along one axis, as the network's definition states them.
#[derive(Clone, Copy)]
pub(super) struct Windows {
    pub kernel: usize,
    pub stride: usize,
    pub pad: usize,
    pub dilation: usize,
}

impl Windows {
    /// Returns the number of positions from the first to the last of a window.
    const fn span(self) -> usize {
        sizes::sum(&[sizes::product(&[self.kernel - 1, self.dilation]), 1])
    }

    /// Returns an axis of `input` positions, which are at least as many as a window needs.
    pub const fn axis(self, input: usize) -> Axis {
        let Windows {
            kernel,
            stride,
            pad,
            dilation,
        } = self;
        let output = (sizes::sum(&[input, pad, pad]) - self.span()) / stride + 1;

        Axis {
            input,
            output,
            reach: Reach::Windows {
                kernel,
                stride,
                pad,
                dilation,
            },
        }
    }
}

/// Returns the axis of adjacent windows of `size` positions that cover all `size * output`
/// positions.
pub(super) const fn tiles(size: usize, output: usize) -> Axis {
    let reach = Reach::Windows {
        kernel: size,
        stride: size,
        pad: 0,
        dilation: 1,
    };
    Axis {
        input: sizes::product(&[size, output]),
        output,
        reach,
    }
}

/// Returns the axis of `output` windows of nearly equal size.
pub(super) const fn adaptive(input: usize, output: usize) -> Axis {
    if input.is_multiple_of(output) {
        return tiles(input / output, output);
    }
    Axis {
        input,
        output,
        reach: Reach::Even,
    }
}

/// Returns the axes of an image, or of a sequence as an image of one row, with the channels of
/// `dims`.
pub(super) const fn plane<const AXES: usize>(dims: Dims, axes: [Axis; AXES]) -> Plane {
    let rows = if AXES == 1 { Axis::ONE } else { axes[0] };
    Plane {
        rows,
        cols: axes[AXES - 1],
        channels: dims.size(AXES),
    }
}

/// Returns the axes of pooling windows over an image or a sequence.
pub(super) const fn windows_over<const AXES: usize>(dims: Dims, windows: [Windows; AXES]) -> Plane {
    let mut axes = [Axis::ONE; AXES];
    let mut axis = 0;
    while axis < AXES {
        axes[axis] = windows[axis].axis(dims.size(axis));
        axis += 1;
    }
    plane(dims, axes)
}

/// Returns the shape of an image, or with one axis of a sequence, of these sizes, with the channels
/// of `dims`.
pub(super) const fn of_sizes<const AXES: usize>(dims: Dims, sizes: [usize; AXES]) -> Inferred {
    Inferred::shape(if AXES == 1 {
        Dims::new(&[sizes[0], dims.size(1)])
    } else {
        Dims::new(&[sizes[0], sizes[1], dims.size(2)])
    })
}

/// The shape rule of an adaptive pooling layer with these output sizes.
pub(super) const fn infer_adaptive<const AXES: usize>(
    dims: Dims,
    sizes: [usize; AXES],
) -> Inferred {
    if sizes[0] == 0 || sizes[AXES - 1] == 0 {
        return zero_size("output_size", Dims::UNKNOWN);
    }
    match reject_rank(dims, AXES, Namesake::Exists) {
        Some(mistake) => mistake,
        None => of_sizes(dims, sizes),
    }
}

/// The shape rule of a pooling layer.
pub(super) const fn infer_from_windows<const AXES: usize>(
    dims: Dims,
    windows: [Windows; AXES],
) -> Inferred {
    // Mistakes that do not depend on the input come first.
    let mut axis = 0;
    while axis < AXES {
        if let Some(mistake) = reject_windows(windows[axis]) {
            return mistake;
        }
        axis += 1;
    }

    if let Some(mistake) = reject_rank(dims, AXES, Namesake::Exists) {
        return mistake;
    }

    let mut sizes = [1; AXES];
    axis = 0;
    while axis < AXES {
        let Windows { pad, .. } = windows[axis];
        let span = windows[axis].span();

        if !sizes::countable(span) {
            return Inferred::wrong(Inferred::TOO_FAR, Dims::UNKNOWN);
        }
        if sizes::sum(&[dims.size(axis), pad, pad]) < span {
            let least = span.saturating_sub(sizes::sum(&[pad, pad]));
            let wanted = Sentence::new("a ")
                .text(name_of_axis(AXES, axis))
                .text(" of at least ")
                .number(least);
            let way_out = Sentence::new(
                "; a window must not be larger than the input: make its kernel smaller",
            );
            return Inferred::mismatch(wanted, way_out, Dims::UNKNOWN);
        }

        sizes[axis] = windows[axis].axis(dims.size(axis)).output;
        axis += 1;
    }
    of_sizes(dims, sizes)
}

/// Returns the mistake of windows that are wrong over any input, if there is one.
const fn reject_windows(windows: Windows) -> Option<Inferred> {
    let Windows {
        kernel,
        stride,
        pad,
        dilation,
    } = windows;

    match (kernel, stride, dilation) {
        (0, _, _) => Some(zero_size("kernel_size", Dims::UNKNOWN)),
        (_, 0, _) => Some(zero_size("stride", Dims::UNKNOWN)),
        (_, _, 0) => Some(zero_size("dilation", Dims::UNKNOWN)),
        _ if pad > kernel / 2 => {
            let sentence = Sentence::new("has padding ")
                .number(pad)
                .text(", more than half of its kernel_size ")
                .number(kernel)
                .text("; write `Pad<")
                .number(kernel / 2)
                .text(">` or less");
            Some(Inferred::wrong(sentence, Dims::UNKNOWN))
        }
        _ => None,
    }
}

const fn name_of_axis(axes: usize, axis: usize) -> &'static str {
    match (axes, axis) {
        (1, _) => "length",
        (_, 0) => "height",
        _ => "width",
    }
}

/// The existence of a namesake: a layer for sequences beside one for images, or the other way round,
/// as `MaxPool1d` and `MaxPool2d` are.
#[derive(Clone, Copy)]
pub(super) enum Namesake {
    Exists,
    Lacks,
}

/// Returns the result for an input that is not an image, or with one axis not a sequence: a
/// mistake, or an unknown shape for an unknown input.
pub(super) const fn reject_rank(dims: Dims, axes: usize, namesake: Namesake) -> Option<Inferred> {
    if dims.is_unknown() {
        return Some(Inferred::shape(Dims::UNKNOWN));
    }

    let rank = match dims.rank() {
        Some(rank) if rank == axes + 1 => return None,
        Some(rank) => rank,
        None => 0,
    };

    let wanted = if axes == 1 {
        "[length, channels]"
    } else {
        "[height, width, channels]"
    };
    let has_namesake = matches!(namesake, Namesake::Exists);
    let way_out = if dims.rank().is_none() {
        Sentence::new("; it takes one tensor")
    } else if rank == axes {
        // An image or a sequence without channels.
        let mut way_out = Sentence::new(if axes == 2 && has_namesake {
            "; for sequences there is the layer with 1d in its name; for an image put `Reshape<"
        } else {
            "; put `Reshape<"
        });
        let mut axis = 0;
        while axis < axes {
            way_out = way_out.number(dims.size(axis)).text(", ");
            axis += 1;
        }
        way_out.text("1>` before it")
    } else if axes == 1 && rank == 3 && has_namesake {
        Sentence::new("; for images there is the layer with 2d in its name")
    } else if rank == 1 {
        Sentence::new("; put it before `Flatten`, or a `Reshape` before it")
    } else {
        Sentence::new("; put a `Reshape` before it")
    };

    Some(Inferred::mismatch(
        Sentence::new(wanted),
        way_out,
        Dims::UNKNOWN,
    ))
}

//! Which shapes convolutions take, and what is wrong with others.

use crate::kernels::ConvSizes;
use crate::network::{INFER, Inferred, Sentence};
use crate::sizes::{self, TOO_LARGE};
use crate::tensor::Dims;

/// A convolution as it is written; pairs are vertical and horizontal, and one of one axis has that
/// as its second.
#[derive(Clone, Copy)]
pub(super) struct Spec {
    /// The layer's name.
    pub name: &'static str,
    /// How many axes an image has beside the channels.
    pub axes: usize,
    pub in_channels: usize,
    pub out_channels: usize,
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub pad: [usize; 2],
    pub dilation: [usize; 2],
    pub groups: usize,
    /// Of a transposed convolution.
    pub output_pad: Option<[usize; 2]>,
}

impl Spec {
    /// What comes out of an input, with the channels of it and those that each group has in the
    /// weight.
    pub const fn fit(&self, input: Dims) -> Inferred {
        let sizes = input.sizes();
        let channels = match (self.in_channels, sizes) {
            (INFER, [.., last]) => *last,
            (INFER, []) => 1,
            (channels, _) => channels,
        };
        let fit = match self.wrong_in_itself(input) {
            Some(fit) => fit,
            None if input.is_unknown() => Inferred::shape(input),
            None => self.check(input, channels),
        };
        let fit = if self.in_channels == INFER {
            fit.infers(channels)
        } else {
            fit
        };
        // A transposed convolution has its weight the other way round.
        let grouped = if self.output_pad.is_some() {
            self.out_channels
        } else {
            channels
        };
        match grouped.checked_div(self.groups) {
            Some(each) if each > 0 => fit.infers(each),
            _ => fit.infers(1),
        }
    }

    /// A mistake that is one whatever comes in.
    const fn wrong_in_itself(&self, input: Dims) -> Option<Inferred> {
        let named = [
            ("in_channels", self.in_channels),
            ("out_channels", self.out_channels),
            (
                "a kernel_size of",
                if self.kernel[0] < self.kernel[1] {
                    self.kernel[0]
                } else {
                    self.kernel[1]
                },
            ),
            (
                "a stride of",
                if self.stride[0] < self.stride[1] {
                    self.stride[0]
                } else {
                    self.stride[1]
                },
            ),
            (
                "a dilation of",
                if self.dilation[0] < self.dilation[1] {
                    self.dilation[0]
                } else {
                    self.dilation[1]
                },
            ),
            ("groups", self.groups),
        ];
        let mut i = 0;
        while i < named.len() {
            let (what, size) = named[i];
            if size == 0 {
                let sentence = Sentence::new("has ")
                    .text(what)
                    .text(" 0; every size must be at least 1");
                return Some(Inferred::wrong(sentence, Dims::UNKNOWN));
            }
            i += 1;
        }
        if !self.out_channels.is_multiple_of(self.groups) {
            let sentence = Sentence::new("has ")
                .number(self.out_channels)
                .text(" out_channels, which ")
                .number(self.groups)
                .text(" groups can't share equally; make one a multiple of the other");
            return Some(Inferred::wrong(sentence, self.output(input)));
        }
        if let Some(output_pad) = self.output_pad {
            let mut axis = 0;
            while axis < 2 {
                let (pad, stride, dilation) =
                    (output_pad[axis], self.stride[axis], self.dilation[axis]);
                if pad >= stride && pad >= dilation {
                    let sentence = Sentence::new("has an output padding of ")
                        .number(pad)
                        .text("; it must be smaller than the stride, ")
                        .number(stride)
                        .text(", or the dilation, ")
                        .number(dilation);
                    return Some(Inferred::wrong(sentence, self.output(input)));
                }
                axis += 1;
            }
        }
        None
    }

    const fn check(&self, input: Dims, channels: usize) -> Inferred {
        let sizes = input.sizes();
        if !input.parts().is_empty() || sizes.len() != self.axes + 1 {
            let wanted = if self.axes == 1 {
                "[length, channels]"
            } else {
                "[height, width, channels]"
            };
            return Inferred::mismatch(
                Sentence::new(wanted),
                self.way_to_rank(input),
                Dims::UNKNOWN,
            );
        }
        let last = sizes[self.axes];
        let dots = if self.axes == 1 { "[.., " } else { "[.., .., " };
        if channels != last {
            let wanted = Sentence::new(dots).number(channels).text("]");
            let first = self.axes == 2 && sizes[0] == channels;
            let way_out = if first {
                Sentence::new("; images have their channels last: declare [")
                    .number(sizes[1])
                    .text(", ")
                    .number(sizes[2])
                    .text(", ")
                    .number(channels)
                    .text("]")
            } else {
                let name = Sentence::new("`").text(self.name).text("<");
                Sentence::new("; write ")
                    .sentence(&name)
                    .number(last)
                    .text(", ..>` or ")
                    .sentence(&name)
                    .text("_, ..>`")
            };
            let output = if first {
                Dims::UNKNOWN
            } else {
                self.output(input)
            };
            return Inferred::mismatch(wanted, way_out, output);
        }
        if !channels.is_multiple_of(self.groups) {
            let wanted = Sentence::new(dots)
                .text("a multiple of ")
                .number(self.groups)
                .text("]");
            let way_out = Sentence::new("; choose groups that divide ").number(channels);
            return Inferred::mismatch(wanted, way_out, self.output(input));
        }
        if !sizes::countable(self.reach(0)) || !sizes::countable(self.reach(1)) {
            return Inferred::wrong(Inferred::TOO_FAR, Dims::UNKNOWN);
        }
        let output = self.output(input);
        if output.is_unknown() {
            let (vertical, horizontal) = (self.least(0), self.least(1));
            let mut wanted = Sentence::new("[");
            if self.axes == 2 {
                wanted = wanted.number(vertical).text(" or more, ");
            }
            wanted = wanted
                .number(horizontal)
                .text(" or more, ")
                .number(channels)
                .text("]");
            let way_out = if self.output_pad.is_some() {
                "; make its `Pad` smaller"
            } else {
                "; make its kernel smaller, or add `Pad<..>`"
            };
            return Inferred::mismatch(wanted, Sentence::new(way_out), Dims::UNKNOWN);
        }
        Inferred::shape(output).if_countable(self.sizes(input, output).are_countable())
    }

    /// What to do about an input that has other axes.
    const fn way_to_rank(&self, input: Dims) -> Sentence {
        let way_out = Sentence::new("; ");
        match (self.axes, input.sizes()) {
            (_, []) if !input.parts().is_empty() => way_out.text("it takes one tensor"),
            (1, [length]) => way_out
                .text("for one channel declare [")
                .number(*length)
                .text(", 1], or put `Reshape<")
                .number(*length)
                .text(", 1>` before it"),
            (2, [height, width]) => way_out
                .text("for grey images declare [")
                .number(*height)
                .text(", ")
                .number(*width)
                .text(", 1], or put `Reshape<")
                .number(*height)
                .text(", ")
                .number(*width)
                .text(", 1>` before it"),
            (1, [_, _, _]) => way_out.text("`Conv2d` is the one for images"),
            (1, _) => way_out.text("put a `Reshape<length, channels>` before it"),
            _ => way_out.text("put a `Reshape<height, width, channels>` before it"),
        }
    }

    /// What comes out; unknown if nothing does.
    const fn output(&self, input: Dims) -> Dims {
        let sizes = input.sizes();
        if input.is_unknown() || sizes.len() != self.axes + 1 {
            return Dims::UNKNOWN;
        }
        let width = self.along(1, sizes[self.axes - 1]);
        if self.axes == 1 {
            return if width == 0 {
                Dims::UNKNOWN
            } else {
                Dims::new(&[width, self.out_channels])
            };
        }
        let height = self.along(0, sizes[0]);
        if height == 0 || width == 0 {
            return Dims::UNKNOWN;
        }
        Dims::new(&[height, width, self.out_channels])
    }

    /// How much comes out along an axis; 0 if the window does not fit.
    const fn along(&self, axis: usize, size: usize) -> usize {
        let reach = self.reach(axis);
        let pad = sizes::sum(&[self.pad[axis], self.pad[axis]]);
        if let Some(output_pad) = self.output_pad {
            let steps = sizes::product(&[size.saturating_sub(1), self.stride[axis]]);
            let full = sizes::sum(&[steps, reach, output_pad[axis], 1]);
            return if full == TOO_LARGE {
                TOO_LARGE
            } else {
                full.saturating_sub(pad)
            };
        }
        let padded = sizes::sum(&[size, pad]);
        if padded <= reach {
            0
        } else {
            (padded - reach - 1) / self.stride[axis] + 1
        }
    }

    /// How far a window reaches beyond its first place.
    const fn reach(&self, axis: usize) -> usize {
        sizes::product(&[self.kernel[axis] - 1, self.dilation[axis]])
    }

    /// The smallest size along an axis of which something comes out.
    const fn least(&self, axis: usize) -> usize {
        let reach = self.reach(axis);
        let pad = sizes::sum(&[self.pad[axis], self.pad[axis]]);
        let least = match self.output_pad {
            // `(size - 1) * stride + reach + output_pad` must not be below `pad`.
            Some(output_pad) => {
                let missing = pad.saturating_sub(sizes::sum(&[reach, output_pad[axis]]));
                sizes::sum(&[missing.div_ceil(self.stride[axis]), 1])
            }
            None => sizes::sum(&[reach, 1]).saturating_sub(pad),
        };
        if least == 0 { 1 } else { least }
    }

    /// For the kernels; a transposed convolution is one from its output to its input.
    pub const fn sizes(&self, input: Dims, output: Dims) -> ConvSizes {
        let (image, out) = if self.output_pad.is_some() {
            (output, input)
        } else {
            (input, output)
        };
        let axes = self.axes;
        // After a mistake nothing is known, and nothing computed.
        let known = !image.is_unknown() && !out.is_unknown();
        let (image, out) = if known {
            (image.sizes(), out.sizes())
        } else {
            ([1; 3].as_slice(), [1; 3].as_slice())
        };
        ConvSizes {
            size: [if axes == 1 { 1 } else { image[0] }, image[axes - 1]],
            channels: image[axes],
            out: [if axes == 1 { 1 } else { out[0] }, out[axes - 1]],
            out_channels: out[axes],
            kernel: self.kernel,
            stride: self.stride,
            pad: self.pad,
            dilation: self.dilation,
            groups: self.groups,
        }
    }
}

//! Padding of images by their own pixels.

use super::add_to;
use super::pad1d::{Outside, add_pixels, reflected, replicated, runs, source};
use super::window::{Namesake, of_sizes, reject_rank};
use crate::memory::{flatten, flatten_mut};
use crate::network::{
    BackwardInput, Forward, Infer, Inferred, Layer, Reach, Sentence, ShapeRule, Train,
};
#[cfg(feature = "onnx-export")]
use crate::nn::export::{self, Export, Exported};
use crate::params::FeatureOrder;
use crate::sizes;
use crate::tensor::{Dims, Element, Shape};

/// Pads an image with its reflections at the outermost pixels, which are not repeated:
/// `[height, width, channels]` becomes `[TOP + height + BOTTOM, LEFT + width + RIGHT, channels]`.
///
/// In a network: `ReflectionPad2d<padding>`, a number for all sides or `(left, right, top, bottom)`,
/// each less than the number of pixels in its direction. PyTorch's `nn.ReflectionPad2d`.
///
/// With nothing at the top and the bottom it pads each row on its own, so that it can be part of a
/// [stream](crate::Streaming) of rows.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Pad: [1, 3, 1] -> [1, 5, 1] { ReflectionPad2d<(0, 2, 0, 0)> } }
/// let y = Pad::zeros().forward(&Tensor3::from([[[7.0], [8.0], [9.0]]]));
/// assert_eq!(y, Tensor3::from([[[7.0], [8.0], [9.0], [8.0], [7.0]]]));
/// ```
///
/// A reflection of more than there is is a compile error:
///
/// ```compile_fail
/// use shapewright::prelude::*;
/// network! { struct Wrong: [3, 3, 1] -> [9, 9, 1] { ReflectionPad2d<3> } }
/// ```
pub struct ReflectionPad2d<
    const LEFT: usize,
    const RIGHT: usize = LEFT,
    const TOP: usize = LEFT,
    const BOTTOM: usize = LEFT,
>;

/// Pads an image with copies of its outermost pixels: `[height, width, channels]` becomes
/// `[TOP + height + BOTTOM, LEFT + width + RIGHT, channels]`.
///
/// In a network: `ReplicationPad2d<padding>`, a number for all sides or
/// `(left, right, top, bottom)`. PyTorch's `nn.ReplicationPad2d`.
///
/// With nothing at the top and the bottom it pads each row on its own, so that it can be part of a
/// [stream](crate::Streaming) of rows.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Pad: [1, 2, 1] -> [2, 3, 1] { ReplicationPad2d<(0, 1, 1, 0)> } }
/// let y = Pad::zeros().forward(&Tensor3::from([[[7.0], [8.0]]]));
/// assert_eq!(
///     y,
///     Tensor3::from([[[7.0], [8.0], [8.0]], [[7.0], [8.0], [8.0]]])
/// );
/// ```
pub struct ReplicationPad2d<
    const LEFT: usize,
    const RIGHT: usize = LEFT,
    const TOP: usize = LEFT,
    const BOTTOM: usize = LEFT,
>;

/// The numbers of pixels at the sides of an image.
#[derive(Clone, Copy)]
pub(super) struct Sides {
    pub left: usize,
    pub right: usize,
    pub top: usize,
    pub bottom: usize,
}

impl Sides {
    /// The shape rule of padding.
    pub const fn infer(self, dims: Dims) -> Inferred {
        match reject_rank(dims, 2, Namesake::Exists) {
            Some(mistake) => mistake,
            None => {
                let height = sizes::sum(&[self.top, dims.size(0), self.bottom]);
                let width = sizes::sum(&[self.left, dims.size(1), self.right]);
                of_sizes(dims, [height, width])
            }
        }
    }

    /// The shape rule of a padding that reflects.
    const fn infer_reflected(self, dims: Dims) -> Inferred {
        let inferred = self.infer(dims);
        if !inferred.is_fine() || dims.is_unknown() {
            return inferred;
        }

        let most = [
            sizes::larger(self.top, self.bottom),
            sizes::larger(self.left, self.right),
        ];
        let mut axis = 0;
        while axis < 2 {
            let size = dims.size(axis);
            if most[axis] >= size {
                let sentence = Sentence::new("reflects up to ")
                    .number(most[axis])
                    .text(" pixels at a side, but ")
                    .dims(dims)
                    .text(" has ")
                    .number(size.saturating_sub(1))
                    .text(
                        " beside the one at that side; pad with fewer, or use `ReplicationPad2d`",
                    );
                return Inferred::wrong(sentence, inferred.output());
            }
            axis += 1;
        }
        inferred
    }

    /// Returns the rows that a row of the output depends on.
    pub const fn reach(self) -> Reach {
        match (self.top, self.bottom) {
            (0, 0) => Reach::POSITION,
            _ => Reach::WHOLE,
        }
    }

    /// Calls `f` with the number of each row of the output and of the row that it is a copy of.
    #[inline(always)]
    fn for_each_row(
        self,
        dims: Dims,
        fill: impl Fn(usize, Outside) -> Option<usize>,
        mut f: impl FnMut(usize, usize),
    ) {
        let height = dims.size(0);
        for padded in 0..self.top + height + self.bottom {
            if let Some(row) = source(padded, self.top, height, &fill) {
                f(padded, row);
            }
        }
    }

    /// Calls `f` with the column of each pixel beside a row and of the pixel that it is a copy of.
    #[inline(always)]
    fn for_each_outside(
        self,
        dims: Dims,
        fill: impl Fn(usize, Outside) -> Option<usize>,
        mut f: impl FnMut(usize, usize),
    ) {
        let width = dims.size(1);
        let first_behind = self.left + width;
        for padded in (0..self.left).chain(first_behind..first_behind + self.right) {
            if let Some(column) = source(padded, self.left, width, &fill) {
                f(padded, column);
            }
        }
    }
}

impl Sides {
    /// Adds the gradients of rows that are copies of one row to the gradient of that row.
    #[inline(always)]
    fn add_columns<T: Element>(
        self,
        dims: Dims,
        fill: impl Fn(usize, Outside) -> Option<usize>,
        dx: &mut [T],
        dy: &[T],
        padded_len: usize,
    ) {
        let (width, channels) = (dims.size(1), dims.size(2));
        let first_behind = self.left + width;
        let (before, inside) = (0..self.left, self.left..first_behind);
        let behind = first_behind..first_behind + self.right;

        if dy.len() == padded_len {
            add_to(dx, &dy[inside.start * channels..inside.end * channels]);
        } else {
            for (column, dx) in inside.zip(dx.chunks_exact_mut(channels)) {
                add_pixels(dx, dy, padded_len, column..column + 1);
            }
        }
        for side in [before, behind] {
            for (run, column) in runs(side, |i| source(i, self.left, width, &fill)) {
                add_pixels(
                    &mut dx[column * channels..][..channels],
                    dy,
                    padded_len,
                    run,
                );
            }
        }
    }
}

/// Implements a padding by its shape rule and the position that each of those outside reads.
macro_rules! pad2d {
    ($name:ident, $infer:ident, $fill:path, $mode:literal) => {
        impl<const LEFT: usize, const RIGHT: usize, const TOP: usize, const BOTTOM: usize>
            $name<LEFT, RIGHT, TOP, BOTTOM>
        {
            const SIDES: Sides = Sides {
                left: LEFT,
                right: RIGHT,
                top: TOP,
                bottom: BOTTOM,
            };
        }

        impl<
            In: Shape,
            const LEFT: usize,
            const RIGHT: usize,
            const TOP: usize,
            const BOTTOM: usize,
        > ShapeRule<In> for $name<LEFT, RIGHT, TOP, BOTTOM>
        {
            const OUTPUT: Inferred = Self::SIDES.$infer(In::DIMS);
            const REACH: Reach = Self::SIDES.reach();
        }

        impl<
            T: Element,
            const LEFT: usize,
            const RIGHT: usize,
            const TOP: usize,
            const BOTTOM: usize,
        > Layer<T> for $name<LEFT, RIGHT, TOP, BOTTOM>
        {
            type Config = ();
            type Params = ();
        }

        impl<
            In: Shape,
            Out: Shape,
            T: Element,
            const LEFT: usize,
            const RIGHT: usize,
            const TOP: usize,
            const BOTTOM: usize,
        > Infer<In, Out, T> for $name<LEFT, RIGHT, TOP, BOTTOM>
        {
            const ORDER: FeatureOrder = FeatureOrder::Channels;

            #[cfg(feature = "onnx-export")]
            fn export(_: &(), _: &(), call: Export<'_>) -> Exported {
                export::images::pad(call, &[TOP, LEFT, 0], &[BOTTOM, RIGHT, 0], $mode)
            }

            fn forward(call: Forward<'_, Self, In, Out, T>) {
                let Forward { x, y, .. } = call;
                let channels = In::DIMS.size(2);
                let row_len = In::DIMS.size(1) * channels;
                let padded_len = Out::DIMS.size(1) * channels;
                let images = flatten(x).chunks_exact(In::LEN);

                for (x, y) in images.zip(flatten_mut(y).chunks_exact_mut(Out::LEN)) {
                    Self::SIDES.for_each_row(In::DIMS, $fill, |padded, row| {
                        let x = &x[row * row_len..][..row_len];
                        let y = &mut y[padded * padded_len..][..padded_len];
                        y[LEFT * channels..][..row_len].copy_from_slice(x);
                        Self::SIDES.for_each_outside(In::DIMS, $fill, |padded, column| {
                            let pixel = &x[column * channels..][..channels];
                            y[padded * channels..][..channels].copy_from_slice(pixel);
                        });
                    });
                }
            }
        }

        impl<
            In: Shape,
            Out: Shape,
            T: Element,
            const LEFT: usize,
            const RIGHT: usize,
            const TOP: usize,
            const BOTTOM: usize,
        > Train<In, Out, T> for $name<LEFT, RIGHT, TOP, BOTTOM>
        {
            const READS_OUTPUT: bool = false;

            fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
                let BackwardInput { dy, dx, .. } = call;
                let Some(dx) = dx else { return };
                let channels = In::DIMS.size(2);
                let row_len = In::DIMS.size(1) * channels;
                let padded_len = Out::DIMS.size(1) * channels;
                let gradients = flatten(dy).chunks_exact(Out::LEN);

                for (dy, dx) in gradients.zip(flatten_mut(dx).chunks_exact_mut(In::LEN)) {
                    dx.fill(T::zero());
                    let rows = runs(0..Out::DIMS.size(0), |i| {
                        source(i, TOP, In::DIMS.size(0), $fill)
                    });
                    for (rows, row) in rows {
                        let dx = &mut dx[row * row_len..][..row_len];
                        let dy = &dy[rows.start * padded_len..rows.end * padded_len];
                        Self::SIDES.add_columns(In::DIMS, $fill, dx, dy, padded_len);
                    }
                }
            }
        }
    };
}
pad2d!(ReflectionPad2d, infer_reflected, reflected, "reflect");
pad2d!(ReplicationPad2d, infer, replicated, "edge");

//! The axes of a tensor in another order.

use crate::memory::{flatten, flatten_mut};
use crate::network::{
    BackwardInput, Forward, INFER, Infer, Inferred, Layer, Reach, Sentence, ShapeRule, Train,
};
#[cfg(feature = "onnx-export")]
use crate::nn::export::{self, Export, Exported};
use crate::params::FeatureOrder;
use crate::tensor::{Dims, Element, MAX_RANK, Shape};

/// The axes of a tensor in another order: axis `i` of the output is the axis of the input whose
/// number is written at position `i`.
///
/// In a network: `Permute<2, 0, 1>`, with the number of each axis once. PyTorch's
/// `x.permute(0, 3, 1, 2)`, where axis 0 is the batch: here a sample has none, so that all numbers
/// are smaller by one. [`Transpose`](super::Transpose) is `Permute<1, 0>`.
///
/// In a [stream](crate::Streaming) it must leave the first axis, time, where it is.
///
/// ```
/// use shapewright::prelude::*;
/// network! {
///     /// Rows, columns and channels become channels, rows and columns.
///     struct ChannelsFirst: [2, 3, 2] -> [2, 2, 3] { Permute<2, 0, 1> }
/// }
/// let x: Tensor3<2, 3, 2> = Tensor::from_position(|i| i as f32);
/// let y = ChannelsFirst::zeros().forward(&x);
/// assert_eq!(y.as_array()[0], [[0.0, 2.0, 4.0], [6.0, 8.0, 10.0]]);
/// assert_eq!(y.as_array()[1], [[1.0, 3.0, 5.0], [7.0, 9.0, 11.0]]);
/// ```
///
/// An axis that is missing is a compile error:
///
/// ```compile_fail
/// use shapewright::prelude::*;
/// network! { struct Wrong: [2, 3, 2] -> [2, 2, 2] { Permute<2, 0, 0> } }
/// ```
pub struct Permute<
    const RANK: usize,
    const A: usize,
    const B: usize = 0,
    const C: usize = 0,
    const D: usize = 0,
>;

/// Returns the mistake of axes that are no permutation, if they are none.
const fn mistake(axes: &[usize]) -> Option<Sentence> {
    let all = Sentence::new("; name each of the axes 0 to ")
        .number(axes.len() - 1)
        .text(" once");
    let mut i = 0;
    while i < axes.len() {
        if axes[i] == INFER {
            return Some(Sentence::new("has no number in place of `_`").sentence(&all));
        }
        if axes[i] >= axes.len() {
            return Some(
                Sentence::new("names an axis ")
                    .number(axes[i])
                    .text(", but it permutes ")
                    .number(axes.len())
                    .text(if axes.len() == 1 { " axis" } else { " axes" })
                    .sentence(&all),
            );
        }

        let mut before = 0;
        while before < i {
            if axes[before] == axes[i] {
                return Some(
                    Sentence::new("names the axis ")
                        .number(axes[i])
                        .text(" twice")
                        .sentence(&all),
                );
            }
            before += 1;
        }
        i += 1;
    }
    None
}

/// Returns the sizes in the order of the axes.
const fn permuted(sizes: &[usize], axes: &[usize]) -> Dims {
    let mut output = [1; MAX_RANK];
    let mut i = 0;
    while i < axes.len() {
        output[i] = sizes[axes[i]];
        i += 1;
    }
    Dims::new(output.split_at(axes.len()).0)
}

impl<In: Shape, const RANK: usize, const A: usize, const B: usize, const C: usize, const D: usize>
    ShapeRule<In> for Permute<RANK, A, B, C, D>
{
    const OUTPUT: Inferred = {
        let all = [A, B, C, D];
        let axes = all.split_at(RANK).0;
        let dims = In::DIMS;

        if let Some(mistake) = mistake(axes) {
            Inferred::wrong(mistake, Dims::UNKNOWN)
        } else if dims.is_unknown() {
            Inferred::shape(Dims::UNKNOWN)
        } else if dims.is_tuple() || dims.sizes().len() != RANK {
            let wanted = Sentence::new("a tensor of ")
                .number(RANK)
                .text(if RANK == 1 { " axis" } else { " axes" });
            let way_out = if dims.is_tuple() {
                Sentence::new("; it takes one tensor")
            } else {
                Sentence::new(
                    "; write the number of each axis of its input once; a sample has no batch axis",
                )
            };
            Inferred::mismatch(wanted, way_out, Dims::UNKNOWN)
        } else {
            Inferred::shape(permuted(dims.sizes(), axes))
        }
    };
    const REACH: Reach = if A == 0 {
        Reach::POSITION
    } else {
        Reach::WHOLE.or("; leave axis 0, which is time, in front")
    };
}

impl<T: Element, const RANK: usize, const A: usize, const B: usize, const C: usize, const D: usize>
    Layer<T> for Permute<RANK, A, B, C, D>
{
    type Config = ();
    type Params = ();
}

/// The walk over the elements of another tensor in the order of an output, row after row of its last
/// axis.
#[derive(Clone, Copy)]
pub(super) struct Walk {
    /// The sizes of the output; 1 in front of its axes.
    pub(super) sizes: [usize; MAX_RANK],
    /// The distance in the input of the elements along each axis of the output.
    pub(super) strides: [usize; MAX_RANK],
}

impl Walk {
    const fn new(input: Dims, axes: &[usize]) -> Self {
        // The axes stand at the end, so that the last one is that of the rows.
        let first = MAX_RANK - axes.len();
        let mut walk = Walk {
            sizes: [1; MAX_RANK],
            strides: [0; MAX_RANK],
        };
        let mut i = 0;
        while i < axes.len() {
            walk.sizes[first + i] = input.size(axes[i]);
            let mut stride = 1;
            let mut behind = axes[i] + 1;
            while behind < axes.len() {
                stride *= input.size(behind);
                behind += 1;
            }
            walk.strides[first + i] = stride;
            i += 1;
        }
        walk
    }

    /// Calls `row` with the start of each row in the input and its range in the output.
    pub(super) fn rows(&self, mut row: impl FnMut(usize, core::ops::Range<usize>)) {
        let [a, b, c, len] = self.sizes;
        let mut next = 0;
        for i in 0..a {
            for j in 0..b {
                for k in 0..c {
                    let start = i * self.strides[0] + j * self.strides[1] + k * self.strides[2];
                    row(start, next..next + len);
                    next += len;
                }
            }
        }
    }
}

impl<
    In: Shape,
    Out: Shape,
    T: Element,
    const RANK: usize,
    const A: usize,
    const B: usize,
    const C: usize,
    const D: usize,
> Infer<In, Out, T> for Permute<RANK, A, B, C, D>
{
    /// As for `Transpose`: PyTorch's program permutes the axes as well.
    const ORDER: FeatureOrder = FeatureOrder::Depends;

    #[cfg(feature = "onnx-export")]
    fn export(_: &(), _: &(), call: Export<'_>) -> Exported {
        export::simple::permute(call, [A, B, C, D].split_at(RANK).0)
    }

    fn forward(call: Forward<'_, Self, In, Out, T>) {
        let Forward { x, y, .. } = call;
        let walk = const { &Walk::new(In::DIMS, [A, B, C, D].split_at(RANK).0) };
        let stride = walk.strides[MAX_RANK - 1];
        let tensors = flatten(x).chunks_exact(In::LEN);

        for (x, y) in tensors.zip(flatten_mut(y).chunks_exact_mut(In::LEN)) {
            walk.rows(|start, range| {
                let x = x[start..].iter().step_by(stride);
                y[range].iter_mut().zip(x).for_each(|(y, &x)| *y = x);
            });
        }
    }
}

impl<
    In: Shape,
    Out: Shape,
    T: Element,
    const RANK: usize,
    const A: usize,
    const B: usize,
    const C: usize,
    const D: usize,
> Train<In, Out, T> for Permute<RANK, A, B, C, D>
{
    const READS_OUTPUT: bool = false;

    fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
        let BackwardInput { dy, dx, .. } = call;
        let Some(dx) = dx else { return };
        let walk = const { &Walk::new(In::DIMS, [A, B, C, D].split_at(RANK).0) };
        let stride = walk.strides[MAX_RANK - 1];
        let gradients = flatten(dy).chunks_exact(In::LEN);

        for (dy, dx) in gradients.zip(flatten_mut(dx).chunks_exact_mut(In::LEN)) {
            walk.rows(|start, range| {
                let dx = dx[start..].iter_mut().step_by(stride);
                dx.zip(&dy[range]).for_each(|(dx, &dy)| *dx = dy);
            });
        }
    }
}

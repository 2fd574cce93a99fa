//! Axes of size 1 that become longer.

use super::permute::Walk;
use super::rule::{last_size, zero_size};
use crate::memory::{flatten, flatten_mut};
use crate::network::{
    BackwardInput, Forward, INFER, Infer, Inferred, Layer, Reach, Sentence, ShapeRule, Train,
};
#[cfg(feature = "onnx-export")]
use crate::nn::export::{self, Export, Exported};
use crate::params::FeatureOrder;
use crate::tensor::{Dims, Element, MAX_RANK, Shape};

/// Repeats axes of size 1 until they have the sizes that are written: `Expand<7, 7, _>` makes
/// `[7, 7, 16]` of `[1, 1, 16]`. An axis of another size keeps it, and `_` keeps any.
///
/// PyTorch's `x.expand(..)`. A factor for each channel multiplies an image with it, as in
/// squeeze-and-excitation (Hu et al., 2018):
///
/// ```
/// use shapewright::prelude::*;
/// network! {
///     struct Excite: [4, 4, 8] -> [4, 4, 8] {
///         GlobalAvgPool2d,
///         Linear<_, 8>,
///         Sigmoid,
///         Reshape<1, 1, 8>,
///         gates: Expand<4, 4, _>,
///         Mul <- (gates, input),
///     }
/// }
/// let y = Excite::zeros().forward(&Tensor3::ones());
/// assert!(y.iter().all(|&y| y == 0.5));
/// ```
///
/// An axis of another size is a compile error:
///
/// ```compile_fail
/// use shapewright::prelude::*;
/// network! { struct Wrong: [2] -> [4] { Expand<4> } }
/// ```
#[doc(alias = "Broadcast")]
pub struct Expand<
    const RANK: usize,
    const A: usize,
    const B: usize = 1,
    const C: usize = 1,
    const D: usize = 1,
>;

impl<In: Shape, const RANK: usize, const A: usize, const B: usize, const C: usize, const D: usize>
    ShapeRule<In> for Expand<RANK, A, B, C, D>
{
    const OUTPUT: Inferred = {
        let mut sizes = [A, B, C, D];
        let dims = In::DIMS;
        let has_axes = !dims.is_unknown() && !dims.is_tuple() && dims.sizes().len() == RANK;

        let mut fits = has_axes;
        let mut is_zero = false;
        let mut axis = 0;
        while axis < RANK {
            if sizes[axis] == 0 {
                is_zero = true;
            }
            if has_axes {
                let own = dims.size(axis);
                if sizes[axis] == INFER {
                    sizes[axis] = own;
                } else if own != 1 && own != sizes[axis] {
                    fits = false;
                }
            }
            axis += 1;
        }

        let output = Dims::new(sizes.split_at(RANK).0);
        if is_zero {
            zero_size("a size of", Dims::UNKNOWN)
        } else if dims.is_unknown() {
            Inferred::shape(Dims::UNKNOWN)
        } else if fits {
            // The only size that can be inferred is that of the first axis that is left open.
            let mut open = 0;
            while open + 1 < RANK && [A, B, C, D][open] != INFER {
                open += 1;
            }
            Inferred::shape(output).infers(sizes[open])
        } else {
            Inferred::mismatch(
                Sentence::new("axes of size 1, or of these sizes: ").dims(output),
                Sentence::new("; put a `Reshape` before it that writes the axes of size 1"),
                if has_axes { output } else { Dims::UNKNOWN },
            )
        }
    };
    const REACH: Reach = match *In::DIMS.sizes() {
        [length, ..] if RANK > 0 && (A == length || A == INFER) => Reach::POSITION,
        _ => Reach::WHOLE,
    };
}

impl<T: Element, const RANK: usize, const A: usize, const B: usize, const C: usize, const D: usize>
    Layer<T> for Expand<RANK, A, B, C, D>
{
    type Config = ();
    type Params = ();
}

/// Returns the walk over the input in the order of the output: along an axis that is repeated, it stays
/// where it is.
fn walk(input: Dims, output: Dims) -> Walk {
    let rank = output.sizes().len();
    let mut walk = Walk {
        sizes: [1; MAX_RANK],
        strides: [0; MAX_RANK],
    };
    let mut stride = 1;
    for axis in (0..rank).rev() {
        let place = MAX_RANK - rank + axis;
        walk.sizes[place] = output.size(axis);
        walk.strides[place] = if input.size(axis) == 1 { 0 } else { stride };
        stride *= input.size(axis);
    }
    walk
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
> Infer<In, Out, T> for Expand<RANK, A, B, C, D>
{
    /// As for `Reshape`: what follows is wanted in the order that it has here.
    const ORDER: FeatureOrder = FeatureOrder::Depends;

    #[cfg(feature = "onnx-export")]
    fn export(_: &(), _: &(), call: Export<'_>) -> Exported {
        export::simple::expand(call)
    }

    fn forward(call: Forward<'_, Self, In, Out, T>) {
        let Forward { x, y, .. } = call;
        let tensors = flatten(x).chunks_exact(In::LEN);
        let len = last_size(Out::DIMS);
        let is_repeated = last_size(In::DIMS) != len;
        let walk = walk(In::DIMS, Out::DIMS);

        for (x, y) in tensors.zip(flatten_mut(y).chunks_exact_mut(Out::LEN)) {
            walk.rows(|from, to| {
                let y = &mut y[to];
                match is_repeated {
                    true => y.fill(x[from]),
                    false => y.copy_from_slice(&x[from..][..len]),
                }
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
> Train<In, Out, T> for Expand<RANK, A, B, C, D>
{
    const READS_OUTPUT: bool = false;

    fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
        let BackwardInput { dy, dx, .. } = call;
        let Some(dx) = dx else { return };
        let dx = flatten_mut(dx);
        dx.fill(T::zero());
        let gradients = flatten(dy).chunks_exact(Out::LEN);
        let len = last_size(Out::DIMS);
        let is_repeated = last_size(In::DIMS) != len;
        let walk = walk(In::DIMS, Out::DIMS);

        for (dy, dx) in gradients.zip(dx.chunks_exact_mut(In::LEN)) {
            walk.rows(|from, to| {
                let dy = &dy[to];
                match is_repeated {
                    true => dx[from] += dy.iter().copied().sum(),
                    false => super::add_to(&mut dx[from..][..len], dy),
                }
            });
        }
    }
}

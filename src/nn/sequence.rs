//! Layers that choose or swap the axes of sequences.

use super::rule::last_size;
use crate::memory::{flatten, flatten_mut};
use crate::network::{
    BackwardInput, Forward, Infer, Inferred, Layer, Reach, Sentence, ShapeRule, Train,
};
#[cfg(feature = "onnx-export")]
use crate::nn::export::{self, Export, Exported};
use crate::params::FeatureOrder;
use crate::tensor::{Dims, Element, Shape, transpose};

/// The last position of a sequence: `[length, channels]` becomes `[channels]`. A classifier of
/// sequences reads it behind layers that go through them from the first position to the last.
///
/// PyTorch's `x[:, -1]` of a sequence with the axes `[length, channels]`, as recurrent layers with
/// `batch_first=True` return it, and `x[:, :, -1]` of one with its channels first, as convolutions
/// return it.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Last: [3, 2] -> [2] { SelectLast } }
/// let y = Last::zeros().forward(&Tensor2::from([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]));
/// assert_eq!(y, Tensor1::from([5.0, 6.0]));
/// ```
pub struct SelectLast;

/// Swaps the two axes of a matrix or a sequence: `[length, channels]` becomes `[channels, length]`,
/// so that the next layer works along the positions instead of the channels.
///
/// PyTorch's `x.transpose(1, 2)`, where the first axis is the batch. Programs there also need it
/// between a convolution, which has channels first, and a dense layer. Here channels are last in
/// both, and nothing has to be swapped.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Swap: [3, 2] -> [2, 3] { Transpose } }
/// let y = Swap::zeros().forward(&Tensor2::from([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]));
/// assert_eq!(y, Tensor2::from([[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]]));
///
/// // A layer that mixes the positions, as in MLP-Mixer (Tolstikhin et al., 2021).
/// network! {
///     struct Mixer: [9, 4] -> [9, 4] {
///         Residual { LayerNorm, Transpose, Linear<_, 16>, Gelu, Linear<_, 9>, Transpose },
///     }
/// }
/// assert_eq!(Mixer::PARAMS, 2 * 4 + (9 * 16 + 16) + (16 * 9 + 9));
/// ```
pub struct Transpose;

impl<In: Shape> ShapeRule<In> for SelectLast {
    const OUTPUT: Inferred = match In::DIMS.sizes() {
        _ if In::DIMS.is_unknown() => Inferred::shape(Dims::UNKNOWN),
        [_, channels] => Inferred::shape(Dims::new(&[*channels])),
        [_] => {
            let way_out = Sentence::new("; that is a single position: omit `SelectLast`");
            Inferred::mismatch(Sentence::new("[length, channels]"), way_out, In::DIMS)
        }
        _ => reject_axes(In::DIMS, "[length, channels]"),
    };
    const REACH: Reach = Reach::LAST;
}

impl<In: Shape> ShapeRule<In> for Transpose {
    const OUTPUT: Inferred = match In::DIMS.sizes() {
        _ if In::DIMS.is_unknown() => Inferred::shape(Dims::UNKNOWN),
        [rows, columns] => Inferred::shape(Dims::new(&[*columns, *rows])),
        [_] => {
            let way_out = Sentence::new("; one axis can't be swapped: put a `Reshape` before it");
            Inferred::mismatch(Sentence::new("[rows, columns]"), way_out, Dims::UNKNOWN)
        }
        _ => reject_axes(In::DIMS, "[rows, columns]"),
    };
}

/// The mistake of an input with neither one nor two axes.
const fn reject_axes(dims: Dims, wanted: &str) -> Inferred {
    let way_out = match dims.rank() {
        None => Sentence::new("; it takes one tensor"),
        Some(0) => Sentence::new("; a single number has no axes"),
        Some(_) => Sentence::new("; put `Reshape<_, ")
            .number(last_size(dims))
            .text(">` before it"),
    };
    Inferred::mismatch(Sentence::new(wanted), way_out, Dims::UNKNOWN)
}

impl<T: Element> Layer<T> for SelectLast {
    type Config = ();
    type Params = ();
}

impl<T: Element> Layer<T> for Transpose {
    type Config = ();
    type Params = ();
}

impl<In: Shape, Out: Shape, T: Element> Infer<In, Out, T> for SelectLast {
    /// As in pooling: the last axis is the channels, and each output belongs to one of them.
    const ORDER: FeatureOrder = FeatureOrder::Channels;

    #[cfg(feature = "onnx-export")]
    fn export(_: &(), _: &(), call: Export<'_>) -> Exported {
        let length = call.input().size(0);
        export::simple::positions(call, length - 1, length)
    }

    fn forward(call: Forward<'_, Self, In, Out, T>) {
        let Forward { x, y, .. } = call;
        let sequences = flatten(x).chunks_exact(In::LEN);
        let outputs = flatten_mut(y).chunks_exact_mut(Out::LEN);

        for (x, y) in sequences.zip(outputs) {
            y.copy_from_slice(&x[In::LEN - Out::LEN..]);
        }
    }
}

impl<In: Shape, Out: Shape, T: Element> Train<In, Out, T> for SelectLast {
    const READS_OUTPUT: bool = false;

    fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
        let BackwardInput { dy, dx, .. } = call;
        let Some(dx) = dx else { return };
        let gradients = flatten(dy).chunks_exact(Out::LEN);
        let sequences = flatten_mut(dx).chunks_exact_mut(In::LEN);

        for (dy, dx) in gradients.zip(sequences) {
            let (before, last) = dx.split_at_mut(In::LEN - Out::LEN);
            before.fill(T::zero());
            last.copy_from_slice(dy);
        }
    }
}

impl<In: Shape, Out: Shape, T: Element> Infer<In, Out, T> for Transpose {
    /// PyTorch's program swaps the axes as well, or, if its channels were first, has them as they
    /// are wanted here already. This is what files assume behind a layer along the last axis.
    const ORDER: FeatureOrder = FeatureOrder::Depends;

    #[cfg(feature = "onnx-export")]
    fn export(_: &(), _: &(), call: Export<'_>) -> Exported {
        export::simple::permute(call, &[1, 0])
    }

    fn forward(call: Forward<'_, Self, In, Out, T>) {
        let Forward { x, y, .. } = call;
        transpose_all::<In, T>(flatten(x), flatten_mut(y));
    }
}

impl<In: Shape, Out: Shape, T: Element> Train<In, Out, T> for Transpose {
    const READS_OUTPUT: bool = false;

    fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
        let BackwardInput { dy, dx, .. } = call;
        if let Some(dx) = dx {
            transpose_all::<Out, T>(flatten(dy), flatten_mut(dx));
        }
    }
}

/// Writes the transposes of matrices of this shape.
fn transpose_all<From: Shape, T: Element>(x: &[T], y: &mut [T]) {
    let sizes = [From::DIMS.size(0), From::DIMS.size(1)];
    let matrices = x.chunks_exact(From::LEN);
    for (x, y) in matrices.zip(y.chunks_exact_mut(From::LEN)) {
        transpose(sizes, x, y);
    }
}

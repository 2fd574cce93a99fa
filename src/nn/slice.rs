//! Some positions of a sequence, or some of its features.

use super::rule::{last_size, zero_size};
use crate::memory::{flatten, flatten_mut};
use crate::network::{
    BackwardInput, Forward, Infer, Inferred, Layer, Reach, Sentence, ShapeRule, Train,
};
#[cfg(feature = "onnx-export")]
use crate::nn::export::{self, Export, Exported};
use crate::params::FeatureOrder;
use crate::sizes;
use crate::tensor::{Dims, Element, Shape};

/// The `LENGTH` positions of a sequence from `START` on: `[length, channels]` becomes
/// `[LENGTH, channels]`. Of any other tensor, it takes the same of the first axis: rows of an
/// image, or numbers of a vector.
///
/// PyTorch's `x.narrow(1, start, length)` or `x[:, start : start + length]`, where the first axis is
/// the batch. A single position is `Slice<i, 1>` with a `Flatten` behind it, and the last one
/// [`SelectLast`](crate::nn::SelectLast). Of the last axis, [`SliceFeatures`] takes a part.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Part: [4, 2] -> [2, 2] { Slice<1, 2> } }
/// let x = Tensor2::from([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]);
/// assert_eq!(Part::zeros().forward(&x), Tensor2::from([[3.0, 4.0], [5.0, 6.0]]));
/// ```
///
/// Positions behind the end are a compile error:
///
/// ```compile_fail
/// use shapewright::prelude::*;
/// network! { struct Wrong: [4, 2] -> [2, 2] { Slice<3, 2> } }
/// ```
pub struct Slice<const START: usize, const LENGTH: usize>;

impl<In: Shape, const START: usize, const LENGTH: usize> ShapeRule<In> for Slice<START, LENGTH> {
    const OUTPUT: Inferred = {
        let output = with_first(In::DIMS, LENGTH);
        match *In::DIMS.sizes() {
            _ if LENGTH == 0 => zero_size("length", Dims::UNKNOWN),
            _ if In::DIMS.is_unknown() => Inferred::shape(Dims::UNKNOWN),
            [] => {
                let way_out = match In::DIMS.rank() {
                    None => Sentence::new("; it takes one tensor"),
                    Some(_) => Sentence::new("; a single number has no positions"),
                };
                Inferred::mismatch(Sentence::new("[length, ..]"), way_out, Dims::UNKNOWN)
            }
            [length, ..] if sizes::sum(&[START, LENGTH]) > length => {
                let sentence = Sentence::new("takes the positions up to ")
                    .number(sizes::sum(&[START, LENGTH]))
                    .text(", but the first axis of ")
                    .dims(In::DIMS)
                    .text(" has ")
                    .number(length)
                    .text("; its numbers are the first position and the number of positions");
                Inferred::wrong(sentence, output)
            }
            _ => Inferred::shape(output),
        }
    };
}

/// Returns the same axes with another first one.
const fn with_first(dims: Dims, first: usize) -> Dims {
    match *dims.sizes() {
        [_] => Dims::new(&[first]),
        [_, a] => Dims::new(&[first, a]),
        [_, a, b] => Dims::new(&[first, a, b]),
        [_, a, b, c] => Dims::new(&[first, a, b, c]),
        _ => Dims::UNKNOWN,
    }
}

impl<T: Element, const START: usize, const LENGTH: usize> Layer<T> for Slice<START, LENGTH> {
    type Config = ();
    type Params = ();
}

impl<In: Shape, Out: Shape, T: Element, const START: usize, const LENGTH: usize> Infer<In, Out, T>
    for Slice<START, LENGTH>
{
    /// Of a vector, the order decides which features are taken.
    const ORDER: FeatureOrder = match In::DIMS.sizes().len() {
        1 => FeatureOrder::Depends,
        _ => FeatureOrder::Channels,
    };

    #[cfg(feature = "onnx-export")]
    fn export(_: &(), _: &(), call: Export<'_>) -> Exported {
        export::simple::positions(call, START, START + LENGTH)
    }

    fn forward(call: Forward<'_, Self, In, Out, T>) {
        let Forward { x, y, .. } = call;
        let start = START * (Out::LEN / LENGTH);
        let sequences = flatten(x).chunks_exact(In::LEN);
        let outputs = flatten_mut(y).chunks_exact_mut(Out::LEN);

        for (x, y) in sequences.zip(outputs) {
            y.copy_from_slice(&x[start..][..Out::LEN]);
        }
    }
}

impl<In: Shape, Out: Shape, T: Element, const START: usize, const LENGTH: usize> Train<In, Out, T>
    for Slice<START, LENGTH>
{
    const READS_OUTPUT: bool = false;

    fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
        let BackwardInput { dy, dx, .. } = call;
        let Some(dx) = dx else { return };
        let start = START * (Out::LEN / LENGTH);
        let gradients = flatten(dy).chunks_exact(Out::LEN);
        let sequences = flatten_mut(dx).chunks_exact_mut(In::LEN);

        for (dy, dx) in gradients.zip(sequences) {
            dx.fill(T::zero());
            dx[start..][..Out::LEN].copy_from_slice(dy);
        }
    }
}

/// The `LENGTH` features of the last axis from `START` on: `[.., features]` becomes `[.., LENGTH]`.
///
/// PyTorch's `x.narrow(-1, start, length)` or `x[.., start : start + length]`.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Part: [2, 4] -> [2, 2] { SliceFeatures<1, 2> } }
/// let x = Tensor2::from([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]);
/// assert_eq!(Part::zeros().forward(&x), Tensor2::from([[2.0, 3.0], [6.0, 7.0]]));
/// ```
///
/// Features behind the end are a compile error:
///
/// ```compile_fail
/// use shapewright::prelude::*;
/// network! { struct Wrong: [2, 4] -> [2, 2] { SliceFeatures<3, 2> } }
/// ```
pub struct SliceFeatures<const START: usize, const LENGTH: usize>;

impl<In: Shape, const START: usize, const LENGTH: usize> ShapeRule<In>
    for SliceFeatures<START, LENGTH>
{
    const OUTPUT: Inferred = match In::DIMS.last() {
        _ if LENGTH == 0 => zero_size("length", Dims::UNKNOWN),
        _ if In::DIMS.is_unknown() => Inferred::shape(Dims::UNKNOWN),
        None => {
            let way_out = Sentence::new("; it takes one tensor with at least one axis");
            Inferred::mismatch(Sentence::new("[.., features]"), way_out, Dims::UNKNOWN)
        }
        Some(last) if sizes::sum(&[START, LENGTH]) > last => {
            let sentence = Sentence::new("takes the features up to ")
                .number(sizes::sum(&[START, LENGTH]))
                .text(", but the last axis of ")
                .dims(In::DIMS)
                .text(" has ")
                .number(last)
                .text("; its numbers are the first feature and the number of features");
            Inferred::wrong(sentence, In::DIMS.with_last(LENGTH))
        }
        Some(_) => Inferred::shape(In::DIMS.with_last(LENGTH)),
    };
    const REACH: Reach = Reach::FEATURES;
}

impl<T: Element, const START: usize, const LENGTH: usize> Layer<T>
    for SliceFeatures<START, LENGTH>
{
    type Config = ();
    type Params = ();
}

impl<In: Shape, Out: Shape, T: Element, const START: usize, const LENGTH: usize> Infer<In, Out, T>
    for SliceFeatures<START, LENGTH>
{
    /// The order decides which features are taken.
    const ORDER: FeatureOrder = FeatureOrder::Depends;

    #[cfg(feature = "onnx-export")]
    fn export(_: &(), _: &(), call: Export<'_>) -> Exported {
        export::simple::features(call, START, START + LENGTH)
    }

    fn forward(call: Forward<'_, Self, In, Out, T>) {
        let Forward { x, y, .. } = call;
        let rows = flatten(x).chunks_exact(last_size(In::DIMS));
        for (x, y) in rows.zip(flatten_mut(y).chunks_exact_mut(LENGTH)) {
            y.copy_from_slice(&x[START..][..LENGTH]);
        }
    }
}

impl<In: Shape, Out: Shape, T: Element, const START: usize, const LENGTH: usize> Train<In, Out, T>
    for SliceFeatures<START, LENGTH>
{
    const READS_OUTPUT: bool = false;

    fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
        let BackwardInput { dy, dx, .. } = call;
        let Some(dx) = dx else { return };
        let rows = flatten_mut(dx).chunks_exact_mut(last_size(In::DIMS));
        for (dy, dx) in flatten(dy).chunks_exact(LENGTH).zip(rows) {
            dx.fill(T::zero());
            dx[START..][..LENGTH].copy_from_slice(dy);
        }
    }
}

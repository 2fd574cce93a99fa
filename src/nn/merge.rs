//! Layers that read several outputs: `Add <- (a, b)`.

use core::marker::PhantomData;

use super::joined_rows::JoinedRows;
use super::rule::{joined, tuple_of};
use crate::memory::flatten_mut;
use crate::network::{
    BackwardInput, Forward, Infer, Inferred, Inputs, Layer, NamesOutput, OutputKind, Reach,
    Sentence, ShapeRule, Sources, Train,
};
#[cfg(feature = "onnx-export")]
use crate::nn::export::{self, Export, Exported};
use crate::params::FeatureOrder;
use crate::tensor::{Dims, Element, Shape};

/// The sum of 2 to 6 outputs of one shape, element by element.
///
/// ```
/// use shapewright::prelude::*;
/// network! {
///     struct Net: [2] -> [2] {
///         a: Linear<_, 2>,
///         b: Linear<_, 2> <- input,
///         Add <- (a, b, input),
///     }
/// }
/// let mut net = Net::zeros();
/// net.a.bias = [1.0, 2.0];
/// net.b.bias = [10.0, 20.0];
/// assert_eq!(net.forward(&Tensor1::from([0.5, 0.5])), Tensor1::from([11.5, 22.5]));
/// ```
///
/// Outputs of different shapes are a compile error:
///
/// ```compile_fail
/// use shapewright::prelude::*;
/// network! { struct Wrong: [2] -> [3] { a: Linear<_, 3>, Add <- (a, input) } }
/// ```
pub struct Add;

/// The product of 2 to 6 outputs of one shape, element by element: a gate.
///
/// ```
/// use shapewright::prelude::*;
/// network! {
///     struct Gated: [2] -> [2] {
///         fc: Linear<_, 2>,
///         gate: Sigmoid,
///         Mul <- (gate, input),
///     }
/// }
/// let y = Gated::zeros().forward(&Tensor1::from([3.0, -5.0]));
/// assert_eq!(y, Tensor1::from([1.5, -2.5]));
/// ```
pub struct Mul;

/// 2 to 6 outputs side by side along the last axis, the channels of images. All other axes are
/// equal.
///
/// ```
/// use shapewright::prelude::*;
/// network! {
///     struct Net: [2] -> [5] {
///         fc: Linear<_, 3>,
///         Concat <- (input, fc),
///     }
/// }
/// let y = Net::zeros().forward(&Tensor1::from([3.0, -5.0]));
/// assert_eq!(y, Tensor1::from([3.0, -5.0, 0.0, 0.0, 0.0]));
/// ```
pub struct Concat;

/// The shape rule of layers whose sources have one shape.
const fn equal(parts: &[Dims], verb: &str) -> Inferred {
    let mut i = 1;
    while i < parts.len() {
        if parts[0].is_unknown() || parts[i].is_unknown() {
            return Inferred::shape(Dims::UNKNOWN);
        }

        if !parts[i].same(&parts[0]) {
            return Inferred::wrong(
                Sentence::new(verb)
                    .text(" outputs of one shape, but they are ")
                    .dims(parts[0])
                    .text(" and ")
                    .dims(parts[i])
                    .text(
                        "; make the two equal, for example with a `Linear` or a `Conv2d` of one \
                           pixel",
                    ),
                parts[0],
            );
        }

        i += 1;
    }

    Inferred::shape(parts[0])
}

impl<X: Sources> ShapeRule<Inputs<X>> for Add {
    const OUTPUT: Inferred = equal(X::PARTS, "adds");
    const REACH: Reach = Reach::POSITION;
}

impl<X: Sources> ShapeRule<Inputs<X>> for Mul {
    const OUTPUT: Inferred = equal(X::PARTS, "multiplies");
    const REACH: Reach = Reach::POSITION;
}

impl<X: Sources> ShapeRule<Inputs<X>> for Concat {
    const OUTPUT: Inferred = joined(X::PARTS, &[]);
    const REACH: Reach = Reach::FEATURES;
}

/// Implements `Layer` for layers without parameters.
macro_rules! without_params {
    ($($name:ident),*) => { $(
        impl<T: Element> Layer<T> for $name {
            type Config = ();
            type Params = ();
        }
    )* };
}
without_params!(Add, Mul, Concat);

/// Combines the sources element by element.
#[inline(always)]
fn combine<T: Element>(sources: &[&[T]], y: &mut [T], combine: impl Fn(T, T) -> T) {
    let [a, b, others @ ..] = sources else {
        unreachable!("a layer that combines reads at least two outputs");
    };
    let pairs = a.iter().zip(*b);
    y.iter_mut()
        .zip(pairs)
        .for_each(|(y, (&a, &b))| *y = combine(a, b));
    for x in others {
        y.iter_mut().zip(*x).for_each(|(y, &x)| *y = combine(*y, x));
    }
}

impl<X: Sources, Out: Shape, T: Element> Infer<Inputs<X>, Out, T> for Add {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;

    #[cfg(feature = "onnx-export")]
    fn export(_: &(), _: &(), call: Export<'_>) -> Exported {
        export::simple::fold(call, "Add")
    }

    #[inline(always)]
    fn forward(call: Forward<'_, Self, Inputs<X>, Out, T>) {
        combine(call.x.elements(), flatten_mut(call.y), |a, b| a + b);
    }
}

impl<X: Sources, Out: Shape, T: Element> Train<Inputs<X>, Out, T> for Add {
    const READS_OUTPUT: bool = false;

    fn backward_input(call: BackwardInput<'_, Self, Inputs<X>, Out, T>) {
        let BackwardInput { dy, mut dx, .. } = call;
        let dy = flatten_mut(dy);
        for dx in dx.elements().iter_mut().flatten() {
            dx.copy_from_slice(dy);
        }
    }
}

impl<X: Sources, Out: Shape, T: Element> Infer<Inputs<X>, Out, T> for Mul {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;

    #[cfg(feature = "onnx-export")]
    fn export(_: &(), _: &(), call: Export<'_>) -> Exported {
        export::simple::fold(call, "Mul")
    }

    #[inline(always)]
    fn forward(call: Forward<'_, Self, Inputs<X>, Out, T>) {
        combine(call.x.elements(), flatten_mut(call.y), |a, b| a * b);
    }
}

impl<X: Sources, Out: Shape, T: Element> Train<Inputs<X>, Out, T> for Mul {
    const READS_OUTPUT: bool = false;

    fn backward_input(call: BackwardInput<'_, Self, Inputs<X>, Out, T>) {
        let BackwardInput { x, dy, mut dx, .. } = call;
        let dy = flatten_mut(dy);
        let x = x.elements();

        // The product of all other factors: a quotient by `x` would fail where `x` is 0.
        for (own, dx) in dx.elements().iter_mut().enumerate() {
            let Some(dx) = dx else { continue };
            dx.copy_from_slice(dy);
            for (other, x) in x.iter().enumerate() {
                if other != own {
                    dx.iter_mut().zip(*x).for_each(|(dx, &x)| *dx *= x);
                }
            }
        }
    }
}

/// Joins the rows of all sources.
pub(super) fn join<X: Sources, T: Element>(
    sources: &[&[T]],
    joined: &mut [T],
    mut rows: JoinedRows,
) {
    for (&dims, source) in X::PARTS.iter().zip(sources) {
        let range = rows.next_range(dims);
        rows.scatter(range, source, joined);
    }
}

/// Takes joined rows apart.
pub(super) fn part<X: Sources, T: Element>(
    gradients: &mut [Option<&mut [T]>],
    joined: &[T],
    mut rows: JoinedRows,
) {
    for (&dims, gradient) in X::PARTS.iter().zip(gradients) {
        let range = rows.next_range(dims);
        if let Some(gradient) = gradient {
            rows.gather(range, gradient, joined);
        }
    }
}

impl<X: Sources, Out: Shape, T: Element> Infer<Inputs<X>, Out, T> for Concat {
    const ORDER: FeatureOrder = FeatureOrder::Joins;
    const OUTPUT_KIND: OutputKind = OutputKind::Inputs;

    #[cfg(feature = "onnx-export")]
    fn export(_: &(), _: &(), call: Export<'_>) -> Exported {
        export::simple::concat(call)
    }

    fn forward(call: Forward<'_, Self, Inputs<X>, Out, T>) {
        join::<X, T>(
            call.x.elements(),
            flatten_mut(call.y),
            JoinedRows::new::<Out>(false),
        );
    }
}

impl<X: Sources, Out: Shape, T: Element> Train<Inputs<X>, Out, T> for Concat {
    const READS_OUTPUT: bool = false;

    fn backward_input(call: BackwardInput<'_, Self, Inputs<X>, Out, T>) {
        let BackwardInput { dy, mut dx, .. } = call;
        part::<X, T>(
            dx.elements(),
            flatten_mut(dy),
            JoinedRows::new::<Out>(false),
        );
    }
}

/// The tuple `X` of several outputs of a network.
#[doc(hidden)]
pub struct Pack<X>(PhantomData<X>);

impl<X: Sources, T: Element> Layer<T> for Pack<X> {
    type Config = ();
    type Params = ();
}

impl<X: Shape> NamesOutput for Pack<X> {
    type Output = X;
}

impl<X: Sources> ShapeRule<Inputs<X>> for Pack<X> {
    const OUTPUT: Inferred = tuple_of(X::PARTS);
    const REACH: Reach = Reach::POSITION;
}

impl<X: Sources, Out: Shape, T: Element> Infer<Inputs<X>, Out, T> for Pack<X> {
    const ORDER: FeatureOrder = FeatureOrder::Joins;

    #[cfg(feature = "onnx-export")]
    fn export(_: &(), _: &(), call: Export<'_>) -> Exported {
        export::simple::pack(call)
    }

    fn forward(call: Forward<'_, Self, Inputs<X>, Out, T>) {
        join::<X, T>(
            call.x.elements(),
            flatten_mut(call.y),
            JoinedRows::new::<Out>(true),
        );
    }
}

impl<X: Sources, Out: Shape, T: Element> Train<Inputs<X>, Out, T> for Pack<X> {
    const READS_OUTPUT: bool = false;

    fn backward_input(call: BackwardInput<'_, Self, Inputs<X>, Out, T>) {
        let BackwardInput { dy, mut dx, .. } = call;
        part::<X, T>(dx.elements(), flatten_mut(dy), JoinedRows::new::<Out>(true));
    }
}

/// A part of a tuple, such as the last state that a recurrent layer gives with the option
/// `FinalState`, or a branch of a `Split`.
///
/// In a network: `SelectPart<index>`, where the first part has the index 0.
///
/// ```
/// use shapewright::prelude::*;
/// network! {
///     struct Copy: [5, 3] -> [5, 4] {
///         encoder: Gru<_, 4, FinalState>,
///         last: SelectPart<1> <- encoder,
///         decoder: Gru<_, 4, InitialState> <- (input, last),
///     }
/// }
/// let net = Copy::init(&mut shapewright::rng(0));
/// assert_eq!(net.forward(&Tensor2::ones()).iter().count(), 20);
/// ```
pub struct SelectPart<const INDEX: usize>;

impl<const INDEX: usize, T: Element> Layer<T> for SelectPart<INDEX> {
    type Config = ();
    type Params = ();
}

impl<In: Shape, const INDEX: usize> ShapeRule<In> for SelectPart<INDEX> {
    const OUTPUT: Inferred = {
        let parts = In::DIMS.parts();
        if In::DIMS.is_unknown() {
            Inferred::shape(Dims::UNKNOWN)
        } else if INDEX >= parts.len() {
            let way_out = if parts.is_empty() {
                Sentence::new("; a single tensor has no parts: remove it")
            } else {
                Sentence::new("; its parts are 0 to ").number(parts.len() - 1)
            };
            let wanted = Sentence::new("a tuple with a part ").number(INDEX);
            Inferred::mismatch(wanted, way_out, Dims::UNKNOWN)
        } else if parts[INDEX].is_tuple() {
            let sentence = Sentence::new("can't take a tuple out of a tuple");
            Inferred::wrong(sentence, Dims::UNKNOWN)
        } else {
            Inferred::shape(parts[INDEX])
        }
    };
    const REACH: Reach = Reach::POSITION;
}

/// Returns the range of a part within a tuple.
fn range_of(tuple: Dims, index: usize) -> core::ops::Range<usize> {
    let parts = tuple.parts();
    let start = parts[..index].iter().map(Dims::len).sum();
    start..start + parts[index].len()
}

impl<In: Shape, Out: Shape, T: Element, const INDEX: usize> Infer<In, Out, T>
    for SelectPart<INDEX>
{
    const ORDER: FeatureOrder = FeatureOrder::Part(INDEX);

    #[cfg(feature = "onnx-export")]
    fn export(_: &(), _: &(), call: Export<'_>) -> Exported {
        export::simple::select_part(call, INDEX)
    }

    fn forward(call: Forward<'_, Self, In, Out, T>) {
        let range = range_of(In::DIMS, INDEX);
        for (x, y) in call.x.iter().zip(call.y) {
            y.as_mut_slice()
                .copy_from_slice(&x.as_slice()[range.clone()]);
        }
    }
}

impl<In: Shape, Out: Shape, T: Element, const INDEX: usize> Train<In, Out, T>
    for SelectPart<INDEX>
{
    const READS_OUTPUT: bool = false;

    fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
        let BackwardInput { dy, dx, .. } = call;
        let range = range_of(In::DIMS, INDEX);
        for (dx, dy) in dx.into_iter().flatten().zip(dy) {
            let dx = dx.as_mut_slice();
            dx.fill(T::zero());
            dx[range.clone()].copy_from_slice(dy.as_slice());
        }
    }
}

use shapewright::prelude::*;
use shapewright::{ext::{BackwardInput, FeatureOrder, Forward, Infer, Inferred, Layer, NamesOutput, ShapeRule, Train}, tensor::{Dims, Element, Rank1}};

/// Gives nothing.
pub struct Nothing;

impl<In: Shape> ShapeRule<In> for Nothing {
    const OUTPUT: Inferred = Inferred::shape(Dims::new(&[0]));
}

/// Gives a tuple with nothing in one of its parts.
pub struct Half;

impl<In: Shape> ShapeRule<In> for Half {
    const OUTPUT: Inferred = Inferred::shape(Dims::tuple(&[Dims::new(&[2]), Dims::new(&[3, 0])]));
}

impl NamesOutput for Half {
    type Output = (Rank1<2>, shapewright::tensor::Rank2<3, 0>);
}

macro_rules! layers {
    ($($name:ident)*) => { $(
        impl<T: Element> Layer<T> for $name {
            type Config = ();
            type Params = ();
        }

        impl<In: Shape, Out: Shape, T: Element> Infer<In, Out, T> for $name {
            const ORDER: FeatureOrder = FeatureOrder::Depends;
            fn forward(_: Forward<'_, Self, In, Out, T>) {}
}

impl<In: Shape, Out: Shape, T: Element> Train<In, Out, T> for $name {
            const READS_OUTPUT: bool = false;
            fn backward_input(_: BackwardInput<'_, Self, In, Out, T>) {
            }
}
    )* };
}
layers!(Nothing Half);

network! { pub struct Between: [4] -> [4] { fc: Linear<_, 4>, Nothing, head: Linear<_, 4> } }

network! { pub struct Joined: [4] -> [4] { Concat { fc: Linear<_, 4>, { Tanh, Nothing } } } }

network! { pub struct Apart: [4] -> [4] { Split { fc: { Linear<_, 4> }, rest: { Tanh, Nothing } }, Flatten } }

network! { pub struct Parts: [4] -> [2] { Half, Flatten } }

network! { pub struct Inner: [4] -> [4] { Nothing, head: Linear<_, 4> } }

network! { pub struct Outer: [4] -> [4] { inner: Inner, Relu } }

fn main() {}

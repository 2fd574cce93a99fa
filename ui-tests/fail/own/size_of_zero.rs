use shapewright::prelude::*;
use shapewright::{ext::{ActivationStore, Compute, Context, FeatureOrder, Inferred, Layer, LayerOutputs, NamesOutput, ShapeRule}, tensor::{Dims, Element, Rank1}};

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

        impl<In: Shape, Out: Shape, T: Element> Compute<In, Out, T> for $name {
            const ORDER: FeatureOrder = FeatureOrder::Depends;
            const READS_OUTPUT: bool = false;
            fn forward(_: &(), _: &(), _: &[Tensor<In, T>], _: &mut [Tensor<Out, T>], _: &mut [T], _: &Context<T>) {}
            fn backward_input(
                _: &(),
                _: &(),
                _: &[Tensor<In, T>],
                _: LayerOutputs<'_, Out, T>,
                _: ActivationStore<'_, T>,
                _: &mut [Tensor<Out, T>],
                _: Option<&mut [Tensor<In, T>]>,
                _: &Context<T>,
            ) {
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

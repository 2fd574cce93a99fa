use shapewright::prelude::*;
use shapewright::{ext::{Compute, Context, FeatureOrder, Inferred, ShapeRule, Layer, LayerOutputs, ActivationStore}, tensor::{Dims, Element, Rank1}};

/// Gives a tuple, of which the type is not known.
pub struct Vague;

impl<In: Shape> ShapeRule<In> for Vague {
    const OUTPUT: Inferred = Inferred::shape(Dims::tuple(&[Dims::new(&[2]), Dims::new(&[3])]));
}

impl<T: Element> Layer<T> for Vague {
    type Config = ();
    type Params = ();
}

impl<In: Shape, Out: Shape, T: Element> Compute<In, Out, T> for Vague {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    const READS_OUTPUT: bool = false;
    fn forward(
        _: &(),
        _: &(),
        _: &[Tensor<In, T>],
        _: &mut [Tensor<Out, T>],
        _: &mut [T],
        _: &Context<T>,
    ) {
    }

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

/// The same, to the type of the tuple alone.
pub struct Narrow;

impl<In: Shape> ShapeRule<In> for Narrow {
    const OUTPUT: Inferred = Inferred::shape(Dims::tuple(&[Dims::new(&[2]), Dims::new(&[3])]));
}

impl<T: Element> Layer<T> for Narrow {
    type Config = ();
    type Params = ();
}

impl<In: Shape, T: Element> Compute<In, (Rank1<2>, Rank1<3>), T> for Narrow {
    const ORDER: FeatureOrder = FeatureOrder::Depends;
    const READS_OUTPUT: bool = false;
    fn forward(
        _: &(),
        _: &(),
        _: &[Tensor<In, T>],
        _: &mut [Tensor<(Rank1<2>, Rank1<3>), T>],
        _: &mut [T],
        _: &Context<T>,
    ) {
    }

    fn backward_input(
        _: &(),
        _: &(),
        _: &[Tensor<In, T>],
        _: LayerOutputs<'_, (Rank1<2>, Rank1<3>), T>,
        _: ActivationStore<'_, T>,
        _: &mut [Tensor<(Rank1<2>, Rank1<3>), T>],
        _: Option<&mut [Tensor<In, T>]>,
        _: &Context<T>,
    ) {
    }
}

network! {
    pub struct Net: [4] -> ([2], [3]) {
        fc: Linear<_, 4>,
        Vague,
    }
}

network! {
    pub struct Second: [4] -> ([2], [3]) {
        Narrow,
    }
}

fn main() {
    let net = Net::init(&mut shapewright::rng(0));
    println!("{:?}", net.forward(&Tensor1::zeros()));
}

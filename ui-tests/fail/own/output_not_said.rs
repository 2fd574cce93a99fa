use shapewright::prelude::*;
use shapewright::{ext::{Compute, Context, FeatureOrder, Inferred, ShapeRule, Layer, LayerOutputs, ActivationStore}, tensor::{Dims, Element}};

/// Does not say what comes out.
pub struct Vague;

impl<In: Shape> ShapeRule<In> for Vague {
    const OUTPUT: Inferred = Inferred::shape(Dims::UNKNOWN);
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

network! {
    pub struct Net: [4] -> [3] {
        fc: Linear<_, 4>,
        Vague,
        head: Linear<_, 3>,
    }
}

fn main() {
    let net = Net::init(&mut shapewright::rng(0));
    println!("{}", net.forward(&Tensor1::zeros()));
}

use shapewright::prelude::*;
use shapewright::{ext::{BackwardInPlace, FeatureOrder, ForwardInPlace, InPlace, Inferred, Layer, ShapeRule}, tensor::Element};

/// Works in place, and has something to learn.
pub struct Bias;

impl<In: Shape> ShapeRule<In> for Bias {
    const OUTPUT: Inferred = Inferred::shape(In::DIMS);
}

impl Layer<f32> for Bias {
    type Config = ();
    type Params = [f32; 4];
}

impl InPlace for Bias {
    type Config = ();
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    const READS_OUTPUT: bool = false;

    fn forward_in_place<S: Shape, T: Element>(_: ForwardInPlace<'_, (), S, T>) {}
    fn backward_in_place<S: Shape, T: Element>(_: BackwardInPlace<'_, (), S, T>) {
    }
}

network! {
    pub struct Net: [4] -> [3] {
        fc: Linear<_, 4>,
        Bias,
        head: Linear<_, 3>,
    }
}

fn main() {
    let net = Net::init(&mut shapewright::rng(0));
    println!("{}", net.forward(&Tensor1::zeros()));
}

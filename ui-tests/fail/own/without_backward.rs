use shapewright::prelude::*;
use shapewright::{ext::{Compute, Context, FeatureOrder, Inferred, ShapeRule, Layer}, tensor::Element};

/// Has no way back.
pub struct Lazy;

impl<In: Shape> ShapeRule<In> for Lazy {
    const OUTPUT: Inferred = Inferred::shape(In::DIMS);
}

impl<T: Element> Layer<T> for Lazy {
    type Config = ();
    type Params = ();
}

impl<S: Shape, T: Element> Compute<S, S, T> for Lazy {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    const READS_OUTPUT: bool = false;
    fn forward(
        _: &(),
        _: &(),
        x: &[Tensor<S, T>],
        y: &mut [Tensor<S, T>],
        _: &mut [T],
        _: &Context<T>,
    ) {
        y.copy_from_slice(x);
    }
}

network! {
    pub struct Net: [4] -> [3] {
        fc: Linear<_, 4>,
        Lazy,
        head: Linear<_, 3>,
    }
}

fn main() {
    let net = Net::init(&mut shapewright::rng(0));
    println!("{}", net.forward(&Tensor1::zeros()));
}

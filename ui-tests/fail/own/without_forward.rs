use shapewright::prelude::*;
use shapewright::{ext::{FeatureOrder, Infer, Inferred, Layer, ShapeRule, Train}, tensor::Element};

/// Computes nothing.
pub struct Lazy;

impl<In: Shape> ShapeRule<In> for Lazy {
    const OUTPUT: Inferred = Inferred::shape(In::DIMS);
}

impl<T: Element> Layer<T> for Lazy {
    type Config = ();
    type Params = ();
}

impl<S: Shape, T: Element> Infer<S, S, T> for Lazy {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
}

impl<S: Shape, T: Element> Train<S, S, T> for Lazy {
    const READS_OUTPUT: bool = false;
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

use shapewright::prelude::*;
use shapewright::{ext::{Inferred, ShapeRule, Layer}, tensor::Element};

pub struct Scale;

impl<In: Shape> ShapeRule<In> for Scale {
    const OUTPUT: Inferred = Inferred::shape(In::DIMS);
}

impl<T: Element> Layer<T> for Scale {
    type Config = ();
    type Params = ();
}

network! {
    pub struct Net: [784] -> [10] {
        Scale,
        Relu,
        head: Linear<_, 10>,
    }
}

fn main() {
    let net = Net::init(&mut shapewright::rng(0));
    println!("{}", net.forward(&Tensor1::zeros()));
}

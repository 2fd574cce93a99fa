use shapewright::prelude::*;
use shapewright::{Fit, Fits};

pub struct Scale;

impl<In: Shape> Fits<In> for Scale {
    const FIT: Fit = Fit::gives(In::DIMS);
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

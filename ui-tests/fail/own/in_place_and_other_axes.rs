use shapewright::prelude::*;
use shapewright::{ext::{BackwardInPlace, FeatureOrder, ForwardInPlace, InPlace, Inferred, ShapeRule}, tensor::{Dims, Element}};

/// Works in place, and gives as many numbers as it is given along other axes.
pub struct Column;

impl<In: Shape> ShapeRule<In> for Column {
    const OUTPUT: Inferred = Inferred::shape(Dims::new(&[In::LEN, 1]));
}

impl InPlace for Column {
    type Config = ();
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    const READS_OUTPUT: bool = false;

    fn forward_in_place<S: Shape, T: Element>(_: ForwardInPlace<'_, (), S, T>) {}
    fn backward_in_place<S: Shape, T: Element>(_: BackwardInPlace<'_, (), S, T>) {
    }
}

network! {
    pub struct Net: [4] -> [4, 3] {
        fc: Linear<_, 4>,
        Column,
        head: Linear<_, 3>,
    }
}

fn main() {
    let net = Net::init(&mut shapewright::rng(0));
    println!("{}", net.forward(&Tensor1::zeros()));
}

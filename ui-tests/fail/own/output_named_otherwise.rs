use shapewright::prelude::*;
use shapewright::{ext::{BackwardInput, FeatureOrder, Forward, Infer, Inferred, Layer, NamesOutput, ShapeRule, Train}, tensor::{Dims, Element, Rank1}};

/// Says one shape and names another.
pub struct Vague;

impl<In: Shape> ShapeRule<In> for Vague {
    const OUTPUT: Inferred = Inferred::shape(Dims::new(&[8]));
}

impl<T: Element> Layer<T> for Vague {
    type Config = ();
    type Params = ();
}

impl NamesOutput for Vague {
    type Output = Rank1<4>;
}

impl<In: Shape, Out: Shape, T: Element> Infer<In, Out, T> for Vague {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    fn forward(_: Forward<'_, Self, In, Out, T>) {
    }
}

impl<In: Shape, Out: Shape, T: Element> Train<In, Out, T> for Vague {
    const READS_OUTPUT: bool = false;

    fn backward_input(_: BackwardInput<'_, Self, In, Out, T>) {
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

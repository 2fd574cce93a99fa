use shapewright::prelude::*;
use shapewright::{ext::{BackwardInput, FeatureOrder, Forward, Infer, Inferred, Layer, ShapeRule, Train}, tensor::{Dims, Element, Rank1}};

/// Gives a tuple, of which the type is not known.
pub struct Vague;

impl<In: Shape> ShapeRule<In> for Vague {
    const OUTPUT: Inferred = Inferred::shape(Dims::tuple(&[Dims::new(&[2]), Dims::new(&[3])]));
}

impl<T: Element> Layer<T> for Vague {
    type Config = ();
    type Params = ();
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

/// The same, to the type of the tuple alone.
pub struct Narrow;

impl<In: Shape> ShapeRule<In> for Narrow {
    const OUTPUT: Inferred = Inferred::shape(Dims::tuple(&[Dims::new(&[2]), Dims::new(&[3])]));
}

impl<T: Element> Layer<T> for Narrow {
    type Config = ();
    type Params = ();
}

impl<In: Shape, T: Element> Infer<In, (Rank1<2>, Rank1<3>), T> for Narrow {
    const ORDER: FeatureOrder = FeatureOrder::Depends;
    fn forward(_: Forward<'_, Self, In, (Rank1<2>, Rank1<3>), T>) {
    }
}

impl<In: Shape, T: Element> Train<In, (Rank1<2>, Rank1<3>), T> for Narrow {
    const READS_OUTPUT: bool = false;

    fn backward_input(_: BackwardInput<'_, Self, In, (Rank1<2>, Rank1<3>), T>) {
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

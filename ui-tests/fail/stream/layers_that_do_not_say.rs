use shapewright::ext::{FeatureOrder, ForwardInPlace, BackwardInPlace, InPlace, Inferred, ShapeRule};
use shapewright::prelude::*;
use shapewright::tensor::Element;

struct Double;

impl<In: Shape> ShapeRule<In> for Double {
    const OUTPUT: Inferred = Inferred::shape(In::DIMS);
}

impl InPlace for Double {
    type Config = ();
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    const READS_OUTPUT: bool = false;

    fn forward_in_place<S: Shape, T: Element>(_: ForwardInPlace<'_, (), S, T>) {}
    fn backward_in_place<S: Shape, T: Element>(_: BackwardInPlace<'_, (), S, T>) {}
}

network! {
    struct Inner: [64, 1] -> [64, 1] { Linear<_, 1> }
}

network! {
    #[stream]
    struct Filter: [64, 1] -> [64, 1] { Double, Linear<_, 1> }
}

network! {
    #[stream]
    struct Outer: [64, 1] -> [64, 1] { inner: Inner }
}

fn main() {}

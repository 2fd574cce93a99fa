use shapewright::prelude::*;
use shapewright::{Compute, Dims, Element, FeatureOrder, Fit, Fits, Layer};

/// Two of what comes in.
struct Twins;

impl<In: Shape> Fits<In> for Twins {
    const FIT: Fit = Fit::gives(Dims::tuple(&[In::DIMS, In::DIMS]));
}
impl<T: Element> Layer<T> for Twins {
    type Config = ();
    type Params = ();
}
impl<In: Shape, Out: Shape, T: Element> Compute<In, Out, T> for Twins {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
}

network! { struct Net: [3] -> [6] { Twins, Flatten } }

fn main() {}

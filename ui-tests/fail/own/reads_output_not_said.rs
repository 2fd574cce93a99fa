use shapewright::prelude::*;
use shapewright::{ext::{BackwardInPlace, FeatureOrder, ForwardInPlace, InPlace, Inferred, ShapeRule}, tensor::Element};

/// Its backward reads its outputs, and nobody knows.
pub struct Root;

impl<In: Shape> ShapeRule<In> for Root {
    const OUTPUT: Inferred = Inferred::shape(In::DIMS);
}

impl InPlace for Root {
    type Config = ();
    const ORDER: FeatureOrder = FeatureOrder::Keeps;

    fn forward_in_place<S: Shape, T: Element>(call: ForwardInPlace<'_, (), S, T>) {
        let ForwardInPlace { y, .. } = call;
        y.iter_mut().flatten().for_each(|y| *y = y.sqrt());
    }
    fn backward_in_place<S: Shape, T: Element>(call: BackwardInPlace<'_, (), S, T>) {
        let BackwardInPlace { y, dy, .. } = call;
        dy.iter_mut().flatten().zip(y.iter().flatten()).for_each(|(dy, &y)| *dy /= y + y);
    }
}

network! { struct Net: [4] -> [4] { Root } }

fn main() {}

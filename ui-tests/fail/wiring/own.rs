//! A layer of one's own that reads one output is given two.
use shapewright::ext::{FeatureOrder, Forward, Infer, Inferred, Layer, ShapeRule};
use shapewright::prelude::*;
use shapewright::tensor::Element;

struct Double;

impl<In: Shape> ShapeRule<In> for Double {
    const OUTPUT: Inferred = Inferred::shape(In::DIMS);
}

impl<T: Element> Layer<T> for Double {
    type Config = ();
    type Params = ();
}

impl<S: Shape, T: Element> Infer<S, S, T> for Double {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;

    fn forward(call: Forward<'_, Self, S, S, T>) {
        for (y, x) in call.y.iter_mut().zip(call.x) {
            *y = x.map(|x| x + x);
        }
    }
}

network! {
    struct Net: [4] -> [4] { a: Linear<_, 4>, double: Double <- (a, input) }
}

fn main() {}

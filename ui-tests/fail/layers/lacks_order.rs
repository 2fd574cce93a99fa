use shapewright::prelude::*;
use shapewright::{ext::{BackwardInPlace, BackwardInput, Forward, ForwardInPlace, InPlace, Infer, Inferred, Layer, ShapeRule, Train}, tensor::Element};

struct Twice;

impl<In: Shape> ShapeRule<In> for Twice {
    const OUTPUT: Inferred = Inferred::shape(In::DIMS);
}
// What becomes of the order of features is not said.
impl InPlace for Twice {
    type Config = ();
    const READS_OUTPUT: bool = false;
    fn forward_in_place<S: Shape, T: Element>(call: ForwardInPlace<'_, (), S, T>) {
        let ForwardInPlace { y, .. } = call;
        y.iter_mut().for_each(|y| *y *= T::one() + T::one());
    }
    fn backward_in_place<S: Shape, T: Element>(call: BackwardInPlace<'_, (), S, T>) {
        let BackwardInPlace { dy, .. } = call;
        dy.iter_mut().for_each(|dy| *dy *= T::one() + T::one());
    }
}

struct Copied;

impl<In: Shape> ShapeRule<In> for Copied {
    const OUTPUT: Inferred = Inferred::shape(In::DIMS);
}
impl<T: Element> Layer<T> for Copied {
    type Config = ();
    type Params = ();
}
// Nor here.
impl<S: Shape, T: Element> Infer<S, S, T> for Copied {
    fn forward(call: Forward<'_, Self, S, S, T>) {
        let Forward { x, y, .. } = call;
        y.copy_from_slice(x);
    }
}

impl<S: Shape, T: Element> Train<S, S, T> for Copied {
    const READS_OUTPUT: bool = false;
    fn backward_input(call: BackwardInput<'_, Self, S, S, T>) {
        let BackwardInput { dy, dx, .. } = call;
        if let Some(dx) = dx {
            dx.copy_from_slice(dy);
        }
    }
}

network! { struct Net: [3] -> [3] { Twice, Copied } }

fn main() {}

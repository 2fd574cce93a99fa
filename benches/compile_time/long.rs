//! Lists of layers after which the compiler can't tell a tensor from a tuple: behind a nested
//! network, layers of one's own and a `Split`. The macro must not write a shape of such a list in
//! terms of the one before: checking it would take minutes.

use shapewright::Shape;
use shapewright::ext::{BackwardInPlace, FeatureOrder, ForwardInPlace, InPlace, Inferred, ShapeRule};
use shapewright::prelude::*;
use shapewright::tensor::Element;

/// A layer of one's own, for any shape.
struct Twice;

impl<In: Shape> ShapeRule<In> for Twice {
    const OUTPUT: Inferred = Inferred::shape(In::DIMS);
}

impl InPlace for Twice {
    type Config = ();
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
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

network! {
    struct Inner: [8] -> [8] { fc: Linear<_, 8> }
}

macro_rules! four_times {
    ($name:ident { $($before:tt)* } { $($layers:tt)* } { $($behind:tt)* }) => {
        network! {
            struct $name: [8] -> [16] {
                $($before)* $($layers)* $($layers)* $($layers)* $($layers)* $($behind)*
            }
        }
    };
}

four_times! {
    BehindANetwork
    { body: Inner, }
    { Linear<8, 8, NoBias>, Relu, Twice, Tanh, Twice, Residual { Tanh }, Relu, Twice, Sigmoid, Twice, }
    { last: Linear<_, 16> }
}
four_times! {
    BehindASplit
    { Split { {}, {} }, }
    { Relu, Twice, Tanh, Twice, Residual { Tanh }, Relu, Twice, Sigmoid, Twice, Relu, }
    { Flatten }
}

fn main() {
    let x = Tensor1::ones();
    let a = BehindANetwork::init(&mut shapewright::rng(0)).forward(&x);
    let class = BehindASplit::init(&mut shapewright::rng(0))
        .forward(&x)
        .argmax();
    println!("class {}", class + a.argmax());
}

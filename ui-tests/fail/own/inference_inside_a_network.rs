use shapewright::prelude::*;
use shapewright::{ext::{FeatureOrder, Forward, Infer, Inferred, Layer, ShapeRule}, tensor::Element};

/// Rounds to whole numbers, which has no useful gradient.
pub struct Round;

impl<In: Shape> ShapeRule<In> for Round {
    const OUTPUT: Inferred = Inferred::shape(In::DIMS);
}

impl<T: Element> Layer<T> for Round {
    type Config = ();
    type Params = ();
}

impl<S: Shape, T: Element> Infer<S, S, T> for Round {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;

    fn forward(call: Forward<'_, Self, S, S, T>) {
        call.x.iter().zip(call.y).for_each(|(x, y)| *y = x.map(|x| x.round()));
    }
}

network! { pub struct Inner: [4] -> [4] { fc: Linear<_, 4>, Concat { {}, Round }, Linear<_, 4> } }
network! { pub struct Middle: [4] -> [4] { fc: Linear<_, 4>, inner: Inner } }
network! { pub struct Net: [4] -> [3] { middle: Middle, head: Linear<_, 3> } }

network! { pub struct Judge: (a: [4], b: [4]) -> [4] { Add <- (a, b), Repeat<2> { Round } } }
network! { pub struct Pair: [4] -> [4] { t: Tanh, judge: Judge <- (input, t) } }

fn train<N: Trainable>(_: &N) {}

fn main() {
    train(&*Net::zeros());
    train(&*Pair::zeros());
}

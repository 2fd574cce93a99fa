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

network! {
    pub struct Net: [4] -> [3] {
        block: Residual { fc: Linear<_, 4>, Repeat<2> { Tanh, Round } },
        head: Linear<_, 3>,
    }
}

fn main() {
    let net = Net::init(&mut shapewright::rng(0));
    let mut workspace = Net::workspace();
    let x = [Tensor1::zeros()];
    let mut pass = net.forward_train(&x, &mut workspace);
    pass.loss(&Mse, &[Tensor1::zeros()]);
    pass.backward(&mut Net::zeros());
}

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
        fc: Linear<_, 4>,
        Round,
        head: Linear<_, 3>,
    }
}

fn main() -> Result<(), shapewright::train::TrainError> {
    let mut net = Net::init(&mut shapewright::rng(0));
    let x = [Tensor1::zeros()];
    let labels = [Label::default()];
    let trainer = Net::trainer(Sgd::new(0.1), CrossEntropy);
    let history = trainer.epochs(3).batch_size(1).fit(&mut net, &x, &labels)?;
    println!("{}", history.epochs.len());
    Ok(())
}

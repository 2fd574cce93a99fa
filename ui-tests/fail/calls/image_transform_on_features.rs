//! Transforms of images on a network that takes features.

use shapewright::augment::RandomHorizontalFlip;
use shapewright::prelude::*;

network! {
    struct Mlp: [784] -> [10] { Linear<_, 10> }
}

fn main() {
    let (x, labels) = (vec![Tensor1::ones()], vec![Label::<10>::default()]);
    let mut net = Mlp::init(&mut shapewright::rng(0));
    let flip = RandomHorizontalFlip::new(0.5);
    let _ = Mlp::trainer(Adam::new(1e-3), CrossEntropy).augment(flip).fit(&mut net, &x, &labels);
}

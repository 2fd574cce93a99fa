use shapewright::prelude::*;

network! {
    pub struct Encoder: [784] -> [32] {
        fc: Linear<_, 32>,
        Tanh,
    }
}

network! {
    pub struct Classifier: [64] -> [10] {
        encoder: Encoder,
        head: Linear<_, 10>,
    }
}

fn main() {}

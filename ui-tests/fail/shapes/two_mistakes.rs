use shapewright::prelude::*;

network! {
    pub struct Net: [784] -> [10] {
        fc1: Linear<28, 128>,
        Relu,
        fc2: Linear<_, 64>,
        Relu,
        head: Linear<32, 10>,
    }
}

fn main() {}

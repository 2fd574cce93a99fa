use shapewright::prelude::*;

network! {
    pub struct Net: [784] -> [10] {
        fc1: Linear<_, 128>,
        Relu,
        head: Linear<64, 10>,
    }
}

fn main() {}

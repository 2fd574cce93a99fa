use shapewright::prelude::*;

network! {
    pub struct Net: [784] -> [12] {
        fc1: Linear<_, 128>,
        Relu,
        head: Linear<_, 10>,
    }
}

fn main() {}

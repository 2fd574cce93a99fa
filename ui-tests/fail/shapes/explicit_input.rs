use shapewright::prelude::*;

network! {
    pub struct Net: [784] -> [10] {
        fc1: Linear<748, 128>,
        Relu,
        head: Linear<_, 10>,
    }
}

fn main() {}

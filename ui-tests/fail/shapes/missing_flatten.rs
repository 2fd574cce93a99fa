use shapewright::prelude::*;

network! {
    pub struct Net: [28, 28, 1] -> [10] {
        fc1: Linear<784, 128>,
        Relu,
        head: Linear<_, 10>,
    }
}

fn main() {}

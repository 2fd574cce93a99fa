use shapewright::prelude::*;

network! {
    pub struct Net: [28, 28] -> [10] {
        conv: Conv2d<_, 8, 5>,
        Relu,
        Flatten,
        head: Linear<_, 10>,
    }
}

fn main() {}

use shapewright::prelude::*;

network! {
    pub struct Net: [28, 28, 1] -> [10] {
        Flatten,
        conv: Conv2d<_, 8, 5>,
        Flatten,
        head: Linear<_, 10>,
    }
}

fn main() {}

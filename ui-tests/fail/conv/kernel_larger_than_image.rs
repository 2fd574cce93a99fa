use shapewright::prelude::*;

network! {
    pub struct Net: [3, 9, 1] -> [10] {
        conv: Conv2d<_, 8, 5>,
        Flatten,
        head: Linear<_, 10>,
    }
}

fn main() {}

use shapewright::prelude::*;

network! {
    pub struct Net: [28, 28] -> [10] {
        MaxPool2d<2>,
        Flatten,
        head: Linear<_, 10>,
    }
}

fn main() {}

use shapewright::prelude::*;

network! {
    pub struct Net: [28, 28, 1] -> [10] {
        MaxPool2d<4>,
        MaxPool2d<(3, 8), Pad<1, 0>>,
        Flatten,
        head: Linear<_, 10>,
    }
}

fn main() {}

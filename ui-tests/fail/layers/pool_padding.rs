use shapewright::prelude::*;

network! {
    pub struct Net: [28, 28, 1] -> [10] {
        MaxPool2d<3, Stride<2>, Pad<2>>,
        Flatten,
        head: Linear<_, 10>,
    }
}

fn main() {}

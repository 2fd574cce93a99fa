use shapewright::prelude::*;

network! {
    pub struct Net: [5000, 5000, 1] -> [10] {
        AdaptiveMaxPool2d<1>,
        Flatten,
        head: Linear<_, 10>,
    }
}

fn main() {}

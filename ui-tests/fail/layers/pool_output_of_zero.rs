use shapewright::prelude::*;

network! {
    pub struct Net: [28, 28, 1] -> [10] {
        AdaptiveAvgPool2d<0>,
        Flatten,
        head: Linear<_, 10>,
    }
}

fn main() {}

use shapewright::prelude::*;

network! {
    pub struct Net: [28, 28, 1] -> [10] {
        Flatten,
        AvgPool2d<2>,
        Flatten,
        head: Linear<_, 10>,
    }
}

fn main() {}

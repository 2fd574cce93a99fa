use shapewright::prelude::*;

network! {
    pub struct Net: [28, 28, 1] -> [10] {
        Flatten,
        GlobalAvgPool2d,
        head: Linear<_, 10>,
    }
}

fn main() {}

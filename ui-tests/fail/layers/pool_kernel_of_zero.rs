use shapewright::prelude::*;

network! {
    pub struct Net: [28, 28, 1] -> [10] {
        AvgPool2d<(2, 0)>,
        Flatten,
        head: Linear<_, 10>,
    }
}

fn main() {}

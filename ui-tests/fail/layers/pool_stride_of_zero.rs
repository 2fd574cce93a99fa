use shapewright::prelude::*;

network! {
    pub struct Net: [100, 3] -> [10] {
        MaxPool1d<2, Stride<0>>,
        Flatten,
        head: Linear<_, 10>,
    }
}

fn main() {}

use shapewright::prelude::*;

const FEATURES: usize = 0;

network! {
    pub struct Net: [FEATURES] -> [10] {
        head: Linear<_, 10>,
    }
}

fn main() {}

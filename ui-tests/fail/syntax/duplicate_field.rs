use shapewright::prelude::*;

network! {
    pub struct Net: [784] -> [10] {
        fc: Linear<_, 128>,
        Relu,
        fc: Linear<_, 10>,
    }
}

fn main() {}

use shapewright::prelude::*;

network! {
    pub struct Net: [784] -> [10] {
        fc1: Linear<_, 0>,
        Relu,
        head: Linear<_, 10>,
    }
}

fn main() {}

use shapewright::prelude::*;

network! {
    pub struct Net: [784] -> [10] {
        fc1: Linear<_, 128>,
        slopes: PRelu<64>,
        head: Linear<128, 10>,
    }
}

fn main() {}

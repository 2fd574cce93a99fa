use shapewright::prelude::*;

network! {
    pub struct Net: [784] -> [10] {
        fc1: Linear<_, 25>,
        Glu,
        head: Linear<_, 10>,
    }
}

fn main() {}

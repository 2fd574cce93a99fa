use shapewright::prelude::*;

network! {
    pub struct Net: [784] -> [10] {
        head: Linear<_, 10, NoBais>,
    }
}

fn main() {}

use shapewright::prelude::*;

network! {
    pub struct Net: [784] -> [28, 10] {
        Reshape<28, 27>,
        head: Linear<_, 10>,
    }
}

fn main() {}

use shapewright::prelude::*;

network! {
    pub struct Net: [784] -> [10] {
        Dropout(1.5),
        head: Linear<_, 10>,
    }
}

fn main() {}

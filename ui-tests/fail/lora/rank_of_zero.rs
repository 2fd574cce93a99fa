//! A rank of 0, with which nothing would be trained.

use shapewright::prelude::*;

network! {
    struct Net: [4] -> [3] {
        fc: Lora<0, Linear<_, 8>>,
        head: Linear<_, 3>,
    }
}

fn main() {}

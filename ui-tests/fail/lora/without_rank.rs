//! The rank is forgotten.

use shapewright::prelude::*;

network! {
    struct Net: [4] -> [3] {
        fc: Lora<Linear<_, 8>>,
        head: Linear<_, 3>,
    }
}

fn main() {}

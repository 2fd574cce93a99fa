//! A layer that `Lora` can't adapt.

use shapewright::prelude::*;

network! {
    struct Net: [8, 8, 1] -> [3] {
        conv: Lora<4, Conv2d<_, 8, 3>>,
        Flatten,
        head: Linear<_, 3>,
    }
}

fn main() {}

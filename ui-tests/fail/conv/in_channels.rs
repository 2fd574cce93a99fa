use shapewright::prelude::*;

network! {
    pub struct Net: [8, 8, 3] -> [8, 8, 4] {
        first: Conv2d<_, 16, 3, Pad<1>>,
        second: Conv2d<32, 4, 3, Pad<1>>,
    }
}

fn main() {}

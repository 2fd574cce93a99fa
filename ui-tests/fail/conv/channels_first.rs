use shapewright::prelude::*;

network! {
    pub struct Net: [3, 32, 32] -> [32, 32, 4] {
        Conv2d<3, 4, 3, Pad<1>>,
    }
}

fn main() {}

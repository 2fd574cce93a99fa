use shapewright::prelude::*;

network! {
    pub struct Net: [1, 4, 3] -> [1, 4, 2] {
        up: ConvTranspose2d<_, 2, 3, Pad<2, 1>>,
    }
}

fn main() {}

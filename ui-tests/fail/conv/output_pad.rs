use shapewright::prelude::*;

network! {
    pub struct Net: [4, 4, 3] -> [11, 11, 2] {
        ConvTranspose2d<_, 2, 3, Stride<2>, OutputPad<2>>,
    }
}

fn main() {}

use shapewright::prelude::*;

network! {
    pub struct Net: [9, 2] -> [1, 4] {
        conv: Conv1d<_, 4, 5, Dilation<3>, Pad<1>>,
    }
}

fn main() {}

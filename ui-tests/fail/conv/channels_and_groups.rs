use shapewright::prelude::*;

network! {
    pub struct Net: [8, 8, 6] -> [8, 8, 12] {
        Conv2d<_, 12, 1, Groups<4>>,
    }
}

fn main() {}

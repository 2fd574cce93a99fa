use shapewright::prelude::*;

network! {
    pub struct Net: [8, 8, 6] -> [8, 8, 10] {
        Conv2d<_, 10, 1, Groups<6>>,
    }
}

fn main() {}

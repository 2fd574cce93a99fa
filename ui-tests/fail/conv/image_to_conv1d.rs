use shapewright::prelude::*;

network! {
    pub struct Net: [8, 8, 3] -> [8, 8, 3] {
        Conv1d<_, 3, 5, Pad<2>>,
    }
}

fn main() {}

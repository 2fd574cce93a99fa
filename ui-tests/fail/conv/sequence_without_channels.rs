use shapewright::prelude::*;

network! {
    pub struct Net: [100] -> [96, 8] {
        Conv1d<_, 8, 5>,
    }
}

fn main() {}

use shapewright::prelude::*;

network! {
    pub struct Net: [1, 1, 32] -> [1, 1, 32] {
        InstanceNorm2d<_>,
    }
}

fn main() {}

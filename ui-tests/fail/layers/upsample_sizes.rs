use shapewright::prelude::*;

network! {
    pub struct Net: [7, 7, 3] -> [28, 28, 3] {
        Upsample<(2, 4)>,
        UpsampleBilinear<2>,
    }
}

fn main() {}

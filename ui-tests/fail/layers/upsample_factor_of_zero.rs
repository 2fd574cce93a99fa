use shapewright::prelude::*;

network! {
    pub struct Net: [7, 7, 3] -> [7, 7, 3] {
        UpsampleBilinear<0>,
    }
}

fn main() {}

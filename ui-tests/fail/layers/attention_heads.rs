use shapewright::prelude::*;

network! {
    pub struct Net: [16, 10] -> [16, 10] {
        attention: MultiHeadAttention<_, 4>,
    }
}

fn main() {}

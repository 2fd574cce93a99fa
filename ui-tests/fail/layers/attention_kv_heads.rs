use shapewright::prelude::*;

network! {
    pub struct Net: [16, 12] -> [16, 12] {
        attention: MultiHeadAttention<_, 6, KvHeads<4>>,
    }
}

fn main() {}

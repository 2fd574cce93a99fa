use shapewright::prelude::*;

network! {
    #[stream]
    pub struct Net: [16, 8] -> [16, 8] {
        attention: MultiHeadAttention<_, 2>,
    }
}

fn main() {}

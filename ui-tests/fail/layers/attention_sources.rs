use shapewright::prelude::*;

network! {
    pub struct Decoder: [16, 8] -> [16, 8] {
        attention: MultiHeadAttention<_, 2, Cross>,
    }
}

network! {
    pub struct TooMany: (x: [16, 8], memory: [5, 8]) -> [16, 8] {
        attention: MultiHeadAttention<_, 2> <- (x, memory),
    }
}

fn main() {}

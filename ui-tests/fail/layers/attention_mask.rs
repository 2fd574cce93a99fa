use shapewright::prelude::*;

network! {
    pub struct Net: (x: [16, 8], mask: [15]) -> [16, 8] {
        attention: MultiHeadAttention<_, 2, KeyPaddingMask> <- (x, mask),
    }
}

network! {
    pub struct Biased: (x: [16, 8], bias: [16, 15]) -> [16, 8] {
        attention: MultiHeadAttention<_, 2, AttentionBias> <- (x, bias),
    }
}

fn main() {}

use shapewright::prelude::*;

network! { pub struct Ahead: [16, 8] -> [16, 8] { MultiHeadAttention<_, 2, Window<4>> } }
network! { pub struct Twice: [16, 8] -> [16, 8] { MultiHeadAttention<_, 2, Rotary, RotaryInterleaved> } }
network! { pub struct Odd: [16, 6] -> [16, 6] { MultiHeadAttention<_, 2, Rotary> } }
network! { pub struct Pair: [16, 8] -> [16, 8] { MultiHeadAttention<_, 2, Rotary<1, 2>> } }
network! { pub struct Dropped: [16, 8] -> [16, 8] { MultiHeadAttention<_, 2>(1.5) } }
network! { pub struct Image: [4, 4, 8] -> [16, 8] { MultiHeadAttention<_, 2> } }
network! { pub struct Vector: [8] -> [16, 8] { MultiHeadAttention<_, 2> } }

fn main() {}

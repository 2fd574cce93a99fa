use shapewright::prelude::*;

// Layers whose parameters no memory holds.
network! { struct A: [4] -> [1] { fc: Linear<_, 144115188075855872>, Linear<_, 1> } }
network! { struct B: [1048576] -> [1] { Linear<_, 4398046511104>, Linear<_, 1> } }
network! { struct C: [4, 4, 3] -> [1] { Conv2d<_, 144115188075855872, 4>, GlobalAvgPool2d, Linear<_, 1> } }
network! { struct D: [4] -> [4, 4294967296] { table: Embedding<4294967296, 4294967296> } }
network! { struct E: [4] -> [4] { blocks: Repeat<1152921504606846976> { fc: Linear<_, 4>, Tanh } } }
network! { struct F: [5] -> [4] { a: Linear<_, 5>, b: Linear<_, 144115188075855872>, Linear<_, 4> } }
network! { struct G: [2] -> [1] as f64 { Concat { a: Linear<_, 72057594037927936>, {} }, Linear<_, 1> } }

fn main() {}

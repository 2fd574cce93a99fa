use shapewright::prelude::*;

/// The number that stands for a size written `_`.
const LARGEST: usize = usize::MAX;

network! { struct A: [3] -> [2] { Linear<18446744073709551615, 2> } }
network! { struct B: [3] -> [2] { Linear<LARGEST, 2> } }
network! { struct C: [4] -> [2, 2] { Reshape<{ usize::MAX }, 2> } }
network! { struct D: [4] -> [4] { LayerNorm<LARGEST> } }
network! { struct E: [4] -> [4, 2] { Embedding<3, 2, PaddingIdx<LARGEST>> } }
network! { struct F: [4, 4, 1] -> [4, 4, 2] { Conv2d<LARGEST, 2, 1> } }
network! { struct G: [4] -> [4] { PRelu<LARGEST> } }
network! { struct H: [4] -> [4] { BatchNorm1d<LARGEST> } }
network! { struct I: [4] -> [4] { GroupNorm<2, LARGEST> } }

fn main() {}

use shapewright::nn::{Conv2d as Conv, Linear as Dense};
use shapewright::prelude::*;

network! {
    struct Convolution: [8, 8, 3] -> [4, 4, 4] {
        Conv<_, 4, 3, Stride<2>, Pad<1>>,
    }
}

network! {
    struct Layers: [8] -> [4] {
        first: Dense<_, 4>,
        second: Dense<_, 4, NoBias>,
    }
}

fn main() {}

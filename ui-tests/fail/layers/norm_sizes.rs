use shapewright::prelude::*;

network! {
    pub struct OverFeatures: [784] -> [10] {
        fc1: Linear<_, 128>,
        norm: LayerNorm<64>,
        head: Linear<_, 10>,
    }
}

network! {
    pub struct OverImages: [28, 28, 3] -> [28, 28, 3] {
        RmsNorm<28, 3, _>,
    }
}

network! {
    pub struct OverGroups: [8, 8, 32] -> [8, 8, 32] {
        GroupNorm<4, 16>,
    }
}

network! {
    pub struct OverBatches: [8, 8, 32] -> [8, 8, 32] {
        BatchNorm2d<3>,
    }
}

fn main() {}

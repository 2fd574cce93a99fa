use shapewright::prelude::*;

network! {
    pub struct LastAxes: [16, 32] -> [16, 32] {
        LayerNorm<_, 16, 32>,
    }
}

network! {
    pub struct Vector: [64] -> [10] {
        BatchNorm2d<64>,
        Linear<_, 10>,
    }
}

network! {
    pub struct Image: [8, 8, 32] -> [8, 8, 32] {
        BatchNorm1d<_>,
    }
}

network! {
    pub struct Rows: [16, 32] -> [16, 32] {
        InstanceNorm2d<_, Affine>,
    }
}

network! {
    pub struct Dropped: [64] -> [64] {
        Dropout2d(0.2),
    }
}

fn main() {}

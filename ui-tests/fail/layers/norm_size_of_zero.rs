use shapewright::prelude::*;

network! {
    pub struct Axis: [64] -> [64] {
        LayerNorm<0>,
    }
}

network! {
    pub struct Groups: [64] -> [64] {
        GroupNorm<0, _>,
    }
}

network! {
    pub struct Features: [64] -> [64] {
        BatchNorm1d<0>,
    }
}

fn main() {}

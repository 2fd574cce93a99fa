use shapewright::prelude::*;

network! {
    pub struct Misspelt: [64] -> [64] {
        LayerNorm<_, NoBais>,
    }
}

network! {
    pub struct AffineAlready: [8, 8, 4] -> [8, 8, 4] {
        GroupNorm<2, _, Affine>,
    }
}

network! {
    pub struct OneArgument: [64] -> [64] {
        BatchNorm1d<_>(1e-3),
    }
}

network! {
    pub struct Negative: [64] -> [64] {
        LayerNorm(-1e-3),
    }
}

network! {
    pub struct PyTorchsName: [64] -> [64] {
        RMSNorm<_>,
    }
}

fn main() {}

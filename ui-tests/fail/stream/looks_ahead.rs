use shapewright::prelude::*;

network! {
    #[stream]
    struct Filter: [64, 2] -> [64, 1] {
        Conv1d<_, 8, 3, Pad<1>>,
        Tanh,
        Conv1d<_, 1, 1>,
    }
}

network! {
    #[stream]
    struct Detector: [64, 2] -> [8] {
        Residual { Linear<_, 4>, GroupNorm<2, _>, Linear<_, 2> },
        Linear<_, 8>,
        GlobalAvgPool1d,
    }
}

network! {
    #[stream]
    struct Mixed: [64] -> [64] { Linear<_, 64> }
}

network! {
    #[stream]
    struct Image: [16, 9, 4] -> [8, 8] {
        Conv2d<_, 8, (1, 3)>,
        Conv2d<_, 4, (3, 1), Pad<1, 0>>,
        Reshape<16, 28>,
        Linear<_, 4>,
        Reshape<8, 8>,
    }
}

fn main() {}

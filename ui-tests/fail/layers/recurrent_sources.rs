use shapewright::prelude::*;

network! {
    struct WithoutMask: [12, 5] -> [12, 8] {
        rows: Lstm<_, 8, Masked>,
    }
}

network! {
    struct WithoutOption: (x: [12, 5], mask: [12]) -> [12, 8] {
        rows: Gru<_, 8> <- (x, mask),
    }
}

network! {
    struct WithoutCells: (x: [12, 5], h: [8]) -> [12, 8] {
        rows: Lstm<_, 8, InitialState> <- (x, h),
    }
}

network! {
    struct NoLayers: [12, 5] -> [12, 8] {
        rows: Gru<_, 8, Layers<0>>,
    }
}

fn main() {}

use shapewright::prelude::*;

network! {
    struct Gated: (x: [12, 5], h: [6]) -> [12, 8] {
        rows: Gru<_, 8, InitialState> <- (x, h),
    }
}

network! {
    struct Cells: (x: [12, 5], h: [2, 8], c: [8]) -> [12, 8] {
        rows: Lstm<_, 8, Layers<2>, InitialState> <- (x, h, c),
    }
}

fn main() {}

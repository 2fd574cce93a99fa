use shapewright::prelude::*;

network! {
    struct OfTensor: [12, 5] -> [12, 8] {
        rows: Gru<_, 8>,
        SelectPart<0>,
    }
}

network! {
    struct TooMany: [12, 5] -> [8] {
        rows: Gru<_, 8, FinalState>,
        SelectPart<2>,
    }
}

fn main() {}

use shapewright::prelude::*;

network! {
    struct Padded: (x: [12, 5], mask: [10]) -> [12, 8] {
        rows: Lstm<_, 8, Masked> <- (x, mask),
    }
}

fn main() {}

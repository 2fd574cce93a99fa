//! Names of outputs.
use shapewright::prelude::*;

network! {
    struct NoLayer: [4] -> (value: [1], policy: [3]) {
        value: Linear<_, 1>,
        head: Linear<_, 3> <- input,
    }
}

network! {
    struct AnInput: (a: [4], b: [4]) -> (a: [4], sum: [4]) { sum: Add <- (a, b) }
}

network! {
    struct Twice: [4] -> (value: [1], value: [1]) { value: Linear<_, 1> }
}

fn main() {}

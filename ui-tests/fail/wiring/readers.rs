//! Outputs that nobody reads, and layers that do not say what they read.
use shapewright::prelude::*;

network! {
    struct First: (state: [4], action: [2]) -> [9] { fc: Linear<_, 3>, Concat <- (fc, state, action) }
}

network! {
    struct FirstMerge: (a: [4], b: [4]) -> [4] { Add, Tanh }
}

network! {
    struct FirstBlock: (a: [4], b: [4]) -> [4] { Residual { Linear<_, 4> }, Add <- (a, b) }
}

network! {
    struct InputUnread: (state: [4], action: [2]) -> [3] { Linear<_, 3> <- state, Tanh }
}

network! {
    struct LayerUnread: [4] -> [3] { Linear<_, 8>, Relu, head: Linear<_, 3> <- input }
}

network! {
    struct NamedLayerUnread: [4] -> [3] { enc: Linear<_, 8>, head: Linear<_, 3> <- input, Tanh }
}

network! {
    struct LastUnread: [4] -> (value: [1], policy: [3]) {
        value: Linear<_, 1>,
        policy: Linear<_, 3> <- input,
        Softmax,
    }
}

fn main() {}

//! Handwritten digits for programs in C: `run` builds the library and a program, and runs it.

use shapewright::prelude::*;

network! {
    /// The network of `examples/lenet.rs`, which trains it and writes its weights.
    #[export_c(lenet)]
    pub struct LeNet: [28, 28, 1] -> [10] {
        conv1: Conv2d<_, 6, 5>,
        Relu,
        MaxPool2d<2>,
        conv2: Conv2d<_, 16, 5>,
        Relu,
        MaxPool2d<2>,
        Flatten,
        fc1: Linear<_, 120>,
        Relu,
        fc2: Linear<_, 84>,
        Relu,
        head: Linear<_, 10>,
    }
}

network! {
    /// Two inputs, and numbers of double precision.
    #[export_c]
    pub struct TwoInputs: (a: [2], b: [3]) -> (both: [5], squashed: [5]) as f64 {
        both: Concat <- (a, b),
        squashed: Tanh <- both,
    }
}

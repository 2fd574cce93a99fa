//! What only the macro can see: braces that are missing, too many, or at the wrong layer.
use shapewright::prelude::*;

network! {
    struct Missing: [4] -> [4] { block: Residual, Linear<_, 4> }
}

network! {
    struct Wrong: [4] -> [4] { Linear<_, 4> { Relu } }
}

network! {
    struct Misspelt: [4] -> [4] { Residul { Relu } }
}

network! {
    struct Uncounted: [4] -> [4] { Repeat { Relu } }
}

network! {
    struct Alone: [4] -> [4] { Concat { only: { Relu } } }
}

network! {
    struct Empty: [4] -> [4] { Residual { } }
}

network! {
    struct Twice: [4] -> [8] { Concat { a: { Relu }, a: { Tanh } } }
}

network! {
    struct Listed: [4] -> [4] { Repeat<2> { Relu, inner: { Tanh } } }
}

fn main() {
    println!("{}", Missing::zeros().forward(&Tensor1::zeros())[0]);
}

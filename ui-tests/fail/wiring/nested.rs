//! A network with several inputs inside another one is given other outputs than it reads.
use shapewright::prelude::*;

network! {
    struct Critic: (state: [4], action: [2]) -> [1] { Concat <- (state, action), Linear<_, 1> }
}

network! {
    struct OneInput: [4] -> [1] { Linear<_, 1> }
}

network! {
    struct Unnamed: ([4], [2]) -> [1] { critic: Critic }
}

network! {
    struct TooMany: [4] -> [1] { action: Linear<_, 2>, critic: Critic <- (input, action, action) }
}

network! {
    struct TooFew: [4] -> [1] { critic: Critic }
}

network! {
    struct Named: [4] -> [1] { action: Linear<_, 1>, critic: Critic <- input, Add <- (critic, action) }
}

network! {
    struct ForOne: [4] -> [1] { a: Linear<_, 4>, net: OneInput <- (a, input) }
}

network! {
    struct Shape: [4] -> [1] { action: Linear<_, 3>, critic: Critic <- (input, action) }
}

network! {
    struct Order: [4] -> [1] { action: Linear<_, 2>, critic: Critic <- (action, input) }
}

network! {
    struct WithoutNames: [4] -> [1] { action: Linear<_, 3>, net: Unnamed <- (input, action) }
}

network! {
    struct Tuple: [4] -> [1] { Split { a: Linear<_, 4>, b: Linear<_, 3> }, critic: Critic }
}

network! {
    struct Block: [4] -> [5] { Concat { {}, { a: Linear<_, 2>, critic: Critic <- (a, input) } } }
}

// What is wrong before it is reported alone.
network! {
    struct Before: [4] -> [1] { action: Linear<5, 2>, critic: Critic <- (input, action) }
}

network! {
    struct Unknown: [4] -> [1] { action: Lineal<_, 2>, critic: Critic <- (input, action) }
}

network! {
    struct UnknownAlone: [4] -> [1] { action: Lineal<_, 2>, net: OneInput }
}

network! {
    struct Heads: [4] -> (value: [1], policy: [2]) { value: Linear<_, 1>, policy: Linear<_, 2> <- input }
}

network! {
    struct OneOutput: [4] -> [1] { heads: Heads, Linear<_, 1> <- heads.policy }
}

fn main() {
    println!("{}", Shape::init(&mut shapewright::rng(0)).forward(&Tensor1::zeros()));
}

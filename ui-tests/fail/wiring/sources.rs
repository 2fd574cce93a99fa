//! Too few or too many sources.
use shapewright::prelude::*;

network! {
    struct NoSource: [4] -> [4] { a: Linear<_, 4>, Add }
}

network! {
    struct NoSourceOfConcat: [4] -> [4] { a: Linear<_, 4>, Concat }
}

network! {
    struct OneSource: [4] -> [4] { a: Linear<_, 4>, Tanh, Add <- a }
}

network! {
    struct OneInParentheses: [4] -> [4] { a: Linear<_, 4>, Tanh, Mul <- (a) }
}

network! {
    struct TwoForOne: [4] -> [3] { a: Linear<_, 4>, Tanh, fc: Linear<_, 3> <- (a, input) }
}

network! {
    struct TwoForABlock: [4] -> [4] { a: Linear<_, 4>, Residual { Linear<_, 4> } <- (a, input) }
}

network! {
    struct Seven: [4] -> [4] { a: Tanh, Add <- (a, a, a, a, a, a, a) }
}

network! {
    struct Arguments: [4] -> [4] { a: Tanh, Add(2.0) <- (a, input) }
}

network! {
    struct Generics: [4] -> [4] { a: Tanh, Add<4> <- (a, input) }
}

network! {
    struct Braces: [4] -> [4] { a: Tanh, Add { Linear<_, 4> } <- (a, input) }
}

fn main() {}

//! What is written behind `<-`, and names of inputs.
use shapewright::prelude::*;

network! {
    struct NoName: [4] -> [4] { a: Linear<_, 4>, Tanh <- }
}

network! {
    struct NoNames: [4] -> [4] { a: Linear<_, 4>, Add <- () }
}

network! {
    struct ANumber: [4] -> [4] { a: Linear<_, 4>, Tanh <- 0 }
}

network! {
    struct NoParentheses: [4] -> [4] { a: Linear<_, 4>, Add <- a, input }
}

network! {
    struct NoComma: [4] -> [4] { a: Linear<_, 4>, Add <- (a input) }
}

network! {
    struct ALayer: [4] -> [4] { a: Linear<_, 4>, Add <- (a, Tanh) }
}

network! {
    struct ASize: [4] -> [4] { a: Linear<_, 4>, Add <- (a, Linear<_, 4>) }
}

network! {
    struct OtherArrow: [4] -> [4] { a: Linear<_, 4>, Add -> (a, input) }
}

network! {
    struct BeforeTheLayer: [4] -> [4] { a: Linear<_, 4>, Add(a, input) }
}

network! {
    struct InputTwice: (a: [4], a: [4]) -> [4] { Add <- (a, a) }
}

network! {
    struct NoShape: (a: [4], b) -> [4] { Add <- (a, b) }
}

network! {
    struct SomeNames: (a: [4], [4]) -> [4] { Linear<_, 4> <- a }
}

network! {
    struct OneName: (a: [4]) -> [4] { Linear<_, 4> }
}

network! {
    struct FiveNames: (a: [4], b: [4], c: [4], d: [4], e: [4]) -> [4] { Add <- (a, b, c, d, e) }
}

network! {
    struct OneOutput: [4] -> (value: [1]) { value: Linear<_, 1> }
}

fn main() {}

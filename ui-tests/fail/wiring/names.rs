//! Names behind `<-` that no layer can read.
use shapewright::prelude::*;

network! {
    struct Unknown: [4] -> [4] { enc: Linear<_, 4>, Tanh, Add <- (enc, encoder) }
}

network! {
    struct Later: [4] -> [4] { a: Linear<_, 4>, Add <- (a, b), b: Linear<_, 4> }
}

network! {
    struct Own: [4] -> [4] { a: Linear<_, 4>, sum: Add <- (a, sum) }
}

network! {
    struct OutsideOfTheBlock: [4] -> [4] {
        a: Linear<_, 4>,
        Residual { b: Linear<_, 4>, Add <- (a, b) },
    }
}

network! {
    struct InputOfSeveral: (a: [4], b: [4]) -> [4] { Add <- (a, b), Add <- (input, a) }
}

network! {
    struct LayerCalledInput: [4] -> [4] { input: Linear<_, 4>, Tanh, Add <- (input, input) }
}

network! {
    struct LayerCalledAsAnInput: (a: [4], b: [4]) -> [4] { a: Linear<_, 4> <- b, Add <- (a, b) }
}

fn main() {}

//! The attribute has one form, and takes names that are free.
use shapewright::prelude::*;

network! {
    #[quantized]
    struct Nameless: [4] -> [3] { Linear<_, 3> }
}
network! {
    #[quantized(A, qat = B)]
    struct Key: [4] -> [3] { Linear<_, 3> }
}
network! {
    #[quantized(First)]
    #[quantized(Second)]
    struct Twice: [4] -> [3] { Linear<_, 3> }
}
network! {
    #[quantized(Same)]
    struct Same: [4] -> [3] { Linear<_, 3> }
}
network! {
    #[quantized(Both, training = Both)]
    struct Two: [4] -> [3] { Linear<_, 3> }
}
network! {
    #[quantized(DoubleInt8)]
    struct Double: [4] -> [3] as f64 { Linear<_, 3> }
}
network! {
    #[quantized(NothingInt8)]
    struct Nothing: [4] -> [4] { Relu, LayerNorm }
}
network! { struct Inside: [4] -> [3] { Int8<LayerNorm> } }

fn main() {
    let _: Box<First> = First::zeros();
}

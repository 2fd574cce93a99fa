//! A mistake in a network that has a quantized one is reported once.
use shapewright::prelude::*;

network! {
    #[quantized(ShapeInt8, training = ShapeQat)]
    struct Shape1: [8, 8, 3] -> [3] {
        Conv2d<_, 4, 3>,
        BatchNorm2d<5>,
        Flatten,
        Linear<100, 3>,
    }
}
network! {
    #[quantized(OutputInt8)]
    struct Output1: [4] -> [5] { Linear<_, 3>, Relu }
}
network! {
    #[quantized(MisspeltInt8)]
    struct Misspelt: [4] -> [3] { Linear<_, 3>, Linaer<_, 3> }
}
network! { struct Wrong: [4] -> [3] { Int8<Linear<5, 3>> } }

fn main() {}

use shapewright::prelude::*;
use shapewright::include_weights;

network! {
    struct Encoder: [4] -> [9] { fc: Linear<_, 9>, Tanh }
}
network! {
    struct Net: [4] -> [3] { encoder: Encoder, Relu, head: Linear<_, 3, NoBias> }
}

static NET: &Net = include_weights!("../../tests/reference/weights.safetensors" as Net);

fn main() {
    println!("{}", NET.forward(&Tensor1::zeros()));
}

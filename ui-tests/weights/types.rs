use shapewright::prelude::*;
use shapewright::include_weights;

network! {
    struct Encoder: [4] -> [8] as f64 { fc: Linear<_, 8>, Tanh }
}
network! {
    struct Net: [4] -> [3] as f64 { encoder: Encoder, Relu, Linear<_, 3, NoBias> }
}

fn main() {
    let net = include_weights!("../../tests/reference/weights_types.safetensors" as Net);
    println!("{}", net.forward(&Tensor1::zeros()));
}

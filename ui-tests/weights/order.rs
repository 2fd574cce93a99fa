use shapewright::prelude::*;
use shapewright::include_weights;

// Which features are the first half depends on their order, which is another one in PyTorch.
network! {
    struct Encoder: [2, 2, 2] -> [8] { Flatten, Glu, fc: Linear<_, 8> }
}
network! {
    struct Net: [2, 2, 2] -> [3] { encoder: Encoder, Relu, Linear<_, 3, NoBias> }
}

static NET: &Net = include_weights!("../../tests/reference/weights.safetensors" as Net);

fn main() {
    println!("{}", NET.forward(&Tensor3::zeros()));
}

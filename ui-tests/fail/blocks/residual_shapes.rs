//! What is added has two shapes: one error, at the block.
use shapewright::prelude::*;

network! {
    struct Net: [8] -> [4] {
        Linear<_, 8>,
        block: Residual { Linear<_, 16>, Relu, Linear<_, 6> },
        Linear<_, 4>,
    }
}

fn main() {
    let net = Net::init(&mut shapewright::rng(0));
    println!("{} {:?}", net.forward(&Tensor1::zeros())[0], net.block.layer_0.bias);
}

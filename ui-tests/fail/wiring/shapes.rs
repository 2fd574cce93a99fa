//! Outputs that can't be joined: one error for each network, at the layer.
use shapewright::prelude::*;

network! {
    struct Sum: [4] -> [3] {
        enc: Linear<_, 4>,
        dec: Linear<_, 3>,
        sum: Add <- (enc, dec, input),
        Linear<_, 3>,
    }
}

network! {
    struct Product: [4] -> [3] {
        gate: Linear<_, 3>,
        Mul <- (gate, input),
    }
}

network! {
    struct Images: [8, 8, 3] -> [10] {
        enc: Conv2d<_, 4, 3, Pad<1>>,
        down: MaxPool2d<2>,
        skip: Concat <- (down, enc),
        Flatten,
        Linear<_, 10>,
    }
}

network! {
    struct Ranks: [8, 8, 3] -> [10] {
        enc: Conv2d<_, 4, 3, Pad<1>>,
        flat: Flatten,
        Concat <- (flat, enc),
        Linear<_, 10>,
    }
}

network! {
    struct OneSource: [8, 8, 3] -> [10] {
        enc: Conv2d<_, 4, 3, Pad<1>>,
        flat: Flatten,
        fc: Linear<_, 10>,
        pool: MaxPool2d<2> <- flat,
        pooled: Flatten,
        Concat <- (fc, pooled),
        Linear<_, 10>,
    }
}

fn main() {
    let net = Sum::init(&mut shapewright::rng(0));
    println!("{} {:?}", net.forward(&Tensor1::zeros())[0], net.enc.bias);
}

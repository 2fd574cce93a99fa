//! A mistake inside of a block is reported where it is, once.
use shapewright::prelude::*;

network! {
    struct Net: [4, 2] -> [4] {
        Flatten,
        Residual {
            Linear<_, 16>,
            Repeat<2> { Relu, fc: Linear<12, 16> },
            Linear<_, 8>,
        },
        Concat { a: Linear<9, 2>, b: { Tanh, Linear<_, 2> } },
    }
}

fn main() {
    println!("{}", Net::init(&mut shapewright::rng(0)).forward(&Tensor2::zeros())[0]);
}

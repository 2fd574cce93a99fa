//! A named output has another shape than its layer.
use shapewright::prelude::*;

network! {
    struct Net: [4] -> (value: [1], policy: [3]) {
        value: Linear<_, 1>,
        policy: Linear<_, 4> <- input,
    }
}

fn main() {
    let net = Net::init(&mut shapewright::rng(0));
    println!("{}", net.forward(&Tensor1::zeros()).as_slice()[0]);
}

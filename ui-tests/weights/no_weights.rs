use shapewright::prelude::*;
use shapewright::include_weights;

network! {
    struct Net: [4] -> [3] { Linear<_, 3> }
}

fn main() {
    let net = include_weights!("../../tests/reference/weights.json" as Net);
    println!("{}", net.forward(&Tensor1::zeros()));
}

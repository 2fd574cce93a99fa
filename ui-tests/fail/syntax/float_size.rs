use shapewright::prelude::*;

network! {
    pub struct Net: [784] -> [10] {
        fc: Linear<_, 12.5>,
        Relu,
        head: Linear<_, 10>,
    }
}

fn main() {
    println!("{}", Net::init(&mut shapewright::rng(0)).forward(&Tensor1::zeros()));
}

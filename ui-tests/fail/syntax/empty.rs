use shapewright::prelude::*;

network! {
    pub struct Net: [784] -> [10] {}
}

fn main() {
    println!("{}", Net::init(&mut shapewright::rng(0)).forward(&Tensor1::zeros()));
}

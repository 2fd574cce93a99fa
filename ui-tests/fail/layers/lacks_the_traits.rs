use shapewright::prelude::*;

pub struct Scale<const N: usize>;

network! {
    pub struct Net: [784] -> [10] {
        scale: Scale<784>,
        Relu,
        head: Linear<_, 10>,
    }
}

fn main() {
    let net = Net::init(&mut shapewright::rng(0));
    println!("{}", net.forward(&Tensor1::zeros()));
}

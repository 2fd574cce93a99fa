use shapewright::init;
use shapewright::prelude::*;

network! {
    pub struct Net: [784] -> [10] {
        head: Linear<_, 10>,
    }
}

fn main() {
    let mut rng = shapewright::rng(0);
    let mut net = Net::init(&mut rng);
    init::xavier_uniform(&mut net.head.bias, 1.0, &mut rng);
}

use shapewright::prelude::*;

network! {
    pub struct Net: [784] -> [10] {
        head: Linear<_, 10>,
    }
}

fn main() {
    let net = Net::init(&mut shapewright::rng(0));
    let mut workspace = Net::workspace();
    net.forward_train(&[Tensor1::<28>::zeros()], &mut workspace);
}

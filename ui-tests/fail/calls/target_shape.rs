use shapewright::prelude::*;

network! {
    pub struct Net: [4] -> [2] {
        head: Linear<_, 2>,
    }
}

fn main() {
    let net = Net::init(&mut shapewright::rng(0));
    let mut workspace = Net::workspace();
    let x = [Tensor1::<4>::zeros()];
    let targets = [Tensor1::<3>::zeros()];
    let mut pass = net.forward_train(&x, &mut workspace);
    pass.loss(&Mse, &targets);
}

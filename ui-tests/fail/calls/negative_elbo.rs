use shapewright::prelude::*;

network! { struct Net: [6] -> [6] { Linear<_, 6> } }

fn main() {
    let x = [Tensor1::<6>::zeros(); 4];
    let mut net = Net::init(&mut shapewright::rng(0));
    let _ = Net::trainer(Adam::new(1e-3), NegativeElbo(Mse)).fit(&mut net, &x, &x);
}

use shapewright::prelude::*;

network! {
    pub struct Net: [784] -> [10] {
        head: Linear<_, 10>,
    }
}

fn main() {
    let net = Net::init(&mut shapewright::rng(0));
    let batch = vec![Tensor2::<28, 28>::zeros(); 4];
    let mut logits = vec![Tensor1::<10>::zeros(); 4];
    net.forward_batch(&batch, &mut logits);
}

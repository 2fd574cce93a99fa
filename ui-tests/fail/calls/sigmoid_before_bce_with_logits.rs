use shapewright::prelude::*;

network! {
    pub struct Net: [4] -> [1] {
        head: Linear<_, 1>,
        Sigmoid,
    }
}

fn train(net: &Net, x: &[Tensor1<4>], targets: &[Tensor1<1>]) -> f32 {
    let mut workspace = Net::workspace();
    net.forward_train(x, &mut workspace).loss(&BceWithLogits, targets)
}

fn main() {}

use shapewright::prelude::*;

network! {
    pub struct Net: [4] -> [3] {
        head: Linear<_, 3>,
    }
}

fn train(net: &Net, x: &[Tensor1<4>], targets: &[Label<3>]) -> f32 {
    let mut workspace = Net::workspace();
    net.forward_train(x, &mut workspace).loss(&Nll, targets)
}

fn main() {}

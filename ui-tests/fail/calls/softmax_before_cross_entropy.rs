use shapewright::prelude::*;

network! {
    pub struct Net: [784] -> [10] {
        head: Linear<_, 10>,
        Softmax,
    }
}

fn train(net: &Net, images: &[Tensor1<784>], labels: &[Label<10>]) -> f32 {
    let mut workspace = Net::workspace();
    net.forward_train(images, &mut workspace).loss(&CrossEntropy, labels)
}

fn main() {}

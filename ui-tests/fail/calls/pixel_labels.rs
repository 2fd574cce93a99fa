//! Labels of images of another height.
use shapewright::prelude::*;

network! {
    pub struct Net: [32, 32, 1] -> [32, 32, 4] {
        head: Linear<_, 4>,
    }
}

fn train(net: &Net, images: &[Tensor3<32, 32, 1>], masks: &[Tensor2<30, 32, u8>]) -> f32 {
    let labels = Label::<4>::from_tensors(masks).expect("classes");
    let mut workspace = Net::workspace();
    net.forward_train(images, &mut workspace).loss(&CrossEntropy, &labels)
}

fn main() {}

//! A network without the attribute has no quantized one.
use shapewright::nn::Calibration;
use shapewright::prelude::*;

network! { struct Net: [4] -> [3] { Linear<_, 3> } }

fn main() {
    let _ = Net::zeros().quantized(&Calibration::min_max(), &[Tensor1::zeros()]);
}

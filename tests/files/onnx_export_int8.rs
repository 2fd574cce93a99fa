//! ONNX files of networks in 8 bits.

use std::path::Path;

use shapewright::nn::Calibration;
use shapewright::prelude::*;

use super::onnx_export::write;
use crate::common::random;

network! {
    #[quantized(QuantizedImages)]
    struct Images: [9, 8, 4] -> [3] {
        conv: Conv2d<_, 8, (3, 2), Stride<2, 1>, Pad<1, 0>>,
        BatchNorm2d<_>,
        Relu,
        depthwise: Conv2d<_, 8, 3, Pad<1>, Groups<8>>,
        grouped: Conv2d<_, 6, 2, Dilation<2>, Groups<2>, NoBias>,
        MaxPool2d<2>,
        Flatten,
        head: Linear<_, 3>,
    }
}
network! {
    #[quantized(QuantizedRows)]
    struct Rows: [7, 5] -> [7, 3] {
        fc: Linear<_, 8>,
        Tanh,
        Residual { Conv1d<_, 8, 3, Causal, Dilation<2>> },
        head: Linear<_, 3, NoBias>,
    }
}

/// Writes networks with their outputs.
pub fn save(folder: &Path) {
    let x: Vec<_> = random(3, 4);
    let net = Images::init(&mut shapewright::rng(1));
    let int8 = net.quantized(&Calibration::min_max(), &x).expect("numbers");
    let names = [
        "weight",
        "weight_scale",
        "bias",
        "input_scale",
        "input_zero_point",
    ];
    let names = names.map(|name| format!("depthwise.{name}"));
    write(folder, 1e-5, &*int8, &x, &names);

    let x: Vec<_> = random(3, 4);
    let net = Rows::init(&mut shapewright::rng(1));
    let int8 = net.quantized(&Calibration::min_max(), &x).expect("numbers");
    write(folder, 1e-5, &*int8, &x, &["head.weight".to_owned()]);
}

//! EfficientNet-Lite0, a classifier that others have trained, against the logits of PyTorch.
#![cfg(all(feature = "npy", feature = "safetensors"))]

use shapewright::data::npy;
use shapewright::prelude::*;

use crate::common::shared_file;

#[path = "../../examples/classify/model.rs"]
mod model;

use model::{CLASSES, SIDE};

#[test]
fn photos_have_the_logits_of_pytorch() {
    let file = |name: &str| shared_file("efficientnet_lite0", name);
    let (Some(weights), Some(top5)) = (file("efficientnet_lite0.safetensors"), file("top5.tsv"))
    else {
        return;
    };
    let net = model::classifier(&weights).expect("the weights");
    let top5 = std::fs::read_to_string(top5).expect("the five best classes");

    for photo in ["china", "flower"] {
        let (Some(pixels), Some(logits)) = (
            file(&format!("{photo}.u8.npy")),
            file(&format!("{photo}.logits.npy")),
        ) else {
            return;
        };
        let bytes: Box<Tensor3<SIDE, SIDE, 3, u8>> = npy::read(pixels).expect("a photo");
        let mut pixels = Tensor3::zeros_boxed();
        for (pixel, &byte) in pixels.iter_mut().zip(bytes.iter()) {
            *pixel = f32::from(byte) / 255.0;
        }
        let expected: Box<Tensor1<CLASSES>> = npy::read(logits).expect("logits");

        let y = net.forward(&*model::input(&pixels));
        for (class, (y, expected)) in y.iter().zip(expected.iter()).enumerate() {
            assert!(
                (y - expected).abs() < 1e-4,
                "{photo}, class {class}: {y}, expected {expected}"
            );
        }

        let mut classes: Vec<usize> = (0..CLASSES).collect();
        classes.sort_by(|&a, &b| y[b].total_cmp(&y[a]));
        let rows = top5.lines().filter_map(|line| line.strip_prefix(photo));
        let best: Vec<usize> = rows
            .map(|row| {
                row.split('\t')
                    .nth(2)
                    .expect("a class")
                    .parse()
                    .expect("a number")
            })
            .collect();
        assert_eq!(classes[..5], best, "{photo}");
    }
}

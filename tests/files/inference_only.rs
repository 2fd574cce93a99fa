//! Weights of a network that can't be trained.
#![cfg(feature = "safetensors")]

use crate::common::layers::{OneHot, Round};
use crate::common::{bits, folder, random};
use shapewright::include_weights;
use shapewright::prelude::*;

network! { struct Encoder: [4] -> [8] { fc: Linear<_, 8>, Tanh } }
network! { struct Trained: [4] -> [3] { encoder: Encoder, Relu, Linear<_, 3, NoBias> } }

network! { struct RoundingEncoder: [4] -> [8] { fc: Linear<_, 8>, Tanh, Round } }
network! { struct Net: [4] -> [3] { encoder: RoundingEncoder, Relu, Linear<_, 3, NoBias>, OneHot } }

static INCLUDED: &Net = include_weights!("../reference/weights.safetensors" as Net);

/// Returns the outputs of `Net`, computed by the network that is trained.
fn wanted(net: &Trained, x: &Tensor1<4>) -> Tensor1<3> {
    let encoded = net.encoder.forward(x).map(|x| x.round().max(0.0));
    let scores: Vec<f32> = (0..3)
        .map(|o| (0..8).map(|i| encoded[i] * net.layer_2.weight[i][o]).sum())
        .collect();
    let largest = (0..3)
        .rev()
        .max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    Tensor1::from(std::array::from_fn(|o| {
        f32::from(u8::from(largest == Some(o)))
    }))
}

#[test]
fn weights_of_training_are_those_of_inference() {
    let path = format!(
        "{}/tests/reference/weights.safetensors",
        env!("CARGO_MANIFEST_DIR")
    );
    let mut trained = Trained::zeros();
    trained.load(&path).expect("weights");
    let mut loaded = Net::zeros();
    loaded.load(&path).expect("weights");
    assert_eq!(bits(loaded.params()), bits(INCLUDED.params()));
    assert_eq!(bits(loaded.params()), bits(trained.params()));

    // The other way round, through a file.
    let path = folder("inference_only").join("net.safetensors");
    loaded.save(&path).expect("a file");
    let mut again = Trained::zeros();
    again.load(&path).expect("weights");
    assert_eq!(bits(again.params()), bits(trained.params()));

    for x in random(50, 2) {
        let x = x * 3.0;
        assert_eq!(INCLUDED.forward(&x), wanted(&trained, &x));
    }
}

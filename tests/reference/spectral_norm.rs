//! Spectral normalization against PyTorch: training, the vectors of the power iteration, inference,
//! and its files.

use num_traits::ToPrimitive;
use serde_json::Value;
use shapewright::prelude::*;
use shapewright::tensor::{Rank1, Rank3};
use shapewright::weights::Loader;

use crate::common::{assert_close, bits, settings, tensors};

network! {
    #[folded(NetFolded)]
    struct Net: [6, 5, 2] -> [3] {
        conv: SpectralNorm<Conv2d<_, 4, 3, Stride<2>, Pad<1>>>,
        LeakyRelu(0.1),
        Reshape<9, 4>,
        time: SpectralNorm<Conv1d<_, 5, 3, NoBias>>,
        Tanh,
        Flatten,
        head: SpectralNorm<Linear<_, 3>>,
    }
}
network! {
    struct Double: [6, 5, 2] -> [3] as f64 {
        conv: SpectralNorm<Conv2d<_, 4, 3, Stride<2>, Pad<1>>>,
        LeakyRelu(0.1),
        Reshape<9, 4>,
        time: SpectralNorm<Conv1d<_, 5, 3, NoBias>>,
        Tanh,
        Flatten,
        head: SpectralNorm<Linear<_, 3>>,
    }
}

const BATCH: usize = 4;

fn case() -> Value {
    serde_json::from_str(include_str!("spectral_norm.json")).expect("a case")
}

fn numbers(value: &Value) -> Vec<f64> {
    let numbers = value.as_array().expect("numbers").iter();
    numbers.map(|x| x.as_f64().expect("a number")).collect()
}

/// Loads the state of PyTorch's network with this name.
fn load<N: SaveLoad>(net: &mut N, name: &str) {
    let file = include_bytes!("spectral_norm.safetensors");
    let loader = Loader::from_bytes(file).expect("a file");
    let loader = loader.part(name).rename(|name| {
        // The vector that is computed from the others.
        if name.ends_with("_v") {
            return None;
        }
        let name = name.replace("parametrizations.weight.original", "weight");
        let name = name.replace("parametrizations.weight.0._u", "weight_u");
        Some(name.replace("weight_orig", "weight"))
    });
    net.load_from(&loader).expect("the state of PyTorch");
}

/// Trains five steps, and compares outputs and parameters, the vectors among them.
fn check_training<N>(tolerance: f64)
where
    N: Trainable<Input = Rank3<6, 5, 2>, Output = Rank1<3>> + SaveLoad,
{
    let case = case();
    let x: Vec<Tensor3<6, 5, 2, N::Element>> = tensors(&numbers(&case["x"]));
    let targets: Vec<Tensor1<3, N::Element>> = tensors(&numbers(&case["target"]));
    let outputs = case["outputs"].as_array().expect("steps");

    let (mut net, mut gradient) = (N::zeros(), N::zeros());
    load(&mut *net, "first");
    let mut workspace = N::workspace();
    let mut sgd = Sgd::new(0.2).state::<N>();
    let batches = x.chunks(BATCH).zip(targets.chunks(BATCH));
    for ((x, targets), wanted) in batches.zip(outputs) {
        let mut pass = net.forward_train(x, &mut workspace);
        let found = Tensor::flatten(pass.outputs()).to_vec();
        assert_close("outputs", &found, &numbers(wanted), tolerance);
        pass.loss(&Mse, targets);
        pass.backward(&mut gradient);
        sgd.step(&mut net, &gradient);
    }

    let mut wanted = N::zeros();
    load(&mut *wanted, "last");
    let wanted: Vec<f64> = wanted
        .params()
        .iter()
        .map(|p| p.to_f64().expect("a number"))
        .collect();
    // The file has f32.
    assert_close("parameters", net.params(), &wanted, tolerance.max(1e-7));

    load(&mut *net, "converged");
    let inference = numbers(&case["inference"]);
    let mut found = [Tensor::zeros(); BATCH];
    net.forward_batch(&x[..BATCH], &mut found);
    assert_close("inference", Tensor::flatten(&found), &inference, 2e-6);
}

#[test]
fn spectral_norms_are_those_of_pytorch() {
    let settings = settings();
    settings.every_tier(|_| {
        check_training::<Net>(2e-6);
        check_training::<Double>(1e-9);
    });
}

#[test]
fn a_folded_network_has_the_divided_weights() {
    let mut net = Net::zeros();
    load(&mut *net, "converged");
    let folded: Box<NetFolded> = net.folded();
    let weights: [[f32; 3]; 35] = folded.head.weight;
    assert_eq!(folded.head.bias, net.head.layer.bias);
    assert_eq!(NetFolded::PARAMS, 2 * 4 * 9 + 4 + 4 * 5 * 3 + 35 * 3 + 3);
    assert!(weights.as_flattened().iter().all(|w| w.abs() <= 1.0));

    let x: Vec<Tensor3<6, 5, 2>> = tensors(&numbers(&case()["x"]));
    for x in &x {
        let (y, same) = (net.forward(x), folded.forward(x));
        let same: Vec<f64> = same.iter().map(|&y| f64::from(y)).collect();
        assert_close("folded", y.as_slice(), &same, 1e-6);
    }
}

network! {
    struct Plain: [5] -> [3] { fc: SpectralNorm<Linear<_, 3>> }
}

#[test]
fn weights_of_any_size_and_zeros_are_normalized() {
    let x = [Tensor1::from([1.0, -2.0, 0.5, 0.25, 3.0])];
    let mut net = Plain::init(&mut shapewright::rng(2));
    net.fc.layer.bias = [0.0; 3];
    let wanted = net.forward(&x[0]);
    let original = net.fc.layer.weight;

    for factor in [1e-30, 1e-20, 1e20, 1e30] {
        net.fc.layer.weight = original.map(|row| row.map(|w| w * factor));
        let (mut workspace, mut gradient) = (Plain::workspace(), Plain::zeros());
        let found = net.forward(&x[0]);
        assert!(
            wanted
                .iter()
                .zip(found.iter())
                .all(|(a, b)| (a - b).abs() < 1e-5)
        );

        let mut pass = net.forward_train(&x, &mut workspace);
        assert!(pass.outputs()[0].iter().all(|y| y.is_finite()));
        pass.loss(&Mse, &[Tensor1::from([1.0, 2.0, 3.0])]);
        pass.backward(&mut gradient);
        assert!(gradient.params().iter().all(|g| g.is_finite()));
    }

    net.fc.layer.weight = [[0.0; 3]; 5];
    net.fc.layer.bias = [1.0, 2.0, 3.0];
    assert_eq!(net.forward(&x[0]), Tensor1::from([1.0, 2.0, 3.0]));
}

#[test]
fn threads_do_not_change_a_bit_of_spectral_norms() {
    let settings = settings();
    let x: Vec<Tensor3<6, 5, 2>> = crate::common::random(37, 5);
    let targets: Vec<Tensor1<3>> = crate::common::random(37, 6);
    let mut results = Vec::new();
    settings.every_threads(&[1, 2, 3, 8], |_| {
        let mut net = Net::init(&mut shapewright::rng(3));
        let (mut workspace, mut gradient) = (Net::workspace(), Net::zeros());
        let mut pass = net.forward_train(&x, &mut workspace);
        pass.loss(&Mse, &targets);
        pass.backward(&mut gradient);
        Sgd::new(0.1).state::<Net>().step(&mut net, &gradient);
        results.push(bits(net.params()));
    });
    assert!(results.iter().all(|bits| *bits == results[0]));
}

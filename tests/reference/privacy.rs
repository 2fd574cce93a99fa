//! The accountant of differential privacy and the steps of DP-SGD, compared with Opacus.

use serde_json::Value;
use shapewright::prelude::*;
use shapewright::privacy::{DpSgd, NoiseSearch, RdpAccountant, noise_multiplier_for};

use crate::common::reference::{array, number, parameter};
use crate::common::{assert_close, bits, random, settings, tensors};

network! {
    struct Net: [4] -> [3] as f64 { Linear<_, 6>, LayerNorm<_>, Tanh, Linear<_, 3> }
}
network! {
    struct Digits: [8, 8, 1] -> [5] {
        Conv2d<_, 4, 3>,
        GroupNorm<2, _>,
        Relu,
        Dropout(0.3),
        Flatten,
        Linear<_, 100>,
        Tanh,
        Linear<_, 5>,
    }
}

fn file() -> Value {
    serde_json::from_str(include_str!("privacy.json")).expect("JSON")
}

#[test]
fn epsilon_is_that_of_opacus() {
    let file = file();
    let cases = file["accountant"].as_array().expect("cases");
    assert!(cases.len() > 50);
    for case in cases {
        let mut accountant = RdpAccountant::new();
        for steps in case["history"].as_array().expect("a history") {
            let steps = array(steps);
            accountant.steps(steps[0], steps[1], steps[2] as u64);
        }

        let close = |own: f64, expected: f64| {
            let expected = expected.max(0.0);
            let is_close = (own - expected).abs() <= 1e-9 * expected.max(1e-3);
            assert!(is_close, "{own}, not {expected}: {case}");
        };
        let delta = number(case, "delta");
        let spent = accountant.spent(delta);
        close(spent.epsilon, number(case, "epsilon"));
        if spent.epsilon > 0.0 {
            assert_eq!(spent.order, number(case, "order"), "{case}");
        }
        let at = accountant.spent_at(delta, &array(&case["orders"]));
        close(at.epsilon, number(case, "at"));
    }
}

#[test]
fn the_search_finds_the_noise_of_opacus() {
    for case in file()["noise"].as_array().expect("cases") {
        let noise = noise_multiplier_for(NoiseSearch {
            epsilon: number(case, "epsilon"),
            delta: number(case, "delta"),
            sample_rate: number(case, "sample_rate"),
            steps: number(case, "steps") as u64,
            tolerance: number(case, "tolerance"),
        });
        assert_eq!(noise.expect("a noise"), number(case, "noise"), "{case}");
    }

    let impossible = NoiseSearch {
        epsilon: 1e-9,
        delta: 1e-12,
        sample_rate: 1.0,
        steps: 1_000_000,
        tolerance: 0.01,
    };
    let error = noise_multiplier_for(impossible).expect_err("too little epsilon");
    assert!(error.to_string().contains("no noise spends"), "{error}");
}

#[test]
fn parameters_after_steps_are_those_of_opacus() {
    let file = file();
    let case = &file["training"];
    let mut net = Net::zeros();
    let key = |name: &str| name.replace("layer_", "");
    net.for_each_param_mut(|name, sizes, values| {
        let own = array(&case["before"][key(name)]);
        values.copy_from_slice(&parameter(name, sizes, own));
    });

    // 50 samples, a tenth of which is expected in a batch.
    let dp_sgd = DpSgd::new(0.1).max_grad_norm(1.6).noise_multiplier(0.0);
    let mut private = dp_sgd.state::<Net>(50);
    let mut sgd = Sgd::new(0.5).momentum(0.9).state::<Net>();
    let mut gradient = Net::zeros();
    let mut rng = shapewright::rng(0);
    for step in case["steps"].as_array().expect("steps") {
        let x = tensors(&array(&step["x"]));
        let labels: Vec<Label<3>> = array(&step["labels"])
            .iter()
            .map(|&label| Label::new(label as usize).expect("a label"))
            .collect();
        let batch = private
            .gradient(&net, &CrossEntropy, &x, &labels, &mut gradient, &mut rng)
            .expect("finite gradients");
        sgd.step(&mut net, &gradient);

        assert_eq!(batch.clipped as f64, number(step, "clipped"));
        net.for_each_param(|name, sizes, values| {
            let expected = parameter(name, sizes, array(&step["after"][key(name)]));
            assert_close(name, values, &expected, 1e-12);
        });
    }
    assert_eq!(private.accountant().spent(1e-5).epsilon, f64::INFINITY);
}

#[test]
fn threads_do_not_change_a_bit() {
    let x = random(9, 1);
    let labels: Vec<Label<5>> = (0..9)
        .map(|i| Label::new(i % 5).expect("a label"))
        .collect();
    let settings = settings();
    let mut results = Vec::new();
    settings.every_threads(&[1, 2, 3, 4], |_| {
        let net = Digits::init(&mut shapewright::rng(0));
        let mut gradient = Digits::zeros();
        let mut private = DpSgd::new(0.1).noise_multiplier(0.7).state::<Digits>(90);
        let mut rng = shapewright::rng(3);
        for _ in 0..2 {
            private
                .gradient(&net, &CrossEntropy, &x, &labels, &mut gradient, &mut rng)
                .expect("finite gradients");
        }
        results.push(bits(gradient.params()));
    });
    assert!(results.windows(2).all(|two| two[0] == two[1]));
}

/// One sample changes the sum by at most the norm to which it is clipped, and noise has the
/// deviation that the accountant assumes.
#[test]
fn a_sample_has_a_bounded_effect_and_noise_its_deviation() {
    let net = Digits::init(&mut shapewright::rng(0));
    let mut x: Vec<Tensor3<8, 8, 1>> = random(6, 2);
    x[5] = x[5].map(|pixel| pixel * 1e4);
    let labels: Vec<Label<5>> = (0..6)
        .map(|i| Label::new(i % 5).expect("a label"))
        .collect();

    let gradient = |x: &[_], labels: &[_], noise: f64| {
        let dp_sgd = DpSgd::new(0.5).max_grad_norm(0.25).noise_multiplier(noise);
        let mut private = dp_sgd.state::<Digits>(8);
        let mut gradient = Digits::zeros();
        let mut rng = shapewright::rng(4);
        private
            .gradient(&net, &CrossEntropy, x, labels, &mut gradient, &mut rng)
            .expect("finite gradients");
        gradient
    };
    let distance = |a: &Digits, b: &Digits| {
        let squares = a.params().iter().zip(b.params());
        squares
            .map(|(a, b)| f64::from(a - b).powi(2))
            .sum::<f64>()
            .sqrt()
    };

    let with = gradient(&x, &labels, 0.0);
    let without = gradient(&x[..5], &labels[..5], 0.0);
    // The expected length of a batch is 4.
    assert!((distance(&with, &without) * 4.0 - 0.25).abs() < 1e-4);

    let noised = gradient(&x, &labels, 3.0);
    let std = distance(&noised, &with) / (Digits::PARAMS as f64).sqrt();
    assert!((std / (3.0 * 0.25 / 4.0) - 1.0).abs() < 0.03, "{std}");

    let empty = gradient(&[], &[], 3.0);
    assert!((distance(&empty, &Digits::zeros()) / distance(&noised, &with) - 1.0).abs() < 1e-4);
}

/// The clipped gradient of what is left has the whole norm.
#[test]
fn frozen_parts_do_not_count() {
    let net = Digits::init(&mut shapewright::rng(0));
    let x: Vec<Tensor3<8, 8, 1>> = random(1, 2);
    let labels = [Label::new(2).expect("a label")];
    let dp_sgd = DpSgd::new(1.0).max_grad_norm(1e-3).noise_multiplier(0.0);
    let mut private = dp_sgd.state::<Digits>(1);
    private.freeze(layer!(Digits, layer_0));
    private.freeze(layer!(Digits, layer_5));

    let mut gradient = Digits::zeros();
    gradient.params_mut().fill(f32::NAN);
    let mut rng = shapewright::rng(0);
    private
        .gradient(&net, &CrossEntropy, &x, &labels, &mut gradient, &mut rng)
        .expect("finite gradients");
    let mut squares = 0.0;
    gradient.for_each_param(|name, _, values| {
        let own: f64 = values.iter().map(|&g| f64::from(g).powi(2)).sum();
        squares += own;
        assert_eq!(
            own == 0.0,
            name.starts_with("0.") || name.starts_with("5."),
            "{name}"
        );
    });
    assert!((squares.sqrt() / 1e-3 - 1.0).abs() < 2e-3);
}

#[test]
fn a_gradient_that_is_not_finite_is_an_error() {
    let net = Digits::init(&mut shapewright::rng(0));
    let x = [Tensor3::from_position(|_| f32::NAN)];
    let labels = [Label::new(0).expect("a label")];
    let mut private = DpSgd::new(0.5).state::<Digits>(2);
    let mut gradient = Digits::zeros();
    let mut rng = shapewright::rng(0);
    let result = private.gradient(&net, &CrossEntropy, &x, &labels, &mut gradient, &mut rng);
    assert!(result.expect_err("NaN").norm.is_nan());
    assert!(private.accountant().spent(1e-5).epsilon > 0.0, "it counts");
}

//! Activations apart from their values.

use crate::common::{bits, random};
use shapewright::prelude::*;

network! {
    #[derive(Clone)]
    struct Plain: [6] -> [4] { fc: Linear<_, 4> }
}
network! { struct Logarithms: [6] -> [4] { fc: Linear<_, 4>, LogSoftmax } }

/// The loss applies the softmax itself, but to logarithms of probabilities it does nothing.
#[test]
fn log_softmax_before_cross_entropy_does_no_harm() {
    let plain = Plain::init(&mut shapewright::rng(1));
    let mut logarithms = Logarithms::zeros();
    logarithms.fc = plain.fc;
    let x: Vec<Tensor1<6>> = random(5, 2);
    let labels = [0, 3, 1, 1, 2].map(|i| Label::<4>::new(i).expect("a class"));

    let mut w = Plain::workspace();
    let mut v = Logarithms::workspace();
    let mut g = Plain::zeros();
    let mut h = Logarithms::zeros();

    let mut pass = plain.forward_train(&x, &mut w);
    let one = pass.loss(&CrossEntropy, &labels);
    pass.backward(&mut g);

    let mut pass = logarithms.forward_train(&x, &mut v);
    let other = pass.loss(&CrossEntropy, &labels);
    pass.backward(&mut h);

    assert!((one - other).abs() < 1e-6);
    assert!(
        g.params()
            .iter()
            .zip(h.params())
            .all(|(g, h)| (g - h).abs() < 1e-6)
    );
}

network! { struct Defaults: [8] -> [8] { LeakyRelu, Elu, Celu, Softplus, HardTanh } }
network! {
    struct Written: [8] -> [8] {
        LeakyRelu(0.01), Elu(1.0), Celu(1.0), Softplus(1.0, 20.0), HardTanh(-1.0, 1.0),
    }
}

const fn quotient<const A: usize, const B: usize>() -> f64 {
    A as f64 / B as f64
}
const LIMITS: [f64; 2] = [-1.0, 1.0];
network! {
    struct Computed: [{ 2 * 4 }] -> [8] {
        LeakyRelu(quotient::<1, { 10 * 10 }>()),
        Elu(if LIMITS[1] > 0.0 { 1.0 } else { 2.0 }),
        Celu(match LIMITS { [a, ..] if a < 0.0 => 1.0, _ => 2.0 }),
        Softplus(quotient::<1, 1>(), quotient::<{ 5 << 2 }, 1>(),),
        HardTanh([-1.0, 0.0][0], LIMITS[1]),
    }
}

#[test]
fn a_bare_name_means_the_defaults_and_arguments_are_any_expression() {
    for x in random::<_, f32>(9, 3) {
        let x = x * 5.0;
        assert_eq!(
            bits(Defaults::zeros().forward(&x).as_slice()),
            bits(Written::zeros().forward(&x).as_slice())
        );
        assert_eq!(
            bits(Computed::zeros().forward(&x).as_slice()),
            bits(Written::zeros().forward(&x).as_slice())
        );
    }
}

network! { struct Slopes: [3, 5] -> [3, 5] { one: PRelu, each: PRelu<_>, checked: PRelu<5>, PRelu } }

#[test]
fn prelu_has_a_weight_or_one_per_feature() {
    assert_eq!(Slopes::PARAMS, 1 + 5 + 5 + 1);
    let net = Slopes::init(&mut shapewright::rng(1));
    assert!(net.each.weight.iter().all(|&w| w == 0.25));
    let mut names = Vec::new();
    net.for_each_param(|name, sizes, _| names.push(format!("{name} {sizes:?}")));
    assert_eq!(
        names,
        [
            "one.weight [1]",
            "each.weight [5]",
            "checked.weight [5]",
            "3.weight [1]"
        ]
    );
    let y = net.forward(&Tensor2::full(-256.0));
    assert!(y.iter().all(|&y| y == -1.0));
}

#[test]
fn arguments_are_printed_as_written() {
    let text = Written::summary().to_string();
    assert!(text.contains("HardTanh(-1.0, 1.0)"), "{text}");
}

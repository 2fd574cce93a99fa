//! Losses beyond what PyTorch's values show: gradients against central differences, NaN, targets
//! that are missing, and losses on networks.

use crate::common::gradient::{check_loss, check_loss_at};
use crate::common::{random, settings};
use shapewright::loss::{IgnorePadding, Padded};
use shapewright::prelude::*;
use shapewright::{
    ext::{
        BackwardInPlace, FeatureOrder, ForwardInPlace, InPlace, Inferred, OutputKind, ShapeRule,
    },
    tensor::{Element, Rank0, Rank1, Rank2, Rank3, Rank4},
};

const REDUCTIONS: [Reduction; 2] = [Reduction::Mean, Reduction::Sum];

fn label<const N: usize>(class: usize) -> Label<N> {
    Label::new(class % N).expect("a class")
}

/// Returns tensors of numbers from 0.02 to 0.98.
fn probabilities<S: Shape>(count: usize, seed: u64) -> Vec<Tensor<S, f64>> {
    random(count, seed)
        .iter()
        .map(|t: &Tensor<S, f64>| t.map(|x| 0.5 + 0.48 * x))
        .collect()
}

fn signs<S: Shape>(count: usize, seed: u64) -> Vec<Tensor<S, f64>> {
    random(count, seed)
        .iter()
        .map(|t: &Tensor<S, f64>| t.map(f64::signum))
        .collect()
}

#[test]
fn differences() {
    for reduction in REDUCTIONS {
        check_loss::<Rank0, _>(&Mae.reduction(reduction), &random(3, 5));
        check_loss::<Rank2<3, 4>, _>(&Mae.reduction(reduction), &random(3, 5));
        for bend in [0.3, 1.0, 2.5] {
            check_loss::<Rank1<7>, _>(&Huber.delta(bend).reduction(reduction), &random(6, 5));
            check_loss::<Rank1<7>, _>(&SmoothL1.beta(bend).reduction(reduction), &random(6, 5));
        }
        check_loss::<Rank1<7>, _>(&SmoothL1.beta(0.0).reduction(reduction), &random(6, 5));
    }
}

#[test]
fn quantiles() {
    for reduction in REDUCTIONS {
        let one = Quantile([0.3]).reduction(reduction);
        check_loss::<Rank1<1>, _>(&one, &random(6, 5));
        check_loss::<Rank2<4, 1>, _>(&one, &random(6, 5));
        let three = Quantile([0.1, 0.5, 0.95]).reduction(reduction);
        check_loss::<Rank1<3>, _>(&three, &random(6, 5));
        check_loss::<Rank3<2, 2, 3>, _>(&three, &random(3, 5));
        check_loss::<Rank4<2, 1, 2, 3>, _>(&three, &random(3, 5));
    }
    check_loss::<Rank2<5, 3>, _>(
        &IgnorePadding(Quantile([0.1, 0.5, 0.9])),
        &random(3, 5)
            .into_iter()
            .zip([5, 2, 3])
            .map(|(target, length)| Padded { target, length })
            .collect::<Vec<Padded<Tensor1<5, f64>>>>(),
    );
}

#[test]
fn classes() {
    let some = |class: usize| (class % 3 != 1).then(|| label(class));
    for reduction in REDUCTIONS {
        for smoothing in [0.0, 0.2, 1.0] {
            let loss = CrossEntropy.reduction(reduction).label_smoothing(smoothing);
            let weighted = loss.class_weights([0.5, 2.0, 1.0, 3.0]);

            let labels: Vec<Label<4>> = (0..6).map(label).collect();
            check_loss::<Rank1<4>, _>(&loss, &labels);
            check_loss::<Rank1<4>, _>(&weighted, &labels);

            let labels: Vec<_> = (0..4).map(|i| [some(i), some(i + 2)]).collect();
            check_loss::<Rank2<2, 4>, _>(&loss.optional_labels(), &labels);
            check_loss::<Rank2<2, 4>, _>(&weighted.optional_labels(), &labels);

            let labels: Vec<_> = (0..2)
                .map(|i| [[some(i)], [some(i + 1)], [some(i + 2)]])
                .collect();
            check_loss::<Rank3<3, 1, 4>, _>(&weighted.optional_labels(), &labels);

            let labels = [[[[label(3), label(1)]], [[label(0), label(2)]]]];
            check_loss::<Rank4<2, 1, 2, 4>, _>(&loss, &labels);
        }

        let loss = Nll
            .reduction(reduction)
            .class_weights([0.5, 2.0, 1.0, 3.0])
            .optional_labels();
        check_loss::<Rank1<4>, _>(&loss, &[some(0), some(1), some(2), some(3)]);
        check_loss::<Rank3<2, 2, 4>, _>(&loss, &[[[some(0), some(1)], [some(2), some(3)]]]);
    }
}

#[test]
fn yes_or_no() {
    for reduction in REDUCTIONS {
        let targets = probabilities(4, 5);
        let loss = BceWithLogits.reduction(reduction);
        check_loss::<Rank2<2, 3>, _>(&loss.pos_weight(2.5), &targets);
        check_loss::<Rank2<2, 3>, _>(&loss.pos_weight([0.5, 3.0, 1.0]), &targets);
        check_loss_at::<Rank2<2, 3>, _>(&Bce.reduction(reduction), probabilities(4, 6), &targets);
    }
}

#[test]
fn distributions() {
    for reduction in REDUCTIONS {
        check_loss::<Rank2<2, 3>, _>(&KlDiv.reduction(reduction), &probabilities(4, 5));
        check_loss::<Rank2<2, 3>, _>(&KlDiv.log_target(true).reduction(reduction), &random(4, 5));

        let poisson = PoissonNll.reduction(reduction).full(true);
        let counts: Vec<Tensor1<5, f64>> = random(4, 5)
            .iter()
            .map(|t: &Tensor1<5, f64>| t * 4.0 + 4.0)
            .collect();
        check_loss::<Rank1<5>, _>(&poisson, &counts);
        check_loss_at::<Rank1<5>, _>(
            &poisson.log_input(false).epsilon(0.1),
            probabilities(4, 6),
            &counts,
        );

        let outputs = core::iter::zip(random(4, 6), probabilities(4, 7))
            .map(Tensor::from)
            .collect();
        let gaussian = GaussianNll.reduction(reduction).full(true);
        check_loss_at::<(Rank2<2, 3>, Rank2<2, 3>), _>(&gaussian, outputs, &random(4, 8));
    }
}

#[test]
fn similarity_and_order() {
    for reduction in REDUCTIONS {
        for margin in [0.0, 0.4] {
            check_loss::<Rank2<2, 3>, _>(
                &HingeEmbedding.margin(margin).reduction(reduction),
                &signs(4, 5),
            );
            check_loss::<(Rank2<2, 3>, Rank2<2, 3>), _>(
                &MarginRanking.margin(margin).reduction(reduction),
                &signs(4, 5),
            );

            let targets = [1.0, -1.0, 1.0, -1.0, -1.0];
            let loss = CosineEmbedding.margin(margin).reduction(reduction);
            check_loss::<(Rank1<3>, Rank1<3>), _>(&loss, &targets);
        }

        for loss in [
            TripletMargin,
            TripletMargin.swap(true),
            TripletMargin.margin(4.0).epsilon(0.1),
        ] {
            check_loss::<(Rank1<3>, Rank1<3>, Rank1<3>), _>(&loss.reduction(reduction), &[(); 6]);
        }
    }
}

#[test]
fn without_a_label_the_mean_is_nan_and_the_gradient_zero() {
    let outputs = [Tensor1::from([0.5_f32, -1.0, f32::NAN]); 70];
    let targets = [None; 70];
    let mut gradients = [Tensor1::full(f32::NAN); 70];

    for smoothing in [0.0, 0.1] {
        let loss = CrossEntropy.optional_labels().label_smoothing(smoothing);
        assert!(loss.loss(&outputs, &targets, &mut gradients).is_nan());
        assert_eq!(gradients, [Tensor1::zeros(); 70]);

        gradients.fill(Tensor1::full(f32::NAN));
        assert_eq!(
            loss.reduction(Reduction::Sum)
                .loss(&outputs, &targets, &mut gradients),
            0.0
        );
        assert_eq!(gradients, [Tensor1::zeros(); 70]);
    }

    gradients.fill(Tensor1::full(f32::NAN));
    assert!(
        Nll.optional_labels()
            .loss(&outputs, &targets, &mut gradients)
            .is_nan()
    );
    assert_eq!(gradients, [Tensor1::zeros(); 70]);
}

/// A sample without a label is as if it were not there, whatever its outputs.
#[test]
fn missing_labels_do_not_count() {
    let with: [Tensor1<3, f64>; 3] = [
        Tensor1::from([1.0, 2.0, -1.0]),
        Tensor1::full(f64::NAN),
        Tensor1::from([0.0, -2.0, 0.5]),
    ];
    let without = [with[0], with[2]];
    let labels = [label::<3>(1), label(2)];

    let loss = CrossEntropy
        .class_weights([1.0, 0.5, 3.0])
        .label_smoothing(0.1);

    let mut some = [Tensor1::zeros(); 3];
    let mut all = [Tensor1::zeros(); 2];

    let expected = loss.loss(&without, &labels, &mut all);
    let found =
        loss.optional_labels()
            .loss(&with, &[Some(labels[0]), None, Some(labels[1])], &mut some);

    assert_eq!(
        (found, some),
        (expected, [all[0], Tensor1::zeros(), all[1]])
    );
}

#[test]
fn nan_goes_into_every_loss() {
    fn check<S: Shape, T: Element, L: Loss<S, T>>(what: &str, loss: L, target: L::Target) {
        for position in 0..S::LEN {
            let mut output = Tensor::full(T::from_f64_lossy(0.25));
            output.as_mut_slice()[position] = T::nan();

            let value = loss.loss(
                &[output],
                core::slice::from_ref(&target),
                &mut [Tensor::zeros()],
            );
            assert!(
                value.is_nan(),
                "{what} of {}: {value} with NaN at {position}",
                T::NAME
            );
        }
    }

    fn every<T: Element>() {
        let half = Tensor1::<2, T>::full(T::from_f64_lossy(0.5));
        let minus = Tensor1::<2, T>::full(-T::one());

        check("Mae", Mae, half);
        check("Huber", Huber, half);
        check("SmoothL1", SmoothL1, half);
        check::<Rank1<2>, T, _>("Quantile", Quantile([0.1, 0.9]), Tensor::zeros());
        check("Bce", Bce, half);
        check("BceWithLogits", BceWithLogits.pos_weight(2.0), half);
        check("KlDiv", KlDiv, half);
        check("PoissonNll", PoissonNll, half);
        check("GaussianNll", GaussianNll, half);
        check("HingeEmbedding", HingeEmbedding, minus);
        check("MarginRanking", MarginRanking, minus);
        check::<(Rank1<2>, Rank1<2>), T, _>("CosineEmbedding", CosineEmbedding, -T::one());
        check::<(Rank1<2>, Rank1<2>, Rank1<2>), T, _>("TripletMargin", TripletMargin, ());
        check::<Rank1<2>, T, _>(
            "CrossEntropy",
            CrossEntropy.class_weights([1.0, 2.0]),
            label::<2>(0),
        );
        check::<Rank1<2>, T, _>(
            "CrossEntropy",
            CrossEntropy.label_smoothing(0.1),
            label::<2>(0),
        );
    }

    every::<f32>();
    every::<f64>();
}

#[test]
fn outputs_that_are_not_probabilities_make_bce_nan() {
    for bad in [-0.01, 1.01] {
        let loss: f64 = Bce.loss(
            &[Tensor1::from([bad])],
            &[Tensor1::from([0.5])],
            &mut [Tensor1::zeros()],
        );
        assert!(loss.is_nan(), "{bad}: {loss}");
    }
}

/// A custom layer that declares its outputs to be probabilities.
struct Halves;

impl<In: Shape> ShapeRule<In> for Halves {
    const OUTPUT: Inferred = Inferred::shape(In::DIMS);
}

impl InPlace for Halves {
    type Config = ();
    const ORDER: FeatureOrder = FeatureOrder::Depends;
    const READS_OUTPUT: bool = false;
    const OUTPUT_KIND: OutputKind = OutputKind::Sigmoid;

    fn forward_in_place<S: Shape, T: Element>(call: ForwardInPlace<'_, (), S, T>) {
        let ForwardInPlace { y, .. } = call;
        y.fill(Tensor::full(T::from_f64_lossy(0.5)));
    }
    fn backward_in_place<S: Shape, T: Element>(call: BackwardInPlace<'_, (), S, T>) {
        let BackwardInPlace { dy, .. } = call;
        dy.fill(Tensor::zeros());
    }
}

network! { struct Yes: [2] -> [3] as f64 { fc: Linear<_, 3>, Sigmoid } }
network! { struct Logits3: [2] -> [3] as f64 { fc: Linear<_, 3> } }
network! { struct Likely: [2] -> [3] as f64 { fc: Linear<_, 3>, LogSoftmax } }
network! { struct Guess: [2] -> [3] as f64 { Linear<_, 3>, Halves } }

/// `Bce` after `Sigmoid` is what `BceWithLogits` is without.
#[test]
fn bce_of_a_network_is_bce_with_logits_of_the_network_before_it() {
    let (x, targets): (Vec<Tensor1<2, f64>>, _) = (random(5, 1), probabilities(5, 2));

    let yes = Yes::init(&mut shapewright::rng(4));
    let mut logits = Logits3::zeros();
    logits.fc = yes.fc;

    let mut yes_gradient = Yes::zeros();
    let mut logits_gradient = Logits3::zeros();
    let mut yes_workspace = Yes::workspace();
    let mut logits_workspace = Logits3::workspace();

    let mut pass = yes.forward_train(&x, &mut yes_workspace);
    let one = pass.loss(&Bce, &targets);
    pass.backward(&mut yes_gradient);

    let mut pass = logits.forward_train(&x, &mut logits_workspace);
    let other = pass.loss(&BceWithLogits, &targets);
    pass.backward(&mut logits_gradient);

    assert!((one - other).abs() < 1e-12);
    for (one, other) in yes_gradient.params().iter().zip(logits_gradient.params()) {
        assert!((one - other).abs() < 1e-12, "{one} {other}");
    }
}

/// `Nll` after `LogSoftmax` is what `CrossEntropy` is without.
#[test]
fn nll_of_a_network_is_cross_entropy_of_the_network_before_it() {
    let x: Vec<Tensor1<2, f64>> = random(5, 1);
    let targets = [0, 2, 1, 1, 0].map(|class| (class > 0).then(|| label(class)));

    let likely = Likely::init(&mut shapewright::rng(4));
    let mut logits = Logits3::zeros();
    logits.fc = likely.fc;

    let mut likely_gradient = Likely::zeros();
    let mut logits_gradient = Logits3::zeros();
    let mut likely_workspace = Likely::workspace();
    let mut logits_workspace = Logits3::workspace();

    let mut pass = likely.forward_train(&x, &mut likely_workspace);
    let one = pass.loss(
        &Nll.optional_labels().class_weights([1.0, 2.0, 0.5]),
        &targets,
    );
    pass.backward(&mut likely_gradient);

    let mut pass = logits.forward_train(&x, &mut logits_workspace);
    let other = pass.loss(
        &CrossEntropy
            .optional_labels()
            .class_weights([1.0, 2.0, 0.5]),
        &targets,
    );
    pass.backward(&mut logits_gradient);

    assert!((one - other).abs() < 1e-12);
    for (one, other) in likely_gradient
        .params()
        .iter()
        .zip(logits_gradient.params())
    {
        assert!((one - other).abs() < 1e-12, "{one} {other}");
    }

    // `CrossEntropy` does not change log probabilities.
    let loss = likely
        .forward_train(&x, &mut likely_workspace)
        .loss(&CrossEntropy, &[label(1); 5]);
    assert!(
        (loss
            - logits
                .forward_train(&x, &mut logits_workspace)
                .loss(&CrossEntropy, &[label(1); 5]))
        .abs()
            < 1e-12
    );
}

#[test]
fn networks_take_the_losses_that_fit_their_end() {
    let x = [Tensor1::zeros(); 2];
    let net = Logits3::zeros();
    let mut workspace = Logits3::workspace();
    let mut pass = net.forward_train(&x, &mut workspace);
    let third = 3.0_f64.ln();
    let loss = pass.loss(&CrossEntropy.optional_labels(), &[None, Some(label(2))]);
    assert!((loss - third).abs() < 1e-15);
    let net = Guess::zeros();
    let mut workspace = Guess::workspace();
    let loss = net
        .forward_train(&x, &mut workspace)
        .loss(&Bce, &[Tensor1::zeros(); 2]);
    assert!((loss - 2.0_f64.ln()).abs() < 1e-15);
}

#[test]
#[should_panic(expected = "label smoothing of `CrossEntropy` must be from 0 to 1")]
fn label_smoothing_above_1_is_refused() {
    let _ = CrossEntropy.label_smoothing(1.5);
}

#[test]
#[should_panic(expected = "delta of `Huber` must be above 0")]
fn a_delta_of_0_is_refused() {
    let _ = Huber.delta(0.0);
}

#[test]
#[should_panic(expected = "a loss has 2 outputs, 1 targets and 2 gradients")]
fn too_few_targets_are_refused() {
    let mut gradients = [Tensor1::<2>::zeros(); 2];
    CrossEntropy.loss(&[Tensor1::zeros(); 2], &[label::<2>(0)], &mut gradients);
}

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;
const LN_2: f64 = core::f64::consts::LN_2;

/// Asserts that two numbers are equal but for rounding, infinities and NaN included.
#[track_caller]
fn assert_is(what: &str, found: f64, wanted: f64) {
    let same = if wanted.is_finite() {
        (found - wanted).abs() <= 2e-6 * wanted.abs().max(1e-3)
    } else {
        found == wanted || (found.is_nan() && wanted.is_nan())
    };
    assert!(same, "{what}: {found}, not {wanted}");
}

/// Asserts the value and the gradient of a loss of one sample.
#[track_caller]
fn assert_one<S: Shape, T: Element, L: Loss<S, T>>(
    name: &str,
    loss: &L,
    x: &[f64],
    target: &L::Target,
    (value, gradient): (f64, &[f64]),
) {
    let output = Tensor::<S, T>::from_position(|i| T::from_f64_lossy(x[i]));
    let mut slopes = [Tensor::full(T::from_f64_lossy(7.0))];
    let found = loss.loss(&[output], core::slice::from_ref(target), &mut slopes);
    let what = format!("{name} of {x:?} in {}", T::NAME);
    let number = |x: T| x.to_f64().expect("a number");
    assert_is(&format!("{what}, value"), number(found), value);
    for (i, (&found, &wanted)) in slopes[0].as_slice().iter().zip(gradient).enumerate() {
        assert_is(&format!("{what}, gradient {i}"), number(found), wanted);
    }
}

/// Checks losses of single elements: output, target, value and gradient of each. They are also
/// checked together, as vectors.
fn check_elements<T: Element>() {
    fn rows<T: Element, L>(name: &str, loss: L, rows: &[[f64; 4]])
    where
        L: Loss<Rank1<1>, T, Target = Tensor1<1, T>> + Loss<Rank1<37>, T, Target = Tensor1<37, T>>,
    {
        for &[x, t, value, slope] in rows {
            let target = Tensor1::full(T::from_f64_lossy(t));
            let name = format!("{name} against {t}");
            assert_one::<Rank1<1>, T, L>(&name, &loss, &[x], &target, (value, &[slope]));
            let target = Tensor1::full(T::from_f64_lossy(t));
            let many = [x; 37];
            let slopes = [slope; 37];
            assert_one::<Rank1<37>, T, L>(&name, &loss, &many, &target, (37.0 * value, &slopes));
        }
    }
    let nan = [
        [NAN, 0.0, NAN, NAN],
        [NAN, 1.0, NAN, NAN],
        [0.0, NAN, NAN, NAN],
        [INF, NAN, NAN, NAN],
    ];
    let sum = Reduction::Sum;

    rows::<T, _>("Mse", Mse.reduction(sum), &nan);
    rows::<T, _>(
        "Mse",
        Mse.reduction(sum),
        &[
            [0.0, 0.0, 0.0, 0.0],
            [1e4, 0.0, 1e8, 2e4],
            [-1e4, 0.0, 1e8, -2e4],
            [INF, 0.0, INF, INF],
            [-INF, 0.0, INF, -INF],
            [0.0, INF, INF, -INF],
            [INF, -INF, INF, INF],
            [INF, INF, NAN, NAN],
        ],
    );
    let straight = |off: f64| {
        [
            [0.0, 0.0, 0.0, 0.0],
            [1e4, 0.0, 1e4 - off, 1.0],
            [-1e4, 0.0, 1e4 - off, -1.0],
            [INF, 0.0, INF, 1.0],
            [-INF, 0.0, INF, -1.0],
            [0.0, INF, INF, -1.0],
            [INF, -INF, INF, 1.0],
            [INF, INF, NAN, NAN],
        ]
    };
    rows::<T, _>("Mae", Mae.reduction(sum), &nan);
    rows::<T, _>("Mae", Mae.reduction(sum), &straight(0.0));
    rows::<T, _>("Huber", Huber.reduction(sum), &nan);
    rows::<T, _>("Huber", Huber.reduction(sum), &straight(0.5));
    rows::<T, _>("SmoothL1", SmoothL1.reduction(sum), &nan);
    rows::<T, _>("SmoothL1", SmoothL1.reduction(sum), &straight(0.5));
    // So small that its inverse is infinite, in f32 or in both types.
    for beta in [0.0, 1e-42, 1e-310] {
        rows::<T, _>("SmoothL1", SmoothL1.beta(beta).reduction(sum), &nan);
        rows::<T, _>(
            "SmoothL1",
            SmoothL1.beta(beta).reduction(sum),
            &straight(0.0),
        );
    }

    rows::<T, _>("BceWithLogits", BceWithLogits.reduction(sum), &nan);
    rows::<T, _>(
        "BceWithLogits",
        BceWithLogits.reduction(sum),
        &[
            [0.0, 0.0, LN_2, 0.5],
            [0.0, 1.0, LN_2, -0.5],
            [1e4, 0.0, 1e4, 1.0],
            [1e4, 1.0, 0.0, 0.0],
            [1e4, 0.25, 7.5e3, 0.75],
            [-1e4, 0.0, 0.0, 0.0],
            [-1e4, 1.0, 1e4, -1.0],
            [INF, 0.0, INF, 1.0],
            [INF, 0.5, INF, 0.5],
            [INF, 1.0, 0.0, 0.0],
            [-INF, 0.0, 0.0, 0.0],
            [-INF, 0.5, INF, -0.5],
            [-INF, 1.0, INF, -1.0],
        ],
    );
    let weighted = BceWithLogits.pos_weight(3.0).reduction(sum);
    rows::<T, _>("BceWithLogits.pos_weight(3)", weighted, &nan);
    rows::<T, _>(
        "BceWithLogits.pos_weight(3)",
        weighted,
        &[
            [0.0, 1.0, 3.0 * LN_2, -1.5],
            [1e4, 0.0, 1e4, 1.0],
            [-1e4, 1.0, 3e4, -3.0],
            [INF, 0.0, INF, 1.0],
            [INF, 1.0, 0.0, 0.0],
            [-INF, 0.0, 0.0, 0.0],
            [-INF, 1.0, INF, -3.0],
        ],
    );
    rows::<T, _>(
        "BceWithLogits.pos_weight(0)",
        BceWithLogits.pos_weight(0.0).reduction(sum),
        &[[-INF, 1.0, 0.0, 0.0], [-1e4, 1.0, 0.0, 0.0]],
    );

    rows::<T, _>("Bce", Bce.reduction(sum), &nan);
    rows::<T, _>(
        "Bce",
        Bce.reduction(sum),
        &[
            [0.0, 0.0, 0.0, 0.0],
            [1.0, 1.0, 0.0, 0.0],
            [0.5, 0.5, LN_2, 0.0],
            // Its logarithms are at least -100.
            [0.0, 1.0, 100.0, -1e12],
            [1.0, 0.0, 100.0, 1e12],
            // No probabilities.
            [1e4, 0.0, NAN, NAN],
            [-1e4, 1.0, NAN, NAN],
            [INF, 1.0, NAN, NAN],
            [-INF, 0.0, NAN, NAN],
        ],
    );

    // The gradient is minus the target, whatever the output is.
    rows::<T, _>(
        "KlDiv",
        KlDiv.reduction(sum),
        &[
            [0.0, 0.0, 0.0, 0.0],
            [0.0, 1.0, 0.0, -1.0],
            [-1e4, 0.0, 0.0, 0.0],
            [-1e4, 0.5, 5e3 - 0.5 * LN_2, -0.5],
            [-INF, 0.0, 0.0, 0.0],
            [-INF, 0.5, INF, -0.5],
            [NAN, 0.0, NAN, 0.0],
            [NAN, 1.0, NAN, -1.0],
            [0.0, NAN, NAN, NAN],
            [-INF, NAN, NAN, NAN],
        ],
    );
    rows::<T, _>(
        "KlDiv.log_target",
        KlDiv.log_target(true).reduction(sum),
        &[
            [0.0, 0.0, 0.0, -1.0],
            [-1e4, -1e4, 0.0, 0.0],
            [-1e4, -INF, 0.0, 0.0],
            [-INF, -INF, 0.0, 0.0],
            [-INF, 0.0, INF, -1.0],
            [0.0, NAN, NAN, NAN],
            [0.5, 1e4, INF, -INF],
            [0.0, 1e4, INF, -INF],
            [2e4, 1e4, -INF, -INF],
            [1e4, 1e4, 0.0, -INF],
            [0.0, INF, INF, -INF],
        ],
    );

    rows::<T, _>("PoissonNll", PoissonNll.reduction(sum), &nan);
    rows::<T, _>(
        "PoissonNll",
        PoissonNll.reduction(sum),
        &[
            [0.0, 0.0, 1.0, 1.0],
            [0.0, 1.0, 1.0, 0.0],
            [1e4, 3.0, INF, INF],
            [-1e4, 0.0, 0.0, 0.0],
            [-1e4, 2.0, 2e4, -2.0],
            [INF, 0.0, INF, INF],
            [INF, 3.0, INF, INF],
            [-INF, 0.0, 0.0, 0.0],
            [-INF, 2.0, INF, -2.0],
        ],
    );
    let mean = PoissonNll.log_input(false).reduction(sum);
    rows::<T, _>("PoissonNll of means", mean, &nan);
    rows::<T, _>(
        "PoissonNll of means",
        mean,
        &[
            [0.0, 0.0, 0.0, 1.0],
            [1e4, 0.0, 1e4, 1.0],
            [INF, 0.0, INF, 1.0],
            [INF, 3.0, INF, 1.0],
            [-1e4, 0.0, NAN, NAN],
            [-1e4, 2.0, NAN, NAN],
            [-INF, 0.0, NAN, NAN],
        ],
    );
    rows::<T, _>(
        "PoissonNll of means without epsilon",
        mean.epsilon(0.0),
        &[[0.0, 0.0, 0.0, 1.0], [0.0, 2.0, INF, -INF]],
    );

    rows::<T, _>("HingeEmbedding", HingeEmbedding.reduction(sum), &nan);
    rows::<T, _>(
        "HingeEmbedding",
        HingeEmbedding.reduction(sum),
        &[
            [0.0, 1.0, 0.0, 1.0],
            [1e4, 1.0, 1e4, 1.0],
            [-1e4, 1.0, -1e4, 1.0],
            [INF, 1.0, INF, 1.0],
            [-INF, 1.0, -INF, 1.0],
            [0.0, -1.0, 1.0, -1.0],
            [1e4, -1.0, 0.0, 0.0],
            [-1e4, -1.0, 10_001.0, -1.0],
            [INF, -1.0, 0.0, 0.0],
            [-INF, -1.0, INF, -1.0],
            // A target that is neither counts as both: x, but at least the margin.
            [1e4, 0.0, 1e4, 1.0],
            [-1e4, 0.0, 1.0, 0.0],
            [INF, 0.0, INF, 1.0],
            [-INF, 0.0, 1.0, 0.0],
        ],
    );
}

/// Checks losses of two or three numbers or vectors: outputs, target, value and gradients.
fn check_tuples<T: Element>() {
    type Pair = (Rank1<1>, Rank1<1>);
    type Rows<'a> = &'a [([f64; 2], f64, f64, [f64; 2])];
    let sum = Reduction::Sum;
    fn rows<T: Element, L: Loss<Pair, T, Target = Tensor1<1, T>>>(name: &str, loss: L, rows: Rows) {
        for (x, t, value, slopes) in rows {
            let target = Tensor1::full(T::from_f64_lossy(*t));
            assert_one(
                &format!("{name} against {t}"),
                &loss,
                x,
                &target,
                (*value, slopes),
            );
        }
    }
    let floor = (0.5 * 1e-6_f64.ln(), [0.0, 0.5e6]);
    rows::<T, _>(
        "GaussianNll",
        GaussianNll.reduction(sum),
        &[
            ([0.0, 1.0], 0.0, 0.0, [0.0, 0.5]),
            ([1e4, 1.0], 0.0, 5e7, [1e4, 0.5 - 5e7]),
            ([INF, 1.0], 0.0, INF, [INF, -INF]),
            ([-INF, 1.0], 0.0, INF, [-INF, -INF]),
            ([0.0, 1.0], INF, INF, [-INF, -INF]),
            ([0.0, INF], 0.0, INF, [0.0, 0.0]),
            ([0.0, 0.0], 0.0, floor.0, floor.1),
            ([0.0, -1e4], 0.0, floor.0, floor.1),
            ([0.0, -INF], 0.0, floor.0, floor.1),
            ([INF, INF], 0.0, NAN, [NAN, NAN]),
            ([NAN, 1.0], 0.0, NAN, [NAN, NAN]),
            ([0.0, NAN], 0.0, NAN, [NAN, NAN]),
            ([0.0, 1.0], NAN, NAN, [NAN, NAN]),
        ],
    );
    rows::<T, _>(
        "GaussianNll without epsilon",
        GaussianNll.epsilon(0.0).reduction(sum),
        &[
            ([0.0, 0.0], 0.0, -INF, [0.0, INF]),
            ([2.0, 0.0], 0.0, INF, [INF, -INF]),
            ([-2.0, 0.0], 0.0, INF, [-INF, -INF]),
        ],
    );
    rows::<T, _>(
        "MarginRanking",
        MarginRanking.reduction(sum),
        &[
            ([0.0, 0.0], 1.0, 0.0, [0.0, 0.0]),
            ([1e4, 0.0], 1.0, 0.0, [0.0, 0.0]),
            ([0.0, 1e4], 1.0, 1e4, [-1.0, 1.0]),
            ([INF, 0.0], 1.0, 0.0, [0.0, 0.0]),
            ([-INF, 0.0], 1.0, INF, [-1.0, 1.0]),
            ([0.0, INF], 1.0, INF, [-1.0, 1.0]),
            ([INF, 0.0], -1.0, INF, [1.0, -1.0]),
            ([INF, 0.0], 0.0, 0.0, [0.0, 0.0]),
            ([INF, INF], 1.0, NAN, [NAN, NAN]),
            ([NAN, 0.0], 1.0, NAN, [NAN, NAN]),
            ([0.0, 0.0], NAN, NAN, [NAN, NAN]),
        ],
    );

    let half = 0.5_f64.sqrt();
    for large in [1e4, 1e30, INF] {
        // The length of a vector does not matter, however large it is.
        let similar = (1.0 - half, [0.0, -half / large, -half / 2.0, half / 2.0]);
        let one = T::one();
        let loss = CosineEmbedding.reduction(sum);
        type Vectors = (Rank1<2>, Rank1<2>);
        let x = [large, 0.0, 1.0, 1.0];
        assert_one::<Vectors, T, _>("CosineEmbedding", &loss, &x, &one, (similar.0, &similar.1));
        assert_one::<Vectors, T, _>(
            "CosineEmbedding",
            &loss,
            &x,
            &-one,
            (half, &similar.1.map(|x| -x)),
        );
        let x = [-large, 0.0, 1.0, 1.0];
        assert_one::<Vectors, T, _>("CosineEmbedding", &loss, &x, &-one, (0.0, &[0.0; 4]));
        assert_one::<Vectors, T, _>("CosineEmbedding", &loss, &x, &T::nan(), (NAN, &[]));
        let x = [NAN, 0.0, large, 1.0];
        assert_one::<Vectors, T, _>("CosineEmbedding", &loss, &x, &one, (NAN, &[NAN; 4]));
    }
    for (x, value, slopes) in [
        ([0.0, 0.0, 5.0], 0.0, [0.0, 0.0, 0.0]),
        ([0.0, 1e4, 5.0], 9996.0, [0.0, 1.0, -1.0]),
        // The square is larger than any f32, but not the distance.
        ([0.0, 1e30, 5.0], 1e30, [0.0, 1.0, -1.0]),
        ([0.0, INF, 5.0], INF, [0.0, 1.0, -1.0]),
        ([0.0, -INF, 5.0], INF, [2.0, -1.0, -1.0]),
        ([0.0, 5.0, INF], 0.0, [0.0, 0.0, 0.0]),
        ([0.0, INF, INF], NAN, [NAN, NAN, NAN]),
        ([NAN, 1.0, 5.0], NAN, [NAN, NAN, NAN]),
    ] {
        let loss = TripletMargin.reduction(sum);
        assert_one::<(Rank1<1>, Rank1<1>, Rank1<1>), T, _>(
            "TripletMargin",
            &loss,
            &x,
            &(),
            (value, &slopes),
        );
    }
}

/// Checks losses of classes: logits, label, value and gradient, with few and with many classes.
fn check_classes<T: Element>() {
    let sum = Reduction::Sum;
    let third = 1.0 / 3.0;
    type Rows<'a> = &'a [([f64; 3], usize, f64, [f64; 3])];
    fn rows<T: Element, L: Loss<Rank1<3>, T, Target = Label<3>>>(name: &str, loss: L, rows: Rows) {
        for (x, class, value, slopes) in rows {
            assert_one(
                &format!("{name}, {class}"),
                &loss,
                x,
                &label(*class),
                (*value, slopes),
            );
        }
    }
    let plain: Rows = &[
        (
            [0.0, 0.0, 0.0],
            0,
            3.0_f64.ln(),
            [-2.0 * third, third, third],
        ),
        ([1e4, 0.0, 0.0], 0, 0.0, [0.0, 0.0, 0.0]),
        ([1e4, 0.0, 0.0], 1, 1e4, [1.0, -1.0, 0.0]),
        ([-1e4, 0.0, 0.0], 0, 1e4 + LN_2, [-1.0, 0.5, 0.5]),
        ([INF, 0.0, 0.0], 0, 0.0, [0.0, 0.0, 0.0]),
        ([INF, 0.0, 0.0], 1, INF, [1.0, -1.0, 0.0]),
        ([INF, -INF, 0.0], 1, INF, [1.0, -1.0, 0.0]),
        ([0.0, -INF, INF], 2, 0.0, [0.0, 0.0, 0.0]),
        ([-INF, 0.0, 0.0], 0, INF, [-1.0, 0.5, 0.5]),
        ([-INF, 0.0, 0.0], 1, LN_2, [0.0, -0.5, 0.5]),
        ([-INF, -INF, 0.0], 2, 0.0, [0.0, 0.0, 0.0]),
        ([-INF, -INF, -INF], 0, NAN, [NAN, NAN, NAN]),
        ([INF, INF, 0.0], 0, NAN, [NAN, NAN, NAN]),
        ([NAN, 0.0, 0.0], 1, NAN, [NAN, NAN, NAN]),
        ([NAN, INF, 0.0], 1, NAN, [NAN, NAN, NAN]),
        ([INF, NAN, 0.0], 0, NAN, [NAN, NAN, NAN]),
    ];
    rows::<T, _>("CrossEntropy", CrossEntropy.reduction(sum), plain);
    for &(x, class, value, slopes) in plain.iter().filter(|row| !row.2.is_nan()) {
        let [weighted, doubled] = [
            CrossEntropy.class_weights([1.0; 3]),
            CrossEntropy.class_weights([2.0; 3]),
        ];
        rows::<T, _>(
            "CrossEntropy.class_weights",
            weighted.reduction(sum),
            &[(x, class, value, slopes)],
        );
        let twice = (x, class, 2.0 * value, slopes.map(|slope| 2.0 * slope));
        rows::<T, _>(
            "CrossEntropy.class_weights",
            doubled.reduction(sum),
            &[twice],
        );

        // More classes, all of them impossible.
        let mut many = [-INF; 300];
        many[..3].copy_from_slice(&x);
        let mut wanted = [0.0; 300];
        wanted[..3].copy_from_slice(&slopes);
        let loss = CrossEntropy.reduction(sum);
        assert_one::<Rank1<300>, T, _>(
            "CrossEntropy",
            &loss,
            &many,
            &label(class),
            (value, &wanted),
        );
    }
    // A class of weight 0: limits are 0, and NaN stays.
    let none = CrossEntropy.class_weights([0.0, 1.0, 1.0]).reduction(sum);
    rows::<T, _>(
        "CrossEntropy.class_weights",
        none,
        &[
            ([1e4, 0.0, 0.0], 0, 0.0, [0.0; 3]),
            ([-INF, 0.0, 0.0], 0, 0.0, [0.0; 3]),
            ([-INF, INF, 0.0], 0, 0.0, [0.0; 3]),
            ([-INF, 0.0, NAN], 0, NAN, [NAN; 3]),
            ([NAN, 0.0, 0.0], 0, NAN, [NAN; 3]),
            ([0.0, INF, INF], 0, NAN, [NAN; 3]),
            ([-INF, -INF, -INF], 0, NAN, [NAN; 3]),
        ],
    );
    let smoothed = CrossEntropy
        .class_weights([0.0; 3])
        .label_smoothing(0.3)
        .reduction(sum);
    rows::<T, _>(
        "CrossEntropy with both",
        smoothed,
        &[
            ([-INF, 1e4, 0.0], 0, 0.0, [0.0; 3]),
            ([0.0, NAN, 0.0], 0, NAN, [NAN; 3]),
        ],
    );

    // A missing label hides the row, NaN included.
    for x in [[0.0, NAN, 0.0], [INF, INF, 0.0]] {
        assert_one::<Rank1<3>, T, _>(
            "CrossEntropy.optional_labels",
            &none.optional_labels(),
            &x,
            &None::<Label<3>>,
            (0.0, &[0.0; 3]),
        );
    }

    rows::<T, _>(
        "CrossEntropy.label_smoothing",
        CrossEntropy.label_smoothing(0.3).reduction(sum),
        &[
            ([1e4, 0.0, 0.0], 0, 2e3, [0.2, -0.1, -0.1]),
            ([INF, 0.0, 0.0], 0, INF, [0.2, -0.1, -0.1]),
            ([INF, 0.0, 0.0], 1, INF, [0.9, -0.8, -0.1]),
            ([INF, -INF, 0.0], 1, INF, [0.9, -0.8, -0.1]),
            ([-INF, 0.0, 0.0], 0, INF, [-0.8, 0.4, 0.4]),
            ([-INF, 0.0, 0.0], 1, INF, [-0.1, -0.3, 0.4]),
            ([-INF, -INF, 0.0], 0, INF, [-0.8, -0.1, 0.9]),
            ([NAN, 0.0, 0.0], 1, NAN, [NAN, NAN, NAN]),
        ],
    );
    rows::<T, _>(
        "CrossEntropy with both",
        none.label_smoothing(0.3),
        &[([-INF, 0.0, 0.0], 1, 0.9 * LN_2, [0.0, -0.35, 0.35])],
    );

    rows::<T, _>(
        "Nll",
        Nll.reduction(sum),
        &[
            ([-1e4, 0.0, 0.0], 0, 1e4, [-1.0, 0.0, 0.0]),
            ([-INF, 0.0, 0.0], 0, INF, [-1.0, 0.0, 0.0]),
            ([-INF, 0.0, NAN], 1, 0.0, [0.0, -1.0, 0.0]),
            ([NAN, 0.0, 0.0], 0, NAN, [-1.0, 0.0, 0.0]),
        ],
    );
    let none = Nll.class_weights([0.0, 1.0, 1.0]).reduction(sum);
    rows::<T, _>(
        "Nll.class_weights",
        none,
        &[([-INF, 0.0, 0.0], 0, 0.0, [0.0; 3])],
    );
    rows::<T, _>(
        "Nll.class_weights",
        none,
        &[([NAN, 0.0, 0.0], 0, NAN, [0.0; 3])],
    );
}

/// Outputs without elements or without classes have a loss of 0: nothing is cut into chunks of
/// length 0.
#[test]
fn outputs_without_elements_have_a_loss() {
    fn check<S: Shape, L: Loss<S, f32>>(loss: &L, targets: &[L::Target]) {
        let outputs = vec![Tensor::<S>::zeros(); targets.len()];
        let mut gradients = outputs.clone();
        assert_eq!(loss.loss(&outputs, targets, &mut gradients), 0.0);
    }

    let none: [Option<Label<0>>; 3] = [None; 3];
    let sum = Reduction::Sum;
    check::<Rank1<0>, _>(&CrossEntropy.reduction(sum), &[]);
    check::<Rank1<0>, _>(&Nll.reduction(sum), &[]);
    check::<Rank1<0>, _>(&CrossEntropy.reduction(sum).optional_labels(), &none);
    check::<Rank1<0>, _>(&Nll.reduction(sum).optional_labels(), &none);
    let smoothed = CrossEntropy
        .label_smoothing(0.1)
        .class_weights([])
        .optional_labels();
    check::<Rank1<0>, _>(&smoothed.reduction(sum), &none);
    check::<Rank2<0, 3>, _>(&CrossEntropy.reduction(sum), &[[]; 2]);
    check::<Rank3<2, 0, 3>, _>(&Nll.reduction(sum), &[[[], []]; 2]);
}

/// There are as many groups of labels as tensors, also if a group has no labels.
#[test]
fn tensors_without_elements_have_groups_of_no_labels() {
    let rows = Label::<3>::from_tensors(&[Tensor2::<0, 2, u8>::zeros(); 2]);
    assert_eq!(rows, Ok(vec![[]; 2]));
    let columns = Label::<3>::from_tensors(&[Tensor2::<2, 0, u8>::zeros(); 5]);
    assert_eq!(columns, Ok(vec![[[], []]; 5]));
    let volumes = Label::<3>::from_tensors_without(255, &[Tensor3::<2, 0, 3, u8>::zeros(); 3]);
    assert_eq!(volumes, Ok(vec![[[], []]; 3]));
    let found: Vec<[[Label<3>; 0]; 2]> = Label::from_scores(&[Tensor3::<2, 0, 3>::zeros(); 4]);
    assert_eq!(found, [[[], []]; 4]);
    let found: Vec<[Label<0>; 0]> = Label::from_scores(&[Tensor2::<0, 0>::zeros(); 2]);
    assert_eq!(found, [[]; 2]);
}

/// Losses at infinity are their limits, on every tier and in f64; without a limit they are NaN. NaN
/// stays NaN.
#[test]
fn losses_at_infinities() {
    settings().every_tier(|tier| {
        println!("{tier}");
        check_elements::<f32>();
        check_tuples::<f32>();
        check_classes::<f32>();
    });
    check_elements::<f64>();
    check_tuples::<f64>();
    check_classes::<f64>();
}

/// Settings of losses are checked where they are made; weights, which may be of any type, where
/// they are used.
#[test]
fn settings_of_losses_have_their_ranges() {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    fn refused<T>(make: impl FnOnce() -> T, sentence: &str) {
        let payload = catch_unwind(AssertUnwindSafe(make)).err().expect(sentence);
        let text = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned());
        let text = text
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .expect("a message");
        assert!(text.contains(sentence), "{text}");
    }
    for bad in [-1.5, NAN, INF, -INF] {
        refused(|| Huber.delta(bad), "the delta of `Huber`");
        refused(|| SmoothL1.beta(bad), "the beta of `SmoothL1`");
        refused(|| Quantile([0.5, bad]), "the quantiles of `Quantile`");
        refused(|| PoissonNll.epsilon(bad), "the epsilon of `PoissonNll`");
        refused(|| GaussianNll.epsilon(bad), "the epsilon of `GaussianNll`");
        refused(
            || HingeEmbedding.margin(bad),
            "the margin of `HingeEmbedding`",
        );
        refused(
            || MarginRanking.margin(bad),
            "the margin of `MarginRanking`",
        );
        refused(
            || CosineEmbedding.margin(bad),
            "the margin of `CosineEmbedding`",
        );
        refused(
            || TripletMargin.margin(bad),
            "the margin of `TripletMargin`",
        );
        refused(
            || TripletMargin.epsilon(bad),
            "the epsilon of `TripletMargin`",
        );
        refused(
            || CrossEntropy.label_smoothing(bad),
            "the label smoothing of `CrossEntropy`",
        );

        let x = [Tensor1::<2>::zeros()];
        let label = [label::<2>(0)];
        let target = [Tensor1::zeros()];
        let mut slopes = [Tensor1::zeros()];
        let weights = [1.0, bad];
        let loss = CrossEntropy.class_weights(weights);
        refused(
            || loss.loss(&x, &label, &mut slopes),
            "the loss's `class_weights` is",
        );
        refused(
            || Nll.class_weights(weights).loss(&x, &label, &mut slopes),
            "the loss's `class_weights` is",
        );
        refused(
            || BceWithLogits.pos_weight(bad).loss(&x, &target, &mut slopes),
            "the loss's `pos_weight` is",
        );
        refused(
            || {
                BceWithLogits
                    .pos_weight(weights)
                    .loss(&x, &target, &mut slopes)
            },
            "the loss's `pos_weight` is",
        );

        network! { struct Two: [1] -> [2] { Linear<_, 2> } }
        let x = [Tensor1::zeros()];
        let mut net = Two::zeros();
        let error = Two::trainer(Sgd::new(0.1), loss)
            .fit(&mut net, &x, &label)
            .unwrap_err();
        let shapewright::train::TrainError::Setting(error) = error else {
            panic!("{error}")
        };
        assert_eq!((error.owner, error.setting), ("the loss", "class_weights"));
    }
}

/// The loss of many equal samples is that of one times their number, to the last digits: sums in
/// plain chains lose four of them here.
#[test]
fn sums_of_many_losses_keep_their_digits() {
    const COUNT: usize = 1 << 16;

    fn check<S: Shape, L>(name: &str, loss: L, output: Tensor<S, f64>, target: L::Target)
    where
        L: Loss<S, f64>,
        L::Target: Clone,
    {
        let of = |count: usize| {
            let mut gradients = vec![Tensor::zeros(); count];
            loss.loss(
                &vec![output; count],
                &vec![target.clone(); count],
                &mut gradients,
            )
        };
        let one = of(1);
        let many = of(COUNT);
        let off = (many / (one * COUNT as f64) - 1.0).abs();
        assert!(
            off < 2e-14,
            "{name}: {many} instead of {one} times {COUNT}, {off:e} off"
        );
    }

    let sum = Reduction::Sum;
    let x = Tensor1::from([0.1, 0.7, 0.3]);
    let t = Tensor1::from([0.3, 0.45, 0.9]);
    let sign = Tensor1::from([1.0, -1.0, 1.0]);
    let class = label::<3>(1);
    let pair = Tensor::<(Rank1<3>, Rank1<3>), f64>::from_position(|i| 0.1 + 0.13 * i as f64);
    let triple =
        Tensor::<(Rank1<3>, Rank1<3>, Rank1<3>), f64>::from_position(|i| 0.1 + 0.07 * i as f64);

    check("Mse", Mse.reduction(sum), x, t);
    check("Mae", Mae.reduction(sum), x, t);
    check("Huber", Huber.delta(0.2).reduction(sum), x, t);
    check("SmoothL1", SmoothL1.reduction(sum), x, t);
    let target = Tensor::from(0.45);
    check::<Rank1<3>, _>(
        "Quantile",
        Quantile([0.1, 0.5, 0.9]).reduction(sum),
        x,
        target,
    );
    check("Bce", Bce.reduction(sum), x, t);
    check("BceWithLogits", BceWithLogits.reduction(sum), x, t);
    let weighted = BceWithLogits.reduction(sum).pos_weight([0.3, 1.7, 2.1]);
    check("BceWithLogits, pos_weight", weighted, x, t);
    check("CrossEntropy", CrossEntropy.reduction(sum), x, class);
    let weighted = CrossEntropy.reduction(sum).class_weights([0.3, 1.7, 2.1]);
    check("CrossEntropy, class_weights", weighted, x, class);
    let smoothed = CrossEntropy.reduction(sum).label_smoothing(0.1);
    check("CrossEntropy, label_smoothing", smoothed, x, class);
    check("Nll", Nll.reduction(sum), x, class);
    check("KlDiv", KlDiv.reduction(sum), x, t);
    check("PoissonNll", PoissonNll.reduction(sum), x, t);
    check("GaussianNll", GaussianNll.reduction(sum), pair, t);
    check("HingeEmbedding", HingeEmbedding.reduction(sum), x, sign);
    check(
        "MarginRanking",
        MarginRanking.margin(0.3).reduction(sum),
        pair,
        sign,
    );
    check("CosineEmbedding", CosineEmbedding.reduction(sum), pair, 1.0);
    check("TripletMargin", TripletMargin.reduction(sum), triple, ());
}

/// With the constant, the terms of the size of `t ln t` cancel each other; some of them are infinite.
#[test]
fn poisson_losses_of_large_counts_keep_their_digits() {
    let exact = |log_ratio: f64, count: f64| {
        let excess = log_ratio.exp_m1() - log_ratio;
        count * excess + 0.5 * (core::f64::consts::TAU * count).ln()
    };
    let check = |what: &str, found: f32, wanted: f64| {
        let error = (f64::from(found) / wanted - 1.0).abs();
        assert!(error < 1e-3, "{what}: {found} instead of {wanted}");
    };

    for (count, log_mean) in [(2.0, 0.7), (1e4, 9.22), (1e6, 13.8165), (1e37, 80.0)] {
        let log_mean = log_mean as f32;
        let count = count as f32;
        let mut gradient = [Tensor0::from(0.0)];

        let targets = [Tensor0::from(count)];
        let outputs = [Tensor0::from(log_mean)];
        let loss = PoissonNll.full(true);
        let found = loss.loss(&outputs, &targets, &mut gradient);
        let log_count = f64::from(count).ln();
        let wanted = exact(f64::from(log_mean) - log_count, f64::from(count));
        check(&format!("{count} of e^{log_mean}"), found, wanted);

        let mean = log_mean.exp();
        let outputs = [Tensor0::from(mean)];
        let of_means = loss.log_input(false).epsilon(0.0);
        let found = of_means.loss(&outputs, &targets, &mut gradient);
        let wanted = exact(f64::from(mean).ln() - log_count, f64::from(count));
        check(&format!("{count} of {mean}"), found, wanted);
    }
}

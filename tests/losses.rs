//! Losses beyond what PyTorch's values show: gradients against central differences, NaN, targets that are missing, and
//! losses on networks.

mod common;

use common::gradient::{check_loss, check_loss_at};
use common::random;
use shapewright::prelude::*;
use shapewright::{
    Context, Element, FeatureOrder, Fit, Fits, Gives, InPlace, Rank0, Rank1, Rank2, Rank3, Rank4,
};

const REDUCTIONS: [Reduction; 2] = [Reduction::Mean, Reduction::Sum];

fn label<const N: usize>(class: usize) -> Label<N> {
    Label::new(class % N).expect("a class")
}

/// From 0.02 to 0.98.
fn probabilities<S: Shape>(count: usize, seed: u64) -> Vec<Tensor<S, f64>> {
    random(count, seed).iter().map(|t: &Tensor<S, f64>| t.map(|x| 0.5 + 0.48 * x)).collect()
}

fn signs<S: Shape>(count: usize, seed: u64) -> Vec<Tensor<S, f64>> {
    random(count, seed).iter().map(|t: &Tensor<S, f64>| t.map(f64::signum)).collect()
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
            let labels: Vec<_> = (0..2).map(|i| [[some(i)], [some(i + 1)], [some(i + 2)]]).collect();
            check_loss::<Rank3<3, 1, 4>, _>(&weighted.optional_labels(), &labels);
            let labels = [[[[label(3), label(1)]], [[label(0), label(2)]]]];
            check_loss::<Rank4<2, 1, 2, 4>, _>(&loss, &labels);
        }
        let loss = Nll.reduction(reduction).class_weights([0.5, 2.0, 1.0, 3.0]).optional_labels();
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
        let counts: Vec<Tensor1<5, f64>> =
            random(4, 5).iter().map(|t: &Tensor1<5, f64>| t * 4.0 + 4.0).collect();
        check_loss::<Rank1<5>, _>(&poisson, &counts);
        check_loss_at::<Rank1<5>, _>(&poisson.log_input(false).epsilon(0.1), probabilities(4, 6), &counts);
        let outputs = core::iter::zip(random(4, 6), probabilities(4, 7)).map(Tensor::from).collect();
        let gaussian = GaussianNll.reduction(reduction).full(true);
        check_loss_at::<(Rank2<2, 3>, Rank2<2, 3>), _>(&gaussian, outputs, &random(4, 8));
    }
}

#[test]
fn similarity_and_order() {
    for reduction in REDUCTIONS {
        for margin in [0.0, 0.4] {
            check_loss::<Rank2<2, 3>, _>(&HingeEmbedding.margin(margin).reduction(reduction), &signs(4, 5));
            check_loss::<(Rank2<2, 3>, Rank2<2, 3>), _>(
                &MarginRanking.margin(margin).reduction(reduction),
                &signs(4, 5),
            );
            let targets = [1.0, -1.0, 1.0, -1.0, -1.0];
            let loss = CosineEmbedding.margin(margin).reduction(reduction);
            check_loss::<(Rank1<3>, Rank1<3>), _>(&loss, &targets);
        }
        for loss in [TripletMargin, TripletMargin.swap(true), TripletMargin.margin(4.0).epsilon(0.1)] {
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
        assert_eq!(loss.reduction(Reduction::Sum).loss(&outputs, &targets, &mut gradients), 0.0);
        assert_eq!(gradients, [Tensor1::zeros(); 70]);
    }
    gradients.fill(Tensor1::full(f32::NAN));
    assert!(Nll.optional_labels().loss(&outputs, &targets, &mut gradients).is_nan());
    assert_eq!(gradients, [Tensor1::zeros(); 70]);
}

/// A sample without a label is as if it were not there, whatever its outputs.
#[test]
fn missing_labels_do_not_count() {
    let with: [Tensor1<3, f64>; 3] =
        [Tensor1::from([1.0, 2.0, -1.0]), Tensor1::full(f64::NAN), Tensor1::from([0.0, -2.0, 0.5])];
    let (without, labels) = ([with[0], with[2]], [label::<3>(1), label(2)]);
    let loss = CrossEntropy.class_weights([1.0, 0.5, 3.0]).label_smoothing(0.1);
    let (mut some, mut all) = ([Tensor1::zeros(); 3], [Tensor1::zeros(); 2]);
    let expected = loss.loss(&without, &labels, &mut all);
    let found = loss.optional_labels().loss(&with, &[Some(labels[0]), None, Some(labels[1])], &mut some);
    assert_eq!((found, some), (expected, [all[0], Tensor1::zeros(), all[1]]));
}

#[test]
fn nan_goes_into_every_loss() {
    fn check<S: Shape, T: Element, L: Loss<S, T>>(what: &str, loss: L, target: L::Target) {
        for position in 0..S::LEN {
            let mut output = Tensor::full(T::from_f64_lossy(0.25));
            output.as_mut_slice()[position] = T::nan();
            let value = loss.loss(&[output], core::slice::from_ref(&target), &mut [Tensor::zeros()]);
            assert!(value.is_nan(), "{what} of {}: {value} with NaN at {position}", T::NAME);
        }
    }
    fn every<T: Element>() {
        let half = Tensor1::<2, T>::full(T::from_f64_lossy(0.5));
        let minus = Tensor1::<2, T>::full(-T::one());
        check("Mae", Mae, half);
        check("Huber", Huber, half);
        check("SmoothL1", SmoothL1, half);
        check("Bce", Bce, half);
        check("BceWithLogits", BceWithLogits.pos_weight(2.0), half);
        check("KlDiv", KlDiv, half);
        check("PoissonNll", PoissonNll, half);
        check("GaussianNll", GaussianNll, half);
        check("HingeEmbedding", HingeEmbedding, minus);
        check("MarginRanking", MarginRanking, minus);
        check::<(Rank1<2>, Rank1<2>), T, _>("CosineEmbedding", CosineEmbedding, -T::one());
        check::<(Rank1<2>, Rank1<2>, Rank1<2>), T, _>("TripletMargin", TripletMargin, ());
        check::<Rank1<2>, T, _>("CrossEntropy", CrossEntropy.class_weights([1.0, 2.0]), label::<2>(0));
        check::<Rank1<2>, T, _>("CrossEntropy", CrossEntropy.label_smoothing(0.1), label::<2>(0));
    }
    every::<f32>();
    every::<f64>();
}

#[test]
fn outputs_that_are_not_probabilities_make_bce_nan() {
    for bad in [-0.01, 1.01] {
        let loss: f64 = Bce.loss(&[Tensor1::from([bad])], &[Tensor1::from([0.5])], &mut [Tensor1::zeros()]);
        assert!(loss.is_nan(), "{bad}: {loss}");
    }
}

/// Says that it gives probabilities, as a layer of a user's own can.
struct Halves;

impl<In: Shape> Fits<In> for Halves {
    const FIT: Fit = Fit::gives(In::DIMS);
}

impl InPlace for Halves {
    type Config = ();
    const ORDER: FeatureOrder = FeatureOrder::Depends;
    const GIVES: Gives = Gives::Sigmoid;

    fn forward_in_place<S: Shape, T: Element>(_: &(), y: &mut [Tensor<S, T>], _: &Context<T>) {
        y.fill(Tensor::full(T::from_f64_lossy(0.5)));
    }
    fn backward_in_place<S: Shape, T: Element>(
        _: &(),
        _: &[Tensor<S, T>],
        dy: &mut [Tensor<S, T>],
        _: &Context<T>,
    ) {
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
    let (mut yes_gradient, mut logits_gradient) = (Yes::zeros(), Logits3::zeros());
    let (mut yes_workspace, mut logits_workspace) = (Yes::workspace(), Logits3::workspace());
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
    let (mut likely_gradient, mut logits_gradient) = (Likely::zeros(), Logits3::zeros());
    let (mut likely_workspace, mut logits_workspace) = (Likely::workspace(), Logits3::workspace());
    let mut pass = likely.forward_train(&x, &mut likely_workspace);
    let one = pass.loss(&Nll.optional_labels().class_weights([1.0, 2.0, 0.5]), &targets);
    pass.backward(&mut likely_gradient);
    let mut pass = logits.forward_train(&x, &mut logits_workspace);
    let other = pass.loss(&CrossEntropy.optional_labels().class_weights([1.0, 2.0, 0.5]), &targets);
    pass.backward(&mut logits_gradient);
    assert!((one - other).abs() < 1e-12);
    for (one, other) in likely_gradient.params().iter().zip(logits_gradient.params()) {
        assert!((one - other).abs() < 1e-12, "{one} {other}");
    }
    // It does nothing to what it gives.
    let loss = likely.forward_train(&x, &mut likely_workspace).loss(&CrossEntropy, &[label(1); 5]);
    assert!(
        (loss - logits.forward_train(&x, &mut logits_workspace).loss(&CrossEntropy, &[label(1); 5])).abs()
            < 1e-12
    );
}

#[test]
fn networks_take_the_losses_that_fit_their_end() {
    let x = [Tensor1::zeros(); 2];
    let (net, mut workspace) = (Logits3::zeros(), Logits3::workspace());
    let mut pass = net.forward_train(&x, &mut workspace);
    let third = 3.0_f64.ln();
    let loss = pass.loss(&CrossEntropy.optional_labels(), &[None, Some(label(2))]);
    assert!((loss - third).abs() < 1e-15);
    let (net, mut workspace) = (Guess::zeros(), Guess::workspace());
    let loss = net.forward_train(&x, &mut workspace).loss(&Bce, &[Tensor1::zeros(); 2]);
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

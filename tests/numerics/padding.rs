//! Losses and metrics of sequences with padding against the same without it: nothing of a padded
//! position reaches a value or a gradient.

use crate::common::gradient::check_loss;
use crate::common::random;
use proptest::prelude::*;
use shapewright::loss::{IgnorePadding, Padded};
use shapewright::metrics::{
    Accuracy, Average, F1, LogLoss, MeanAbsoluteError, MetricError, Outputs, Perplexity, R2Score,
    RootMeanSquaredError, TopKAccuracy,
};
use shapewright::prelude::*;
use shapewright::tensor::{Rank1, Rank2, Rank3};

const REDUCTIONS: [Reduction; 3] = [Reduction::Mean, Reduction::Sum, Reduction::SampleMean];
const LENGTHS: [usize; 4] = [2, 0, 5, 3];

/// Targets with these lengths.
fn padded<Y>(targets: Vec<Y>) -> Vec<Padded<Y>> {
    let padded = targets.into_iter().zip(LENGTHS);
    padded
        .map(|(target, length)| Padded::new(target, length))
        .collect()
}

fn labels<const N: usize>() -> Vec<[Label<N>; 5]> {
    let label = |number: usize| Label::new(number % N).expect("a class");
    (0..4)
        .map(|sample| core::array::from_fn(|i| label(3 * sample + i)))
        .collect()
}

#[test]
fn gradients_are_those_of_differences() {
    for reduction in REDUCTIONS {
        let mse = IgnorePadding(Mse.reduction(reduction));
        check_loss::<Rank1<5>, _>(&mse, &padded(random(4, 1)));
        check_loss::<Rank2<5, 3>, _>(&mse, &padded(random(4, 1)));
        check_loss::<Rank3<5, 2, 2>, _>(&mse, &padded(random(4, 1)));

        let huber = IgnorePadding(Huber.delta(0.4).reduction(reduction));
        check_loss::<Rank2<5, 3>, _>(&huber, &padded(random(4, 1)));
        let bce = IgnorePadding(
            BceWithLogits
                .pos_weight([1.0, 2.0, 0.5])
                .reduction(reduction),
        );
        check_loss::<Rank2<5, 3>, _>(&bce, &padded(random(4, 1)));

        let classes = IgnorePadding(CrossEntropy.label_smoothing(0.1).reduction(reduction));
        check_loss::<Rank2<5, 3>, _>(&classes, &padded(labels::<3>()));
        let nll = IgnorePadding(Nll.reduction(reduction));
        check_loss::<Rank2<5, 3>, _>(&nll, &padded(labels::<3>()));
    }
}

/// Fills the padding with NaN.
fn spoiled(mut tensors: Vec<Tensor2<5, 3, f64>>) -> Vec<Tensor2<5, 3, f64>> {
    for (tensor, length) in tensors.iter_mut().zip(LENGTHS) {
        tensor.as_mut_slice()[3 * length..].fill(f64::NAN);
    }
    tensors
}

/// The positions of all sequences that count.
fn positions(tensors: &[Tensor2<5, 3, f64>]) -> Vec<Tensor1<3, f64>> {
    let rows = tensors.iter().zip(LENGTHS).flat_map(|(tensor, length)| {
        tensor
            .as_slice()
            .chunks(3)
            .take(length)
            .map(|row| Tensor1::from_slice(row).expect("three"))
    });
    rows.collect()
}

/// PyTorch's `loss(output[mask], target[mask])`, and its gradient.
fn check_against_mask<L, P>(
    loss: &P,
    single: &L,
    reduction: Reduction,
    targets: &[P::Target],
    flat: &[L::Target],
) where
    L: Loss<Rank1<3>, f64>,
    P: Loss<Rank2<5, 3>, f64>,
{
    let outputs = spoiled(random(4, 8));
    let rows = positions(&outputs);
    let mut wanted_gradients = vec![Tensor1::zeros(); rows.len()];
    let mut wanted = single.loss(&rows, flat, &mut wanted_gradients);
    let mut scale = 1.0;
    if reduction == Reduction::SampleMean {
        // The samples are sequences, not positions.
        scale = rows.len() as f64 / outputs.len() as f64;
        wanted *= scale;
    }

    let mut gradients = vec![Tensor2::full(f64::NAN); 4];
    let value = loss.loss(&outputs, targets, &mut gradients);
    assert!(
        (value - wanted).abs() < 1e-12 * wanted.abs(),
        "{value} {wanted}"
    );
    for (found, wanted) in positions(&gradients).iter().zip(&wanted_gradients) {
        for (found, wanted) in found.iter().zip(wanted) {
            assert!((found - wanted * scale).abs() < 1e-14, "{found} {wanted}");
        }
    }
    for (gradient, length) in gradients.iter().zip(LENGTHS) {
        assert!(
            gradient.as_slice()[3 * length..]
                .iter()
                .all(|&slope| slope == 0.0)
        );
    }
}

#[test]
fn values_are_those_of_the_positions_that_count() {
    for reduction in REDUCTIONS {
        let targets = spoiled(random(4, 9));
        let flat = positions(&targets);
        let targets = padded(targets);
        let mse = Mse.reduction(reduction);
        check_against_mask(&IgnorePadding(mse), &mse, reduction, &targets, &flat);
        let mae = Mae.reduction(reduction);
        check_against_mask(&IgnorePadding(mae), &mae, reduction, &targets, &flat);

        let flat: Vec<Label<3>> = labels()
            .iter()
            .zip(LENGTHS)
            .flat_map(|(labels, length)| labels[..length].to_vec())
            .collect();
        let targets = padded(labels());
        let classes = CrossEntropy.reduction(reduction);
        check_against_mask(
            &IgnorePadding(classes),
            &classes,
            reduction,
            &targets,
            &flat,
        );

        // The same with labels that are `None`.
        let optional: Vec<[Option<Label<3>>; 5]> = labels()
            .iter()
            .zip(LENGTHS)
            .map(|(labels, length)| core::array::from_fn(|i| (i < length).then_some(labels[i])))
            .collect();
        check_against_mask(
            &classes.optional_labels(),
            &classes,
            reduction,
            &optional,
            &flat,
        );
    }
}

#[test]
fn padding_alone_has_no_mean_and_no_gradient() {
    let targets = vec![Padded::new(Tensor2::zeros(), 0); 2];
    let outputs = [Tensor2::<5, 3>::full(f32::NAN); 2];
    let mut gradients = [Tensor2::full(f32::NAN); 2];
    let mut loss = |reduction| {
        let loss = IgnorePadding(Mse.reduction(reduction));
        loss.loss(&outputs, &targets, &mut gradients)
    };
    assert!(loss(Reduction::Mean).is_nan());
    assert_eq!(loss(Reduction::Sum), 0.0);
    assert_eq!(loss(Reduction::SampleMean), 0.0);
    assert_eq!(gradients, [Tensor2::zeros(); 2]);

    let metric = IgnorePadding(MeanAbsoluteError::new());
    let error = metric.of(&outputs, &targets).expect_err("no positions");
    assert_eq!(
        error,
        MetricError::TooFewSamples {
            found: 0,
            needed: 1
        }
    );
}

#[test]
fn a_length_beyond_the_end_counts_all() {
    let outputs: Vec<Tensor2<5, 3, f64>> = random(1, 1);
    let target: Tensor2<5, 3, f64> = random(1, 2)[0];
    let mut gradients = [Tensor2::zeros()];
    let mut loss = |length| {
        let targets = [Padded::new(target, length)];
        IgnorePadding(Mse).loss(&outputs, &targets, &mut gradients)
    };
    assert_eq!(loss(usize::MAX), loss(5));
    let all: f64 = Mse.loss(&outputs, &[target], &mut [Tensor2::zeros()]);
    assert!((loss(5) - all).abs() < 1e-15);
}

#[test]
fn metrics_see_no_padding() {
    let outputs = spoiled(random(4, 8));
    let targets = spoiled(random(4, 9));
    let (flat_outputs, flat_targets) = (positions(&outputs), positions(&targets));
    let targets = padded(targets);

    macro_rules! same {
        ($metric:expr) => {
            let found = IgnorePadding($metric)
                .of(&outputs, &targets)
                .expect("positions");
            assert_eq!(
                found,
                $metric.of(&flat_outputs, &flat_targets).expect("positions")
            );
        };
    }
    same!(MeanAbsoluteError::new());
    same!(RootMeanSquaredError::new());
    same!(R2Score::new());

    let flat: Vec<Label<3>> = labels()
        .iter()
        .zip(LENGTHS)
        .flat_map(|(labels, length)| labels[..length].to_vec())
        .collect();
    let found = IgnorePadding(Accuracy::new())
        .of(&outputs, &padded(labels()))
        .expect("positions");
    assert_eq!(
        found,
        Accuracy::new().of(&flat_outputs, &flat).expect("positions")
    );
    let metric = IgnorePadding(Accuracy::<3>::new());
    assert_eq!(metric.name(), "accuracy");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]

    /// Labels that are `None` change no metric of classes, for outputs of any rank.
    #[test]
    fn missing_labels_do_not_count(
        numbers in prop::collection::vec(prop::option::of(0_usize..3), 12),
        seed in any::<u64>(),
    ) {
        let scores: Vec<Tensor1<3>> = (0..12)
            .map(|i| Tensor1::uniform(-1.0, 1.0, &mut shapewright::rng(seed ^ i)))
            .collect();
        let label = |number: usize| Label::<3>::new(number).expect("a class");
        let optional: Vec<Option<Label<3>>> = numbers.iter().map(|number| number.map(label)).collect();
        let (kept, kept_labels): (Vec<_>, Vec<_>) = scores
            .iter()
            .zip(&optional)
            .filter_map(|(scores, label)| Some((*scores, (*label)?)))
            .unzip();

        let flat: Vec<f32> = scores.iter().flat_map(|scores| scores.as_slice().to_vec()).collect();
        let sequences: Vec<Tensor2<4, 3>> = flat.chunks(12).map(|x| Tensor2::from_slice(x).expect("12")).collect();
        let sequence_labels: Vec<[Option<Label<3>>; 4]> = optional.as_chunks().0.to_vec();
        let images: Vec<Tensor3<2, 3, 3>> = flat.chunks(18).map(|x| Tensor3::from_slice(x).expect("18")).collect();
        let image_labels: Vec<[[Option<Label<3>>; 3]; 2]> = optional.as_chunks().0.as_chunks().0.to_vec();

        macro_rules! same {
            ($metric:expr) => {
                let wanted = $metric.of(&kept, &kept_labels);
                prop_assert_eq!($metric.of(&scores, &optional), wanted.clone());
                prop_assert_eq!($metric.of(&sequences, &sequence_labels), wanted.clone());
                prop_assert_eq!($metric.of(&images, &image_labels), wanted);
            };
        }
        same!(Accuracy::new());
        same!(TopKAccuracy::new(2));
        same!(F1::new(Average::Macro));
        same!(LogLoss::new(Outputs::Logits));
        same!(Perplexity::new(Outputs::Logits));

        let classes: Vec<Label<3>> = scores.iter().map(|scores| scores.class()).collect();
        prop_assert_eq!(Accuracy::new().of(&classes, &optional), Accuracy::new().of(&kept, &kept_labels));
    }
}

/// The perplexity of probabilities is the inverse of their geometric mean.
#[test]
fn perplexity_is_the_inverse_of_the_geometric_mean() {
    let probabilities = [[0.5, 0.25, 0.25], [0.2, 0.2, 0.6]].map(Tensor1::<3, f64>::from);
    let labels = Label::from_numbers(&[1_u8, 2]).expect("classes");
    let wanted = 1.0 / (0.25 * 0.6_f64).sqrt();
    let found = Perplexity::new(Outputs::Probabilities).of(&probabilities, &labels);
    assert!((found.expect("samples") - wanted).abs() < 1e-12);
    let logits = probabilities.map(|p| p.map(|p| p.ln() + 7.0));
    let found = Perplexity::new(Outputs::Logits)
        .of(&logits, &labels)
        .expect("samples");
    assert!((found - wanted).abs() < 1e-12);
    assert_eq!(
        Perplexity::<3>::new(Outputs::Logits).value(),
        Err(MetricError::TooFewSamples {
            found: 0,
            needed: 1
        })
    );
}

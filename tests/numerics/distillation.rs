//! The gradients of a student's losses against central differences.

use shapewright::loss::{CosineDistance, Distillation, Joint, Reduction, Taught};
use shapewright::prelude::*;
use shapewright::tensor::{Rank1, Rank2};

use crate::common::gradient::check_loss;
use crate::common::random;

const BATCH: usize = 6;

fn labels<const N: usize>() -> impl Iterator<Item = Label<N>> {
    (0..BATCH).map(|i| Label::new(i * 5 % N).expect("a class"))
}

#[test]
fn distillation() {
    let teacher: Vec<Tensor1<4, f64>> = random(BATCH, 9);
    for (temperature, weight) in [(1.0, 0.5), (4.0, 0.9), (0.5, 1.0)] {
        let loss = Distillation::new(temperature, CrossEntropy).weight(weight);
        check_loss::<Rank1<4>, _>(&loss, &Taught::all(teacher.clone(), labels()));
    }
}

#[test]
fn distillation_of_sequences_and_without_labels() {
    let teacher: Vec<Tensor2<3, 4, f64>> = random(BATCH, 9);
    let of_positions = labels::<4>().map(|label| [label; 3]);
    let loss = Distillation::new(2.0, CrossEntropy);
    check_loss::<Rank2<3, 4>, _>(&loss, &Taught::all(teacher, of_positions));

    let teacher: Vec<Tensor1<4, f64>> = random(BATCH, 9);
    let some = labels::<4>()
        .enumerate()
        .map(|(i, label)| (i == 2).then_some(label));
    let known = CrossEntropy
        .optional_labels()
        .reduction(Reduction::SampleMean);
    check_loss::<Rank1<4>, _>(&Distillation::new(3.0, known), &Taught::all(teacher, some));
}

#[test]
fn cosine_distance() {
    let of_teacher: Vec<Tensor1<5, f64>> = random(BATCH, 9);
    check_loss::<Rank1<5>, _>(&CosineDistance, &of_teacher);
    let of_teacher: Vec<Tensor2<3, 5, f64>> = random(BATCH, 9);
    let sum = CosineDistance.reduction(Reduction::Sum);
    check_loss::<Rank2<3, 5>, _>(&sum, &of_teacher);
    // Shorter than `epsilon`.
    check_loss::<Rank2<3, 5>, _>(&sum.epsilon(10.0), &of_teacher);
}

#[test]
fn joint() {
    let hidden: Vec<Tensor1<5, f64>> = random(BATCH, 9);
    let targets: Vec<_> = labels::<4>().zip(hidden.clone()).collect();
    let loss = Joint::new(CrossEntropy, Mse).weights(0.7, 2.0);
    check_loss::<(Rank1<4>, Rank1<5>), _>(&loss, &targets);
    let loss = Joint::new(CrossEntropy, CosineDistance);
    check_loss::<(Rank1<4>, Rank1<5>), _>(&loss, &targets);

    // With a teacher for the logits as well.
    let teacher: Vec<Tensor1<4, f64>> = random(BATCH, 8);
    let targets: Vec<_> = Taught::all(teacher, labels())
        .into_iter()
        .zip(hidden)
        .collect();
    let loss = Joint::new(Distillation::new(4.0, CrossEntropy), Mse);
    check_loss::<(Rank1<4>, Rank1<5>), _>(&loss, &targets);
}

/// Cosines do not depend on the lengths, however large.
#[test]
fn cosine_of_extreme_vectors() {
    for size in [1e-5, 1e18] {
        let outputs = [Tensor1::from([2.0 * size, 0.0])];
        let targets = [Tensor1::from([3.0, 4.0])];
        let mut gradients = [Tensor1::zeros()];
        let loss: f32 = CosineDistance.loss(&outputs, &targets, &mut gradients);
        assert!((loss - 0.4).abs() < 1e-6, "{loss} at {size}");
    }
}

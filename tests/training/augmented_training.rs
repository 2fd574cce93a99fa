//! Training with augmentation: threads, order and interruptions do not change a run.

use std::sync::Mutex;

use crate::common::{folder, settings};
use shapewright::augment::{
    Augmenter, ColorJitter, GaussianNoise, Interpolation, MixUp, RandomAffine,
    RandomHorizontalFlip, SampleRng, mix,
};
use shapewright::data::{Batches, one_hot};
use shapewright::metrics::Accuracy;
use shapewright::prelude::*;
use shapewright::train::{StopHandle, TrainError};

const SIDE: usize = 8;
const COUNT: usize = 75;

network! {
    struct Net: [SIDE, SIDE, 1] -> [3] { Flatten, hidden: Linear<_, 300>, Relu, Dropout(0.1), head: Linear<_, 3> }
}

type Image = Tensor3<SIDE, SIDE, 1>;

fn samples() -> (Vec<Image>, Vec<Label<3>>) {
    let uniform = rand::distr::Uniform::new(0.0, 1.0).expect("a range");
    let mut rng = shapewright::rng(3);
    let images = (0..COUNT)
        .map(|_| Tensor::random(uniform, &mut rng))
        .collect();
    (
        images,
        (0..COUNT)
            .map(|i| Label::new(i % 3).expect("a class"))
            .collect(),
    )
}

fn list() -> (
    RandomHorizontalFlip,
    RandomAffine,
    ColorJitter,
    GaussianNoise,
) {
    let affine = RandomAffine::new(15.0).translate(0.2, 0.2).scale(0.9, 1.1);
    (
        RandomHorizontalFlip::new(0.5),
        affine.interpolation(Interpolation::Bilinear),
        ColorJitter::new().brightness(0.3).contrast(0.3),
        GaussianNoise::new(0.05),
    )
}

fn trainer<'a>() -> shapewright::train::Trainer<'a, Net, Adam, CrossEntropy, Label<3>> {
    Net::trainer(Adam::new(0.01), CrossEntropy)
        .epochs(3)
        .batch_size(16)
        .seed(5)
}

fn run(
    trainer: shapewright::train::Trainer<'_, Net, Adam, CrossEntropy, Label<3>>,
) -> (Vec<f32>, Vec<f64>) {
    let ((x, labels), mut net) = (samples(), Net::init(&mut shapewright::rng(1)));
    let history = trainer.fit(&mut net, &x, &labels).expect("a training");
    (
        net.params().to_vec(),
        history.epochs.iter().map(|epoch| epoch.loss).collect(),
    )
}

#[test]
fn the_same_bits_at_every_number_of_threads() {
    let mut first = None;
    settings().every_threads(&[1, 2, 3], |threads| {
        let found = run(trainer().augment(list()).mixup(MixUp::new(0.4)));
        assert_eq!(
            *first.get_or_insert(found.clone()),
            found,
            "on {threads} threads"
        );
    });
    let first = first.expect("a run");
    assert_ne!(first, run(trainer().augment(list())));
    assert_ne!(
        first,
        run(trainer().augment(list()).mixup(MixUp::new(0.4)).seed(6))
    );
}

#[test]
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
fn without_threads_it_is_the_same_training() {
    let threads = std::fs::read_dir("/proc/self/task")
        .expect("the threads")
        .count();
    let text = |run: (Vec<f32>, Vec<f64>)| format!("{run:?}");
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("without_threads_it_is_the_same_training");
    let augmented = || text(run(trainer().augment(list()).mixup(MixUp::new(0.4))));

    if crate::common::without_threads("augmented_training::without_threads_it_is_the_same_training")
    {
        let _settings = settings();
        shapewright::threads::set_threads(2);
        std::fs::write(file, augmented()).expect("a file");
        assert_eq!(
            std::fs::read_dir("/proc/self/task")
                .expect("the threads")
                .count(),
            threads
        );
        return;
    }

    assert_eq!(
        std::fs::read_to_string(file).expect("the other's run"),
        augmented()
    );
}

#[test]
fn nothing_to_change_is_a_training_without_augmentation() {
    assert_eq!(run(trainer().augment(())), run(trainer()));
    assert_eq!(
        run(trainer().augment(()).accumulate(3)),
        run(trainer().accumulate(3))
    );
    assert_eq!(
        run(trainer().augment(()).batch_size(1000)),
        run(trainer().batch_size(1000))
    );
}

#[test]
fn every_sample_gets_what_its_epoch_and_index_say() {
    let (x, labels) = samples();
    let seen = Mutex::new(Vec::new());
    let record = |image: &mut Image, _: &mut SampleRng| seen.lock().unwrap().push(*image);
    let mut net = Net::init(&mut shapewright::rng(1));
    trainer()
        .augment((list(), record))
        .fit(&mut net, &x, &labels)
        .expect("a training");

    // The order is that of a training without augmentation, by the documented generator.
    let mut order = shapewright::rng(5);
    rand::Rng::next_u64(&mut order);
    let positions: Vec<usize> = (0..COUNT).collect();
    let mut batches = Batches::new(&x, &positions, 16);
    let mut expected = Vec::new();
    let mut augmenter = Augmenter::new(list(), 5);

    for epoch in 1..=3 {
        batches.shuffle(&mut order);
        while let Some((images, positions)) = batches.next_batch() {
            for (image, &index) in images.iter().zip(positions) {
                let mut image = *image;
                augmenter.augment(epoch, index, &mut image);
                expected.push(image);
            }
        }
    }

    assert!(*seen.lock().unwrap() == expected);
}

#[test]
fn validation_and_metrics_see_samples_as_they_are() {
    let (x, labels) = samples();
    let black = |image: &mut Image, _: &mut SampleRng| *image = Image::full(0.0);
    let mut net = Net::init(&mut shapewright::rng(1));

    let history = trainer()
        .augment(black)
        .validate(&x, &labels)
        .metric(Accuracy::new())
        .fit(&mut net, &x, &labels)
        .expect("a training");

    let (mut outputs, mut gradients) =
        (vec![Tensor1::zeros(); COUNT], vec![Tensor1::zeros(); COUNT]);
    net.forward_batch(&x, &mut outputs);
    let loss = CrossEntropy.loss(&outputs, &labels, &mut gradients);

    let last = history.last().expect("an epoch");
    assert!((last.validation_loss.expect("a loss") - f64::from(loss)).abs() < 1e-5);
    assert!(
        (last.loss - f64::from(loss)).abs() > 1e-3,
        "the training did not see the black images"
    );
}

#[test]
fn a_training_that_was_interrupted_goes_on_with_the_same_bits() {
    let path = folder("augmented-checkpoint").join("net.checkpoint");
    let changed = || trainer().augment(list()).mixup(MixUp::new(0.4));
    let whole = run(changed());

    for stop_at in [1, 3, 5, 7, 12] {
        let stop = StopHandle::new();
        let stopping = changed()
            .checkpoint(&path)
            .resume(false)
            .stop_handle(&stop)
            .on_step(|step, _| {
                if step.step == stop_at {
                    stop.stop();
                }
                std::ops::ControlFlow::Continue(())
            });

        let cut = run(stopping);
        assert_ne!(cut.0, whole.0);
        assert_eq!(
            run(changed().checkpoint(&path).resume(true)),
            whole,
            "stopped at step {stop_at}"
        );
        std::fs::remove_file(&path).expect("the checkpoint");
    }

    let (x, labels) = samples();
    run(changed().epochs(1).checkpoint(&path));
    let error = trainer()
        .mixup(MixUp::new(0.4))
        .checkpoint(&path)
        .resume(true);
    let error = error
        .fit(&mut Net::init(&mut shapewright::rng(1)), &x, &labels)
        .unwrap_err();
    assert!(
        matches!(&error, TrainError::Checkpoint(_)) && error.to_string().contains("augmentation"),
        "{error}"
    );
}

#[test]
fn a_panic_of_a_transform_goes_on_in_the_training() {
    let (x, labels) = samples();
    let fail = |_: &mut Image, _: &mut SampleRng| panic!("a transform of the test");
    let panic = std::panic::catch_unwind(|| {
        let _ = trainer()
            .augment(fail)
            .fit(&mut Net::init(&mut shapewright::rng(1)), &x, &labels);
    });
    let message = *panic
        .unwrap_err()
        .downcast_ref::<&str>()
        .expect("a sentence");
    assert_eq!(message, "a transform of the test");
}

network! { #[derive(Clone)] struct Logits: [SIDE, SIDE, 1] -> [3] { Flatten, fc: Linear<_, 3> } }
network! { struct LogProbabilities: [SIDE, SIDE, 1] -> [3] { Flatten, fc: Linear<_, 3>, LogSoftmax } }

/// A step by the trainer equals one by hand on soft targets, for the smallest and the largest share
/// that samples keep.
#[test]
fn mixup_trains_on_mixed_targets() {
    let (x, labels) = samples();
    let start = Logits::init(&mut shapewright::rng(1));
    // A large alpha gives shares of a half, and a small one shares of 0 or 1, so that each sample
    // is unmixed.
    for (alpha, lambda) in [(1e12, 0.5), (1e-9, 1.0)] {
        let mut net = start.clone();
        let trainer = Logits::trainer(Sgd::new(1.0), CrossEntropy)
            .batch_size(COUNT)
            .mixup(MixUp::new(alpha));
        let history = trainer.fit(&mut net, &x, &labels).expect("a training");

        let mut batches = Batches::new(&x, &labels, COUNT);
        let mut order = shapewright::rng(0);
        rand::Rng::next_u64(&mut order);
        batches.shuffle(&mut order);
        let (x, labels) = batches.next_batch().expect("a batch");
        let mut x = x.to_vec();
        let mut targets = labels
            .iter()
            .map(|&label| one_hot(label))
            .collect::<Vec<_>>();
        mix(&mut x, lambda);
        mix(&mut targets, lambda);
        let mut by_hand = LogProbabilities::zeros();
        let mut gradient = LogProbabilities::zeros();
        by_hand.params_mut().copy_from_slice(start.params());
        let mut workspace = LogProbabilities::workspace();
        let mut pass = by_hand.forward_train(&x, &mut workspace);
        let outputs = pass.outputs().iter().zip(&targets);
        let loss: f32 = outputs
            .map(|(y, t)| -y.iter().zip(t).map(|(y, t)| y * t).sum::<f32>())
            .sum();
        pass.loss(&KlDiv, &targets);
        pass.backward(&mut gradient);
        for ((new, old), slope) in net
            .params()
            .iter()
            .zip(start.params())
            .zip(gradient.params())
        {
            assert!(
                (old - slope - new).abs() < 2e-6,
                "{alpha}: {} is not {slope}",
                old - new
            );
        }
        let found = history.last().expect("an epoch").loss;
        assert!(
            (found - f64::from(loss) / COUNT as f64).abs() < 1e-5,
            "{alpha}: {found}"
        );
    }
}

//! Checkpoints: a resumed training has every bit of one that was not interrupted.

use std::cell::Cell;
use std::fmt::Debug;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::common::{bits, folder, random, settings};
use shapewright::metrics::MeanSquaredError;
use shapewright::prelude::*;
use shapewright::{
    optim::{OptimizerSnapshot, OptimizerState, SkippedSteps},
    train::{CheckpointError, CheckpointErrorKind, History, Step, StopHandle, TrainError, Trainer},
};

network! {
    struct Small: [3] -> [1] {
        hidden: Linear<_, 8>,
        Tanh,
        Dropout(0.3),
        out: Linear<_, 1>,
    }
}

network! {
    struct Double: [3] -> [1] as f64 {
        hidden: Linear<_, 8>,
        Tanh,
        Dropout(0.3),
        out: Linear<_, 1>,
    }
}

// Large enough for both threads.
network! { struct Wide: [3] -> [1] { Linear<_, 180>, Tanh, Dropout(0.3), Linear<_, 200>, Relu, out: Linear<_, 1> } }

// Its batches are gathered ahead, on another thread.
network! { struct Broad: [4000] -> [1] { Linear<_, 4>, Tanh, Dropout(0.3), Linear<_, 1> } }

type Sample<N> = (
    Vec<Tensor<<N as Network>::Input, Of<N>>>,
    Vec<Tensor<<N as Network>::Output, Of<N>>>,
);
type Of<N> = <N as Network>::Element;

const EPOCHS: usize = 4;
/// 37 samples in batches of 5, two of which make a step.
const STEPS: u64 = 4;

fn samples<N: Trainable>(count: usize, seed: u64) -> Sample<N> {
    let x = random::<N::Input, Of<N>>(count, seed);
    let y = x
        .iter()
        .map(|x| Tensor::full(x.as_slice()[0] * x.as_slice()[1]))
        .collect();
    (x, y)
}

/// Everything that a checkpoint can hold: Adam with a schedule, an average, early stopping,
/// accumulated gradients.
fn trainer<'a, N, O>(optimizer: O, valid: &'a Sample<N>) -> On<'a, N, O>
where
    N: Trainable<Ends = shapewright::emitted::Values>,
    O: Optimizer + Sync,
{
    N::trainer(optimizer, Mse)
        .epochs(EPOCHS)
        .batch_size(5)
        .accumulate(2)
        .seed(3)
        .validate(&valid.0, &valid.1)
        .metric(MeanSquaredError::new())
        .clip_grad_norm(0.5)
        .l2_penalty(layer!(N), 0.01)
}

type On<'a, N, O> =
    Trainer<'a, N, O, shapewright::loss::Mse, Tensor<<N as Network>::Output, Of<N>>>;

/// Returns the bits of a training's results.
#[derive(Debug, PartialEq)]
struct Outcome {
    params: Vec<u64>,
    history: String,
    restored: Option<usize>,
}

fn outcome<N: Trainable>(net: &N, mut history: History) -> Outcome {
    for epoch in &mut history.epochs {
        assert!(
            epoch.waiting > 0.0 && epoch.waiting < epoch.seconds,
            "{epoch:?}"
        );
        (epoch.seconds, epoch.waiting) = (0.0, 0.0);
    }
    Outcome {
        params: bits(net.params()),
        history: format!("{:?}", history.epochs),
        restored: history.restored,
    }
}

/// Interrupts at each of the steps and resumes from the file. Also resumes from the file that a
/// power failure would leave.
fn check<N, O>(
    name: &str,
    optimizer: O,
    at: &[u64],
    setup: impl for<'s> Fn(On<'s, N, O>) -> On<'s, N, O>,
) where
    N: Trainable<Ends = shapewright::emitted::Values>,
    O: Optimizer + Sync,
{
    let folder = folder(&format!("checkpoint-{name}"));
    let ((x, y), valid) = (samples::<N>(37, 1), samples::<N>(11, 2));
    let fresh = || N::init(&mut shapewright::rng(4));
    let trainer = || setup(trainer::<N, O>(optimizer.clone(), &valid));

    let mut net = fresh();
    let history = trainer().fit(&mut net, &x, &y).expect("a training");
    assert!(!history.interrupted);
    let whole = outcome(&*net, history);
    let path = folder.join("run.checkpoint");
    let resume = |path: &Path, rounds: &[u64]| {
        for &stop in rounds {
            let stop_at = |step: &Step, _: &N| {
                if step.step == stop {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            };
            let history = trainer()
                .checkpoint(path)
                .resume(true)
                .on_step(stop_at)
                .fit(&mut fresh(), &x, &y)
                .expect("a part");
            assert!(history.interrupted);
            assert_eq!(history.epochs.len() as u64, (stop - 1) / STEPS);
        }
        // The parameters of the network before resuming do not matter.
        let mut net = N::init(&mut shapewright::rng(99));
        let history = trainer()
            .checkpoint(path)
            .resume(true)
            .fit(&mut net, &x, &y)
            .expect("the rest");
        assert!(!history.interrupted);
        assert_eq!(
            outcome(&*net, history),
            whole,
            "{name}, interrupted at {rounds:?}"
        );
    };
    for &stop in at {
        let _ = fs::remove_file(&path);
        resume(&path, &[stop]);
    }
    fs::remove_file(&path).expect("a checkpoint");
    resume(&path, &[2, 3, 7, 8, 9]);
    // Resuming a training that has ended changes nothing.
    resume(&path, &[]);

    // The power fails in the step after each epoch.
    let kept = |epoch: u64| folder.join(format!("kept-{epoch}"));
    let copy = |step: &Step, _: &N| {
        if step.step % STEPS == 1 && step.step > 1 {
            fs::copy(&path, kept(step.step / STEPS)).expect("a checkpoint of the epoch before");
        }
        ControlFlow::Continue(())
    };
    fs::remove_file(&path).expect("a checkpoint");
    trainer()
        .checkpoint(&path)
        .on_step(copy)
        .fit(&mut fresh(), &x, &y)
        .expect("a training");
    for epoch in 1..whole.history.matches("Epoch {").count() as u64 {
        resume(&kept(epoch), &[]);
    }
}

/// Every step of the training.
const ALL: [u64; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];

#[test]
fn a_resumed_training_is_the_whole_one_in_every_bit() {
    let schedule = || CosineAnnealingLr::new(0.05, 16).warm_up(3, 0.1);

    settings().every_threads(&[1, 2], |threads| {
        check::<Small, _>(
            &format!("f32-{threads}"),
            Adam::new(0.05),
            &ALL,
            |trainer| {
                trainer
                    .schedule(schedule())
                    .average(WeightAverage::ema(0.8))
                    .early_stopping(9)
            },
        );

        check::<Double, _>(
            &format!("f64-{threads}"),
            Adam::new(0.05),
            &ALL,
            |trainer| {
                trainer
                    .schedule(schedule())
                    .average(WeightAverage::ema(0.8))
                    .early_stopping(9)
            },
        );

        check::<Wide, _>(
            &format!("wide-{threads}"),
            Adam::new(0.01),
            &[6],
            |trainer| {
                trainer
                    .schedule(schedule())
                    .average(WeightAverage::ema(0.8))
                    .early_stopping(9)
            },
        );
    });
}

#[test]
fn other_settings_resume_in_every_bit() {
    check::<Small, _>("plain", Sgd::new(0.05), &[6], |trainer| trainer);
    check::<Broad, _>("broad", Sgd::new(0.05), &[6, 8], |trainer| trainer);

    check::<Small, _>(
        "plateau",
        Sgd::new(0.5).momentum(0.9),
        &[4, 9, 13],
        |trainer| {
            trainer.schedule(ReduceLrOnPlateau::new().patience(0).factor(0.5).threshold(
                // Nearly every loss counts as no progress, so that the learning rate is reduced
                // again and again.
                shapewright::schedule::Threshold::Relative(0.5),
            ))
        },
    );

    check::<Small, _>("swa", AdamW::new(0.05), &[4, 9, 13], |trainer| {
        trainer
            .average(WeightAverage::swa())
            .average_from(2)
            .schedule(ExponentialLr::new(0.1, 0.5).by_epoch())
    });

    check::<Small, _>("parts", NAdam::new(0.05), &[5], |trainer| {
        trainer.param_groups(|state: OptimizerState<_, Small>| {
            state
                .freeze(layer!(Small, hidden.bias))
                .scale(layer!(Small, out), 0.3)
        })
    });

    // The learning rate that a closure changes is kept.
    check::<Small, _>("adjust", Lion::new(0.05), &[5], |trainer| {
        trainer.adjust(|lion, _| lion.lr *= 0.9)
    });
}

#[test]
fn early_stopping_resumes_with_its_best() {
    // The training gets worse from the second epoch: the first is the best, and the training ends
    // after the third.
    check::<Small, _>("stopping", Sgd::new(0.05), &[3, 4, 5, 9, 11], |trainer| {
        trainer
            .early_stopping(2)
            .adjust(|sgd, at| sgd.lr = if at.epoch == 1 { 0.05 } else { 20.0 })
    });
}

#[test]
fn a_training_goes_on_for_more_epochs() {
    let path = folder("checkpoint-more").join("run.checkpoint");
    let ((x, y), valid) = (samples::<Small>(37, 1), samples::<Small>(11, 2));
    let trainer = || trainer::<Small, _>(Adam::new(0.02), &valid);
    let net = || Small::init(&mut shapewright::rng(4));

    let mut whole = net();
    let mut parts = net();
    let expected = trainer().epochs(9).fit(&mut whole, &x, &y).unwrap();

    for epochs in [2, 3, 9] {
        let history = trainer()
            .epochs(epochs)
            .checkpoint(&path)
            .resume(true)
            .fit(&mut parts, &x, &y)
            .unwrap();
        assert_eq!(history.epochs.len(), epochs);
        if epochs == 9 {
            assert_eq!(
                outcome(&*parts, history),
                outcome(&*whole, expected.clone())
            );
        }
    }
}

#[test]
fn checkpoints_come_as_often_as_asked_for_and_at_the_end() {
    let path = folder("checkpoint-every").join("run.checkpoint");
    let ((x, y), valid) = (samples::<Small>(37, 1), samples::<Small>(11, 2));

    let seen = std::cell::RefCell::new(Vec::new());
    let look = |_: &shapewright::train::Epoch, _: &Small| {
        seen.borrow_mut().push(fs::read(&path).ok());
        ControlFlow::Continue(())
    };

    let trainer = trainer::<Small, _>(Adam::new(0.02), &valid)
        .epochs(5)
        .checkpoint_every(2)
        .checkpoint(&path);
    trainer
        .on_epoch(look)
        .fit(&mut Small::zeros(), &x, &y)
        .unwrap();

    let seen = seen.into_inner();
    // Each checkpoint is seen in the next epoch.
    assert!(seen[0].is_none() && seen[1].is_none() && seen[2].is_some());
    assert!(seen[2] == seen[3] && seen[3] != seen[4] && seen[4] != fs::read(&path).ok());
    assert_eq!(
        fs::read_dir(path.parent().unwrap()).unwrap().count(),
        1,
        "nothing is left beside the file"
    );
}

/// A small checkpoint, and the data of trainings that try to resume from it.
struct Try {
    path: PathBuf,
    data: Sample<Tiny>,
}

network! { struct Tiny: [3] -> [1] { fc: Linear<_, 1> } }
network! { struct Nothing: [3] -> [3] { Tanh } }
network! { struct Named: [3] -> [1] { head: Linear<_, 1> } }
network! { struct Larger: [3] -> [1] { fc: Linear<_, 2>, Linear<_, 1> } }
network! { struct Tiny64: [3] -> [1] as f64 { fc: Linear<_, 1> } }

impl Try {
    fn new(name: &str) -> Self {
        let path = folder(name).join("run.checkpoint");
        let data = samples::<Tiny>(4, 1);
        let made = Try { path, data };
        let mut net = Tiny::init(&mut shapewright::rng(0));
        made.trainer::<Tiny, _>(Adam::new(0.1))
            .fit(&mut net, &made.data.0, &made.data.1)
            .unwrap();
        made
    }

    fn trainer<N, O>(&self, optimizer: O) -> On<'_, N, O>
    where
        N: Trainable<Ends = shapewright::emitted::Values>,
        O: Optimizer + Sync,
    {
        N::trainer(optimizer, Mse)
            .checkpoint(&self.path)
            .resume(true)
    }

    /// Returns the error of a training that can't resume, and checks that it leaves the network and
    /// the file as they are.
    #[track_caller]
    fn error<N, O>(&self, trainer: On<'_, N, O>) -> CheckpointError
    where
        N: Trainable<Ends = shapewright::emitted::Values>,
        O: Optimizer + Sync,
    {
        let (x, y) = samples::<N>(4, 1);
        let mut net = N::init(&mut shapewright::rng(5));
        let before = bits(net.params());
        let file = fs::read(&self.path).ok();

        let error = trainer
            .epochs(3)
            .fit(&mut net, &x, &y)
            .expect_err("it should not go on");

        assert_eq!(bits(net.params()), before);
        assert_eq!(fs::read(&self.path).ok(), file);

        let TrainError::Checkpoint(checkpoint) = error else {
            panic!("{error}")
        };
        assert_eq!(checkpoint.path, self.path);
        checkpoint
    }

    #[track_caller]
    fn differs<N, O>(&self, trainer: On<'_, N, O>, what: &str, here: &str, there: &str)
    where
        N: Trainable<Ends = shapewright::emitted::Values>,
        O: Optimizer + Sync,
    {
        let error = self.error(trainer);

        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let what = what.to_owned();
        let expected = text(here);
        let found = text(there);

        assert_eq!(
            error.kind,
            CheckpointErrorKind::Differs {
                what,
                expected,
                found
            },
            "{error}"
        );
    }
}

#[test]
fn a_damaged_file_is_refused_whatever_byte_it_is() {
    let tried = Try::new("checkpoint-damaged");
    let whole = fs::read(&tried.path).unwrap();
    assert!(whole.len() < 4000, "{} bytes", whole.len());
    let refused = |bytes: &[u8]| {
        fs::write(&tried.path, bytes).unwrap();
        let error = tried.error(tried.trainer::<Tiny, _>(Adam::new(0.1)));
        let damaged = matches!(
            error.kind,
            CheckpointErrorKind::Damaged { .. } | CheckpointErrorKind::Version { .. }
        );
        assert!(damaged, "{error}");
        error.to_string()
    };
    for at in 0..whole.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] ^= flip;
            refused(&bytes);
        }
        refused(&whole[..at]);
    }
    let more = refused(&[&whole[..], &[0; 8]].concat());
    assert!(more.contains(&format!(
        "it has {} bytes, but was written with {}",
        whole.len() + 8,
        whole.len()
    )));
    assert!(
        more.ends_with("take a whole copy of it, or begin anew without `resume`"),
        "{more}"
    );
    // Words in another order have another checksum.
    let mut swapped = whole.clone();
    let middle = whole.len() / 16 * 8;
    swapped[middle..][..16].rotate_left(8);
    assert_ne!(swapped, whole);
    refused(&swapped);

    // Without `resume` the file is overwritten.
    let (x, y) = &tried.data;
    tried
        .trainer::<Tiny, _>(Adam::new(0.1))
        .resume(false)
        .fit(&mut Tiny::zeros(), x, y)
        .unwrap();
    tried
        .trainer::<Tiny, _>(Adam::new(0.1))
        .fit(&mut Tiny::zeros(), x, y)
        .unwrap();
}

/// Returns a changed file with the checksum that makes it pass for whole.
fn with_right_sum(mut file: Vec<u8>) -> Vec<u8> {
    const HEAD: usize = 48;
    let len = file.len() as u64;
    let words = file[HEAD..].as_chunks().0;
    let sum = words.iter().fold(0x9e37_79b9_7f4a_7c15, |sum: u64, word| {
        (sum ^ u64::from_le_bytes(*word))
            .wrapping_mul(0xd134_2543_de82_ef95)
            .rotate_left(29)
    });
    file[32..40].copy_from_slice(&len.to_le_bytes());
    file[40..HEAD].copy_from_slice(&sum.to_le_bytes());
    file
}

/// Returns the end of the settings, which are a number and as many pairs of texts, each with its
/// length.
fn settings_end(file: &[u8]) -> usize {
    let word = |at: usize| u64::from_le_bytes(*file[at..].first_chunk().unwrap()) as usize;
    (0..2 * word(48)).fold(56, |at, _| at + 8 + word(at).next_multiple_of(8))
}

/// Changes every word of a training's state, one by one, and resumes from each result.
fn change_every_word<N, O>(
    name: &str,
    optimizer: O,
    setup: impl for<'s> Fn(On<'s, N, O>) -> On<'s, N, O>,
) where
    N: Trainable<Ends = shapewright::emitted::Values>,
    O: Optimizer + Sync,
{
    let path = folder(&format!("checkpoint-words-{name}")).join("run.checkpoint");
    let ((x, y), valid) = (samples::<N>(7, 1), samples::<N>(3, 2));
    let trainer = || {
        let trainer = N::trainer(optimizer.clone(), Mse)
            .epochs(3)
            .batch_size(2)
            .accumulate(2);
        setup(trainer.validate(&valid.0, &valid.1).checkpoint(&path))
    };

    let in_the_third_epoch = |step: &Step, _: &N| match step.step {
        5 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    trainer()
        .on_step(in_the_third_epoch)
        .fit(&mut N::init(&mut shapewright::rng(0)), &x, &y)
        .unwrap();
    let whole = fs::read(&path).unwrap();
    assert_eq!(
        with_right_sum(whole.clone()),
        whole,
        "the sum is the one that is written"
    );

    let words = [0, 1, 3, 1 << 32, i64::MAX as u64, u64::MAX];
    let floats = [1e19, f64::NAN].map(f64::to_bits);
    let mut refused = 0;
    for at in (settings_end(&whole)..whole.len()).step_by(8) {
        for word in words.iter().chain(&floats) {
            let mut changed = whole.clone();
            changed[at..][..8].copy_from_slice(&word.to_le_bytes());
            fs::write(&path, with_right_sum(changed)).unwrap();
            let mut net = N::zeros();
            refused += usize::from(trainer().resume(true).fit(&mut net, &x, &y).is_err());
        }
    }
    assert!(refused > 40, "{refused} of {} bytes", whole.len());
}

#[test]
fn crafted_checkpoints_with_a_right_sum_go_on_or_are_refused() {
    change_every_word::<Tiny, _>("adagrad", Adagrad::new(0.1), |trainer| {
        let parts = |state: OptimizerState<_, Tiny>| state.freeze(layer!(Tiny, fc.bias));
        trainer
            .param_groups(parts)
            .early_stopping(1)
            .schedule(ReduceLrOnPlateau::new())
    });
    change_every_word::<Tiny, _>("nadam", NAdam::new(0.1), |trainer| {
        trainer
            .average(WeightAverage::ema_corrected(0.9))
            .metric(MeanSquaredError::new())
    });
    change_every_word::<Nothing, _>("nothing", Adam::new(0.1), |trainer| {
        trainer.average(WeightAverage::swa()).early_stopping(2)
    });
}

#[test]
fn counters_that_no_training_reaches_are_refused() {
    let tried = Try::new("checkpoint-counters");
    let whole = fs::read(&tried.path).unwrap();
    // After the settings and the network of 4 numbers come the learning rate and the optimizer's
    // steps.
    let rate = whole
        .windows(8)
        .rposition(|word| word == 0.1_f64.to_le_bytes())
        .unwrap();
    let mut changed = whole.clone();
    changed[rate + 8..][..8].copy_from_slice(&0_u64.to_le_bytes());
    fs::write(&tried.path, with_right_sum(changed)).unwrap();
    let kind = tried.error(tried.trainer::<Tiny, _>(Adam::new(0.1))).kind;
    assert!(
        matches!(kind, CheckpointErrorKind::Damaged { .. }),
        "{kind:?}"
    );
}

#[test]
fn a_state_with_any_counts_can_go_on() {
    let mut state = Adagrad::new(0.1).state::<Tiny>();
    let memory = vec![0.0; Tiny::zeros().params().len()];
    let missed = vec![SkippedSteps {
        end: memory.len(),
        steps: u64::MAX,
    }];
    state
        .restore(&OptimizerSnapshot {
            steps: u64::MAX,
            missed,
            states: vec![&memory],
        })
        .unwrap();
    let mut net = Tiny::zeros();
    let gradient = Tiny::init(&mut shapewright::rng(0));
    state.step(&mut net, &gradient);
    assert!(net.fc.weight.as_flattened().iter().all(|x| x.is_finite()));

    let mut average = WeightAverage::<Tiny>::swa();
    average.restore(&net, u64::MAX);
    average.update(&net);
    assert_eq!(average.updates(), u64::MAX);
}

#[test]
fn the_checkpoint_of_another_training_is_refused() {
    let tried = Try::new("checkpoint-other");
    let adam = Adam::new(0.1);
    tried.differs(
        tried.trainer::<Larger, _>(adam),
        "layer 0",
        "fc: Linear<_, 2>",
        "fc: Linear<_, 1>",
    );
    tried.differs(
        tried.trainer::<Named, _>(adam),
        "layer 0",
        "head: Linear<_, 1>",
        "fc: Linear<_, 1>",
    );
    tried.differs(
        tried.trainer::<Tiny64, _>(adam),
        "number type",
        "f64",
        "f32",
    );
    let text = |optimizer: &dyn Debug| format!("{optimizer:?}");
    for other in [Adam::new(0.2), adam.betas(0.9, 0.99), adam.amsgrad(true)] {
        tried.differs(
            tried.trainer::<Tiny, _>(other),
            "optimizer",
            &text(&other),
            &text(&adam),
        );
    }
    let sgd = Sgd::new(0.1);
    tried.differs(
        tried.trainer::<Tiny, _>(sgd),
        "optimizer",
        &text(&sgd),
        &text(&adam),
    );

    let tiny = || tried.trainer::<Tiny, _>(adam);
    tried.differs(tiny().batch_size(2), "batch size", "2", "32");
    tried.differs(tiny().seed(1), "seed", "1", "0");
    tried.differs(tiny().accumulate(3), "accumulate", "3", "1");
    let (x, y) = samples::<Tiny>(2, 2);
    tried.differs(tiny().validate(&x, &y), "validation samples", "2", "0");
    tried.differs(
        tiny().clip_grad_value(1.0),
        "clip_grad_value",
        "Some(1.0)",
        "None",
    );
    tried.differs(
        tiny().clip_grad_norm(1.0),
        "clip_grad_norm",
        "Some(1.0)",
        "None",
    );
    for other in [
        tiny().average(WeightAverage::ema(0.9)),
        tiny().schedule(StepLr::new(0.1, 2)),
        tiny().l1_penalty(layer!(Tiny, fc.bias), 0.1),
        tiny().param_groups(|state| state.freeze(layer!(Tiny, fc.bias))),
        tiny().metric(MeanSquaredError::new()),
        tiny().validate(&x, &y).early_stopping(3),
    ] {
        let kind = tried.error(other).kind;
        assert!(
            matches!(kind, CheckpointErrorKind::Differs { .. }),
            "{kind:?}"
        );
    }
    let error = tried.error(tiny().seed(1)).to_string();
    assert!(
        error.contains("is of another training: `seed` is 0 in it, but 1 here; make both alike"),
        "{error}"
    );

    // With more samples, which `error` does not use.
    let (x, y) = samples::<Tiny>(5, 1);
    let error = tiny()
        .fit(&mut Tiny::zeros(), &x, &y)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("`training samples` is 4 in it, but 5 here"),
        "{error}"
    );
}

#[test]
fn places_that_cannot_be_written_or_read_are_errors_at_once() {
    let tried = Try::new("checkpoint-places");
    let (x, y) = &tried.data;
    let nowhere = tried
        .path
        .with_file_name("no-folder")
        .join("run.checkpoint");
    let begun = Cell::new(false);
    let watch = |_: &Step, _: &Tiny| {
        begun.set(true);
        ControlFlow::Continue(())
    };
    let trainer = Tiny::trainer(Adam::new(0.1), Mse)
        .on_step(watch)
        .checkpoint(&nowhere);
    let error = trainer.fit(&mut Tiny::zeros(), x, y).unwrap_err();
    assert_eq!(
        error
            .to_string()
            .matches(&*nowhere.display().to_string())
            .count(),
        1,
        "{error}"
    );
    let TrainError::Checkpoint(CheckpointError {
        kind: CheckpointErrorKind::Write { .. },
        ..
    }) = error
    else {
        panic!("{error}")
    };
    assert!(!begun.get(), "it is found out before the first step");

    // A folder in the place of the file is an error before the first step.
    fs::remove_file(&tried.path).unwrap();
    fs::create_dir(&tried.path).unwrap();
    for resume in [false, true] {
        let trainer = Tiny::trainer(Adam::new(0.1), Mse)
            .on_step(watch)
            .checkpoint(&tried.path)
            .resume(resume);
        let error = trainer.fit(&mut Tiny::zeros(), x, y).unwrap_err();
        let text = "can't be written: is a directory; name a file in that folder";
        assert!(error.to_string().ends_with(text), "{error}");
        assert!(!begun.get());
    }
    // So is a file that the user may not write, although it could be replaced. Some users may write
    // everything.
    fs::remove_dir(&tried.path).unwrap();
    fs::write(&tried.path, "").unwrap();
    let mut permissions = fs::metadata(&tried.path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&tried.path, permissions).unwrap();
    if fs::OpenOptions::new()
        .write(true)
        .open(&tried.path)
        .is_err()
    {
        let kind = tried
            .error(tried.trainer::<Tiny, _>(Adam::new(0.1)).resume(false))
            .kind;
        assert!(
            matches!(kind, CheckpointErrorKind::Write { .. }),
            "{kind:?}"
        );
    }
}

#[test]
fn a_handle_stops_after_the_step_that_runs() {
    let ((x, y), valid) = (samples::<Small>(37, 1), samples::<Small>(11, 2));
    let stop = StopHandle::new();
    let stopper = stop.clone();
    let steps = Cell::new(0);
    let on_step = |step: &Step, _: &Small| {
        steps.set(step.step);
        if step.step == 6 {
            std::thread::scope(|scope| _ = scope.spawn(|| stopper.stop()));
        }
        ControlFlow::Continue(())
    };

    let mut net = Small::init(&mut shapewright::rng(4));
    let before = bits(net.params());
    let history = trainer::<Small, _>(Adam::new(0.1), &valid)
        .stop_handle(&stop)
        .on_step(on_step)
        .fit(&mut net, &x, &y)
        .unwrap();

    assert_eq!(
        (history.interrupted, history.epochs.len(), steps.get()),
        (true, 1, 6)
    );
    assert_ne!(bits(net.params()), before);

    // The handle keeps stopping.
    let mut net = Small::init(&mut shapewright::rng(4));
    let history = trainer::<Small, _>(Adam::new(0.1), &valid)
        .stop_handle(&stop)
        .fit(&mut net, &x, &y)
        .unwrap();
    assert_eq!(
        (
            history.interrupted,
            history.epochs.len(),
            bits(net.params())
        ),
        (true, 0, before)
    );
}

/// Checkpoints that an earlier version of this crate wrote, before some types were renamed. They
/// were interrupted in the second of three epochs.
#[cfg(target_endian = "little")]
mod written_before {
    use std::ops::ControlFlow;
    use std::path::PathBuf;

    use crate::common::folder;
    use shapewright::augment::MixUp;
    use shapewright::loss::Mse;
    use shapewright::metrics::MeanSquaredError;
    use shapewright::prelude::*;
    use shapewright::train::{Step, Trainer};

    network! {
        struct Tiny: [2] -> [1] { hidden: Linear<_, 3>, Tanh, Dropout(0.25), out: Linear<_, 1> }
    }

    type Samples = (Vec<Tensor1<2>>, Vec<Tensor1<1>>);

    fn samples(count: usize) -> Samples {
        (0..count)
            .map(|i| {
                let [a, b] = [7 * i % 11, 5 * i % 13].map(|x| x as f32 / 8.0 - 0.5);
                (Tensor1::from([a, b]), Tensor1::from([a * b]))
            })
            .unzip()
    }

    /// Copies a checkpoint, because the training replaces it.
    fn copy(name: &str) -> PathBuf {
        let path = folder(&format!("checkpoint-before-{name}")).join("run.checkpoint");
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join(format!("tests/training/checkpoints/{name}.checkpoint"));
        std::fs::copy(file, &path).expect("a copy");
        path
    }

    /// Continues a training from the checkpoint with this name to its end.
    fn check<O: Optimizer + Sync>(
        name: &str,
        optimizer: O,
        setup: impl for<'s> Fn(
            Trainer<'s, Tiny, O, Mse, Tensor1<1>>,
        ) -> Trainer<'s, Tiny, O, Mse, Tensor1<1>>,
    ) {
        let (x, y) = samples(12);
        let valid = samples(5);
        let path = copy(name);

        let mut steps = Vec::new();
        let mut net = Tiny::zeros();
        let observe = |step: &Step, net: &Tiny| {
            assert!(net.params().iter().all(|p| p.is_finite()));
            steps.push(step.step);
            ControlFlow::Continue(())
        };
        let trainer = Tiny::trainer(optimizer, Mse)
            .epochs(3)
            .batch_size(2)
            .accumulate(2)
            .seed(3)
            .validate(&valid.0, &valid.1)
            .checkpoint(path)
            .resume(true)
            .on_step(observe);
        let history = setup(trainer).fit(&mut net, &x, &y).expect("the rest");

        let epochs: Vec<_> = history.epochs.iter().map(|epoch| epoch.epoch).collect();
        assert_eq!(epochs, [1, 2, 3]);
        assert_eq!(steps, [5, 6, 7, 8, 9]);
        assert_ne!(net.out.bias, [0.0]);
    }

    #[test]
    fn old_checkpoints_with_schedules_in_sequence_resume() {
        let adam = Adam::new(0.01).betas(0.8, 0.99).amsgrad(true);
        check("sequential", adam, |trainer| {
            trainer
                .metric(MeanSquaredError::new())
                .mixup(MixUp::new(0.4))
                .clip_grad_norm(0.5)
                .l2_penalty(layer!(Tiny, out), 0.01)
                .average(WeightAverage::ema(0.9))
                .schedule(ConstantLr::new(0.01).then(3, ExponentialLr::new(0.02, 0.5)))
        });
    }

    #[test]
    fn old_checkpoints_with_a_plateau_and_groups_resume() {
        let rmsprop = RmsProp::new(0.01).momentum(0.5);
        check("plateau", rmsprop, |trainer| {
            trainer
                .early_stopping(2)
                .average(WeightAverage::swa())
                .param_groups(|state| {
                    state
                        .scale(layer!(Tiny, out), 0.5)
                        .freeze(layer!(Tiny, hidden.bias))
                })
                .schedule(ReduceLrOnPlateau::new().factor(0.5).patience(0))
        });
    }
}

/// The same optimizer under two names, of which checkpoints have the first.
mod renamed {
    use shapewright::prelude::*;
    use shapewright::tensor::Element;

    macro_rules! descent {
        ($name:ident) => {
            #[derive(Clone, Debug)]
            pub struct $name(pub f64);

            impl Optimizer for $name {
                fn states(&self) -> usize {
                    0
                }
                fn lr_mut(&mut self) -> &mut f64 {
                    &mut self.0
                }
                fn written_settings(&self) -> String {
                    format!("Descent {:?}", self.0)
                }
                fn update<T: Element>(
                    &self,
                    _: u64,
                    params: &mut [T],
                    gradient: &[T],
                    _: &mut [&mut [T]],
                ) {
                    for (p, &g) in params.iter_mut().zip(gradient) {
                        *p -= T::from_f64_lossy(self.0) * g;
                    }
                }
            }
        };
    }
    descent!(Descent);
    descent!(SteepestDescent);
}

#[test]
fn an_optimizer_may_be_renamed() {
    let path = folder("checkpoint-renamed").join("run.checkpoint");
    let (x, y) = samples::<Small>(10, 1);

    let mut net = Small::init(&mut shapewright::rng(4));
    Small::trainer(renamed::Descent(0.1), Mse)
        .checkpoint(&path)
        .fit(&mut net, &x, &y)
        .expect("the first epoch");

    let resumed = |lr| {
        Small::trainer(renamed::SteepestDescent(lr), Mse)
            .epochs(2)
            .checkpoint(&path)
            .resume(true)
            .fit(&mut Small::zeros(), &x, &y)
    };
    let error = resumed(0.2).expect_err("another learning rate");
    assert!(
        error.to_string().contains("`optimizer` is Descent 0.1"),
        "{error}"
    );
    assert_eq!(resumed(0.1).expect("the second epoch").epochs.len(), 2);
}

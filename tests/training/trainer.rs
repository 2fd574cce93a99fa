//! Training over epochs: its steps, their order, and its end.

use std::cell::RefCell;
use std::ops::ControlFlow;

use shapewright::loss::{Accepts, IgnorePadding, Padded};
use shapewright::prelude::*;
use shapewright::threads::set_threads;
use shapewright::{
    ext::{BackwardInPlace, FeatureOrder, ForwardInPlace, InPlace, Inferred, ShapeRule},
    tensor::{Element, Rank1},
    train::{History, NonFinite, Progress, TrainError},
};

network! {
    struct Net: [2] -> [1] {
        hidden: Linear<_, 8>,
        Tanh,
        Dropout(0.1),
        out: Linear<_, 1>,
    }
}

type Samples = (Vec<Tensor1<2>>, Vec<Tensor1<1>>);

/// The product of two numbers.
fn samples(count: usize, seed: u64) -> Samples {
    let mut rng = shapewright::rng(seed);
    let uniform = rand::distr::Uniform::new(-1.0, 1.0).unwrap();
    let x: Vec<Tensor1<2>> = (0..count)
        .map(|_| Tensor::random(uniform, &mut rng))
        .collect();
    let y = x.iter().map(|x| Tensor1::from([x[0] * x[1]])).collect();
    (x, y)
}

fn net() -> Box<Net> {
    Net::init(&mut shapewright::rng(4))
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_seed_another() {
    let (x, y) = samples(70, 1);
    let run = |seed| {
        let mut net = net();
        let history = Net::trainer(Adam::new(0.01), Mse)
            .epochs(3)
            .batch_size(16)
            .seed(seed)
            .fit(&mut net, &x, &y)
            .unwrap();
        let losses: Vec<f64> = history.epochs.iter().map(|epoch| epoch.loss).collect();
        (net.params().to_vec(), losses)
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1).0, run(2).0);
}

#[test]
fn gathering_on_other_threads_changes_no_bit() {
    // Batches large enough to wake a worker, and an odd last one.
    network! { struct Wide: [500] -> [1] { Linear<_, 8>, Tanh, Dropout(0.1), Linear<_, 1> } }

    let uniform = rand::distr::Uniform::new(-1.0, 1.0).unwrap();
    let mut rng = shapewright::rng(3);
    let x: Vec<Tensor1<500>> = (0..1999)
        .map(|_| Tensor::random(uniform, &mut rng))
        .collect();
    let y: Vec<_> = x.iter().map(|x| Tensor1::from([x[0] * x[1]])).collect();

    let run = || {
        let mut net = Wide::init(&mut shapewright::rng(4));
        let trainer = Wide::trainer(Adam::new(0.01), Mse)
            .epochs(3)
            .batch_size(60)
            .accumulate(2)
            .seed(1);
        trainer.fit(&mut net, &x, &y).unwrap();
        net.params().to_vec()
    };

    let first = run();
    for threads in [1, 2, 3] {
        set_threads(threads);
        assert_eq!(run(), first, "on {threads} threads");
    }

    // Other threads help only one of the trainings at a time.
    std::thread::scope(|scope| {
        let others: Vec<_> = (0..3).map(|_| scope.spawn(run)).collect();
        others
            .into_iter()
            .for_each(|other| assert_eq!(other.join().unwrap(), first));
    });

    set_threads(0);
}

#[test]
fn an_epoch_goes_through_every_sample_once() {
    let (x, _) = samples(50, 2);
    // A small step of plain gradient descent on a sum is the sum of the steps.
    let y: Vec<_> = x.iter().map(|_| Tensor1::from([1.0])).collect();
    network! { struct Linear1: [2] -> [1] { fc: Linear<_, 1> } }
    let mut net = Linear1::zeros();
    let lr = 1e-6;
    Linear1::trainer(Sgd::new(lr), Mse.reduction(Reduction::Sum))
        .batch_size(8)
        .fit(&mut net, &x, &y)
        .unwrap();
    let expected: f64 = 2.0 * lr * x.iter().map(|x| f64::from(x[0])).sum::<f64>();
    assert!((f64::from(net.fc.weight[0][0]) - expected).abs() < 1e-3 * expected.abs());
    assert!((f64::from(net.fc.bias[0]) - 2.0 * lr * 50.0).abs() < 1e-6 * lr * 100.0 + 1e-7);
}

#[test]
fn the_history_has_what_was_asked_for() {
    let ((x, y), (vx, vy)) = (samples(40, 1), samples(20, 2));
    let seen = RefCell::new(Vec::new());
    let mut net = net();
    let history = Net::trainer(Sgd::new(0.1), Mse)
        .epochs(4)
        .batch_size(16)
        .validate(&vx, &vy)
        .metric(shapewright::metrics::MeanSquaredError::new())
        .adjust(|sgd, progress| {
            seen.borrow_mut().push(progress);
            sgd.lr = 0.1 / progress.epoch as f64;
        })
        .fit(&mut net, &x, &y)
        .unwrap();
    assert_eq!(history.epochs.len(), 4);
    assert_eq!(history.restored, None);
    let last = history.last().unwrap();
    assert_eq!((last.epoch, last.steps), (4, 12));
    // The metric of the validation samples is their loss.
    let [(name, value)] = &last.metrics[..] else {
        panic!("{:?}", last.metrics)
    };
    assert!(
        (value - last.validation_loss.unwrap()).abs() < 1e-6,
        "{name}: {value}"
    );
    assert!(
        history
            .epochs
            .iter()
            .all(|epoch| epoch.loss.is_finite() && epoch.validation_loss.is_some())
    );
    let seen = seen.into_inner();
    assert_eq!(seen.len(), 12);
    assert_eq!(
        seen[0],
        Progress {
            epoch: 1,
            step: 1,
            steps: 12
        }
    );
    assert_eq!(
        seen[11],
        Progress {
            epoch: 4,
            step: 12,
            steps: 12
        }
    );

    let folder = std::env::temp_dir().join(format!("shapewright-history-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for (name, text) in [
        ("history.csv", history.to_csv()),
        ("history.json", history.to_json()),
    ] {
        history.save(folder.join(name)).unwrap();
        assert_eq!(std::fs::read_to_string(folder.join(name)).unwrap(), text);
    }
    assert_eq!(
        std::fs::read_dir(&folder).unwrap().count(),
        2,
        "nothing is left beside the files"
    );
    std::fs::remove_dir_all(&folder).unwrap();
    let rows: serde_json::Value = serde_json::from_str(&history.to_json()).unwrap();
    assert_eq!(rows[3][name], *value);
    assert_eq!(rows[3]["loss"], last.loss);
}

#[test]
fn early_stopping_goes_back_to_the_best() {
    let ((x, y), (vx, vy)) = (samples(40, 1), samples(20, 2));
    let kept = RefCell::new(Vec::new());
    let mut net = net();

    // The learning rate grows until the network gets worse.
    let history = Net::trainer(Sgd::new(0.0), Mse)
        .epochs(200)
        .batch_size(10)
        .validate(&vx, &vy)
        .early_stopping(3)
        .adjust(|sgd, progress| sgd.lr = 0.01 * 1.2f64.powi(progress.epoch as i32))
        .on_epoch(|epoch, net| {
            kept.borrow_mut()
                .push((epoch.validation_loss.unwrap(), net.params().to_vec()));
            ControlFlow::Continue(())
        })
        .fit(&mut net, &x, &y)
        .unwrap();

    let kept = kept.into_inner();
    let best = history.restored.unwrap();
    assert!(history.epochs.len() < 200, "it never stopped");
    assert_eq!(history.epochs.len(), best + 3);
    assert!(kept.iter().all(|(loss, _)| *loss >= kept[best - 1].0));
    assert_eq!(net.params(), kept[best - 1].1);
}

#[test]
fn histories_that_cannot_be_written_are_named() {
    let nowhere = crate::common::folder("no-history").join("no-folder/history.csv");
    let error = History::default()
        .save(&nowhere)
        .expect_err("no folder")
        .to_string();
    assert!(
        error.starts_with(&format!("{} cannot be written: ", nowhere.display())),
        "{error}"
    );
}

#[test]
fn an_observer_can_stop() {
    let (x, y) = samples(40, 1);
    let stop_at_two = |epoch: &shapewright::train::Epoch, _: &Net| {
        if epoch.epoch == 2 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let history = Net::trainer(Adam::new(0.01), Mse)
        .epochs(9)
        .on_epoch(stop_at_two)
        .fit(&mut net(), &x, &y)
        .unwrap();
    assert_eq!(history.epochs.len(), 2);
}

#[test]
fn data_and_settings_that_do_not_match_are_refused() {
    let (x, y) = samples(10, 1);
    let before = net();
    let mut net = net();

    let error = Net::trainer(Adam::new(0.01), Mse)
        .fit(&mut net, &x, &y[..9])
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the training samples have 10 inputs but 9 targets; give one target for each input"
    );

    let error = Net::trainer(Adam::new(0.01), Mse)
        .fit(&mut net, &[] as &[Tensor1<2>], &[] as &[Tensor1<1>])
        .unwrap_err();
    assert_eq!(
        error,
        TrainError::Empty {
            samples: "training"
        }
    );

    let error = Net::trainer(Adam::new(0.01), Mse)
        .validate(&[] as &[Tensor1<2>], &[] as &[Tensor1<1>])
        .fit(&mut net, &x, &y)
        .unwrap_err();
    assert_eq!(
        error,
        TrainError::Empty {
            samples: "validation"
        }
    );

    let error = Net::trainer(Adam::new(0.01), Mse)
        .early_stopping(2)
        .fit(&mut net, &x, &y)
        .unwrap_err();
    assert!(
        error.to_string().contains("give them with `validate`"),
        "{error}"
    );

    let error = Net::trainer(Adam::new(0.01), Mse)
        .batch_size(0)
        .fit(&mut net, &x, &y)
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("`batch_size` is 0, but must be at least 1"),
        "{error}"
    );

    assert_eq!(net.params(), before.params());
}

#[test]
fn a_loss_that_is_not_finite_says_where_it_began() {
    let (mut x, mut y) = samples(40, 1);
    let mut sick = net();
    sick.out.weight[3][0] = f32::INFINITY;
    let before = sick.params().to_vec();
    let error = Net::trainer(Sgd::new(0.1), Mse)
        .batch_size(8)
        .fit(&mut sick, &x, &y)
        .unwrap_err();
    let cause = NonFinite::Initial {
        name: "out.weight".to_owned(),
    };
    assert_eq!(
        error,
        TrainError::NotFinite {
            epoch: 1,
            step: 0,
            cause
        }
    );
    assert_eq!(sick.params(), before, "the step was not made");

    let far = Net::trainer(Sgd::new(1e30), Mse)
        .epochs(5)
        .batch_size(40)
        .fit(&mut net(), &x, &y)
        .unwrap_err();
    assert!(
        matches!(
            far,
            TrainError::NotFinite {
                cause: NonFinite::Diverged { lr: 1e30, .. },
                ..
            }
        ),
        "{far}"
    );

    // The outputs grow by some digits in each step, and their squares overflow first.
    network! { struct Line: [2] -> [1] { Linear<_, 1> } }
    let large = vec![Tensor1::from([10.0, 0.0]); 8];
    let error = Line::trainer(Sgd::new(1.0), Mse)
        .epochs(50)
        .fit(&mut Line::zeros(), &large, &y[..8])
        .unwrap_err();
    let diverged = matches!(
        error,
        TrainError::NotFinite {
            step: 2..,
            cause: NonFinite::Diverged { .. },
            ..
        }
    );
    assert!(diverged, "{error}");
    assert!(
        error.to_string().contains("a smaller learning rate"),
        "{error}"
    );

    y[0] = Tensor1::from([f32::NAN]);
    let error = Net::trainer(Sgd::new(0.1), Mse)
        .batch_size(40)
        .fit(&mut net(), &x, &y)
        .unwrap_err();
    assert_eq!(
        error,
        TrainError::NotFinite {
            epoch: 1,
            step: 1,
            cause: NonFinite::Loss
        }
    );
    assert!(error.to_string().contains("look at the targets"), "{error}");

    x[7] = Tensor1::from([f32::NAN, 0.0]);
    let error = Net::trainer(Sgd::new(0.1), Mse)
        .batch_size(40)
        .fit(&mut net(), &x, &y)
        .unwrap_err();
    assert!(
        matches!(
            error,
            TrainError::NotFinite {
                cause: NonFinite::Inputs,
                ..
            }
        ),
        "{error}"
    );
}

/// A custom loss, whose value and slope a function computes from the output and the target.
struct Own<F>(F);

impl<F: Fn(f32, f32) -> (f32, f32)> Loss<Rank1<1>, f32> for Own<F> {
    type Target = Tensor1<1>;
    type Accepts = shapewright::loss::AnyOutput;

    fn loss(
        &self,
        outputs: &[Tensor1<1>],
        targets: &[Tensor1<1>],
        gradients: &mut [Tensor1<1>],
    ) -> f32 {
        let mut sum = 0.0;
        for ((output, target), gradient) in outputs.iter().zip(targets).zip(gradients) {
            let (value, slope) = (self.0)(output[0], target[0]);
            gradient[0] = slope;
            sum += value;
        }
        sum
    }
}

#[track_caller]
fn assert_cause<T: std::fmt::Debug>(
    result: Result<T, TrainError>,
    epoch: usize,
    step: u64,
    cause: NonFinite,
) {
    assert_eq!(
        result.map(|_| ()).unwrap_err(),
        TrainError::NotFinite { epoch, step, cause }
    );
}

/// A mistake in the last step is found before the training returns and before the checkpoint is
/// written.
#[test]
fn the_last_step_is_checked_too() {
    network! { struct Line: [2] -> [1] { fc: Linear<_, 1> } }
    let name = |name: &str| name.to_owned();
    let folder =
        std::env::temp_dir().join(format!("shapewright-not-finite-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("line.checkpoint");
    let x = [Tensor1::from([1.0, 0.5]); 4];
    let far = [Tensor1::from([1e10]); 4];
    let mut net = Line::init(&mut shapewright::rng(0));

    // The learning rate is the cause.
    let huge = Line::trainer(Sgd::new(1e30), Mse).checkpoint(&path);
    let cause = NonFinite::Parameter {
        name: name("fc.weight"),
        lr: 1e30,
    };
    assert_cause(huge.fit(&mut net, &x, &far), 1, 1, cause);
    assert!(!path.exists(), "no checkpoint of what is not finite");

    // No checkpoint is written if the training is interrupted.
    let mut net = Line::init(&mut shapewright::rng(0));
    let interrupted = Line::trainer(Sgd::new(1e30), Mse)
        .batch_size(1)
        .checkpoint(&path);
    let interrupted = interrupted.on_step(|_, _| std::ops::ControlFlow::Break(()));
    let cause = NonFinite::Parameter {
        name: name("fc.weight"),
        lr: 1e30,
    };
    assert_cause(interrupted.fit(&mut net, &x, &far), 1, 1, cause);
    assert!(!path.exists(), "no checkpoint of what is not finite");

    // The checkpoint of the epoch before stays as it was.
    let mut net = Line::init(&mut shapewright::rng(0));
    let schedule = |step: u64| if step == 1 { 1e38 } else { 1e-3 };
    let second = Line::trainer(Sgd::new(1.0), Mse)
        .epochs(2)
        .checkpoint(&path)
        .schedule(schedule);
    let cause = NonFinite::Parameter {
        name: name("fc.weight"),
        lr: 1e38,
    };
    assert_cause(second.fit(&mut net, &x, &far), 2, 2, cause);
    let mut net = Line::init(&mut shapewright::rng(0));
    let again = Line::trainer(Sgd::new(1.0), Mse)
        .checkpoint(&path)
        .resume(true)
        .schedule(schedule);
    assert_eq!(
        again
            .fit(&mut net, &x, &far)
            .expect("it is whole")
            .epochs
            .len(),
        1
    );
    std::fs::remove_dir_all(folder).unwrap();

    // The gradient is finite, but its squares are not.
    let mut net = Line::init(&mut shapewright::rng(0));
    let squares =
        Line::trainer(Adam::new(0.1), Own(|y: f32, _: f32| (y, 1e30))).fit(&mut net, &x, &far);
    assert_cause(
        squares,
        1,
        1,
        NonFinite::Memory {
            name: name("fc.weight"),
        },
    );
}

/// A normalization subtracts the mean of its output gradients, whose sum must be in range.
#[test]
fn output_gradients_of_a_norm_that_are_too_large_are_found() {
    network! {
        struct Normed: [1] -> [1] { wide: Linear<_, 4>, norm: LayerNorm, head: Linear<_, 1> }
    }
    let x = [Tensor1::from([1.0])];
    let fit = |largest: f32| {
        let mut net = Normed::init(&mut shapewright::rng(0));
        net.wide.weight = [[1.0, 4.0, 2.0, 3.0]];
        net.head.weight = [[largest]; 4];
        let loss = Own(|y: f32, _: f32| (y, 1.0));
        Normed::trainer(Sgd::new(1e-30), loss).fit(&mut net, &x, &x)
    };
    assert!(fit(8e37).is_ok());
    let name = "wide.bias".to_owned();
    assert_cause(fit(2e38), 1, 1, NonFinite::Gradient { name });
}

#[test]
fn gradients_that_are_not_finite_have_a_cause() {
    network! { struct Deep: [1] -> [1] { fc: Linear<_, 1>, body: Linear<_, 1>, head: Linear<_, 1> } }
    let x = [Tensor1::from([1.0]); 4];
    let y = [Tensor1::from([0.0]); 4];
    let net = || {
        let mut net = Deep::init(&mut shapewright::rng(0));
        net.params_mut().fill(1.0);
        net
    };

    // The gradient of the loss itself: it is found before the step is made.
    for slope in [f32::NAN, f32::INFINITY] {
        let mut net = net();
        let before = net.params().to_vec();
        let result =
            Deep::trainer(Sgd::new(0.1), Own(|y: f32, _: f32| (y, slope))).fit(&mut net, &x, &y);
        assert_cause(result, 1, 1, NonFinite::LossGradient);
        assert_eq!(net.params(), before);
    }

    // A gradient that becomes infinite in backward, which each optimizer hides in another way.
    fn check<O: Optimizer + Sync>(
        optimizer: O,
        mut net: Box<Deep>,
        x: &[Tensor1<1>],
        y: &[Tensor1<1>],
    ) {
        net.body.weight = [[1e-30]];
        net.head.weight = [[1e30]];

        let result = Deep::trainer(optimizer, Own(|y: f32, _: f32| (y, 1e20))).fit(&mut net, x, y);
        let Err(TrainError::NotFinite {
            cause: NonFinite::Gradient { name },
            step: 1,
            ..
        }) = result
        else {
            panic!("{result:?}")
        };
        assert_eq!(name, "body.bias");
    }

    check(Sgd::new(0.1), net(), &x, &y);
    check(Sgd::new(0.1).momentum(0.9), net(), &x, &y);
    check(Adam::new(0.1), net(), &x, &y);
    check(NAdam::new(0.1), net(), &x, &y);
    check(RAdam::new(0.1), net(), &x, &y);
    check(Adamax::new(0.1), net(), &x, &y);
    check(Adagrad::new(0.1), net(), &x, &y);
    check(Adadelta::new(1.0), net(), &x, &y);
    check(RmsProp::new(0.1).centered(true), net(), &x, &y);
    check(Lion::new(0.1), net(), &x, &y);
}

/// A custom layer that is not defined below zero.
struct Root;

impl<S: Shape> ShapeRule<S> for Root {
    const OUTPUT: Inferred = Inferred::shape(S::DIMS);
}
impl InPlace for Root {
    type Config = ();
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    const READS_OUTPUT: bool = true;

    fn forward_in_place<S: Shape, T: Element>(call: ForwardInPlace<'_, (), S, T>) {
        let ForwardInPlace { y, .. } = call;
        y.iter_mut().for_each(|y| *y = y.map(|y| y.sqrt()));
    }
    fn backward_in_place<S: Shape, T: Element>(call: BackwardInPlace<'_, (), S, T>) {
        let BackwardInPlace { y, dy, .. } = call;
        for (dy, y) in dy.iter_mut().zip(y) {
            dy.iter_mut()
                .zip(y.iter())
                .for_each(|(dy, &y)| *dy /= y + y);
        }
    }
}

/// The error distinguishes large inputs from large parameters.
#[test]
fn the_cause_of_an_infinite_loss_is_what_is_large() {
    network! { struct Deep: [1] -> [1] { fc: Linear<_, 4>, head: Linear<_, 1> } }
    let y = [Tensor1::from([0.0]); 4];
    let mut net = Deep::init(&mut shapewright::rng(0));

    let train = |net: &mut Deep, x: f32| {
        Deep::trainer(Sgd::new(0.1), Mse).fit(net, &[Tensor1::from([x]); 4], &y)
    };

    assert_cause(
        train(&mut net, 1e30),
        1,
        1,
        NonFinite::LargeInputs {
            largest: 1e30_f32.into(),
        },
    );

    net.head.weight[2] = [3e30];
    let name = "head.weight".to_owned();
    let largest = 3e30_f32.into();
    assert_cause(
        train(&mut net, 1e10),
        1,
        1,
        NonFinite::Diverged {
            name,
            largest,
            lr: 0.1,
        },
    );

    // A custom layer that is not defined there is the cause itself.
    network! { struct Odd: [1] -> [1] { fc: Linear<_, 4>, odd: Root, head: Linear<_, 1> } }
    let mut net = Odd::init(&mut shapewright::rng(0));
    net.fc.bias = [-1.0; 4];
    let result = Odd::trainer(Sgd::new(0.1), Mse).fit(&mut net, &[Tensor1::zeros(); 4], &y);
    assert_cause(
        result,
        1,
        1,
        NonFinite::Layer {
            layer: "fc: Linear<_, 4>",
            in_place: Some("odd: Root"),
        },
    );
}

#[test]
fn a_validation_loss_that_is_not_finite_ends_the_training() {
    network! { struct Line: [1] -> [1] { Linear<_, 1> } }
    let x = [Tensor1::from([1.0]); 4];
    let y = [Tensor1::from([0.0]); 4];

    let fit = |vx: f32, vy: f32| {
        let mut net = Line::init(&mut shapewright::rng(0));
        let vx = [x[0], Tensor1::from([vx])];
        let vy = [y[0], Tensor1::from([vy])];
        Line::trainer(Sgd::new(0.1), Mse)
            .epochs(3)
            .early_stopping(2)
            .validate(&vx, &vy)
            .fit(&mut net, &x, &y)
    };

    assert_cause(
        fit(1.0, f32::NAN),
        1,
        1,
        NonFinite::ValidationLoss { inputs: false },
    );
    assert_cause(
        fit(f32::INFINITY, 1.0),
        1,
        1,
        NonFinite::ValidationLoss { inputs: true },
    );
    assert_cause(
        fit(1e30, 1.0),
        1,
        1,
        NonFinite::LargeValidationInputs {
            largest: f64::from(1e30_f32),
        },
    );
    assert_eq!(fit(1.0, 1.0).expect("a training").epochs.len(), 3);
}

/// Statistics of a batch that do not fit in an f32 are not taken over, and end the training.
#[test]
fn statistics_stay_finite() {
    network! {
        struct Net: [2, 2, 1] -> [1] { norm: BatchNorm2d<_>, Flatten, fc: Linear<_, 1> }
    }

    let mut x = [Tensor3::from([[[1.0], [2.0]], [[3.0], [4.0]]]); 6];
    let y = [Tensor1::from([0.5]); 6];
    x[4] = Tensor3::full(1e25);

    for accumulate in [1, 2] {
        let mut net = Net::init(&mut shapewright::rng(0));
        let trainer = Net::trainer(Sgd::new(0.01), Mse)
            .batch_size(2)
            .epochs(2)
            .accumulate(accumulate);

        let error = trainer.fit(&mut net, &x, &y).unwrap_err();
        let name = "norm.running_var".to_owned();
        assert!(
            matches!(&error, TrainError::NotFinite { epoch: 1, cause, .. } if *cause == NonFinite::Statistic { name }),
            "{error}"
        );
        assert!(
            error.to_string().contains("scale them to about 1"),
            "{error}"
        );
        assert!(
            net.params().iter().all(|x| x.is_finite()),
            "{:?}",
            net.params()
        );
    }
}

network! { struct Wide: [1] -> [1] as f64 { Linear<1, 1> } }

/// The mean of losses is a number where their sum is not: of a step, of an epoch, and of the
/// validation samples.
#[test]
fn losses_near_the_largest_number_have_a_mean() {
    let most = 0.9 * f64::MAX;
    let x = vec![Tensor1::from([0.0]); 7];
    let y = vec![Tensor1::from([most]); 7];

    let mut net = Wide::zeros();
    let mut losses = Vec::new();
    let history = Wide::trainer(Sgd::new(0.0), Mae)
        .epochs(1)
        .batch_size(2)
        .accumulate(2)
        .validate(&x, &y)
        .on_step(|step, _| {
            losses.push(step.loss);
            ControlFlow::Continue(())
        })
        .fit(&mut net, &x, &y)
        .expect("numbers");

    let epoch = &history.epochs[0];
    losses.extend([epoch.loss, epoch.validation_loss.expect("a loss")]);
    assert_eq!(losses.len(), 4);
    for loss in losses {
        assert!((loss / most - 1.0).abs() < 1e-12, "{loss:e}");
    }
}

network! {
    struct Tagger: [4, 2] -> [4, 3] { Linear<_, 8>, Tanh, Linear<_, 3> }
}

/// Sequences, of which some have few labels and some have none.
fn tagged() -> (Vec<Tensor2<4, 2>>, Vec<[Option<Label<3>>; 4]>) {
    let label = |class: usize| Label::new(class % 3).unwrap();
    (0..12)
        .map(|sample| {
            let x = Tensor::from_position(|i| ((3 * i + 5 * sample) % 7) as f32 - 3.0);
            let labels = std::array::from_fn(|i| (i < sample % 5).then(|| label(i + sample)));
            (x, labels)
        })
        .unzip()
}

/// Trains for two epochs at most, with batches of every size: alone, and accumulated to one step
/// for all samples.
fn check_mean<N, L, G>(init: impl Fn() -> Box<N>, loss: L, x: &[Tensor<N::Input>], targets: &[G])
where
    N: Trainable<Element = f32>,
    L: Loss<N::Output, f32, Target = G> + Copy,
    L::Accepts: Accepts<N::Ends, L, N>,
    G: shapewright::data::Sample + Send + Sync,
{
    let train = |lr, batch_size, accumulate| {
        let mut net = init();
        let history = N::trainer(Sgd::new(lr), loss)
            .batch_size(batch_size)
            .accumulate(accumulate)
            .validate(x, targets)
            .fit(&mut net, x, targets)
            .unwrap();
        let epoch = history.epochs[0].clone();
        (net, epoch.loss, epoch.validation_loss.unwrap())
    };

    let (whole, loss, validation_loss) = train(0.1, x.len(), 1);
    for batch_size in 1..x.len() {
        let (net, of_batches, of_validation) = train(0.1, batch_size, x.len());
        assert!((of_batches - loss).abs() < 1e-6, "{of_batches}, {loss}");
        assert!((of_validation - validation_loss).abs() < 1e-6);
        for (a, b) in net.params().iter().zip(whole.params()) {
            assert!((a - b).abs() < 1e-6, "{batch_size}: {a}, {b}");
        }
    }

    // Without accumulation, each batch must have labels.
    for batch_size in [6, 7, 11] {
        let (_, of_batches, of_validation) = train(0.0, batch_size, 1);
        let (_, loss, validation_loss) = train(0.0, x.len(), 1);
        assert!((of_batches - loss).abs() < 1e-6, "{of_batches}, {loss}");
        assert!((of_validation - validation_loss).abs() < 1e-6);
    }
}

#[test]
fn losses_of_batches_have_the_weights_of_their_labels() {
    let (x, labels) = tagged();
    let init = || Tagger::init(&mut shapewright::rng(3));
    let loss = CrossEntropy.optional_labels();
    check_mean(init, loss, &x, &labels);
    check_mean(init, loss.label_smoothing(0.1), &x, &labels);
    check_mean(init, loss.class_weights([1.0, 20.0, 0.1]), &x, &labels);
    check_mean(init, loss.reduction(Reduction::SampleMean), &x, &labels);

    let all: Vec<[Label<3>; 4]> = labels
        .iter()
        .map(|labels| labels.map(Option::unwrap_or_default))
        .collect();
    check_mean(init, CrossEntropy, &x, &all);
    check_mean(init, CrossEntropy.class_weights([1.0, 20.0, 0.0]), &x, &all);

    let padded: Vec<_> = (0..12)
        .map(|sample| Padded::new(Tensor2::<4, 3>::full(sample as f32 / 12.0), sample % 5))
        .collect();
    check_mean(init, IgnorePadding(Mse), &x, &padded);
}

//! Training over epochs: what it does, in which order, and how it ends.

mod common;

use std::cell::RefCell;
use std::ops::ControlFlow;

use shapewright::prelude::*;
use shapewright::threads::set_threads;
use shapewright::{History, Progress, TrainError};

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
    let x: Vec<Tensor1<2>> = (0..count).map(|_| Tensor::random(uniform, &mut rng)).collect();
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
fn whoever_gathers_the_batches_the_bits_are_the_same() {
    // Batches large enough to wake a worker, and an odd last one.
    network! { struct Wide: [500] -> [1] { Linear<_, 8>, Tanh, Dropout(0.1), Linear<_, 1> } }
    let uniform = rand::distr::Uniform::new(-1.0, 1.0).unwrap();
    let mut rng = shapewright::rng(3);
    let x: Vec<Tensor1<500>> = (0..1999).map(|_| Tensor::random(uniform, &mut rng)).collect();
    let y: Vec<_> = x.iter().map(|x| Tensor1::from([x[0] * x[1]])).collect();
    let run = || {
        let mut net = Wide::init(&mut shapewright::rng(4));
        let trainer = Wide::trainer(Adam::new(0.01), Mse).epochs(3).batch_size(60).accumulate(2).seed(1);
        trainer.fit(&mut net, &x, &y).unwrap();
        net.params().to_vec()
    };
    let first = run();
    for threads in [1, 2, 3] {
        set_threads(threads);
        assert_eq!(run(), first, "on {threads} threads");
    }
    // Only one of them is helped at a time.
    std::thread::scope(|scope| {
        let others: Vec<_> = (0..3).map(|_| scope.spawn(run)).collect();
        others.into_iter().for_each(|other| assert_eq!(other.join().unwrap(), first));
    });
    set_threads(0);
}

#[test]
fn an_epoch_goes_through_every_sample_once() {
    let (x, _) = samples(50, 2);
    // The step of plain gradient descent on a sum is the sum of the steps, if they are small.
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
    // The loss is the same thing, taken on the way.
    let [(name, value)] = &last.metrics[..] else { panic!("{:?}", last.metrics) };
    assert!((value - last.validation_loss.unwrap()).abs() < 1e-6, "{name}: {value}");
    assert!(history.epochs.iter().all(|epoch| epoch.loss.is_finite() && epoch.validation_loss.is_some()));
    let seen = seen.into_inner();
    assert_eq!(seen.len(), 12);
    assert_eq!(seen[0], Progress { epoch: 1, step: 1, steps: 12 });
    assert_eq!(seen[11], Progress { epoch: 4, step: 12, steps: 12 });

    let folder = std::env::temp_dir().join(format!("shapewright-history-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for (name, text) in [("history.csv", history.to_csv()), ("history.json", history.to_json())] {
        history.save(folder.join(name)).unwrap();
        assert_eq!(std::fs::read_to_string(folder.join(name)).unwrap(), text);
    }
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2, "nothing is left beside the files");
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
    // A learning rate that grows until it spoils everything.
    let history = Net::trainer(Sgd::new(0.0), Mse)
        .epochs(200)
        .batch_size(10)
        .validate(&vx, &vy)
        .early_stopping(3)
        .adjust(|sgd, progress| sgd.lr = 0.01 * 1.2f64.powi(progress.epoch as i32))
        .on_epoch(|epoch, net| {
            kept.borrow_mut().push((epoch.validation_loss.unwrap(), net.params().to_vec()));
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
fn what_cannot_be_written_is_named() {
    let nowhere = common::folder("no-history").join("no-folder/history.csv");
    let error = History::default().save(&nowhere).expect_err("no folder").to_string();
    assert!(error.starts_with(&format!("{} cannot be written: ", nowhere.display())), "{error}");
}

#[test]
fn an_observer_can_stop() {
    let (x, y) = samples(40, 1);
    let stop_at_two = |epoch: &shapewright::Epoch, _: &Net| {
        if epoch.epoch == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let history =
        Net::trainer(Adam::new(0.01), Mse).epochs(9).on_epoch(stop_at_two).fit(&mut net(), &x, &y).unwrap();
    assert_eq!(history.epochs.len(), 2);
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let (x, y) = samples(10, 1);
    let before = net();
    let mut net = net();
    let error = Net::trainer(Adam::new(0.01), Mse).fit(&mut net, &x, &y[..9]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the training samples have 10 inputs but 9 targets; give one target for each input"
    );
    let error = Net::trainer(Adam::new(0.01), Mse).fit(&mut net, &[], &[] as &[Tensor1<1>]).unwrap_err();
    assert_eq!(error, TrainError::Empty { samples: "training" });
    let error = Net::trainer(Adam::new(0.01), Mse).validate(&[], &[]).fit(&mut net, &x, &y).unwrap_err();
    assert_eq!(error, TrainError::Empty { samples: "validation" });
    let error = Net::trainer(Adam::new(0.01), Mse).early_stopping(2).fit(&mut net, &x, &y).unwrap_err();
    assert!(error.to_string().contains("give them with `validate`"), "{error}");
    let error = Net::trainer(Adam::new(0.01), Mse).batch_size(0).fit(&mut net, &x, &y).unwrap_err();
    assert!(error.to_string().contains("at least one sample"), "{error}");
    assert_eq!(net.params(), before.params());
}

#[test]
fn a_loss_that_is_not_finite_says_where_it_began() {
    let (mut x, mut y) = samples(40, 1);
    let mut sick = net();
    sick.out.weight[3][0] = f32::INFINITY;
    let before = sick.params().to_vec();
    let error = Net::trainer(Sgd::new(0.1), Mse).batch_size(8).fit(&mut sick, &x, &y).unwrap_err();
    let expected =
        TrainError::NotFinite { epoch: 1, step: 1, layer: Some("out: Linear<_, 1>"), inputs: false };
    assert_eq!(error, expected);
    assert_eq!(sick.params(), before, "the step was not made");

    let far = Net::trainer(Sgd::new(1e30), Mse).epochs(5).batch_size(40).fit(&mut net(), &x, &y).unwrap_err();
    assert!(matches!(far, TrainError::NotFinite { step: 2.., inputs: false, .. }), "{far}");

    // The outputs grow by some digits in each step, and their squares are the first to be too large.
    network! { struct Line: [2] -> [1] { Linear<_, 1> } }
    let large = vec![Tensor1::from([10.0, 0.0]); 8];
    let error =
        Line::trainer(Sgd::new(1.0), Mse).epochs(50).fit(&mut Line::zeros(), &large, &y[..8]).unwrap_err();
    assert!(matches!(error, TrainError::NotFinite { step: 2.., layer: None, inputs: false, .. }), "{error}");
    assert!(error.to_string().contains("a smaller learning rate"), "{error}");

    y[0] = Tensor1::from([f32::NAN]);
    let error = Net::trainer(Sgd::new(0.1), Mse).batch_size(40).fit(&mut net(), &x, &y).unwrap_err();
    assert_eq!(error, TrainError::NotFinite { epoch: 1, step: 1, layer: None, inputs: false });
    assert!(error.to_string().contains("look at the targets"), "{error}");

    x[7] = Tensor1::from([f32::NAN, 0.0]);
    let error = Net::trainer(Sgd::new(0.1), Mse).batch_size(40).fit(&mut net(), &x, &y).unwrap_err();
    assert!(matches!(error, TrainError::NotFinite { inputs: true, .. }), "{error}");
}

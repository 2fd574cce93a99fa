//! The trainer's settings, against the same training written out.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::{assert_close, bits, random};
use rand::Rng;
use shapewright::data::Batches;
use shapewright::prelude::*;
use shapewright::schedule::PlateauMode;
use shapewright::{
    ext::{
        BackwardInput, BackwardParams, Batching, FeatureOrder, Forward, Infer, Inferred, Layer,
        ShapeRule, Train,
    },
    optim::OptimizerState,
    tensor::Element,
    train::{Epoch, History, Progress, Step, TrainError, Trainer},
};

network! {
    #[derive(Clone)]
    struct Net: [3] -> [1] as f64 {
        fc1: Linear<_, 8>,
        Tanh,
        Dropout(0.2),
        fc2: Linear<_, 6>,
        Tanh,
        out: Linear<_, 1>,
    }
}

type X = Tensor<shapewright::tensor::Rank1<3>, f64>;
type Y = Tensor<shapewright::tensor::Rank1<1>, f64>;
type On<'a, O> = Trainer<'a, Net, O, shapewright::loss::Mse, Y>;

const EPOCHS: usize = 3;
const STEPS: u64 = 4;

fn samples(count: usize, seed: u64) -> (Vec<X>, Vec<Y>) {
    let x: Vec<X> = random(count, seed);
    let y = x
        .iter()
        .map(|x| Tensor::from([x[0] * x[1] + 0.5]))
        .collect();
    (x, y)
}

fn net() -> Box<Net> {
    Net::init(&mut shapewright::rng(4))
}

fn trainer<'a, O: Optimizer + Sync>(optimizer: O) -> On<'a, O> {
    Net::trainer(optimizer, Mse)
        .epochs(EPOCHS)
        .batch_size(10)
        .seed(5)
}

/// Returns the parameters after training on 37 samples.
fn trained<O: Optimizer + Sync>(trainer: On<'_, O>) -> Vec<f64> {
    let ((x, y), mut net) = (samples(37, 1), net());
    let history = trainer.fit(&mut net, &x, &y).expect("a training");
    assert!(!history.interrupted);
    net.params().to_vec()
}

/// The same training by hand: `change` may change state and gradient before each step, which counts
/// from 0, and `after` looks at the network after it.
fn by_hand<O: Optimizer + Sync>(
    mut state: OptimizerState<O, Net>,
    mut change: impl FnMut(u64, &Net, &mut OptimizerState<O, Net>, &mut Net),
    mut after: impl FnMut(u64, &Net),
) -> Vec<f64> {
    let ((x, y), mut net, mut rng) = (samples(37, 1), net(), shapewright::rng(5));
    let (mut gradient, mut workspace) = (Net::zeros(), Net::workspace());
    workspace.reseed(rng.next_u64());
    let mut batches = Batches::new(&x, &y, 10);

    for _ in 0..EPOCHS {
        batches.shuffle(&mut rng);
        while let Some((x, y)) = batches.next_batch() {
            let mut pass = net.forward_train(x, &mut workspace);
            pass.loss(&Mse, y);
            pass.backward(&mut gradient);

            let step = state.steps();
            change(step, &net, &mut state, &mut gradient);
            state.step(&mut net, &gradient);
            after(step, &net);
        }
    }

    net.params().to_vec()
}

/// Trains by hand, with a learning rate for each step.
fn with_lr(lr: impl Fn(u64) -> f64) -> Vec<f64> {
    by_hand(
        Adam::new(1.0).state(),
        |step, _, state, _| state.optimizer.lr = lr(step),
        |_, _| (),
    )
}

#[test]
fn schedules_set_the_learning_rate_by_step_or_by_epoch() {
    let schedule = || CosineAnnealingLr::new(0.1, 12).warm_up(3, 0.1);
    assert_eq!(
        trained(trainer(Adam::new(9.0)).schedule(schedule())),
        with_lr(|step| schedule().lr(step))
    );
    let by_epoch = trained(trainer(Adam::new(9.0)).schedule(schedule().by_epoch()));
    assert_eq!(by_epoch, with_lr(|step| schedule().lr(step / STEPS)));
    let function = trained(trainer(Adam::new(9.0)).schedule(|step: u64| 0.1 / (step + 1) as f64));
    assert_eq!(function, with_lr(|step| 0.1 / (step + 1) as f64));
    // `adjust` runs after the schedule.
    let adjusted = trainer(Adam::new(9.0))
        .schedule(schedule())
        .adjust(|adam, _| adam.lr *= 0.5);
    assert_eq!(trained(adjusted), with_lr(|step| schedule().lr(step) * 0.5));
}

#[test]
fn a_plateau_of_the_validation_loss_reduces_the_learning_rate() {
    let ((x, y), (vx, vy)) = (samples(37, 1), samples(9, 2));
    let plateau = || ReduceLrOnPlateau::new().patience(1).factor(0.5);

    let lrs = RefCell::new(Vec::new());
    let watch = |step: &Step, _: &Net| {
        if step.step % STEPS == 1 {
            lrs.borrow_mut().push(step.lr);
        }
        ControlFlow::Continue(())
    };

    // The learning rate is far too large, so that the loss goes up and down.
    let trainer = trainer(Sgd::new(0.9))
        .epochs(20)
        .validate(&vx, &vy)
        .schedule(plateau())
        .on_step(watch);
    let history = trainer.fit(&mut net(), &x, &y).unwrap();

    let (mut lr, mut by_hand, mut expected) = (0.9, plateau(), Vec::new());
    for epoch in &history.epochs {
        expected.push(lr);
        lr = by_hand.step(lr, epoch.validation_loss.unwrap());
    }

    assert_eq!(*lrs.borrow(), expected);
    assert!(lr < 0.9, "the learning rate was never reduced");
}

#[test]
fn gradients_are_clipped_and_penalties_added() {
    let hand = |change: &dyn Fn(&Net, &mut Net)| {
        by_hand(
            Sgd::new(0.3).state(),
            |_, net, _, gradient| change(net, gradient),
            |_, _| (),
        )
    };
    let plain = trained(trainer(Sgd::new(0.3)));
    let value = trained(trainer(Sgd::new(0.3)).clip_grad_value(0.02));
    assert_eq!(value, hand(&|_, gradient| clip_grad_value(gradient, 0.02)));
    assert_ne!(value, plain);

    let norms = RefCell::new(Vec::new());
    let watch = |step: &Step, _: &Net| {
        norms.borrow_mut().push(step.gradient_norm.unwrap());
        ControlFlow::Continue(())
    };
    let norm = trained(trainer(Sgd::new(0.3)).clip_grad_norm(0.1).on_step(watch));
    let found = RefCell::new(Vec::new());
    let by_hand = hand(&|_, gradient| {
        found
            .borrow_mut()
            .push(clip_grad_norm(gradient, 0.1).unwrap())
    });
    assert_eq!((&norm, norms), (&by_hand, found));
    assert_ne!(norm, plain);

    let penalties = trainer(Sgd::new(0.3))
        .l1_penalty(layer!(Net, out.weight), 0.01)
        .l2_penalty(layer!(Net), 0.02);
    let expected = hand(&|net, gradient| {
        l1_penalty(net, layer!(Net, out.weight), 0.01, gradient);
        l2_penalty(net, layer!(Net), 0.02, gradient);
    });
    assert_eq!(trained(penalties), expected);
    // All together: penalties, then clipping by value, then by norm.
    let all = trainer(Sgd::new(0.3))
        .clip_grad_norm(0.1)
        .clip_grad_value(0.05)
        .l2_penalty(layer!(Net), 0.02);
    let expected = hand(&|net, gradient| {
        l2_penalty(net, layer!(Net), 0.02, gradient);
        clip_grad_value(gradient, 0.05);
        clip_grad_norm(gradient, 0.1).unwrap();
    });
    assert_eq!(trained(all), expected);
}

#[test]
fn parts_are_frozen_and_backward_ends_above_them() {
    let parts = |state: OptimizerState<AdamW, Net>| {
        state
            .freeze(layer!(Net, fc1))
            .freeze(layer!(Net, fc2.bias))
            .scale(layer!(Net, out), 0.5)
    };

    let seen = RefCell::new(0.0);
    let watch = |step: &Step, _: &Net| {
        *seen.borrow_mut() = step.gradient_norm.unwrap();
        ControlFlow::Continue(())
    };

    let frozen = trainer(AdamW::new(0.1))
        .param_groups(parts)
        .clip_grad_norm(0.01)
        .l2_penalty(layer!(Net), 0.1);
    let frozen = trained(frozen.on_step(watch));

    let (norm, head) = (RefCell::new(0.0), layer!(Net, out));
    let expected = by_hand(
        parts(AdamW::new(0.1).state()),
        |_, net, _, gradient| {
            l2_penalty(net, layer!(Net), 0.1, gradient);
            // Frozen parts do not count towards the norm.
            (gradient.fc1.weight, gradient.fc1.bias) = Default::default();
            gradient.fc2.bias = Default::default();
            *norm.borrow_mut() = clip_grad_norm(gradient, 0.01).unwrap();
        },
        |_, _| (),
    );

    assert_eq!((&frozen, seen), (&expected, norm));
    let begin = net();
    assert_eq!(
        frozen[..begin.fc1.weight.len() * 8 + 8],
        begin.params()[..32]
    );
    assert_ne!(head.of(&begin), &frozen[frozen.len() - 7..]);
}

#[test]
fn accumulated_batches_are_one_large_batch() {
    network! { struct Plain: [3] -> [1] as f64 { fc1: Linear<_, 8>, Tanh, Linear<_, 1> } }
    let (x, y) = samples(37, 1);

    let run = |batch_size: usize, accumulate: usize| {
        let mut net = Plain::init(&mut shapewright::rng(4));
        let seen = RefCell::new(Vec::new());
        let watch = |step: &Step, _: &Plain| {
            seen.borrow_mut().push(step.loss);
            ControlFlow::Continue(())
        };
        let progress = RefCell::new(Vec::new());

        let trainer = Plain::trainer(Sgd::new(0.3).momentum(0.9), Mse)
            .epochs(EPOCHS)
            .batch_size(batch_size);
        let trainer = trainer
            .adjust(|_, at| progress.borrow_mut().push(at))
            .on_step(watch);
        let history = trainer
            .accumulate(accumulate)
            .fit(&mut net, &x, &y)
            .unwrap();

        let epochs: Vec<_> = history
            .epochs
            .iter()
            .map(|epoch| (epoch.steps, epoch.epoch))
            .collect();
        let losses: Vec<f64> = history.epochs.iter().map(|epoch| epoch.loss).collect();

        (
            (progress.into_inner(), epochs),
            [net.params().to_vec(), seen.into_inner(), losses],
        )
    };

    // The last batch has 7 samples, or 5 and 2, or 4 and 3.
    let (steps, large) = run(10, 1);
    assert_eq!(steps.1, [(4, 1), (8, 2), (12, 3)]);
    assert_eq!(
        steps.0[5],
        Progress {
            epoch: 2,
            step: 6,
            steps: 12
        }
    );

    for (batch_size, accumulate) in [(5, 2), (2, 5), (1, 10)] {
        let (small_steps, small) = run(batch_size, accumulate);
        assert_eq!(small_steps, steps);
        for (small, large) in small.iter().zip(&large) {
            assert_close(
                &format!("{accumulate} of {batch_size}"),
                small,
                large,
                1e-12,
            );
        }
    }
}

/// Trains with an average. Returns the parameters of each epoch, as the observer sees them, and the
/// validation losses.
fn averaged(trainer: On<'_, Sgd>) -> (Vec<f64>, Vec<Vec<f64>>, Vec<f64>) {
    let ((x, y), (vx, vy), mut net) = (samples(37, 1), samples(9, 2), net());
    let seen = RefCell::new(Vec::new());
    let watch = |_: &Epoch, net: &Net| {
        seen.borrow_mut().push(net.params().to_vec());
        ControlFlow::Continue(())
    };
    let history = trainer
        .validate(&vx, &vy)
        .on_epoch(watch)
        .fit(&mut net, &x, &y)
        .unwrap();
    let losses = history
        .epochs
        .iter()
        .map(|epoch| epoch.validation_loss.unwrap())
        .collect();
    (net.params().to_vec(), seen.into_inner(), losses)
}

#[test]
fn averages_are_validated_and_become_the_network() {
    let (vx, vy) = samples(9, 2);
    let validation = |net: &Net| {
        let mut outputs = vec![Y::zeros(); vx.len()];
        net.forward_batch(&vx, &mut outputs);
        outputs
            .iter()
            .zip(&vy)
            .map(|(output, target)| (output[0] - target[0]).powi(2))
            .sum::<f64>()
            / 9.0
    };

    for (average, from, by_epoch) in [
        (WeightAverage::<Net>::ema(0.7), 1, false),
        (WeightAverage::ema_corrected(0.7), 2, false),
        (WeightAverage::swa(), 2, true),
    ] {
        let (mut expected, mut seen) = (average.clone(), Vec::new());

        by_hand(
            Sgd::new(0.2).state(),
            |_, _, _, _| (),
            |step, net| {
                let (epoch, last) = (step / STEPS + 1, step % STEPS == STEPS - 1);
                if epoch >= from && (last || !by_epoch) {
                    expected.update(net);
                }
                if last {
                    seen.push(
                        if expected.updates() > 0 {
                            expected.network()
                        } else {
                            net
                        }
                        .to_boxed(),
                    );
                }
            },
        );

        let trainer = trainer(Sgd::new(0.2))
            .average(average)
            .average_from(from as usize);
        let (net, epochs, losses) = averaged(trainer);

        assert_eq!(bits(&net), bits(expected.network().params()));
        for ((epoch, loss), expected) in epochs.iter().zip(losses).zip(&seen) {
            assert_eq!(bits(epoch), bits(expected.params()));
            assert!((loss - validation(expected)).abs() < 1e-12);
        }
        assert_eq!(seen.len(), EPOCHS);
    }
}

#[test]
fn early_stopping_keeps_the_best_average() {
    let trainer = trainer(Sgd::new(0.2))
        .epochs(30)
        .average(WeightAverage::ema(0.5))
        .early_stopping(2);
    let trainer = trainer.adjust(|sgd, at| sgd.lr = if at.epoch < 4 { 0.05 } else { 3.0 });
    let (net, epochs, losses) = averaged(trainer);
    let best = (0..losses.len())
        .min_by(|&a, &b| losses[a].total_cmp(&losses[b]))
        .unwrap();
    assert_eq!((losses.len(), bits(&net)), (best + 3, bits(&epochs[best])));
}

#[test]
fn an_observer_of_steps_interrupts_within_an_epoch() {
    let ((x, y), mut net) = (samples(37, 1), net());

    let steps = RefCell::new(Vec::new());
    let watch = |step: &Step, net: &Net| {
        steps
            .borrow_mut()
            .push((step.epoch, step.step, net.params().to_vec()));
        if step.step == 6 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };

    let history = trainer(Sgd::new(0.2))
        .on_step(watch)
        .fit(&mut net, &x, &y)
        .unwrap();

    assert_eq!((history.interrupted, history.epochs.len()), (true, 1));
    let steps = steps.into_inner();
    assert_eq!(
        steps
            .iter()
            .map(|(epoch, step, _)| (*epoch, *step))
            .next_back(),
        Some((2, 6))
    );
    assert_eq!((steps.len(), &steps[5].2[..]), (6, net.params()));
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let ((x, y), mut net) = (samples(37, 1), net());
    let before = net.params().to_vec();

    let mut reason = |trainer: On<'_, Sgd>| match trainer.fit(&mut net, &x, &y) {
        Err(error @ (TrainError::Setting(_) | TrainError::Combination { .. })) => error.to_string(),
        other => panic!("{other:?}"),
    };
    let plain = || trainer(Sgd::new(0.1));

    assert!(
        reason(plain().schedule(ReduceLrOnPlateau::new())).contains("give them with `validate`")
    );
    assert!(
        reason(plain().validate(&x, &y).early_stopping(0))
            .contains("`early_stopping` is 0, but must be at least 1")
    );
    assert!(reason(plain().accumulate(0)).contains("`accumulate` is 0, but must be at least 1"));
    assert!(
        reason(plain().checkpoint_every(0))
            .contains("`checkpoint_every` is 0, but must be at least 1")
    );
    assert!(reason(plain().resume(true)).contains("name it with `checkpoint`"));
    assert!(
        reason(plain().checkpoint_every(2))
            .contains("`checkpoint_every` needs a file to write; name it with `checkpoint`")
    );
    assert!(
        reason(plain().average_from(2))
            .contains("`average_from` needs an average of the parameters; give it with `average`")
    );

    assert_eq!(net.params(), before);
}

/// Every number that a trainer takes has a range, and the error names the setting.
#[test]
fn each_numeric_setting_has_its_range() {
    let ((x, y), mut net) = (samples(37, 1), net());
    let before = net.params().to_vec();
    let mut refused =
        |trainer: On<'_, Sgd>, owner: &str, setting: &str| match trainer.fit(&mut net, &x, &y) {
            Err(TrainError::Setting(error)) => {
                assert_eq!((error.owner, error.setting), (owner, setting));
                assert!(
                    error
                        .to_string()
                        .starts_with(&format!("{owner}'s `{setting}` is {}", error.value)),
                    "{error}"
                );
            }
            other => panic!("{setting}: {other:?}"),
        };
    let plain = || trainer(Sgd::new(0.1));
    let (own, optimizer, schedule) = ("the trainer", "the optimizer", "the schedule");
    refused(plain().epochs(0), own, "epochs");
    refused(plain().batch_size(0), own, "batch_size");
    refused(plain().accumulate(0), own, "accumulate");
    refused(plain().average_from(0), own, "average_from");
    refused(plain().checkpoint_every(0), own, "checkpoint_every");
    refused(
        plain().validate(&x, &y).early_stopping(0),
        own,
        "early_stopping",
    );

    for bad in [-1.0, f64::NAN, f64::NEG_INFINITY] {
        refused(plain().clip_grad_norm(bad), own, "clip_grad_norm");
        refused(plain().clip_grad_value(bad), own, "clip_grad_value");
    }
    refused(plain().clip_grad_norm(0.0), own, "clip_grad_norm");
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        refused(plain().l1_penalty(layer!(Net), bad), own, "l1_penalty");
        refused(plain().l2_penalty(layer!(Net, out), bad), own, "l2_penalty");
        refused(
            plain().param_groups(|state| state.scale(layer!(Net, fc1), bad)),
            optimizer,
            "scale",
        );
        refused(trainer(Sgd::new(bad)), optimizer, "lr");
        // These settings are only known at the step.
        refused(plain().schedule(move |_| bad), schedule, "lr");
        refused(plain().adjust(move |sgd, _| sgd.lr = bad), optimizer, "lr");
        refused(
            plain().adjust(move |sgd, _| *sgd = sgd.momentum(bad)),
            optimizer,
            "momentum",
        );
    }
    assert_eq!(net.params(), before);
}

/// A schedule whose learning rate is wrong at some step ends the training there. The steps before
/// it have been made.
#[test]
fn a_learning_rate_is_checked_at_each_step() {
    let ((x, y), mut net) = (samples(37, 1), net());
    let falling = |step: u64| 0.1 - 0.03 * step as f64;
    let error = trainer(Sgd::new(0.1))
        .schedule(falling)
        .fit(&mut net, &x, &y)
        .unwrap_err();
    let TrainError::Setting(error) = error else {
        panic!("{error}")
    };
    assert_eq!((error.owner, error.setting), ("the schedule", "lr"));
    assert!((error.value + 0.02).abs() < 1e-12, "{error}");
    assert!(net.params().iter().all(|x| x.is_finite()));
}

/// Functions that return no error panic, as an optimizer's step does.
#[test]
fn free_functions_refuse_settings_out_of_their_ranges() {
    fn refused(call: impl FnOnce(&mut Net), setting: &str) {
        let mut gradient = net();

        let call = AssertUnwindSafe(|| call(&mut gradient));
        let message = *catch_unwind(call)
            .expect_err(setting)
            .downcast::<String>()
            .expect("a message");
        assert!(message.contains(setting), "{message}");
        assert_eq!(gradient.params(), net().params());
    }

    let network = net();
    for bad in [-1.0, f64::NAN, f64::NEG_INFINITY] {
        refused(
            |gradient| _ = clip_grad_norm(gradient, bad),
            "clip_grad_norm's `max_norm` is",
        );
        refused(
            |gradient| clip_grad_value(gradient, bad),
            "clip_grad_value's `clip_value` is",
        );

        let part = layer!(Net, out);
        refused(
            |gradient| _ = l1_penalty(&*network, part, bad, gradient),
            "l1_penalty's `lambda` is",
        );
        refused(
            |gradient| _ = l2_penalty(&*network, part, bad, gradient),
            "l2_penalty's `lambda` is",
        );

        refused(
            |net| Sgd::new(0.1).state().scale(part, bad).step(net, &network),
            "optimizer's `scale` is",
        );
        let step = |net: &mut Net| {
            let mut state = Sgd::new(0.1).state();
            state.optimizer.lr = bad;
            state.step(net, &network);
        };
        refused(step, "optimizer's `lr` is");
    }

    // With infinity, nothing is clipped, and the norm is returned.
    let mut gradient = net();
    let norm = clip_grad_norm(&mut *gradient, f64::INFINITY).expect("a norm");
    assert!(norm > 0.0 && gradient.params() == network.params());
}

/// The columns of a history have unique names.
#[test]
fn each_metric_has_a_name_of_its_own() {
    use shapewright::metrics::{MeanAbsoluteError, Metric, R2Score};
    let ((x, y), mut net) = (samples(37, 1), net());
    let plain = || trainer(Sgd::new(0.1)).epochs(1);
    let twice = plain()
        .metric(R2Score::new())
        .metric(MeanAbsoluteError::new())
        .metric(R2Score::new());
    let error = twice.fit(&mut net, &x, &y).unwrap_err();
    let sentence = format!(
        "a metric has the name `{}`, and so has another; give it a name of its own with `named`",
        R2Score::<shapewright::tensor::Rank1<1>>::new().name()
    );
    assert_eq!(error, TrainError::Combination { reason: sentence });
    for column in [
        "epoch",
        "steps",
        "loss",
        "validation_loss",
        "seconds",
        "waiting",
    ] {
        let error = plain()
            .metric(R2Score::new().named(column))
            .fit(&mut net, &x, &y)
            .unwrap_err();
        assert!(
            error
                .to_string()
                .contains("the history has a column of that name"),
            "{error}"
        );
    }
    let named = plain()
        .metric(R2Score::new())
        .metric(R2Score::new().named("again"));
    let epoch = named
        .fit(&mut net, &x, &y)
        .expect("a training")
        .epochs
        .remove(0);
    assert_eq!(epoch.metrics[1].0, "again");
    assert_eq!(epoch.metrics[0].1, epoch.metrics[1].1);

    // In a history that was made by hand, equal names are numbered.
    let metrics = ["loss", "a", "a", "a 2"]
        .map(|name| (name.to_owned(), 0.5))
        .to_vec();
    let history = History {
        epochs: vec![Epoch { metrics, ..epoch }],
        ..History::default()
    };
    let header = "epoch,steps,loss,validation_loss,seconds,waiting,loss 2,a,a 2,a 2 2";
    assert_eq!(history.to_csv().lines().next(), Some(header));
    let keys: Vec<String> = header
        .split(',')
        .map(|name| format!("\"{name}\":"))
        .collect();
    assert!(
        keys.iter()
            .all(|key| history.to_json().matches(key).count() == 1),
        "{}",
        history.to_json()
    );

    // An epoch may have metrics that the first one lacks.
    let mut other = history.epochs[0].clone();
    other.metrics = vec![("b".to_owned(), 0.25), ("a".to_owned(), 0.75)];
    let history = History {
        epochs: vec![history.epochs[0].clone(), other],
        ..History::default()
    };
    let csv = history.to_csv();
    let ends = csv
        .lines()
        .map(|line| line.rsplitn(6, ',').take(5).collect::<Vec<_>>());
    let expected = [
        ["b", "a 2 2", "a 2", "a", "loss 2"],
        ["", "0.5", "0.5", "0.5", "0.5"],
        ["0.25", "", "", "0.75", ""],
    ];
    assert_eq!(ends.collect::<Vec<_>>(), expected);
}

/// A plateau watches the validation loss, or a named metric.
#[test]
fn a_plateau_watches_a_metric() {
    use shapewright::metrics::{MeanAbsoluteError, Metric, R2Score};
    let ((x, y), (vx, vy)) = (samples(37, 1), samples(9, 2));
    let rates = |plateau: ReduceLrOnPlateau| {
        let lrs = RefCell::new(Vec::new());
        let watch = |step: &Step, _: &Net| {
            lrs.borrow_mut().push(step.lr);
            ControlFlow::Continue(())
        };
        trainer(Sgd::new(0.2))
            .epochs(6)
            .batch_size(37)
            .validate(&vx, &vy)
            .metric(R2Score::new().named("r2"))
            .metric(MeanAbsoluteError::new().named("mae"))
            .schedule(plateau)
            .on_step(watch)
            .fit(&mut net(), &x, &y)
            .map(|history| (lrs.take(), history))
    };
    let plateau = |mode| ReduceLrOnPlateau::new().mode(mode).patience(0).factor(0.5);
    for (mode, metric) in [
        (PlateauMode::Max, "r2"),
        (PlateauMode::Min, "mae"),
        (PlateauMode::Max, "mae"),
    ] {
        let (lrs, history) = rates(plateau(mode).watch(metric)).expect("a training");
        let (mut by_hand, mut lr) = (plateau(mode), 0.2);
        for (epoch, found) in history.epochs.iter().zip(lrs) {
            assert_eq!(found, lr, "{metric}");
            let (_, value) = epoch
                .metrics
                .iter()
                .find(|(name, _)| name == metric)
                .expect("the metric");
            lr = by_hand.step(lr, *value);
        }
        // The network improves, so that only the wrong mode reduces the learning rate.
        assert_eq!(
            lr < 0.2,
            (mode, metric) == (PlateauMode::Max, "mae"),
            "{metric}"
        );
    }

    let reason = |plateau| rates(plateau).expect_err("no training").to_string();
    let larger = reason(plateau(PlateauMode::Max));
    assert!(
        larger.contains("its mode is `Max`; name the metric that it is to watch with `watch`"),
        "{larger}"
    );
    let unknown = reason(plateau(PlateauMode::Max).watch("accuracy"));
    assert!(
        unknown.contains("the metric `accuracy`, which the trainer does not have"),
        "{unknown}"
    );
}

#[test]
fn norms_that_are_not_finite_end_the_training() {
    network! { struct Line: [1] -> [1] as f64 { fc: Linear<_, 1> } }
    // The loss and its gradient are finite, and that of the weight is not.
    let x = [Tensor1::from([1e158])];
    let y = [Tensor1::from([1e150])];
    let mut net = Line::zeros();
    let before = net.params().to_vec();

    let far = Line::trainer(Sgd::new(0.1), Mse).clip_grad_norm(1.0);
    let error = far.fit(&mut net, &x, &y).unwrap_err();

    let TrainError::NonFiniteNorm {
        epoch: 1,
        step: 1,
        norm,
    } = error
    else {
        panic!("{error}")
    };

    assert!(
        !norm.is_finite() && error.to_string().contains("at step 1, in epoch 1"),
        "{error}"
    );
    assert_eq!(net.params(), before);
}

/// A setting that an `f32` cannot hold is infinite in the arithmetic of the network.
#[test]
fn settings_that_are_infinite_as_an_f32_are_refused() {
    network! { struct Line: [1] -> [1] { fc: Linear<_, 1> } }
    let x = [Tensor1::from([1.0]); 64];
    let check = |trainer: Trainer<'_, Line, Sgd, Mse, Tensor1<1>>, setting: &str| {
        let mut net = Line::zeros();
        let error = trainer.fit(&mut net, &x, &x).expect_err(setting);
        let TrainError::Setting(error) = error else {
            panic!("{error}")
        };
        assert_eq!(error.setting, setting);
        assert_eq!(error.expected, "at most 3.4e38, the largest `f32`");
        assert!(net.params().iter().all(|p| *p == 0.0));
    };
    let trainer = |lr: f64| Line::trainer(Sgd::new(lr), Mse);
    check(trainer(0.1).l1_penalty(layer!(Line), 1e300), "l1_penalty");
    check(trainer(0.1).l2_penalty(layer!(Line), 1e39), "l2_penalty");
    check(trainer(1e39), "lr");
    check(trainer(0.1).schedule(|_| 1e39), "lr");
}

#[test]
fn batches_that_are_gathered_ahead_are_the_same() {
    network! { struct Broad: [4000] -> [1] { Linear<_, 4>, Tanh, Dropout(0.2), Linear<_, 1> } }
    let x: Vec<Tensor1<4000>> = random(37, 1);
    let y: Vec<_> = x.iter().map(|x| Tensor1::from([x[0]])).collect();
    let net = || Broad::init(&mut shapewright::rng(4));
    let (mut trained, mut by_hand, mut rng) = (net(), net(), shapewright::rng(5));
    let trainer = Broad::trainer(Sgd::new(0.01), Mse)
        .epochs(EPOCHS)
        .batch_size(10)
        .seed(5);
    trainer.fit(&mut trained, &x, &y).unwrap();

    let (mut gradient, mut workspace) = (Broad::zeros(), Broad::workspace());
    workspace.reseed(rng.next_u64());
    let (mut batches, mut sgd) = (Batches::new(&x, &y, 10), Sgd::new(0.01).state::<Broad>());
    for _ in 0..EPOCHS {
        batches.shuffle(&mut rng);
        while let Some((x, y)) = batches.next_batch() {
            let mut pass = by_hand.forward_train(x, &mut workspace);
            pass.loss(&Mse, y);
            pass.backward(&mut gradient);
            sgd.step(&mut by_hand, &gradient);
        }
    }
    assert_eq!(bits(trained.params()), bits(by_hand.params()));
    // A panic of an observer reaches the caller, and the thread ends.
    let watch = |_: &Step, _: &Broad| -> ControlFlow<()> { panic!("an observer") };
    let trainer = Broad::trainer(Sgd::new(0.01), Mse)
        .batch_size(10)
        .on_step(watch);
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        trainer.fit(&mut trained, &x, &y)
    }));
    assert_eq!(
        panic.unwrap_err().downcast_ref::<&str>(),
        Some(&"an observer")
    );
}

/// A layer that changes nothing, counts the calls of `backward_params`, and measures the mean of
/// its inputs.
struct Watch;

#[derive(Clone, Copy, Debug, Parameters)]
#[repr(C)]
struct WatchParams<T: Element> {
    #[params(statistic)]
    mean: T,
}

static ASKED: AtomicUsize = AtomicUsize::new(0);

impl<In: Shape> ShapeRule<In> for Watch {
    const OUTPUT: Inferred = Inferred::shape(In::DIMS);
}

impl<T: Element> Layer<T> for Watch {
    type Config = ();
    type Params = WatchParams<T>;
}

impl<In: Shape, Out: Shape, T: Element> Infer<In, Out, T> for Watch {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    const BATCHING: Batching = Batching::WholeBatch;

    fn forward(call: Forward<'_, Self, In, Out, T>) {
        let Forward { x, y, .. } = call;
        x.iter()
            .zip(y)
            .for_each(|(x, y)| y.fill_with(|i| x.as_slice()[i]));
    }
}

impl<In: Shape, Out: Shape, T: Element> Train<In, Out, T> for Watch {
    const READS_OUTPUT: bool = false;

    fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
        let BackwardInput { dy, dx, .. } = call;
        dx.into_iter()
            .flatten()
            .zip(dy)
            .for_each(|(dx, dy)| dx.fill_with(|i| dy.as_slice()[i]));
    }

    fn backward_params(call: BackwardParams<'_, Self, In, Out, T>) {
        let BackwardParams {
            params,
            x,
            gradient,
            ..
        } = call;
        ASKED.fetch_add(1, Ordering::Relaxed);
        let mean = x
            .iter()
            .map(|x| x.as_slice()[0])
            .fold(T::zero(), |sum, x| sum + x);
        let mean = mean / T::from_f64_lossy(x.len() as f64);
        gradient.mean += T::from_f64_lossy(0.3) * (params.mean - mean);
    }
}

network! { struct Watched: [3] -> [1] as f64 { watch: Watch, body: Linear<_, 4>, Tanh, head: Linear<_, 1> } }

#[test]
fn statistics_are_measured_in_each_batch_and_not_below_the_lowest_trained_layer() {
    let ((x, y), mut rng) = (samples(37, 1), shapewright::rng(5));
    let mut net = Watched::init(&mut shapewright::rng(4));
    let trainer = || {
        Watched::trainer(Adam::new(0.1), Mse)
            .batch_size(5)
            .accumulate(4)
            .seed(5)
    };
    trainer().fit(&mut net, &x, &y).unwrap();
    // The mean is updated by each batch, not by each step.
    let (mut mean, mut batches) = (0.0, Batches::new(&x, &y, 5));
    rng.next_u64();
    batches.shuffle(&mut rng);
    while let Some((x, _)) = batches.next_batch() {
        mean -= 0.3 * (mean - x.iter().map(|x| x[0]).sum::<f64>() / x.len() as f64);
    }
    assert!(
        (net.watch.mean - mean).abs() < 1e-14 && mean != 0.0,
        "{} and {mean}",
        net.watch.mean
    );
    assert_eq!(ASKED.swap(0, Ordering::Relaxed), 8);

    let before = net.watch.mean;
    let frozen = trainer().param_groups(|state| {
        state
            .freeze(layer!(Watched, watch))
            .freeze(layer!(Watched, body))
    });
    frozen.fit(&mut net, &x, &y).unwrap();
    assert_eq!(
        (net.watch.mean, ASKED.swap(0, Ordering::Relaxed)),
        (before, 0)
    );
    // A part of a layer is not the layer.
    let part = trainer().param_groups(|state| {
        state
            .freeze(layer!(Watched, watch))
            .freeze(layer!(Watched, body.bias))
    });
    part.fit(&mut net, &x, &y).unwrap();
    assert_eq!(
        (net.watch.mean, ASKED.swap(0, Ordering::Relaxed)),
        (before, 0)
    );
    let above = trainer().param_groups(|state| {
        state
            .freeze(layer!(Watched, body))
            .freeze(layer!(Watched, head))
    });
    above.fit(&mut net, &x, &y).unwrap();
    assert_eq!(ASKED.load(Ordering::Relaxed), 8);
}

//! Parts of a network with settings of their own, clipping, penalties.

use crate::common::{bits, settings};
use shapewright::optim::{OptimizerState, ParamGroup};
use shapewright::prelude::*;

network! { struct Body: [3] -> [4] { fc: Linear<_, 5>, Tanh, out: Linear<_, 4> } }
network! { struct Net: [3] -> [2] { fc1: Linear<_, 3>, Relu, body: Body, Linear<_, 2> } }

const STEPS: usize = 4;

/// Makes some steps, with the same gradients in every call.
fn train<O: Optimizer + Sync>(mut state: OptimizerState<O, Net>, net: &mut Net) {
    for step in 0..STEPS {
        let gradient = Net::init(&mut shapewright::rng(10 + step as u64));
        state.step(net, &gradient);
    }
}

fn after<O: Optimizer + Sync>(state: OptimizerState<O, Net>) -> Box<Net> {
    let mut net = Net::init(&mut shapewright::rng(1));
    train(state, &mut net);
    net
}

/// Asserts that some parts are those of `inside` and all others those of `outside`.
#[track_caller]
fn assert_parts(net: &Net, parts: &[ParamGroup<Net>], inside: &Net, outside: &Net) {
    let mut expected = outside.to_boxed();
    let start = net.params().as_ptr().addr();
    for part in parts {
        let at = (part.of(net).as_ptr().addr() - start) / size_of::<f32>();
        let part = part.of(inside);
        assert!(
            !part.is_empty() && part != &outside.params()[at..][..part.len()],
            "nothing to tell apart"
        );
        expected.params_mut()[at..][..part.len()].copy_from_slice(part);
    }
    assert_eq!(bits(net.params()), bits(expected.params()));
}

#[test]
fn parts_have_their_own_learning_rate() {
    let plain = |lr: f64| after(Adam::new(lr).state());
    let parts = [layer!(Net, fc1), layer!(Net, body.out.bias)];

    let state = Adam::new(0.1)
        .state::<Net>()
        .scale(parts[0], 0.5)
        .scale(parts[1], 0.5);
    assert_parts(&after(state), &parts, &plain(0.05), &plain(0.1));

    // The last factor counts, also for a part of a part and for a part that contains it.
    let state = Adam::new(0.1)
        .state::<Net>()
        .scale(layer!(Net, body.fc.weight), 7.0);
    let state = state
        .scale(layer!(Net, body), 0.5)
        .scale(layer!(Net, body.out), 1.0);
    assert_parts(
        &after(state),
        &[layer!(Net, body.fc)],
        &plain(0.05),
        &plain(0.1),
    );

    let state = Adam::new(0.1).state::<Net>().scale(layer!(Net), 0.5);
    assert_eq!(bits(after(state).params()), bits(plain(0.05).params()));
}

#[test]
fn parts_can_be_left_out_of_the_weight_decay() {
    let part = layer!(Net, layer_3.bias);

    fn check<O: Optimizer + Sync>(part: ParamGroup<Net>, with: O, without: O) {
        let state = with.clone().state::<Net>().no_decay(part);
        assert_parts(
            &after(state),
            &[part],
            &after(without.state()),
            &after(with.state()),
        );
    }

    check(
        part,
        AdamW::new(0.1).weight_decay(0.5),
        AdamW::new(0.1).weight_decay(0.0),
    );
    check(part, Sgd::new(0.1).weight_decay(0.5), Sgd::new(0.1));
    check(part, Adam::new(0.1).weight_decay(0.5), Adam::new(0.1));
    check(part, NAdam::new(0.1).weight_decay(0.5), NAdam::new(0.1));
    check(part, RAdam::new(0.1).weight_decay(0.5), RAdam::new(0.1));
    check(part, Adamax::new(0.1).weight_decay(0.5), Adamax::new(0.1));
    check(part, Adagrad::new(0.1).weight_decay(0.5), Adagrad::new(0.1));
    check(
        part,
        Adadelta::new(1.0).weight_decay(0.5),
        Adadelta::new(1.0),
    );
    check(part, RmsProp::new(0.1).weight_decay(0.5), RmsProp::new(0.1));
    check(part, Lion::new(0.1).weight_decay(0.5), Lion::new(0.1));
}

/// Schedules and parts change the learning rate of every optimizer.
#[test]
fn every_learning_rate_is_scaled() {
    fn check<O: Optimizer + Sync>(small: O, large: O) {
        let part = layer!(Net, body.fc.weight);
        let state = large.clone().state::<Net>().scale(part, 0.25);
        assert_parts(
            &after(state),
            &[part],
            &after(small.state()),
            &after(large.state()),
        );
    }

    check(Sgd::new(0.025), Sgd::new(0.1));
    check(AdamW::new(0.025), AdamW::new(0.1));
    check(NAdam::new(0.025), NAdam::new(0.1));
    check(RAdam::new(0.025), RAdam::new(0.1));
    check(Adamax::new(0.025), Adamax::new(0.1));
    check(Adagrad::new(0.025), Adagrad::new(0.1));
    check(Adadelta::new(0.25), Adadelta::new(1.0));
    check(RmsProp::new(0.025), RmsProp::new(0.1));
    check(Lion::new(0.025), Lion::new(0.1));
}

#[test]
fn frozen_parts_do_not_change() {
    let part = layer!(Net, body);
    let begin = Net::init(&mut shapewright::rng(1));
    let adam = AdamW::new(0.1).weight_decay(0.5);
    let state = adam.state::<Net>().freeze(part);
    assert_parts(&after(state), &[part], &begin, &after(adam.state()));
    // A gradient of NaN does not matter there.
    let mut net = begin.to_boxed();
    let mut gradient = Net::zeros();
    gradient.body.params_mut().fill(f32::NAN);
    adam.state::<Net>().freeze(part).step(&mut net, &gradient);
    assert!(net.params().iter().all(|x| x.is_finite()));
}

/// Layers of a `Repeat` can be frozen by their index, also where backward ends within it.
#[test]
fn repeated_layers_can_be_frozen_one_by_one() {
    network! {
        struct Deep: [3] -> [2] {
            blocks: Repeat<3> { Residual { fc: Linear<_, 4>, Tanh, out: Linear<_, 3> } },
            head: Linear<_, 2>,
        }
    }

    let x = crate::common::random::<shapewright::tensor::Rank1<3>, f32>(20, 1);
    let y = crate::common::random(20, 2);
    let first = Deep::init(&mut shapewright::rng(3));

    let train = |parts: fn(OptimizerState<Sgd, Deep>) -> OptimizerState<Sgd, Deep>| {
        let mut net = first.to_boxed();
        Deep::trainer(Sgd::new(0.1), Mse)
            .batch_size(20)
            .param_groups(parts)
            .fit(&mut net, &x, &y)
            .expect("a training");
        net
    };

    let all = train(|state| state);
    let none = &first;
    let some = train(|state| {
        state
            .freeze(layer!(Deep, blocks[0]))
            .freeze(layer!(Deep, blocks[1].layer_0.out.bias))
    });

    assert_eq!(some.blocks[0].layer_0.fc, none.blocks[0].layer_0.fc);
    assert_eq!(
        some.blocks[1].layer_0.out.bias,
        none.blocks[1].layer_0.out.bias
    );
    assert_ne!(
        all.blocks[1].layer_0.out.bias,
        none.blocks[1].layer_0.out.bias
    );

    assert_eq!(some.blocks[1].layer_0.fc, all.blocks[1].layer_0.fc);
    assert_eq!(
        some.blocks[1].layer_0.out.weight,
        all.blocks[1].layer_0.out.weight
    );
    let last = |net: &Deep| bits(layer!(Deep, blocks[2]).of(net));
    assert_eq!(last(&some), last(&all));
    assert_eq!(some.head, all.head);
}

#[test]
fn thawed_parts_begin_anew() {
    fn check<O: Optimizer + Sync>(optimizer: O) {
        let part = layer!(Net, fc1);
        let mut state = optimizer.clone().state::<Net>().freeze(part);
        let mut net = Net::init(&mut shapewright::rng(1));
        for step in 0..3 {
            state.step(&mut net, &Net::init(&mut shapewright::rng(step)));
        }

        train(state.thaw(part), &mut net);
        assert_eq!(
            bits(part.of(&net)),
            bits(part.of(&after(optimizer.state())))
        );
    }

    check(Adam::new(0.1));
    check(NAdam::new(0.1));
    check(RAdam::new(0.1).betas(0.9, 0.9));
    check(Sgd::new(0.1).momentum(0.9).dampening(0.5));
    check(
        Adagrad::new(0.1)
            .initial_accumulator_value(0.5)
            .lr_decay(0.1),
    );
}

#[test]
fn threads_do_not_change_a_bit_of_parts() {
    network! { struct Wide: [200] -> [200] { fc1: Linear<_, 201>, fc2: Linear<_, 200> } }
    let settings = settings();
    let mut all = Vec::new();
    settings.every_threads(&[1, 2, 5], |_| {
        let mut state = Adam::new(0.1).state::<Wide>().scale(layer!(Wide, fc1), 0.5);
        state = state.freeze(layer!(Wide, fc2.bias));
        let mut net = Wide::init(&mut shapewright::rng(1));
        (0..3).for_each(|step| state.step(&mut net, &Wide::init(&mut shapewright::rng(step))));
        all.push(bits(net.params()));
    });
    assert!(all.iter().all(|bits| *bits == all[0]));
}

#[test]
fn norms_that_are_not_finite_are_errors() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut gradient = Net::init(&mut shapewright::rng(1));
        gradient.body.fc.weight[1][2] = bad;
        let before = bits(gradient.params());

        let error = clip_grad_norm(&mut *gradient, 1.0).unwrap_err();
        assert!(error.norm.is_nan() == bad.is_nan() && !error.norm.is_finite());
        assert!(
            error
                .to_string()
                .starts_with(&format!("the norm of the gradient is {}", error.norm))
        );
        assert_eq!(bits(gradient.params()), before);
    }

    // A gradient of zeros, and one whose squares do not fit in an f32.
    let mut gradient = Net::zeros();
    assert_eq!(clip_grad_norm(&mut *gradient, 1.0), Ok(0.0));
    gradient.fc1.bias = [3e30, 4e30, 0.0];
    let norm = clip_grad_norm(&mut *gradient, 1.0).expect("a finite norm");
    assert!((norm / 5e30 - 1.0).abs() < 1e-6 && (gradient.fc1.bias[1] - 0.8).abs() < 1e-6);
}

#[test]
fn clipping_by_value_keeps_nan() {
    let mut gradient = Net::zeros();
    gradient.fc1.bias = [f32::NAN, f32::NEG_INFINITY, 0.25];
    clip_grad_value(&mut *gradient, 0.5);
    let [nan, low, kept] = gradient.fc1.bias;
    assert!(nan.is_nan() && low == -0.5 && kept == 0.25);
}

#[test]
fn penalties_are_added_with_their_slopes() {
    network! { struct Double: [3] -> [2] as f64 { fc1: Linear<_, 40>, Linear<_, 2> } }
    let mut net = Double::init(&mut shapewright::rng(1));
    let begin = Double::init(&mut shapewright::rng(2));

    for part in [layer!(Double), layer!(Double, fc1.weight)] {
        for penalty in [l1_penalty::<Double>, l2_penalty::<Double>] {
            let mut gradient = begin.to_boxed();
            let value = penalty(&net, part, 0.3, &mut gradient);
            assert!(value > 0.0);

            // Central differences are exact for both, away from 0.
            for i in (0..Double::PARAMS).step_by(7) {
                let middle = net.params()[i];
                let mut ignored = Double::zeros();
                let mut at = |x: f64| {
                    net.params_mut()[i] = x;
                    penalty(&net, part, 0.3, &mut ignored)
                };

                let slope = (at(middle + 1e-4) - at(middle - 1e-4)) / 2e-4;
                at(middle);

                let found = gradient.params()[i] - begin.params()[i];
                assert!(
                    (found - slope).abs() < 1e-9,
                    "number {i}: {found} and {slope}"
                );
            }
        }
    }

    net.params_mut().fill(0.0);
    let mut gradient = Double::zeros();
    assert_eq!(l1_penalty(&*net, layer!(Double), 1.0, &mut *gradient), 0.0);
    assert!(gradient.params().iter().all(|&g| g == 0.0));
}

#[test]
#[should_panic(
    expected = "a parameter group is 1..100 of the 16 numbers of `Line`; name it with \
                           `layer!`"
)]
fn a_group_outside_of_its_network_is_refused() {
    network! { struct Line: [1] -> [1] { fc: Linear<_, 1> } }
    _ = Sgd::new(0.1)
        .state::<Line>()
        .freeze(shapewright::optim::ParamGroup::new(|_| 1..100));
}

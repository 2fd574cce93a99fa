//! Numbers that must not become denormal, and the scope that flushes the others.

use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::common::{random, settings};
use shapewright::prelude::*;
use shapewright::{tensor::Element, threads, with_flushed_denormals};

network! { struct Single: [18] -> [1] { Linear<_, 1> } }
network! { struct Double: [18] -> [1] as f64 { Linear<_, 1> } }

/// Panics if one of the numbers is denormal or not finite.
#[track_caller]
fn assert_normal<T: Element>(what: &str, numbers: &[T]) {
    for &x in numbers {
        assert!(
            x == T::zero() || x.is_normal(),
            "{what}: {x:e}",
            x = x.to_f64().unwrap()
        );
    }
}

/// Makes some steps with gradients, then `steps` with gradients of zero.
fn decays<N: Trainable>(name: &str, optimizer: impl Optimizer + Sync, size: f64, steps: usize) {
    let mut net = N::init(&mut shapewright::rng(1));
    let mut state = optimizer.state::<N>();
    let mut gradient = N::zeros();

    for step in 0..3 {
        for (i, g) in gradient.params_mut()[..N::PARAMS].iter_mut().enumerate() {
            *g = N::Element::from_f64_lossy(size * ((i + step) as f64).sin());
        }
        state.step(&mut net, &gradient);
    }

    gradient.params_mut().fill(num_traits::zero());
    for step in 0..steps {
        state.step(&mut net, &gradient);
        // Checking after every step would take too long.
        if step % 50 == 0 || step + 1 == steps {
            state
                .states()
                .for_each(|memory| assert_normal(name, memory));
            assert_normal(name, net.params());
        }
    }
}

/// Checks all optimizers, with settings under which their states would become denormal in these
/// steps, except for Adagrad's sum.
fn every_optimizer_decays<N: Trainable>(size: f64, steps: usize) {
    macro_rules! all {
        ($($optimizer:expr),* $(,)?) => { $( decays::<N>(stringify!($optimizer), $optimizer, size, steps); )* };
    }

    all! {
        Sgd::new(0.1).momentum(0.9),
        Sgd::new(0.1).momentum(0.9).nesterov(true),
        Sgd::new(0.1).momentum(0.9).dampening(0.5).weight_decay(1.0),
        Adam::new(1e-3).betas(0.9, 0.95),
        Adam::new(1e-3).betas(0.9, 0.95).amsgrad(true),
        Adam::new(1e-3).betas(0.9, 0.95).weight_decay(0.1),
        Adam::new(1e-3).betas(0.9, 0.95).epsilon(0.0),
        AdamW::new(1.0).betas(0.9, 0.95).weight_decay(0.1),
        NAdam::new(1e-3).betas(0.9, 0.95),
        RAdam::new(1e-3).betas(0.9, 0.95),
        Adamax::new(1e-3).betas(0.9, 0.95),
        Adamax::new(1e-3).betas(0.9, 0.95).epsilon(0.0),
        Adagrad::new(1e-2),
        Adadelta::new(1.0),
        RmsProp::new(1e-3).alpha(0.95),
        RmsProp::new(1e-3).alpha(0.95).momentum(0.9),
        RmsProp::new(1e-3).alpha(0.95).centered(true),
        Lion::new(1e-4).betas(0.9, 0.95),
    }
}

#[test]
fn no_optimizer_state_becomes_denormal() {
    let settings = settings();
    settings.every_tier(|_| every_optimizer_decays::<Single>(1.0, 2000));
}

#[test]
fn no_optimizer_state_becomes_denormal_in_f64() {
    every_optimizer_decays::<Double>(1e-140, 3000);
}

/// Gradients of saturated units are so small that their squares and products would be denormal.
#[test]
fn no_optimizer_state_becomes_denormal_under_small_gradients() {
    let settings = settings();
    settings.every_tier(|_| {
        for size in [1e-19, 1e-25, 1e-33, 1e-37, 1e-41] {
            for weight in [0.0, 0.3] {
                let mut net = Single::zeros();
                net.params_mut()[..18].fill(weight);
                let mut gradient = Single::zeros();
                gradient.params_mut()[..19].fill(size);

                macro_rules! all {
                    ($($optimizer:expr),* $(,)?) => { $(
                        let mut net = net.to_boxed();
                        let mut state = $optimizer.state::<Single>();
                        for _ in 0..50 {
                            state.step(&mut net, &gradient);
                            let name = stringify!($optimizer);
                            state.states().for_each(|memory| assert_normal(name, memory));
                            assert_normal(name, net.params());
                        }
                    )* };
                }

                all! {
                    Sgd::new(1e-3).momentum(0.9), Adam::new(1e-3), Adam::new(1e-3).amsgrad(true), AdamW::new(1e-3),
                    NAdam::new(1e-3), RAdam::new(1e-3), Adamax::new(1e-3), Adagrad::new(1e-2), Adadelta::new(1.0),
                    RmsProp::new(1e-3).momentum(0.9).centered(true), Lion::new(1e-4),
                }
            }
        }
    });
}

#[test]
fn running_statistics_do_not_become_denormal() {
    network! { struct Norm: [2] -> [2] { norm: BatchNorm1d<2> } }

    let mut net = Norm::init(&mut shapewright::rng(0));
    let mut workspace = Norm::workspace();
    (net.norm.running_mean, net.norm.running_var) = ([1.0, -1e-30], [1.0, 1e-20]);
    let mut gradient = Norm::zeros();
    let mut state = Sgd::new(0.1).state::<Norm>();
    let silence = [Tensor1::zeros(); 4];

    for _ in 0..1200 {
        net.forward_train(&silence, &mut workspace)
            .backward(&mut gradient);
        state.step(&mut net, &gradient);
        assert_normal("running_mean", &net.norm.running_mean);
        assert_normal("running_var", &net.norm.running_var);
    }

    assert_eq!(
        (net.norm.running_mean, net.norm.running_var),
        ([0.0; 2], [0.0; 2])
    );
}

/// Products are not flushed, but a state that decays by products in each step would be denormal for
/// ever: 0.9 of the smallest number is rounded to that number.
#[test]
fn states_of_a_scan_do_not_become_denormal() {
    network! {
        struct Cell: (x: [1], h: [2]) -> [2] {
            gain: Linear<_, 2> <- x,
            kept: Mul <- (gain, h),
            new: Linear<_, 2, NoBias> <- x,
            Add <- (kept, new),
        }
    }
    network! { #[stream] struct Net: [400, 1] -> [400, 2] { scan: Scan<Cell> } }

    let mut net = Net::zeros();
    net.scan.gain.bias = [0.5, 0.9];
    net.scan.new.weight = [[1.0, -1.0]];
    let mut x = Tensor2::zeros();
    x[[0, 0]] = 1.0;

    let mut stream = Net::stream();
    let mut y = Tensor2::zeros();
    for call in 0..4 {
        let silence = Tensor2::zeros();
        stream.block(&net, if call == 0 { &x } else { &silence }, &mut y);
        assert_normal("state", y.as_slice());
    }
    assert_eq!(y, Tensor2::zeros());

    // Back through time, the gradient decays in the same way.
    let mut workspace = Net::workspace();
    let mut gradient = Net::zeros();
    let inputs = [x];
    let mut pass = net.forward_train(&inputs, &mut workspace);
    assert_normal("output", pass.outputs()[0].as_slice());
    pass.output_gradients_mut()[0][[399, 0]] = 1.0;
    let input_gradients = pass.backward_with_input(&mut gradient);
    assert_normal("input gradient", input_gradients[0].as_slice());
}

#[test]
fn averages_of_weights_do_not_become_denormal() {
    for mut average in [
        WeightAverage::<Single>::ema(0.5),
        WeightAverage::ema_corrected(0.5),
    ] {
        let mut net = Single::init(&mut shapewright::rng(0));
        for _ in 0..200 {
            average.update(&net);
            net.params_mut().fill(0.0);
            assert_normal("average", average.network().params());
        }
        assert!(average.network().params().iter().all(|&p| p == 0.0));
    }
}

#[test]
fn clipping_makes_nothing_denormal() {
    let mut gradient = Single::zeros();
    gradient.params_mut()[0] = 1e20;
    gradient.params_mut()[1] = -1e-20;
    gradient.params_mut()[2] = 1e-5;
    clip_grad_norm(&mut *gradient, 1.0).unwrap();
    assert_eq!(gradient.params()[..2], [1.0, 0.0]);
    assert!((gradient.params()[2] - 1e-25).abs() < 1e-31);
}

#[test]
fn gradients_of_losses_are_not_denormal() {
    network! { struct Scores: [4] -> [4] { Identity } }
    network! { struct Logs: [4] -> [4] { LogSoftmax } }
    network! { struct Yes: [4] -> [4] { Sigmoid } }

    let settings = settings();
    settings.every_tier(|_| {
        let x = [[0.0, -88.0, -95.0, -103.0], [0.0, -86.5, -87.2, 3e-37]].map(Tensor1::from);
        let labels = [Label::<4>::new(0).unwrap(); 2];
        let near = [[1e-38, -88.0, -95.0, -103.0], [2e-38, -86.5, -87.2, 2.9e-37]].map(Tensor1::from);
        let ones = [Tensor1::from([1e-37; 4]); 2];

        macro_rules! check {
            ($network:ident, $($loss:expr, $targets:expr);*) => { $(
                let net = $network::zeros();
                let mut workspace = $network::workspace();
                let mut pass = net.forward_train(&x, &mut workspace);
                pass.loss(&$loss, &$targets);
                for gradient in pass.output_gradients_mut() {
                    assert_normal(stringify!($loss), gradient.as_slice());
                }

                // And through the layer.
                let mut nothing = $network::zeros();
                let dx = pass.backward_with_input(&mut nothing);
                dx.iter().for_each(|dx| assert_normal(stringify!($loss), dx.as_slice()));
            )* };
        }

        check!(Scores,
            CrossEntropy, labels; BceWithLogits, ones; Mse, near; Huber::default(), near; SmoothL1::default(), near;
            Mae, near; PoissonNll, ones);
        check!(Logs, Nll, labels; KlDiv, ones);
        check!(Yes, Bce, ones);
    });
}

/// Returns whether arithmetic on this thread flushes now.
fn flushes() -> bool {
    black_box(black_box(1e-40_f32) * black_box(0.5)) == 0.0
}

network! { struct Deep: [64] -> [8] { fc1: Linear<_, 128>, Relu, fc2: Linear<_, 64>, Tanh, head: Linear<_, 8> } }

/// Returns a network with weights of all sizes down to denormal ones.
fn faded() -> Box<Deep> {
    let mut net = Deep::init(&mut shapewright::rng(3));
    for (i, p) in net.params_mut().iter_mut().enumerate() {
        *p *= [1.0, 1e-20, 1e-37, 1e-39][i % 4];
    }
    net
}

/// Outputs, gradient and changed weights of a step, in bits.
fn bits_of_step(x: &[Tensor1<64>]) -> Vec<u32> {
    let mut net = faded();
    let mut gradient = Deep::zeros();
    let mut workspace = Deep::workspace();
    let labels = vec![Label::<8>::new(3).unwrap(); x.len()];
    let mut state = Sgd::new(0.1).momentum(0.9).state::<Deep>();
    let mut y = vec![Tensor1::zeros(); x.len()];
    net.forward_batch(x, &mut y);
    let mut pass = net.forward_train(x, &mut workspace);
    pass.loss(&CrossEntropy, &labels);
    pass.backward(&mut gradient);
    state.step(&mut net, &gradient);
    let numbers = gradient
        .params()
        .iter()
        .chain(net.params())
        .chain(y.iter().flat_map(|y| y.iter()));
    numbers.map(|x| x.to_bits()).collect()
}

#[test]
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn a_scope_flushes_in_network_calls_alone() {
    network! { struct Line: [1] -> [1] { fc: Linear<_, 1, NoBias> } }
    network! { struct Line64: [1] -> [1] as f64 { fc: Linear<_, 1, NoBias> } }

    let mut line = Line::zeros();
    let mut line64 = Line64::zeros();
    (line.fc.weight, line64.fc.weight) = ([[1e-40]], [[1e-310]]);

    let outside = line.forward(&Tensor1::from([1.0]))[0];
    assert!(outside.is_subnormal());
    with_flushed_denormals(|| {
        assert_eq!(line.forward(&Tensor1::from([1.0]))[0], 0.0);
        assert_eq!(line64.forward(&Tensor1::from([1.0]))[0], 0.0);
        assert!(!flushes(), "what the program does itself");

        let mut y = [Tensor1::zeros()];
        line.forward_batch(&[Tensor1::from([1.0])], &mut y);
        assert_eq!(y[0][0], 0.0);

        let small = Tensor2::from([[1e-20_f32]]);
        assert_eq!(small.matmul(&small)[[0, 0]], 0.0);
    });

    assert_eq!(line.forward(&Tensor1::from([1.0]))[0], outside);
}

/// A loss that checks whether arithmetic flushes.
struct Probe(bool);

impl<Out: Shape> Loss<Out, f32> for Probe {
    type Target = bool;
    type Accepts = shapewright::loss::AnyOutput;

    fn loss(&self, _: &[Tensor<Out>], targets: &[bool], gradients: &mut [Tensor<Out>]) -> f32 {
        assert_eq!(flushes(), targets[0]);
        assert!(!self.0, "asked to panic");
        gradients
            .iter_mut()
            .for_each(|gradient| *gradient = Tensor::zeros());
        0.0
    }
}

#[test]
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn a_scope_ends_with_a_panic_in_a_call() {
    let net = faded();
    let x = random::<_, f32>(2, 1);
    let mut workspace = Deep::workspace();

    with_flushed_denormals(|| {
        net.forward_train(&x, &mut workspace)
            .loss(&Probe(false), &[true; 2])
    });
    net.forward_train(&x, &mut workspace)
        .loss(&Probe(false), &[false; 2]);

    let result = catch_unwind(AssertUnwindSafe(|| {
        with_flushed_denormals(|| {
            net.forward_train(&x, &mut workspace)
                .loss(&Probe(true), &[true; 2])
        });
    }));

    assert!(result.is_err() && !flushes());
    net.forward_train(&x, &mut workspace)
        .loss(&Probe(false), &[false; 2]);
}

#[test]
fn a_scope_gives_the_same_bits_at_every_number_of_threads() {
    let settings = settings();
    let x = random::<_, f32>(128, 5);

    settings.every_tier(|tier| {
        let mut want = None;
        for count in [1, 2, 3, 7] {
            threads::set_threads(count);
            let got = with_flushed_denormals(|| bits_of_step(&x));
            assert_eq!(
                want.get_or_insert_with(|| got.clone()),
                &got,
                "{tier}, {count} threads"
            );
        }

        // Workers that were made within the scope do not stay in it.
        let outside = bits_of_step(&x);
        threads::set_threads(1);
        assert_eq!(bits_of_step(&x), outside, "{tier}");
        threads::set_threads(0);

        // The computation has denormal numbers, and the scope changes them.
        if cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
            assert_ne!(want.unwrap(), outside);
        }
    });
}

/// Trials that run on other threads are in the scope of the search.
#[test]
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn trials_follow_the_scope() {
    use shapewright::search::{Outcome, Search};

    let net = faded();
    let x = random::<_, f32>(1, 1);

    let report = with_flushed_denormals(|| {
        Search::new(0..6).threads(3).run(|_, _| {
            let mut workspace = Deep::workspace();
            let loss = net
                .forward_train(&x, &mut workspace)
                .loss(&Probe(false), &[true]);
            Ok(f64::from(loss))
        })
    });

    assert!(
        report
            .trials
            .iter()
            .all(|trial| matches!(trial.outcome, Outcome::Finished(_))),
        "{report}"
    );
}

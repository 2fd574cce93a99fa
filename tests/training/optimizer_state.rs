//! The state of an optimizer, taken out and put back.

use crate::common::bits;
use shapewright::prelude::*;
use shapewright::{
    optim::{OptimizerSnapshot, OptimizerState, SkippedSteps, StateError},
    tensor::Element,
};

network! { #[derive(Clone)] struct Net: [3] -> [2] { fc1: Linear<_, 5>, Relu, fc2: Linear<_, 4>, Relu, Linear<_, 2> } }

const LEN: usize = 64;

fn go<O: Optimizer + Sync>(state: &mut OptimizerState<O, Net>, net: &mut Net, steps: u64) {
    for step in 0..steps {
        state.step(net, &Net::init(&mut shapewright::rng(10 + step)));
    }
}

/// Makes some steps with frozen layers, and checks that a copy of the state continues as the state
/// itself does.
fn check<O: Optimizer + Sync>(optimizer: O) {
    let settings = |state: OptimizerState<O, Net>| state.scale(layer!(Net, fc2.weight), 0.5);
    let mut state = settings(optimizer.clone().state()).freeze(layer!(Net, fc1));
    let mut net = Net::init(&mut shapewright::rng(1));
    go(&mut state, &mut net, 3);
    state = state
        .thaw(layer!(Net, fc1))
        .freeze(layer!(Net, layer_4.bias));
    go(&mut state, &mut net, 2);
    state = state.thaw(layer!(Net));

    let parts = state.snapshot();
    assert_eq!((parts.steps, parts.states.len()), (5, optimizer.states()));
    assert!(state.states().eq(parts.states.iter().copied()));
    // Restores a copy of the snapshot into a state that has made other steps.
    let states: Vec<Vec<f32>> = parts.states.iter().map(|memory| memory.to_vec()).collect();
    let read = OptimizerSnapshot {
        states: states.iter().map(|m| &m[..]).collect(),
        ..parts.clone()
    };
    let mut other = settings(optimizer.state()).freeze(layer!(Net, fc1.bias));
    let mut copy = net.to_boxed();
    go(&mut other, &mut net.to_boxed(), 2);
    other.restore(&read).expect("parts of the same optimizer");
    // Restoring does not change which layers are frozen.
    other = other.thaw(layer!(Net));
    assert_eq!(other.steps(), 5);

    go(&mut state, &mut net, 3);
    go(&mut other, &mut copy, 3);
    assert_eq!(bits(net.params()), bits(copy.params()));
    for (a, b) in state.states().zip(other.states()) {
        assert_eq!(bits(a), bits(b));
    }
    assert_eq!(state.steps(), other.steps());
}

#[test]
fn a_restored_state_goes_on_in_every_bit() {
    check(Sgd::new(0.1));
    check(Sgd::new(0.1).momentum(0.9).dampening(0.5));
    check(Adam::new(0.1));
    check(Adam::new(0.1).amsgrad(true));
    check(AdamW::new(0.1));
    check(NAdam::new(0.1));
    check(RAdam::new(0.1).betas(0.9, 0.9));
    check(Adamax::new(0.1));
    check(
        Adagrad::new(0.1)
            .initial_accumulator_value(0.5)
            .lr_decay(0.1),
    );
    check(Adadelta::new(1.0));
    check(RmsProp::new(0.1).centered(true).momentum(0.9));
    check(Lion::new(0.1));
}

#[test]
fn snapshots_of_another_size_are_refused() {
    let mut state = Adam::new(0.1).state::<Net>();
    let mut net = Net::init(&mut shapewright::rng(1));
    go(&mut state, &mut net, 2);
    let before = state.clone();

    let numbers = [0.0; LEN + 1];
    let parts = |states: &[usize], missed: &[(usize, u64)]| OptimizerSnapshot {
        steps: 7,
        missed: missed
            .iter()
            .map(|&(end, steps)| SkippedSteps { end, steps })
            .collect(),
        states: states.iter().map(|&len| &numbers[..len]).collect(),
    };

    let missed = Err(StateError::SkippedSteps { len: LEN });
    for (parts, wanted) in [
        (
            parts(&[LEN], &[]),
            Err(StateError::States {
                expected: 2,
                found: 1,
            }),
        ),
        (
            parts(&[LEN; 3], &[]),
            Err(StateError::States {
                expected: 2,
                found: 3,
            }),
        ),
        (
            parts(&[LEN, LEN - 1], &[]),
            Err(StateError::Length {
                memory: 1,
                expected: LEN,
                found: LEN - 1,
            }),
        ),
        (
            parts(&[LEN + 1, LEN], &[]),
            Err(StateError::Length {
                memory: 0,
                expected: LEN,
                found: LEN + 1,
            }),
        ),
        (parts(&[LEN; 2], &[(LEN - 1, 0)]), missed),
        (parts(&[LEN; 2], &[(LEN + 1, 0)]), missed),
        (parts(&[LEN; 2], &[(9, 0), (9, 1), (LEN, 0)]), missed),
        (parts(&[LEN; 2], &[(0, 0), (LEN, 0)]), missed),
        (parts(&[LEN; 2], &[(9, 8), (LEN, 0)]), missed),
    ] {
        assert_eq!(state.restore(&parts), wanted);
        assert_eq!(state.snapshot(), before.snapshot());
    }

    let error = StateError::Length {
        memory: 1,
        expected: LEN,
        found: 3,
    };
    assert!(
        error
            .to_string()
            .starts_with("the network has 64 numbers, but memory 1 of the state has 3")
    );

    assert_eq!(state.restore(&parts(&[LEN; 2], &[])), Ok(()));
    assert_eq!(
        state.restore(&parts(&[LEN; 2], &[(9, 7), (LEN, 0)])),
        Ok(())
    );
    assert_eq!(state.steps(), 7);
}

/// Gradient descent that remembers the last gradients, as many as it is told.
#[derive(Clone, Debug)]
struct Remembering {
    lr: f64,
    gradients: usize,
}

impl Optimizer for Remembering {
    fn states(&self) -> usize {
        self.gradients
    }
    fn lr_mut(&mut self) -> &mut f64 {
        &mut self.lr
    }
    fn update<T: Element>(
        &self,
        step: u64,
        params: &mut [T],
        gradient: &[T],
        states: &mut [&mut [T]],
    ) {
        states[step as usize % self.gradients].copy_from_slice(gradient);
        params
            .iter_mut()
            .zip(gradient)
            .for_each(|(p, &g)| *p -= T::from_f64_lossy(self.lr) * g);
    }
}

#[test]
fn an_optimizer_of_ones_own_remembers_up_to_four_numbers() {
    let mut net = Net::zeros();
    let gradient = Net::init(&mut shapewright::rng(1));
    let mut state = Remembering {
        lr: 0.5,
        gradients: 4,
    }
    .state::<Net>();

    state.step(&mut net, &gradient);
    let remembered: Vec<_> = state
        .states()
        .map(|memory| memory == gradient.params())
        .collect();
    assert_eq!(remembered, [false, true, false, false]);
    assert!(
        net.params()
            .iter()
            .zip(gradient.params())
            .all(|(p, g)| *p == -0.5 * g)
    );
}

#[test]
#[should_panic(expected = "remembers 5 numbers per parameter, but at most 4 are possible")]
fn more_than_four_are_refused() {
    Remembering {
        lr: 0.5,
        gradients: 5,
    }
    .state::<Net>();
}

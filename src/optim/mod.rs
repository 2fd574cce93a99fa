//! Optimizers: how a gradient changes the parameters.

mod adadelta;
mod adagrad;
mod adam;
mod adamax;
mod lion;
mod nadam;
mod radam;
mod rmsprop;
mod setters;
mod sgd;

pub use adadelta::Adadelta;
pub use adagrad::Adagrad;
pub use adam::{Adam, AdamW};
pub use adamax::Adamax;
pub use lion::Lion;
pub use nadam::NAdam;
pub use radam::RAdam;
pub use rmsprop::RmsProp;
pub(crate) use setters::setters;
pub use sgd::Sgd;

use crate::network::Network;
use crate::tensor::Element;
use crate::threads;

/// From this many parameters on, a step is cut over the worker threads.
const PARALLEL_PARAMETERS: usize = 1 << 15;

/// An update rule: settings alone. What it remembers between steps is an [`OptimizerState`].
pub trait Optimizer: Clone {
    /// How many numbers per parameter it remembers between steps.
    fn memories(&self) -> usize;

    /// The learning rate.
    fn lr_mut(&mut self) -> &mut f64;

    /// The weight decay, if it has one.
    fn weight_decay_mut(&mut self) -> Option<&mut f64> {
        None
    }

    /// Changes some of the parameters by their gradient. `memories` holds one slice for each of
    /// [`Optimizer::memories`], zero before the first step. `step` counts from 1. Elements do not depend on
    /// each other, so that a step can be cut over threads.
    fn update<T: Element>(&self, step: u64, params: &mut [T], gradient: &[T], memories: &mut [&mut [T]]);

    /// The state that this optimizer begins a network's training with.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Line: [1] -> [1] { Linear<1, 1> } }
    /// let mut adam = Adam::new(0.01).state::<Line>();
    /// let (mut net, gradient) = (Line::init(&mut shapewright::rng(0)), Line::zeros());
    /// adam.step(&mut net, &gradient);
    /// ```
    fn state<N: Network>(self) -> OptimizerState<Self, N> {
        let memories = (0..self.memories()).map(|_| N::zeros()).collect();
        OptimizerState { optimizer: self, memories, steps: 0 }
    }
}

/// An optimizer at work on one network: its settings, which may change from step to step, and what it
/// remembers, in values of the network's own type.
#[derive(Clone)]
pub struct OptimizerState<O: Optimizer, N: Network> {
    /// The settings; a schedule changes the learning rate here. How much the optimizer remembers must
    /// not change.
    pub optimizer: O,
    memories: Vec<Box<N>>,
    steps: u64,
}

impl<O: Optimizer + Sync, N: Network> OptimizerState<O, N> {
    /// Changes the network's parameters by their gradient. Does not allocate.
    ///
    /// # Panics
    /// If the settings were changed to remember more or less than before.
    pub fn step(&mut self, network: &mut N, gradient: &N) {
        assert!(
            self.memories.len() == self.optimizer.memories(),
            "the optimizer remembers {} numbers per parameter, but its state was made for {}; make a new state",
            self.optimizer.memories(),
            self.memories.len()
        );
        self.steps += 1;
        let (optimizer, steps) = (&self.optimizer, self.steps);
        let params = network.params_mut();
        let parts = if params.len() < PARALLEL_PARAMETERS { 1 } else { threads::threads() };
        // Whole cache lines, so that threads do not share one.
        let per_part = params.len().div_ceil(parts).next_multiple_of(16);
        let count = self.memories.len();
        let mut memories: [&mut [N::Element]; threads::MOST_TOGETHER] = Default::default();
        for (memory, slice) in self.memories.iter_mut().zip(&mut memories) {
            *slice = memory.params_mut();
        }
        threads::split_together(params, &mut memories[..count], per_part, &|part, params, memories| {
            let gradient = &gradient.params()[part * per_part..][..params.len()];
            optimizer.update(steps, params, gradient, memories);
        });
    }

    /// How many steps have been made.
    pub fn steps(&self) -> u64 {
        self.steps
    }
}

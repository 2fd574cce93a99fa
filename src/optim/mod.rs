//! Optimizers, gradient clipping and weight averages.
//!
//! [`Sgd`], [`Adam`], [`AdamW`], [`NAdam`], [`RAdam`], [`Adamax`], [`Adagrad`], [`Adadelta`],
//! [`RmsProp`] and [`Lion`] are built in; an optimizer of your own implements [`Optimizer`]. Their
//! learning rates can follow a [schedule](crate::schedule).

mod adadelta;
mod adagrad;
mod adam;
mod adamax;
mod average;
mod gradient;
mod lion;
mod nadam;
mod param_group;
mod radam;
mod rmsprop;
mod saved;
mod setters;
mod setting_error;
mod sgd;
mod state;

pub use adadelta::Adadelta;
pub use adagrad::Adagrad;
pub use adam::{Adam, AdamW};
pub use adamax::Adamax;
pub use average::WeightAverage;
pub use gradient::{NonFiniteNorm, clip_grad_norm, clip_grad_value, l1_penalty, l2_penalty};
pub use lion::Lion;
pub use nadam::NAdam;
pub use param_group::ParamGroup;
pub use radam::RAdam;
pub use rmsprop::RmsProp;
pub use saved::{OptimizerSnapshot, SkippedSteps, StateError};
pub(crate) use setters::setters;
pub use setting_error::SettingError;
pub(crate) use setting_error::{assert_setting, bound, from_one, from_zero};
pub use sgd::Sgd;
pub use state::OptimizerState;

use std::fmt::Debug;

use crate::network::Network;
use crate::tensor::Element;
use crate::threads;

/// From this many parameters on, a step is cut over the worker threads.
const PARALLEL_PARAMETERS: usize = 1 << 15;

/// How many of `len` parameters each part of a step has: all, or a share for each thread. Whole
/// cache lines, so that threads do not share one.
fn share(len: usize) -> usize {
    let parts = if len < PARALLEL_PARAMETERS {
        1
    } else {
        threads::most_parts()
    };
    len.div_ceil(parts).next_multiple_of(16)
}

/// An update rule: settings alone. What it remembers between steps is an [`OptimizerState`]. Its
/// `Debug` text shows all settings: a training goes on from a checkpoint only if it is the same.
///
/// # Very small gradients
/// The optimizers of this crate take a gradient below 3.9e-34 for 0; in `f64` one below 7.3e-304.
/// Where it is 0, parameters and means of gradients below the same number become 0: they would
/// decay until they are denormal, on which arithmetic takes up to 100 times as long. Means of
/// squares stay above 7.5e-37 (1.4e-306) there, and everywhere if `epsilon` is so large that nobody
/// can tell, as 1e-8 is.
///
/// Steps in proportion to the gradient, as those of [`Sgd`], are off by less than 3.9e-34 times the
/// learning rate. Steps that do not depend on its size are not made: [`Lion`]'s, whose step is a
/// sign, and those of the others with an `epsilon` of 0, or one that is not far above the gradient.
/// Multiply a loss with such gradients by a constant.
pub trait Optimizer: Clone + Debug {
    /// How many numbers per parameter it remembers between steps, at most 4.
    fn states(&self) -> usize;

    /// The learning rate.
    fn lr_mut(&mut self) -> &mut f64;

    /// The weight decay, if it has one.
    fn weight_decay_mut(&mut self) -> Option<&mut f64> {
        None
    }

    /// Whether its settings are in their ranges.
    ///
    /// # Errors
    /// If one is not: the first.
    fn check(&self) -> Result<(), SettingError> {
        Ok(())
    }

    /// Changes some of the parameters by their gradient. `states` holds one slice for each of
    /// [`Optimizer::states`], zero before the first step. `step` counts from 1. Elements do not
    /// depend on each other, so that a step can be cut over threads.
    fn update<T: Element>(
        &self,
        step: u64,
        params: &mut [T],
        gradient: &[T],
        states: &mut [&mut [T]],
    );

    /// The state that this optimizer begins a network's training with.
    ///
    /// # Panics
    /// If a setting is out of its range ([`Optimizer::check`]), or if it remembers more than 4
    /// numbers per parameter.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Line: [1] -> [1] { Linear<1, 1> } }
    /// let mut adam = Adam::new(0.01).state::<Line>();
    /// let (mut net, gradient) = (Line::init(&mut shapewright::rng(0)), Line::zeros());
    /// adam.step(&mut net, &gradient);
    /// ```
    #[track_caller]
    fn state<N: Network>(self) -> OptimizerState<Self, N> {
        assert_setting(self.check());
        OptimizerState::new(self)
    }
}

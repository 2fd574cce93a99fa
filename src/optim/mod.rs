//! Optimizers, gradient clipping and weight averages.
//!
//! [`Sgd`], [`Adam`], [`AdamW`], [`NAdam`], [`RAdam`], [`Adamax`], [`Adagrad`], [`Adadelta`],
//! [`RmsProp`] and [`Lion`] are built in; custom optimizers implement [`Optimizer`]. Learning rates
//! can follow a [schedule](crate::schedule).

mod adadelta;
mod adagrad;
mod adam;
mod adamax;
mod average;
pub(crate) mod gradient;
mod lion;
mod nadam;
mod param_group;
mod radam;
mod rmsprop;
mod saved;
mod segments;
mod setters;
mod sgd;
mod state;
mod unfreezing;
mod workspace;

pub use adadelta::Adadelta;
pub use adagrad::Adagrad;
pub use adam::{Adam, AdamW};
pub use adamax::Adamax;
pub use average::WeightAverage;
pub(crate) use gradient::multiply;
pub use gradient::{NonFiniteNorm, clip_grad_norm, clip_grad_value, l1_penalty, l2_penalty};
pub use lion::Lion;
pub use nadam::NAdam;
pub use param_group::ParamGroup;
pub use radam::RAdam;
pub use rmsprop::RmsProp;
pub use saved::{OptimizerSnapshot, SkippedSteps, StateError};
pub(crate) use setters::setters;
use setters::shared_settings;
pub use sgd::Sgd;
pub use state::OptimizerState;
pub(crate) use state::{params_around, state_len};
pub use unfreezing::Unfreezing;

use core::fmt::Debug;

use crate::network::Network;
pub use crate::setting_error::SettingError;
pub(crate) use crate::setting_error::{
    assert_setting, at_least_one, not_negative, positive_single,
};
use crate::tensor::Element;
use crate::threads;

/// The least number of parameters whose step is divided among the worker threads.
const PARALLEL_PARAMETERS: usize = 1 << 15;

/// Returns how many of `len` parameters each part of a step processes: all, or an equal share for
/// each thread. Shares are whole cache lines, so that no two threads write to the same one.
fn share(len: usize) -> usize {
    let parts = if len < PARALLEL_PARAMETERS {
        1
    } else {
        threads::most_parts()
    };

    len.div_ceil(parts).next_multiple_of(16)
}

/// An optimizer that keeps nothing between the steps of a network. There is none.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` keeps values between the steps of a network: call `step` on its state",
    label = "not the state of an optimizer",
    note = "write `let mut optimizer = Adam::new(1e-3).state::<Net>()`, and then \
            `optimizer.step(&mut net, &gradient)`"
)]
pub trait StepsWithoutState<N> {
    fn step_without_state(&mut self, network: &mut N, gradient: &N);
}

/// An update rule with its settings. The values that it keeps between steps are in an
/// [`OptimizerState`].
///
/// # Very small gradients
/// The optimizers of this crate treat a gradient below 3.9e-34 (7.3e-304 in `f64`) as 0. Where the
/// gradient is 0, parameters and means of gradients below the same number become 0. Otherwise they
/// would decay until they are denormal, and arithmetic on denormal numbers takes up to 100 times as
/// long. Means of squares stay above 7.5e-37 (1.4e-306) there, and everywhere if `epsilon` is so
/// large that this makes no difference, as 1e-8 is.
///
/// Steps in proportion to the gradient, such as those of [`Sgd`], have an error of less than
/// 3.9e-34 times the learning rate. Steps that do not depend on the size of the gradient are
/// omitted: those of [`Lion`], whose step is a sign, and those of the others if `epsilon` is 0 or
/// not far above the gradient. If a loss has such gradients, multiply it by a constant.
///
/// # Very large gradients
/// The square of a gradient above 1.8e19 (1.3e154 in `f64`) is infinite, and so is a mean of squares
/// from then on, as in PyTorch: steps that are divided by its root are 0. A
/// [`Trainer`](crate::train::Trainer) finds this and returns an error; a loop of your own clips the
/// gradients first, or checks them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an optimizer",
    label = "not an optimizer",
    note = "a trainer takes the optimizer and then the loss: `Net::trainer(Adam::new(1e-3), \
            CrossEntropy)`"
)]
pub trait Optimizer: Clone + Debug {
    /// Returns the number of values that it keeps per parameter between steps; at most 4.
    fn states(&self) -> usize;

    /// Returns the learning rate, which may be changed.
    fn lr_mut(&mut self) -> &mut f64;

    /// Returns the weight decay, which may be changed, if the optimizer has one.
    fn weight_decay_mut(&mut self) -> Option<&mut f64> {
        None
    }

    /// Returns a name with all settings. A training resumes from a checkpoint only if they are the
    /// same.
    ///
    /// The default is the `Debug` text. With a text of its own, an optimizer can be renamed without
    /// making its checkpoints unreadable.
    fn written_settings(&self) -> String {
        format!("{self:?}")
    }

    /// Checks that the settings are in their ranges.
    ///
    /// # Errors
    /// Returns an error for the first setting that is out of its range.
    fn check(&self) -> Result<(), SettingError> {
        Ok(())
    }

    /// Updates some of the parameters by their gradient.
    ///
    /// `states` has one slice for each of [`Optimizer::states`], filled with zeros before the first
    /// step. `step` counts from 1. The update of an element must not depend on other elements, so
    /// that a step can be divided among threads.
    fn update<T: Element>(
        &self,
        step: u64,
        params: &mut [T],
        gradient: &[T],
        states: &mut [&mut [T]],
    );

    /// Never compiles: no optimizer satisfies its bound, whose error says that [`OptimizerState`]
    /// has the step.
    #[doc(hidden)]
    fn step<N: Network>(&mut self, network: &mut N, gradient: &N)
    where
        Self: StepsWithoutState<N>,
    {
        StepsWithoutState::step_without_state(self, network, gradient);
    }

    /// Returns the state with which this optimizer begins to train a network.
    ///
    /// # Panics
    /// Panics if a setting is out of its range ([`Optimizer::check`]), or if the optimizer keeps
    /// more than 4 values per parameter.
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

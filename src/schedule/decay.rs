//! Schedules that multiply the learning rate by a factor.

use super::{Schedule, from_zero, is_part, learning_rate, line};
use crate::optim::setters;

/// Multiplies the learning rate by `gamma` (0.1 by default) every `step_size` steps. PyTorch's
/// `StepLR`.
///
/// ```
/// use shapewright::prelude::*;
/// let schedule = StepLr::new(0.4, 30).gamma(0.5);
/// assert_eq!([schedule.lr(29), schedule.lr(30)], [0.4, 0.2]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepLr {
    lr: f64,
    step_size: u64,
    gamma: f64,
}

impl StepLr {
    /// Creates a schedule that begins with this learning rate.
    ///
    /// # Panics
    /// Panics if `step_size` is 0, or if the learning rate is negative, NaN or infinite.
    #[track_caller]
    pub const fn new(lr: f64, step_size: u64) -> Self {
        assert!(
            step_size > 0,
            "StepLr: a step_size of 0; write 1 to change the learning rate in every step"
        );
        StepLr {
            lr: learning_rate(lr),
            step_size,
            gamma: 0.1,
        }
    }

    setters! {
        /// The factor; 0.1 by default.
        gamma: f64, if from_zero(gamma), "the gamma of `StepLr` is a number from 0 up";
    }
}

impl Schedule for StepLr {
    fn lr(&self, step: u64) -> f64 {
        self.lr * self.gamma.powf((step / self.step_size) as f64)
    }
}

/// Multiplies the learning rate by `gamma` (0.1 by default) at each milestone. PyTorch's
/// `MultiStepLR`.
///
/// ```
/// use shapewright::prelude::*;
/// let schedule = MultiStepLr::new(0.4, [30, 80]).gamma(0.5);
/// assert_eq!(
///     [schedule.lr(29), schedule.lr(30), schedule.lr(80)],
///     [0.4, 0.2, 0.1]
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MultiStepLr<const N: usize> {
    lr: f64,
    milestones: [u64; N],
    gamma: f64,
}

impl<const N: usize> MultiStepLr<N> {
    /// Creates a schedule that begins with this learning rate. The milestones may be in any order; one that is there twice
    /// counts twice.
    ///
    /// # Panics
    /// Panics if the learning rate is negative, NaN or infinite.
    #[track_caller]
    pub const fn new(lr: f64, milestones: [u64; N]) -> Self {
        MultiStepLr {
            lr: learning_rate(lr),
            milestones,
            gamma: 0.1,
        }
    }

    setters! {
        /// The factor; 0.1 by default.
        gamma: f64, if from_zero(gamma), "the gamma of `MultiStepLr` is a number from 0 up";
    }
}

impl<const N: usize> Schedule for MultiStepLr<N> {
    fn lr(&self, step: u64) -> f64 {
        let passed = self
            .milestones
            .iter()
            .filter(|&&milestone| milestone <= step)
            .count();
        self.lr * self.gamma.powf(passed as f64)
    }
}

/// Multiplies the learning rate by `gamma` in every step. PyTorch's `ExponentialLR`.
///
/// ```
/// use shapewright::prelude::*;
/// assert_eq!(ExponentialLr::new(0.4, 0.5).lr(2), 0.1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExponentialLr {
    lr: f64,
    gamma: f64,
}

impl ExponentialLr {
    /// Creates a schedule that begins with this learning rate.
    ///
    /// # Panics
    /// Panics if the learning rate or `gamma` is negative, NaN or infinite.
    #[track_caller]
    pub const fn new(lr: f64, gamma: f64) -> Self {
        assert!(
            from_zero(gamma),
            "the gamma of `ExponentialLr` is a number from 0 up"
        );
        ExponentialLr {
            lr: learning_rate(lr),
            gamma,
        }
    }
}

impl Schedule for ExponentialLr {
    fn lr(&self, step: u64) -> f64 {
        self.lr * self.gamma.powf(step as f64)
    }
}

/// Takes the learning rate to 0 in `total_iters` steps, as a power of the part of them that is left.
/// PyTorch's `PolynomialLR`.
///
/// ```
/// use shapewright::prelude::*;
/// let schedule = PolynomialLr::new(0.4, 4).power(2.0);
/// assert_eq!(
///     [
///         schedule.lr(0),
///         schedule.lr(2),
///         schedule.lr(4),
///         schedule.lr(9)
///     ],
///     [0.4, 0.1, 0.0, 0.0]
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PolynomialLr {
    lr: f64,
    total_iters: u64,
    power: f64,
}

impl PolynomialLr {
    /// Creates a schedule that begins with this learning rate (PyTorch's default for `total_iters` is 5).
    ///
    /// # Panics
    /// Panics if `total_iters` is 0, or if the learning rate is negative, NaN or infinite.
    #[track_caller]
    pub const fn new(lr: f64, total_iters: u64) -> Self {
        assert!(
            total_iters > 0,
            "PolynomialLr: a total_iters of 0; it is the number of steps of the whole way"
        );
        PolynomialLr {
            lr: learning_rate(lr),
            total_iters,
            power: 1.0,
        }
    }

    setters! {
        /// The power; 1 by default.
        power: f64, if from_zero(power), "the power of `PolynomialLr` is a number from 0 up";
    }
}

impl Schedule for PolynomialLr {
    fn lr(&self, step: u64) -> f64 {
        if step >= self.total_iters {
            return 0.0;
        }
        self.lr * (1.0 - step as f64 / self.total_iters as f64).powf(self.power)
    }
}

/// Multiplies the learning rate by a factor that goes along a line, by default from 1/3 to 1. PyTorch's
/// `LinearLR`.
///
/// ```
/// use shapewright::prelude::*;
/// let schedule = LinearLr::new(0.4, 4).start_factor(0.5);
/// assert_eq!(
///     [schedule.lr(0), schedule.lr(4), schedule.lr(9)],
///     [0.2, 0.4, 0.4]
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinearLr {
    lr: f64,
    total_iters: u64,
    start_factor: f64,
    end_factor: f64,
}

impl LinearLr {
    /// Creates a schedule that reaches the end factor times this learning rate in `total_iters` steps
    /// (PyTorch's default is 5).
    ///
    /// # Panics
    /// Panics if `total_iters` is 0, or if the learning rate is negative, NaN or infinite.
    #[track_caller]
    pub const fn new(lr: f64, total_iters: u64) -> Self {
        assert!(
            total_iters > 0,
            "LinearLr: a total_iters of 0; it is the number of steps of the whole way"
        );
        LinearLr {
            lr: learning_rate(lr),
            total_iters,
            start_factor: 1.0 / 3.0,
            end_factor: 1.0,
        }
    }

    setters! {
        /// The factor of the first step; 1/3 by default.
        start_factor: f64, if is_part(start_factor), "the start_factor of `LinearLr` is from 0 to 1";
        /// The factor of the step `total_iters` and all later ones; 1 by default.
        end_factor: f64, if is_part(end_factor), "the end_factor of `LinearLr` is from 0 to 1";
    }
}

impl Schedule for LinearLr {
    fn lr(&self, step: u64) -> f64 {
        if step >= self.total_iters {
            return self.lr * self.end_factor;
        }
        self.lr
            * line(
                self.start_factor,
                self.end_factor,
                step as f64 / self.total_iters as f64,
            )
    }
}

/// Multiplies the learning rate by a factor in the first steps, and leaves it alone then. PyTorch's
/// `ConstantLR`.
///
/// ```
/// use shapewright::prelude::*;
/// let schedule = ConstantLr::new(0.4).factor(0.5).total_iters(10);
/// assert_eq!([schedule.lr(9), schedule.lr(10)], [0.2, 0.4]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConstantLr {
    lr: f64,
    factor: f64,
    total_iters: u64,
}

impl ConstantLr {
    /// Creates a schedule with a third of this learning rate for 5 steps, then the whole.
    ///
    /// # Panics
    /// Panics if the learning rate is negative, NaN or infinite.
    #[track_caller]
    pub const fn new(lr: f64) -> Self {
        ConstantLr {
            lr: learning_rate(lr),
            factor: 1.0 / 3.0,
            total_iters: 5,
        }
    }

    setters! {
        /// The factor; 1/3 by default.
        factor: f64, if is_part(factor), "the factor of `ConstantLr` is from 0 to 1";
        /// The number of steps that have the factor, at least 1; 5 by default.
        total_iters: u64, if total_iters > 0, "ConstantLr: a total_iters of 0; write a factor of 1 for one learning rate";
    }
}

impl Schedule for ConstantLr {
    fn lr(&self, step: u64) -> f64 {
        if step < self.total_iters {
            self.lr * self.factor
        } else {
            self.lr
        }
    }
}

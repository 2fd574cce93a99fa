//! Schedules along a cosine.

use super::{Schedule, cosine, from_zero, learning_rate};
use crate::optim::setters;

/// A schedule from the learning rate to `eta_min` (0 by default) along half a wave of the cosine, in
/// `t_max` steps, and back up in as many. PyTorch's `CosineAnnealingLR`; Loshchilov and Hutter, 2016,
/// without the restarts.
///
/// ```
/// use shapewright::prelude::*;
/// let schedule = CosineAnnealingLr::new(0.4, 100);
/// assert!((schedule.lr(50) - 0.2).abs() < 1e-15);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CosineAnnealingLr {
    lr: f64,
    t_max: u64,
    eta_min: f64,
}

impl CosineAnnealingLr {
    /// Creates a schedule that begins with this learning rate.
    ///
    /// # Panics
    /// Panics if `t_max` is 0, or if the learning rate is negative, NaN or infinite.
    #[track_caller]
    pub const fn new(lr: f64, t_max: u64) -> Self {
        assert!(
            t_max > 0,
            "CosineAnnealingLr: a t_max of 0; it is the number of steps down to eta_min"
        );
        CosineAnnealingLr {
            lr: learning_rate(lr),
            t_max,
            eta_min: 0.0,
        }
    }

    setters! {
        /// The smallest learning rate; 0 by default.
        eta_min: f64, if from_zero(eta_min), "the eta_min of `CosineAnnealingLr` is a number from 0 up";
    }
}

impl Schedule for CosineAnnealingLr {
    fn lr(&self, step: u64) -> f64 {
        cosine(self.lr, self.eta_min, step as f64 / self.t_max as f64)
    }
}

/// A schedule from the learning rate to `eta_min` (0 by default) along half a wave of the cosine,
/// again and again: in `t_0` steps, then in `t_mult` (1 by default) times as many each time. PyTorch's
/// `CosineAnnealingWarmRestarts`; Loshchilov and Hutter, 2016.
///
/// ```
/// use shapewright::prelude::*;
/// let schedule = CosineAnnealingWarmRestarts::new(0.4, 10).t_mult(2);
/// assert_eq!([schedule.lr(0), schedule.lr(10), schedule.lr(30)], [0.4; 3]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CosineAnnealingWarmRestarts {
    lr: f64,
    t_0: u64,
    t_mult: u64,
    eta_min: f64,
}

impl CosineAnnealingWarmRestarts {
    /// Creates a schedule that begins with this learning rate.
    ///
    /// # Panics
    /// Panics if `t_0` is 0, or if the learning rate is negative, NaN or infinite.
    #[track_caller]
    pub const fn new(lr: f64, t_0: u64) -> Self {
        assert!(
            t_0 > 0,
            "CosineAnnealingWarmRestarts: a t_0 of 0; it is the number of steps of the first cycle"
        );
        CosineAnnealingWarmRestarts {
            lr: learning_rate(lr),
            t_0,
            t_mult: 1,
            eta_min: 0.0,
        }
    }

    /// Sets the length of each cycle divided by that of the one before; 1 by default.
    ///
    /// # Panics
    /// Panics if it is 0.
    #[track_caller]
    pub const fn t_mult(self, t_mult: u64) -> Self {
        assert!(
            t_mult > 0,
            "CosineAnnealingWarmRestarts: a t_mult of 0; write 1 for cycles of one length"
        );
        Self { t_mult, ..self }
    }

    setters! {
        /// The smallest learning rate; 0 by default.
        eta_min: f64, if from_zero(eta_min), "the eta_min of `CosineAnnealingWarmRestarts` is a number from 0 up";
    }
}

impl Schedule for CosineAnnealingWarmRestarts {
    fn lr(&self, step: u64) -> f64 {
        let mut since = step;
        let mut length = self.t_0;
        if self.t_mult == 1 {
            since %= length;
        }
        while since >= length {
            since -= length;
            length = length.saturating_mul(self.t_mult);
        }
        cosine(self.lr, self.eta_min, since as f64 / length as f64)
    }
}

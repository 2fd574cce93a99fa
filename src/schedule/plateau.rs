//! A schedule that watches the training.

use crate::optim::setters;

/// Whether a smaller or a larger metric is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlateauMode {
    /// A smaller one, as of a loss.
    #[default]
    Min,
    /// A larger one, as of an accuracy.
    Max,
}

/// By how much a metric must be better than the best one to count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Threshold {
    /// By this part of the best one.
    Relative(f64),
    /// By this amount.
    Absolute(f64),
}

/// Reduces the learning rate when a metric has stopped to get better. PyTorch's `ReduceLROnPlateau`.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Line: [1] -> [1] { Linear<1, 1> } }
/// let mut sgd = Sgd::new(0.1).state::<Line>();
/// let mut plateau = ReduceLrOnPlateau::new().factor(0.5).patience(1);
/// for loss in [3.0, 2.0, 2.0, 2.0] {
///     // .. an epoch of steps that ended with this loss ..
///     sgd.optimizer.lr = plateau.step(sgd.optimizer.lr, loss);
/// }
/// assert_eq!(sgd.optimizer.lr, 0.05);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReduceLrOnPlateau {
    mode: PlateauMode,
    factor: f64,
    patience: u64,
    threshold: Threshold,
    cooldown: u64,
    min_lr: f64,
    eps: f64,
    best: Option<f64>,
    bad: u64,
    cooling: u64,
}

impl Default for ReduceLrOnPlateau {
    fn default() -> Self {
        Self::new()
    }
}

impl ReduceLrOnPlateau {
    /// Multiplies by 0.1 once the metric was not smaller than the best one for more than 10 steps.
    pub const fn new() -> Self {
        ReduceLrOnPlateau {
            mode: PlateauMode::Min,
            factor: 0.1,
            patience: 10,
            threshold: Threshold::Relative(1e-4),
            cooldown: 0,
            min_lr: 0.0,
            eps: 1e-8,
            best: None,
            bad: 0,
            cooling: 0,
        }
    }

    setters! {
        /// Whether a smaller or a larger metric is better; a smaller one by default.
        mode: PlateauMode;
        /// What the learning rate is multiplied by; 0.1 by default.
        factor: f64;
        /// How many steps without a better metric are let pass; 10 by default.
        patience: u64;
        /// By how much a metric must be better to count; by a part of 1e-4 by default.
        threshold: Threshold;
        /// How many steps after a reduction do not count; 0 by default.
        cooldown: u64;
        /// The smallest learning rate; 0 by default.
        min_lr: f64;
        /// A reduction by no more than this is left out; 1e-8 by default.
        eps: f64;
    }

    /// Looks at the metric of a step (usually an epoch) and gives the learning rate to go on with. A metric of NaN is
    /// not better.
    pub fn step(&mut self, lr: f64, metric: f64) -> f64 {
        if self.is_better(metric) {
            self.best = Some(metric);
            self.bad = 0;
        } else {
            self.bad = self.bad.saturating_add(1);
        }
        if self.cooling > 0 {
            self.cooling -= 1;
            self.bad = 0;
        }
        if self.bad <= self.patience {
            return lr;
        }
        self.cooling = self.cooldown;
        self.bad = 0;
        let reduced = (lr * self.factor).max(self.min_lr);
        if lr - reduced > self.eps { reduced } else { lr }
    }

    /// What it remembers, for a checkpoint.
    pub(crate) fn memory(&self) -> (Option<f64>, [u64; 2]) {
        (self.best, [self.bad, self.cooling])
    }

    /// Goes on from what was remembered.
    pub(crate) fn recall(&mut self, (best, [bad, cooling]): (Option<f64>, [u64; 2])) {
        (self.best, self.bad, self.cooling) = (best, bad, cooling);
    }

    fn is_better(&self, metric: f64) -> bool {
        use {PlateauMode::*, Threshold::*};
        let best = self.best.unwrap_or(match self.mode {
            Min => f64::INFINITY,
            Max => f64::NEG_INFINITY,
        });
        match (self.mode, self.threshold) {
            (Min, Relative(part)) => metric < best * (1.0 - part),
            (Min, Absolute(amount)) => metric < best - amount,
            (Max, Relative(part)) => metric > best * (1.0 + part),
            (Max, Absolute(amount)) => metric > best + amount,
        }
    }
}

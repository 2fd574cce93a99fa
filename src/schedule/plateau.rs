//! A schedule that watches the training.

use super::from_zero;
use crate::optim::setters;
use crate::written::written;

/// The direction in which a metric gets better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlateauMode {
    /// A smaller metric is better, such as a loss.
    #[default]
    Min,
    /// A larger metric is better, such as an accuracy.
    Max,
}

/// The amount by which a metric must be better than the best one to count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Threshold {
    /// This part of the size of the best one. PyTorch's `rel`, where it is above zero; below
    /// zero PyTorch's threshold lies on the other side of the best one, so that the same metric
    /// again counts as better.
    Relative(f64),
    /// This amount.
    Absolute(f64),
}

impl Threshold {
    const fn is_valid(self) -> bool {
        match self {
            Threshold::Relative(part) => from_zero(part),
            Threshold::Absolute(amount) => from_zero(amount),
        }
    }
}

/// Reduces the learning rate when a metric has stopped getting better. PyTorch's
/// `ReduceLROnPlateau`.
///
/// In a [trainer](crate::train::Trainer::schedule) the metric is the validation loss, or the one that
/// [`watch`](ReduceLrOnPlateau::watch) names; a loop of your own gives its value to
/// [`step`](ReduceLrOnPlateau::step).
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
    watched: Option<&'static str>,
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
    /// Creates a schedule that multiplies by 0.1 once the metric was not smaller than the best one for
    /// more than 10 steps.
    pub const fn new() -> Self {
        ReduceLrOnPlateau {
            watched: None,
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
        /// The direction in which the metric gets better; a smaller one is better by default.
        mode: PlateauMode;
        /// The factor of a reduction, from 0 to less than 1; 0.1 by default.
        factor: f64, if factor >= 0.0 && factor < 1.0, "the factor of `ReduceLrOnPlateau` is from 0 to less than 1";
        /// The number of steps without a better metric that are let pass; 10 by default.
        patience: u64;
        /// The amount by which a metric must be better to count; a part of 1e-4 by default.
        threshold: Threshold, if threshold.is_valid(), "the threshold of `ReduceLrOnPlateau` is a number from 0 up";
        /// The number of steps after a reduction that do not count; 0 by default.
        cooldown: u64;
        /// The smallest learning rate; 0 by default.
        min_lr: f64, if from_zero(min_lr), "the min_lr of `ReduceLrOnPlateau` is a number from 0 up";
        /// The largest reduction that is omitted; 1e-8 by default.
        eps: f64, if from_zero(eps), "the eps of `ReduceLrOnPlateau` is a number from 0 up";
    }

    /// Watches the trainer's [metric](crate::train::Trainer::metric) of this name, and not the validation
    /// loss.
    ///
    /// ```
    /// use shapewright::metrics::Accuracy;
    /// use shapewright::prelude::*;
    /// use shapewright::schedule::PlateauMode;
    /// network! { struct Net: [2] -> [3] { Linear<_, 3> } }
    /// let (x, y) = ([Tensor1::ones(); 4], [Label::<3>::new(1)?; 4]);
    /// let plateau = ReduceLrOnPlateau::new()
    ///     .mode(PlateauMode::Max)
    ///     .watch("accuracy");
    /// let mut net = Net::init(&mut shapewright::rng(0));
    /// Net::trainer(Sgd::new(0.1), CrossEntropy)
    ///     .validate(&x, &y)
    ///     .metric(Accuracy::new())
    ///     .schedule(plateau)
    ///     .fit(&mut net, &x, &y)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn watch(self, metric: &'static str) -> Self {
        ReduceLrOnPlateau {
            watched: Some(metric),
            ..self
        }
    }

    /// The name of the metric that a trainer gives it; `None` for the validation loss.
    pub(crate) fn watched(&self) -> Option<&'static str> {
        self.watched
    }

    /// Returns whether a larger metric is better.
    pub(crate) fn watches_larger(&self) -> bool {
        self.mode == PlateauMode::Max
    }

    /// Takes the metric of a step (usually an epoch) and returns the learning rate for the next
    /// one. A metric of NaN is not better.
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

    /// Returns the settings, and the initial state, as they are written in checkpoints.
    pub(crate) fn written(&self) -> String {
        let Self {
            watched,
            mode,
            factor,
            patience,
            threshold,
            cooldown,
            min_lr,
            eps,
            best,
            bad,
            cooling,
        } = self;

        let mode = match mode {
            PlateauMode::Min => "Min",
            PlateauMode::Max => "Max",
        };
        let threshold = match threshold {
            Threshold::Relative(part) => format!("Relative({part:?})"),
            Threshold::Absolute(amount) => format!("Absolute({amount:?})"),
        };

        written(
            "ReduceLrOnPlateau",
            &[
                ("watched", watched),
                ("mode", &format_args!("{mode}")),
                ("factor", factor),
                ("patience", patience),
                ("threshold", &format_args!("{threshold}")),
                ("cooldown", cooldown),
                ("min_lr", min_lr),
                ("eps", eps),
                ("best", best),
                ("bad", bad),
                ("cooling", cooling),
            ],
        )
    }

    /// Returns the state, for a checkpoint.
    pub(crate) fn memory(&self) -> (Option<f64>, [u64; 2]) {
        (self.best, [self.bad, self.cooling])
    }

    /// Restores the state of a checkpoint.
    pub(crate) fn recall(&mut self, (best, [bad, cooling]): (Option<f64>, [u64; 2])) {
        self.best = best;
        self.bad = bad;
        self.cooling = cooling;
    }

    /// Returns whether the metric is better than the best one by the threshold: for a relative one,
    /// by a part of the best one's size, so that it is the same distance above and below zero.
    fn is_better(&self, metric: f64) -> bool {
        let Some(best) = self.best else {
            // Any first metric is better than the worst possible one.
            return match self.mode {
                PlateauMode::Min => metric < f64::INFINITY,
                PlateauMode::Max => metric > f64::NEG_INFINITY,
            };
        };
        let least = match self.threshold {
            Threshold::Relative(part) => part * best.abs(),
            Threshold::Absolute(amount) => amount,
        };
        match self.mode {
            PlateauMode::Min => metric < best - least,
            PlateauMode::Max => metric > best + least,
        }
    }
}

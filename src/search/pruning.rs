//! Stopping trials that are behind.

/// A rule that stops trials.
pub trait Pruning: Send + Sync {
    /// Returns whether to stop the trial with this number, which just reported its last value.
    ///
    /// Less is better, also in a search that [maximizes](super::Search::maximize): the values then
    /// have the opposite sign.
    fn stops(&self, number: usize, trials: &[Reported]) -> bool;
}

/// The values that a trial has reported so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reported {
    /// Epochs and values, in rising order of the epochs.
    pub values: Vec<(usize, f64)>,
    /// True if the trial has ended by itself, without an error.
    pub finished: bool,
}

impl Reported {
    /// Returns the first value at this epoch or later.
    pub fn from(&self, epoch: usize) -> Option<f64> {
        self.values
            .iter()
            .find(|(at, _)| *at >= epoch)
            .map(|(_, value)| *value)
    }
}

/// Returns whether the first is better than the second. NaN is the worst.
pub(super) fn is_better(value: f64, other: f64) -> bool {
    value < other || (other.is_nan() && !value.is_nan())
}

/// Stops a trial whose best value so far is worse than the median of the finished trials' values at
/// the same epoch.
///
/// The rule is the median stopping rule of Golovin et al., "Google Vizier: A Service for Black-Box
/// Optimization" (KDD 2017), with values instead of their running means, as Optuna's `MedianPruner`
/// has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Median {
    /// The number of epochs of each trial in which it is not stopped; 0 by default.
    pub warmup_epochs: usize,
    /// The number of other trials that must have finished and reported at the same epoch before a
    /// trial is stopped; 5 by default.
    pub min_trials: usize,
}

impl Default for Median {
    fn default() -> Self {
        Median {
            warmup_epochs: 0,
            min_trials: 5,
        }
    }
}

impl Pruning for Median {
    fn stops(&self, number: usize, trials: &[Reported]) -> bool {
        let values = &trials[number].values;
        let Some(&(epoch, mut best)) = values.last() else {
            return false;
        };
        for &(_, value) in values {
            if is_better(value, best) {
                best = value;
            }
        }

        let finished = trials.iter().filter(|trial| trial.finished);
        let mut others: Vec<f64> = finished.filter_map(|trial| trial.from(epoch)).collect();
        if epoch <= self.warmup_epochs || others.len() < self.min_trials.max(1) {
            return false;
        }

        others
            .iter_mut()
            .filter(|value| value.is_nan())
            .for_each(|value| *value = f64::INFINITY);
        others.sort_unstable_by(f64::total_cmp);
        let middle = others.len() / 2;
        let median = if others.len() % 2 == 1 {
            others[middle]
        } else {
            // Halves, as the sum may overflow.
            others[middle - 1] / 2.0 + others[middle] / 2.0
        };
        // A trial with NaN alone is worse than all others.
        best.is_nan() || best > median
    }
}

/// Continues the best trials at each rung: of those that reach `min_epochs`, `min_epochs * factor`,
/// `min_epochs * factor^2` and so on, the best 1 / `factor`.
///
/// This is the stopping form of asynchronous successive halving (ASHA: Li et al., "A System for
/// Massively Parallel Hyperparameter Tuning", MLSys 2020), which Ray Tune and Optuna have: a trial
/// is compared with those that reached the rung before it, so that none waits, and continues to the
/// next rung if it is among the best then. While fewer than `factor` trials have reached a rung,
/// the best continues.
///
/// For `factor = 4` and `min_epochs = 5`, most trials end after 5 epochs, few after 20 and fewer
/// after 80.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SuccessiveHalving {
    /// The epoch of the first rung; 1 by default. 0 counts as 1.
    pub min_epochs: usize,
    /// The epoch of a rung divided by that of the one before, and the reciprocal of the share of
    /// the trials that continue; 4 by default. Less than 2 counts as 2.
    pub factor: usize,
}

impl Default for SuccessiveHalving {
    fn default() -> Self {
        SuccessiveHalving {
            min_epochs: 1,
            factor: 4,
        }
    }
}

impl Pruning for SuccessiveHalving {
    fn stops(&self, number: usize, trials: &[Reported]) -> bool {
        let Some((&(epoch, value), before)) = trials[number].values.split_last() else {
            return false;
        };
        let factor = self.factor.max(2);
        let before = before.last().map_or(0, |&(epoch, _)| epoch);
        let mut rung = self.min_epochs.max(1);

        // The last of the rungs that this report passes: there may be several if not every epoch
        // reports.
        let mut passed = None;
        while rung <= epoch {
            passed = (rung > before).then_some(rung);
            let Some(next) = rung.checked_mul(factor) else {
                break;
            };
            rung = next;
        }
        let Some(rung) = passed else { return false };

        let mut count = 0;
        let mut better = 0;
        for other in trials.iter().filter_map(|trial| trial.from(rung)) {
            count += 1;
            better += usize::from(is_better(other, value));
        }
        value.is_nan() || better >= (count / factor).max(1)
    }
}

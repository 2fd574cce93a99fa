//! Schedules that go up and down.

use super::{Schedule, cosine, from_zero, is_part, learning_rate, line};
use crate::optim::setters;

/// The way in which the cycles of a [`CyclicLr`] grow smaller.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum CyclicMode {
    /// All cycles have the same height.
    #[default]
    Triangular,
    /// Each is half as high as the one before.
    Triangular2,
    /// Their height is multiplied by this factor, PyTorch's `gamma`, in every step.
    ExpRange(f64),
}

impl CyclicMode {
    const fn is_valid(self) -> bool {
        match self {
            CyclicMode::ExpRange(gamma) => from_zero(gamma),
            _ => true,
        }
    }
}

/// A schedule that goes up and down between two learning rates along lines. PyTorch's `CyclicLR`; Smith, 2015.
///
/// ```
/// use shapewright::prelude::*;
/// use shapewright::schedule::CyclicMode;
/// let schedule = CyclicLr::new(0.1, 0.5)
///     .step_size_up(4)
///     .mode(CyclicMode::Triangular2);
/// assert!((schedule.lr(4) - 0.5).abs() < 1e-15 && (schedule.lr(12) - 0.3).abs() < 1e-15);
/// let mut sgd = Sgd::new(0.1).momentum(0.9);
/// sgd = sgd.momentum(schedule.momentum(4));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CyclicLr {
    base_lr: f64,
    max_lr: f64,
    step_size_up: u64,
    step_size_down: Option<u64>,
    mode: CyclicMode,
    momenta: (f64, f64),
}

impl CyclicLr {
    /// Creates a schedule between these learning rates, in cycles of 2000 steps up and as many down.
    ///
    /// # Panics
    /// Panics if a learning rate is negative, NaN or infinite.
    #[track_caller]
    pub const fn new(base_lr: f64, max_lr: f64) -> Self {
        CyclicLr {
            base_lr: learning_rate(base_lr),
            max_lr: learning_rate(max_lr),
            step_size_up: 2000,
            step_size_down: None,
            mode: CyclicMode::Triangular,
            momenta: (0.8, 0.9),
        }
    }

    /// Sets the number of steps up; 2000 by default. There are as many steps down unless their number
    /// is set.
    ///
    /// # Panics
    /// Panics if it is 0.
    #[track_caller]
    pub const fn step_size_up(self, step_size_up: u64) -> Self {
        assert!(
            step_size_up > 0,
            "CyclicLr: a step_size_up of 0; a cycle needs at least one step up"
        );
        Self {
            step_size_up,
            ..self
        }
    }

    /// Sets the number of steps down; as many as up by default.
    pub const fn step_size_down(self, step_size_down: u64) -> Self {
        Self {
            step_size_down: Some(step_size_down),
            ..self
        }
    }

    /// Sets the smallest and the largest momentum; 0.8 and 0.9 by default.
    ///
    /// # Panics
    /// Panics unless they are from 0 to 1.
    #[track_caller]
    pub const fn momenta(self, base_momentum: f64, max_momentum: f64) -> Self {
        assert!(
            is_part(base_momentum) && is_part(max_momentum),
            "the momenta of `CyclicLr` are from 0 to 1"
        );
        Self {
            momenta: (base_momentum, max_momentum),
            ..self
        }
    }

    setters! {
        /// The way in which the cycles grow smaller; they do not by default. The factor of [`CyclicMode::ExpRange`] is a number from 0
        /// up.
        mode: CyclicMode, if mode.is_valid(), "the factor of `CyclicMode::ExpRange` is a number from 0 up";
    }

    /// Returns the momentum of a step: small where the learning rate is large.
    pub fn momentum(&self, step: u64) -> f64 {
        let (base, max) = self.momenta;
        max - (max - base) * self.height(step)
    }

    /// The height of a step between the two learning rates, from 0 to 1.
    fn height(&self, step: u64) -> f64 {
        let up = self.step_size_up;
        let down = self.step_size_down.unwrap_or(up);
        // A cycle may be longer than there are steps: the position in the first one is the step.
        let (cycle, since) = match up.checked_add(down) {
            Some(total) => (step / total, step % total),
            None => (0, step),
        };
        let height = if since <= up {
            since as f64 / up as f64
        } else {
            (down - (since - up)) as f64 / down as f64
        };
        match self.mode {
            CyclicMode::Triangular => height,
            CyclicMode::Triangular2 => height / 2.0_f64.powf(cycle as f64),
            CyclicMode::ExpRange(gamma) => height * gamma.powf(step as f64),
        }
    }
}

impl Schedule for CyclicLr {
    fn lr(&self, step: u64) -> f64 {
        line(self.base_lr, self.max_lr, self.height(step))
    }
}

/// The way from one learning rate to the next in a [`OneCycleLr`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Anneal {
    /// Along half a wave of the cosine.
    #[default]
    Cos,
    /// Along a line.
    Linear,
}

impl Anneal {
    fn between(self, start: f64, end: f64, part: f64) -> f64 {
        match self {
            Anneal::Cos => cosine(start, end, part),
            Anneal::Linear => line(start, end, part),
        }
    }
}

/// A schedule that goes up to the largest learning rate, then down to far below the first, in all
/// steps of a training. PyTorch's `OneCycleLR`; Smith and Topin, 2017. Steps beyond the last have its learning rate.
///
/// ```
/// use shapewright::prelude::*;
/// let schedule = OneCycleLr::new(0.1, 1001).pct_start(0.5);
/// assert!((schedule.lr(0) - 0.1 / 25.0).abs() < 1e-15);
/// assert!((schedule.lr(1000) - 0.1 / 25.0 / 1e4).abs() < 1e-15);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OneCycleLr {
    max_lr: f64,
    total_steps: u64,
    pct_start: f64,
    anneal_strategy: Anneal,
    momenta: (f64, f64),
    div_factor: f64,
    final_div_factor: f64,
    three_phase: bool,
}

impl OneCycleLr {
    /// Creates a schedule up to this learning rate, for a training of `total_steps` steps.
    ///
    /// # Panics
    /// Panics if `total_steps` is 0, or if the learning rate is negative, NaN or infinite.
    #[track_caller]
    pub const fn new(max_lr: f64, total_steps: u64) -> Self {
        assert!(
            total_steps > 0,
            "OneCycleLr: a total_steps of 0; it is the number of steps of the training"
        );
        OneCycleLr {
            max_lr: learning_rate(max_lr),
            total_steps,
            pct_start: 0.3,
            anneal_strategy: Anneal::Cos,
            momenta: (0.85, 0.95),
            div_factor: 25.0,
            final_div_factor: 1e4,
            three_phase: false,
        }
    }

    setters! {
        /// The part of the steps that go up, from 0 to 1; 0.3 by default.
        pct_start: f64, if is_part(pct_start), "the pct_start of `OneCycleLr` is from 0 to 1";
        /// The way up and down; [`Anneal::Cos`] by default.
        anneal_strategy: Anneal;
        /// The largest learning rate divided by the first; 25 by default.
        div_factor: f64, if div_factor > 0.0 && div_factor.is_finite(), "the div_factor of `OneCycleLr` is a number above 0";
        /// The first learning rate divided by the last; 10,000 by default.
        final_div_factor: f64, if final_div_factor > 0.0 && final_div_factor.is_finite(), "the final_div_factor of `OneCycleLr` is a number above 0";
        /// True to go down to the first learning rate in as many steps as up, and only then to the
        /// last; `false` by default.
        three_phase: bool;
    }

    /// Sets the smallest and the largest momentum; 0.85 and 0.95 by default.
    ///
    /// # Panics
    /// Panics unless they are from 0 to 1.
    #[track_caller]
    pub const fn momenta(self, base_momentum: f64, max_momentum: f64) -> Self {
        assert!(
            is_part(base_momentum) && is_part(max_momentum),
            "the momenta of `OneCycleLr` are from 0 to 1"
        );
        Self {
            momenta: (base_momentum, max_momentum),
            ..self
        }
    }

    /// Returns the momentum of a step: small where the learning rate is large.
    pub fn momentum(&self, step: u64) -> f64 {
        let (base, max) = self.momenta;
        self.at(step, [max, base, max, max])
    }

    /// The value of a step on the way through a first value, the one at the top, the one after it
    /// in three phases, and the last.
    fn at(&self, step: u64, [first, top, middle, last]: [f64; 4]) -> f64 {
        let final_step = self.total_steps.saturating_sub(1);
        let step = step.min(final_step) as f64;

        // The ends of the phases, counted as PyTorch does.
        let up = self.pct_start * self.total_steps as f64;
        let up_end = up - 1.0;
        let down_end = 2.0 * up - 2.0;
        let (start, end, from, to) = if step <= up_end {
            (0.0, up_end, first, top)
        } else if self.three_phase && step <= down_end {
            (up_end, down_end, top, middle)
        } else if self.three_phase {
            (down_end, final_step as f64, middle, last)
        } else {
            (up_end, final_step as f64, top, last)
        };

        let part = if end > start {
            (step - start) / (end - start)
        } else {
            1.0
        };
        self.anneal_strategy.between(from, to, part)
    }
}

impl Schedule for OneCycleLr {
    fn lr(&self, step: u64) -> f64 {
        let first = self.max_lr / self.div_factor;
        self.at(
            step,
            [first, self.max_lr, first, first / self.final_div_factor],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cycles_may_be_longer_than_there_are_steps() {
        let schedule = CyclicLr::new(0.0, 1.0)
            .step_size_up(u64::MAX)
            .step_size_down(1);
        assert!(schedule.lr(7) < 1e-18);
        assert_eq!(schedule.lr(u64::MAX), 1.0);

        // It does not wrap to a cycle of 16.
        let schedule = CyclicLr::new(0.0, 1.0).step_size_up((1 << 63) + 8);
        assert!((schedule.lr(1 << 62) - 0.5).abs() < 1e-9);
    }
}

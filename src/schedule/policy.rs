//! The moments at which a trainer evaluates a schedule.

use core::fmt;

use super::{ReduceLrOnPlateau, Schedule};

/// A schedule with its unit, step or epoch, as [`Trainer::schedule`](crate::train::Trainer::schedule) takes
/// it.
///
/// A [`Schedule`] advances with each step, [`by_epoch`](Schedule::by_epoch) with each epoch, and a
/// [`ReduceLrOnPlateau`] reads the validation loss of each epoch.
pub struct SchedulePolicy<'a>(Kind<'a>);

enum Kind<'a> {
    Steps(Box<dyn Schedule + 'a>),
    Epochs(Box<dyn Schedule + 'a>),
    Plateau(ReduceLrOnPlateau),
}

impl<'a, S: Schedule + 'a> From<S> for SchedulePolicy<'a> {
    fn from(schedule: S) -> Self {
        SchedulePolicy(Kind::Steps(Box::new(schedule)))
    }
}

impl From<ReduceLrOnPlateau> for SchedulePolicy<'_> {
    fn from(plateau: ReduceLrOnPlateau) -> Self {
        SchedulePolicy(Kind::Plateau(plateau))
    }
}

impl<'a> SchedulePolicy<'a> {
    pub(super) fn by_epoch(schedule: impl Schedule + 'a) -> Self {
        SchedulePolicy(Kind::Epochs(Box::new(schedule)))
    }

    /// Returns the unit, or the schedule that watches the training, as checkpoints have it.
    pub(crate) fn written(&self) -> String {
        match &self.0 {
            Kind::Steps(_) => "by step".to_owned(),
            Kind::Epochs(_) => "by epoch".to_owned(),
            Kind::Plateau(plateau) => plateau.written(),
        }
    }

    /// The learning rate of a step in an epoch, both counted from 0; `None` to keep the one before.
    pub(crate) fn lr(&self, step: u64, epoch: u64) -> Option<f64> {
        match &self.0 {
            Kind::Steps(schedule) => Some(schedule.lr(step)),
            Kind::Epochs(schedule) => Some(schedule.lr(epoch)),
            Kind::Plateau(_) => None,
        }
    }

    /// The part that looks at the validation loss.
    pub(crate) fn plateau(&self) -> Option<&ReduceLrOnPlateau> {
        match &self.0 {
            Kind::Plateau(plateau) => Some(plateau),
            _ => None,
        }
    }

    /// The part that looks at the validation loss.
    pub(crate) fn plateau_mut(&mut self) -> Option<&mut ReduceLrOnPlateau> {
        match &mut self.0 {
            Kind::Plateau(plateau) => Some(plateau),
            _ => None,
        }
    }
}

impl fmt::Debug for SchedulePolicy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Steps(_) => f.write_str("by step"),
            Kind::Epochs(_) => f.write_str("by epoch"),
            Kind::Plateau(plateau) => plateau.fmt(f),
        }
    }
}

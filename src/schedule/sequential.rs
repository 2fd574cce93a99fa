//! Schedules made of others.

use super::{Schedule, line};

/// One schedule after another; see [`Schedule::then`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SequentialLr<A, B> {
    pub(super) first: A,
    pub(super) milestone: u64,
    pub(super) next: B,
}

impl<A: Schedule, B: Schedule> Schedule for SequentialLr<A, B> {
    fn lr(&self, step: u64) -> f64 {
        match step.checked_sub(self.milestone) {
            None => self.first.lr(step),
            Some(step) => self.next.lr(step),
        }
    }
}

/// The product of two schedules; see [`Schedule::times`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Times<A, B>(pub(super) A, pub(super) B);

impl<A: Schedule, B: Schedule> Schedule for Times<A, B> {
    fn lr(&self, step: u64) -> f64 {
        self.0.lr(step) * self.1.lr(step)
    }
}

/// A schedule after a warm-up; see [`Schedule::warm_up`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WarmUp<S> {
    pub(super) schedule: S,
    pub(super) steps: u64,
    pub(super) start_factor: f64,
}

impl<S: Schedule> Schedule for WarmUp<S> {
    fn lr(&self, step: u64) -> f64 {
        match step.checked_sub(self.steps) {
            None => {
                self.schedule.lr(0) * line(self.start_factor, 1.0, step as f64 / self.steps as f64)
            }
            Some(step) => self.schedule.lr(step),
        }
    }
}

//! A trial under way.

use core::any::Any;
use core::error::Error;
use core::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::time::Instant;

use super::lock;
use super::pruning::{Pruning, Reported};
use super::report::{Ended, Outcome};
use crate::threads::discard;

/// A trial of a [`Search`](super::Search) under way, to which the function reports.
pub struct Trial<'a> {
    number: usize,
    reported: &'a Mutex<Vec<Reported>>,
    pruning: Option<&'a dyn Pruning>,
    /// The factor of values, -1 or 1, with which less is better.
    sign: f64,
    /// The last value, if the trial was told to stop.
    stopped: Option<f64>,
}

impl<'a> Trial<'a> {
    pub(super) fn new(
        number: usize,
        reported: &'a Mutex<Vec<Reported>>,
        pruning: Option<&'a dyn Pruning>,
        maximize: bool,
    ) -> Self {
        Trial {
            number,
            reported,
            pruning,
            sign: if maximize { -1.0 } else { 1.0 },
            stopped: None,
        }
    }

    /// Returns the candidate's position, from 0: also a seed that does not depend on which thread runs the
    /// trial.
    pub fn number(&self) -> usize {
        self.number
    }

    /// Reports the value at the end of an epoch, and returns whether to continue. Without pruning,
    /// the answer is always yes.
    ///
    /// [`Trainer::on_epoch`](crate::train::Trainer::on_epoch) takes the answer: `.on_epoch(|epoch,
    /// _| trial.report(epoch.epoch, epoch.loss))`. A trial that was told to stop counts as
    /// [pruned](Outcome::Pruned), whatever the function returns after that.
    ///
    /// # Panics
    /// Panics if the epoch is not above the one before; the trial then fails.
    pub fn report(&mut self, epoch: usize, value: f64) -> ControlFlow<()> {
        let value = value * self.sign;

        let mut trials = lock(self.reported);
        let own = &mut trials[self.number].values;
        let last = own.last().map_or(0, |&(epoch, _)| epoch);
        if epoch <= last {
            drop(trials);
            panic!(
                "epoch {epoch} was reported after epoch {last}; report each once, from 1, in their order"
            );
        }
        own.push((epoch, value));

        if self
            .pruning
            .is_some_and(|pruning| pruning.stops(self.number, &trials))
            || self.stopped.is_some()
        {
            self.stopped = Some(value);
        }
        if self.stopped.is_some() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    /// Calls the function and returns its outcome.
    pub(super) fn run<P>(
        mut self,
        params: &P,
        objective: &impl Fn(&P, &mut Trial<'_>) -> Result<f64, Box<dyn Error>>,
    ) -> Ended {
        let begin = Instant::now();

        // A panic leaves no broken state that is visible: the function only borrows shared data,
        // and this trial ends. An error may also panic when it is formatted or dropped.
        let result = catch_unwind(AssertUnwindSafe(|| {
            objective(params, &mut self).map_err(|error| error.to_string())
        }));

        let outcome = match result {
            Err(panic) => {
                let outcome = Outcome::Failed(format!("it panicked: {}", sentence(&*panic)));
                discard(panic);
                outcome
            }
            Ok(Err(error)) => Outcome::Failed(error),
            Ok(Ok(value)) => match self.stopped {
                Some(value) => Outcome::Pruned(value * self.sign),
                None if value.is_nan() => Outcome::Failed("its value is NaN".to_owned()),
                None => Outcome::Finished(value),
            },
        };
        lock(self.reported)[self.number].finished = matches!(outcome, Outcome::Finished(_));
        Ended {
            number: self.number,
            outcome,
            seconds: begin.elapsed().as_secs_f64(),
        }
    }
}

/// The text of a panic.
fn sentence(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("it does not say why")
}

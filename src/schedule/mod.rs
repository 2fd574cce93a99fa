//! Schedules: the learning rate of each step.
//!
//! A schedule is a small value that gives the learning rate of any step, counted from 0; PyTorch's
//! are in `torch.optim.lr_scheduler`, by the same names, and give the same values. What a step is
//! (a batch, an epoch) is the caller's choice. Only [`ReduceLrOnPlateau`] has a state.
//!
//! ```
//! use shapewright::prelude::*;
//! network! { struct Line: [1] -> [1] { Linear<1, 1> } }
//! let (mut net, gradient) = (Line::init(&mut shapewright::rng(0)), Line::zeros());
//! let schedule = CosineAnnealingLr::new(1e-3, 90).warm_up(10, 0.01);
//! let mut adam = Adam::new(1e-3).state::<Line>();
//! for _ in 0..100 {
//!     adam.optimizer.lr = schedule.lr(adam.steps());
//!     adam.step(&mut net, &gradient);
//! }
//! ```

mod cosine;
mod cycle;
mod decay;
mod plateau;
mod policy;
mod sequential;

pub use cosine::{CosineAnnealingLr, CosineAnnealingWarmRestarts};
pub use cycle::{Anneal, CyclicLr, CyclicMode, OneCycleLr};
pub use decay::{ConstantLr, ExponentialLr, LinearLr, MultiStepLr, PolynomialLr, StepLr};
pub use plateau::{PlateauMode, ReduceLrOnPlateau, Threshold};
pub use policy::SchedulePolicy;
pub use sequential::{SequentialLr, Times, WarmUp};

/// The learning rate of each step. A function of the step is a schedule too, as PyTorch's
/// `LambdaLR`.
///
/// ```
/// use shapewright::prelude::*;
/// let inverse_root = |step: u64| 0.1 / ((step + 1) as f64).sqrt();
/// assert_eq!(inverse_root.lr(3), 0.05);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a schedule of learning rates",
    label = "not a schedule",
    note = "schedules are in `shapewright::schedule`, such as `CosineAnnealingLr::new(lr, steps)`; a \
            function takes the step, a `u64`, and returns the learning rate, an `f64`"
)]
pub trait Schedule {
    /// Returns the learning rate of a step, counted from 0.
    fn lr(&self, step: u64) -> f64;

    /// Returns this schedule for the steps before `milestone`, then the next one from its own step 0.
    /// PyTorch's `SequentialLR`.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// let schedule = ConstantLr::new(0.1).then(5, ExponentialLr::new(1.0, 0.5));
    /// assert_eq!([schedule.lr(5), schedule.lr(6)], [1.0, 0.5]);
    /// ```
    fn then<S: Schedule>(self, milestone: u64, next: S) -> SequentialLr<Self, S>
    where
        Self: Sized,
    {
        SequentialLr {
            first: self,
            milestone,
            next,
        }
    }

    /// Returns the product with another schedule, which should begin with a learning rate of 1.
    ///
    /// This is PyTorch's `ChainedScheduler` for schedules that multiply the learning rate by a
    /// factor in each step: [`ExponentialLr`], [`StepLr`], [`MultiStepLr`], [`ConstantLr`],
    /// [`LinearLr`] and [`PolynomialLr`].
    ///
    /// With a cosine the two differ after step `t_max`. PyTorch's `CosineAnnealingLR` works out each
    /// learning rate from the one before, which is 0 in step `t_max` if `eta_min` is 0: it forgets
    /// there how far the others have reduced it, and rises toward its full learning rate again. The
    /// product keeps all factors. Until the cosine is 0 again, in step `3 * t_max`, it is PyTorch's
    /// learning rate times the factor that the others have in step `t_max`. With another `eta_min`,
    /// PyTorch's chain is not a product at all.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// let schedule = ExponentialLr::new(0.1, 0.5).times(StepLr::new(1.0, 2));
    /// assert!((schedule.lr(2) - 0.1 * 0.25 * 0.1).abs() < 1e-15);
    /// ```
    fn times<S: Schedule>(self, other: S) -> Times<Self, S>
    where
        Self: Sized,
    {
        Times(self, other)
    }

    /// Puts `steps` steps before this schedule, in which the learning rate grows along a line from
    /// `start_factor` times its first one. PyTorch's `SequentialLR` of a
    /// `LinearLR` and this schedule.
    ///
    /// # Panics
    /// Panics unless `start_factor` is from 0 to 1.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// let schedule = ConstantLr::new(0.1).factor(1.0).warm_up(4, 0.0);
    /// assert_eq!(
    ///     [schedule.lr(0), schedule.lr(2), schedule.lr(4)],
    ///     [0.0, 0.05, 0.1]
    /// );
    /// ```
    #[track_caller]
    fn warm_up(self, steps: u64, start_factor: f64) -> WarmUp<Self>
    where
        Self: Sized,
    {
        assert!(
            is_part(start_factor),
            "the start_factor of `warm_up` is {start_factor}; it must be from 0 to 1"
        );
        WarmUp {
            schedule: self,
            steps,
            start_factor,
        }
    }

    /// Takes one step of the schedule per epoch of a [trainer](crate::train::Trainer::schedule), and not per
    /// step of training.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Line: [1] -> [1] { Linear<_, 1> } }
    /// let x = [[0.0], [1.0], [2.0]].map(Tensor1::from);
    /// let mut net = Line::init(&mut shapewright::rng(0));
    /// let trainer = Line::trainer(Sgd::new(0.1), Mse).schedule(StepLr::new(0.1, 30).by_epoch());
    /// trainer.epochs(90).fit(&mut net, &x, &x)?;
    /// # Ok::<(), shapewright::train::TrainError>(())
    /// ```
    fn by_epoch<'a>(self) -> SchedulePolicy<'a>
    where
        Self: Sized + 'a,
    {
        SchedulePolicy::by_epoch(self)
    }
}

#[diagnostic::do_not_recommend]
impl<F: Fn(u64) -> f64> Schedule for F {
    fn lr(&self, step: u64) -> f64 {
        self(step)
    }
}

/// Returns whether a number is at least 0, and neither NaN nor infinite.
const fn from_zero(number: f64) -> bool {
    number >= 0.0 && number.is_finite()
}

/// Returns whether a number is from 0 to 1.
const fn is_part(number: f64) -> bool {
    number >= 0.0 && number <= 1.0
}

/// Checks a learning rate that a schedule is made of.
///
/// # Panics
/// Panics if it is negative, NaN or infinite.
#[track_caller]
const fn learning_rate(lr: f64) -> f64 {
    assert!(
        from_zero(lr),
        "the learning rate of a schedule is a number from 0 up"
    );
    lr
}

/// The number at `part` of the way from `start` to `end`; `part` is from 0 to 1.
fn line(start: f64, end: f64, part: f64) -> f64 {
    start + (end - start) * part
}

/// The number at `part` of the way from `start` to `end` along half a wave of the cosine.
fn cosine(start: f64, end: f64, part: f64) -> f64 {
    end + (start - end) / 2.0 * ((core::f64::consts::PI * part).cos() + 1.0)
}

//! Search for hyperparameters: learning rates, batch sizes, optimizers.
//!
//! A [`Search`] has candidates, which are values of any type of your own: all combinations
//! ([`Search::grid`]), random ones ([`Search::random`]), or a list ([`Search::new`]). It tries
//! each, several at the same time, may stop those that fall behind ([`Median`],
//! [`SuccessiveHalving`]), and returns a table.
//!
//! ```
//! use shapewright::prelude::*;
//! use shapewright::search::{Median, Search};
//!
//! network! { struct Line: [1] -> [1] { Linear<_, 1> } }
//!
//! #[derive(Debug)]
//! struct Settings {
//!     rate: f64,
//!     batch_size: usize,
//! }
//!
//! let x: Vec<_> = (0..60)
//!     .map(|i| Tensor1::from([i as f32 / 30.0 - 1.0]))
//!     .collect();
//! let y: Vec<_> = x
//!     .iter()
//!     .map(|x| Tensor1::from([2.0 * x[0] + 1.0]))
//!     .collect();
//! let report = Search::random(8, 0, |draw| Settings {
//!     rate: draw.log_uniform(1e-4, 1e-1),
//!     batch_size: draw.choice(&[8, 16, 32]),
//! })
//! .pruning(Median {
//!     warmup_epochs: 2,
//!     min_trials: 3,
//! })
//! .run(|settings, trial| {
//!     let mut net = Line::init(&mut shapewright::rng(0));
//!     let history = Line::trainer(Adam::new(settings.rate), Mse)
//!         .epochs(10)
//!         .batch_size(settings.batch_size)
//!         .on_epoch(|epoch, _| trial.report(epoch.epoch, epoch.loss))
//!         .fit(&mut net, &x, &y)?;
//!     Ok(history.last().map_or(f64::NAN, |epoch| epoch.loss))
//! });
//! println!("{report}");
//! let best = report.best().expect("a trial that ended");
//! assert!(best.params.rate > 1e-2);
//! ```
//!
//! Look at the best on data that no trial has seen: of many trials, one is best on the validation
//! samples also by luck.
//!
//! # The same at every number of threads
//! Candidates are drawn before the first trial, and no trial depends on others. The values of a
//! search without pruning therefore have the same bits at every number of threads, as long as the
//! function draws from generators with fixed seeds. With pruning on several threads they depend on
//! which trial is first.

mod draw;
mod grid;
mod pruning;
mod report;
mod table;
mod trial;

pub use draw::Draw;
pub use grid::Axes;
pub use pruning::{Median, Pruning, Reported, SuccessiveHalving};
pub use report::{Outcome, SearchReport, TrialReport};
pub use trial::Trial;

use core::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::{denormals, threads};

/// Candidates to be tried, and settings of the search; see the [module](self).
pub struct Search<P> {
    candidates: Vec<P>,
    threads: usize,
    pruning: Option<Box<dyn Pruning>>,
    maximize: bool,
}

impl<P> Search<P> {
    /// Creates a search that tries these candidates, in this order.
    pub fn new(candidates: impl IntoIterator<Item = P>) -> Self {
        Search {
            candidates: candidates.into_iter().collect(),
            threads: 0,
            pruning: None,
            maximize: false,
        }
    }

    /// Creates a search that tries every combination of one value from each axis, the last axis
    /// changing fastest. The function makes a candidate of a combination.
    ///
    /// ```
    /// use shapewright::search::Search;
    /// let search = Search::grid(([1e-3, 1e-2], ["sgd", "adam"]), |(rate, optimizer)| {
    ///     (rate, optimizer)
    /// });
    /// assert_eq!(
    ///     search.candidates(),
    ///     [(1e-3, "sgd"), (1e-3, "adam"), (1e-2, "sgd"), (1e-2, "adam")]
    /// );
    /// ```
    pub fn grid<A: Axes>(axes: A, candidate: impl FnMut(A::Point) -> P) -> Self {
        Self::new(axes.points().into_iter().map(candidate))
    }

    /// Creates a search that tries `trials` candidates at random. The same seed gives the same ones on
    /// every machine.
    ///
    /// With more than two or three hyperparameters this finds better ones than a grid of as many
    /// trials, as most of them matter little (Bergstra and Bengio, "Random Search for
    /// Hyper-Parameter Optimization", JMLR 13, 2012).
    ///
    /// ```
    /// use shapewright::search::Search;
    /// let search = Search::random(20, 0, |draw| {
    ///     (draw.log_uniform(1e-4, 1e-1), draw.integer(1, 4))
    /// });
    /// assert!(
    ///     search
    ///         .candidates()
    ///         .iter()
    ///         .all(|&(rate, layers)| rate >= 1e-4 && layers <= 4)
    /// );
    /// ```
    pub fn random(trials: usize, seed: u64, mut candidate: impl FnMut(&mut Draw) -> P) -> Self {
        let mut draw = Draw::new(seed);
        Self::new((0..trials).map(|_| candidate(&mut draw)))
    }

    /// Returns the candidates, in the order in which they are tried.
    pub fn candidates(&self) -> &[P] {
        &self.candidates
    }

    /// Sets the number of trials that run at the same time; as many as [`threads::threads`] by
    /// default, or with 0.
    ///
    /// Of several trials each computes on its own thread alone; a single one may use all
    /// processors.
    pub fn threads(self, threads: usize) -> Self {
        Search { threads, ..self }
    }

    /// Stops trials early that are behind others.
    pub fn pruning(self, pruning: impl Pruning + 'static) -> Self {
        Search {
            pruning: Some(Box::new(pruning)),
            ..self
        }
    }

    /// Takes the largest value as the best, such as an accuracy, instead of the smallest, such as a
    /// loss.
    pub fn maximize(self) -> Self {
        Search {
            maximize: true,
            ..self
        }
    }
}

impl<P: Send + Sync> Search<P> {
    /// Tries every candidate: calls the function with each of them and its [`Trial`]. The function
    /// returns the candidate's value.
    ///
    /// If the function returns an error or NaN, or panics, its own trial has
    /// [`Failed`](Outcome::Failed); the others continue.
    pub fn run<F>(self, objective: F) -> SearchReport<P>
    where
        F: Fn(&P, &mut Trial<'_>) -> Result<f64, Box<dyn Error>> + Sync,
    {
        let count = self.candidates.len();
        let threads = if self.threads == 0 {
            threads::threads()
        } else {
            self.threads
        }
        .min(count);

        let next = AtomicUsize::new(0);
        let reported = Mutex::new(vec![Reported::default(); count]);
        let ended = Mutex::new(Vec::with_capacity(count));
        let work = || {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(params) = self.candidates.get(number) else {
                    break;
                };
                let trial = Trial::new(number, &reported, self.pruning.as_deref(), self.maximize);
                // First the trial, then the lock.
                let end = trial.run(params, &objective);
                lock(&ended).push(end);
            }
        };

        run_on(threads, &work);

        SearchReport::new(
            self.candidates,
            into_inner(ended),
            into_inner(reported),
            self.maximize,
        )
    }
}

/// Runs `work` on `threads` threads, this one among them, each of which computes alone if there are
/// several.
fn run_on(threads: usize, work: &(impl Fn() + Sync)) {
    if threads <= 1 {
        return work();
    }

    let flushed = denormals::is_marked();
    let work_there = || denormals::marked(flushed, || threads::alone(work));
    thread::scope(|scope| {
        for _ in 1..threads {
            // If the system has no more threads, the search runs on fewer.
            let spawned = thread::Builder::new().spawn_scoped(scope, work_there);
            if spawned.is_err() {
                break;
            }
        }
        threads::alone(work);
    });
}

/// Takes a lock, also after a panic: a pruning rule may panic, but it changes nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn into_inner<T>(mutex: Mutex<T>) -> T {
    mutex.into_inner().unwrap_or_else(PoisonError::into_inner)
}

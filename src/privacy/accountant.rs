//! The accountant: the epsilon that some steps have spent.

use core::error::Error;
use core::fmt;

use super::renyi::step_loss;

/// Returns the orders at which an [`RdpAccountant`] bounds the loss, which are those of Opacus: 1.1,
/// 1.2 to 10.9, and 12 to 63.
pub fn default_orders() -> Vec<f64> {
    let fractions = (1..100).map(|x| 1.0 + f64::from(x) / 10.0);
    fractions.chain((12..64).map(f64::from)).collect()
}

/// An accountant of steps with Gaussian noise on a Poisson sample, by Renyi differential privacy.
///
/// The loss of each step is bounded at many orders (Mironov, Talwar and Zhang, 2019), the losses of
/// steps add up, and the bound that gives the lowest epsilon counts, by the conversion of Balle et
/// al., 2020, "Hypothesis Testing Interpretations and Renyi Differential Privacy", theorem 21. Its
/// numbers are those of Opacus's `RDPAccountant`.
///
/// ```
/// use shapewright::privacy::RdpAccountant;
/// let mut accountant = RdpAccountant::new();
/// accountant.steps(1.1, 0.01, 1000);
/// let spent = accountant.spent(1e-5);
/// assert!((spent.epsilon - 1.7118).abs() < 1e-3);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RdpAccountant {
    history: Vec<Steps>,
}

/// Steps of one kind, one after the other.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Steps {
    noise_multiplier: f64,
    sample_rate: f64,
    count: u64,
}

/// A bound of the privacy that was spent, by an [`RdpAccountant`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PrivacySpent {
    /// The epsilon of (epsilon, delta)-differential privacy. It is infinite after a step without
    /// noise.
    pub epsilon: f64,
    /// The order that gave it. At an end of the orders, more of them could give a lower epsilon; see
    /// [`RdpAccountant::spent_at`].
    pub order: f64,
}

impl RdpAccountant {
    /// Creates an accountant of no steps.
    #[must_use]
    pub const fn new() -> Self {
        RdpAccountant {
            history: Vec::new(),
        }
    }

    /// Counts one step: noise of the standard deviation `noise_multiplier` times the norm to which
    /// gradients are clipped, on a batch in which each sample is with probability `sample_rate`.
    ///
    /// # Panics
    /// As [`steps`](RdpAccountant::steps).
    #[track_caller]
    pub fn step(&mut self, noise_multiplier: f64, sample_rate: f64) {
        self.steps(noise_multiplier, sample_rate, 1);
    }

    /// Counts `count` steps of one kind.
    ///
    /// # Panics
    /// Panics if `noise_multiplier` is negative or NaN, or if `sample_rate` is not between 0 and 1.
    #[track_caller]
    pub fn steps(&mut self, noise_multiplier: f64, sample_rate: f64, count: u64) {
        assert!(
            noise_multiplier >= 0.0,
            "the noise multiplier is {noise_multiplier}, but must be a number from 0 up"
        );
        assert!(
            (0.0..=1.0).contains(&sample_rate),
            "the sample rate is {sample_rate}, but must be from 0 to 1"
        );

        match self.history.last_mut() {
            Some(last)
                if last.noise_multiplier == noise_multiplier && last.sample_rate == sample_rate =>
            {
                last.count += count;
            }
            _ => self.history.push(Steps {
                noise_multiplier,
                sample_rate,
                count,
            }),
        }
    }

    /// Returns what all steps have spent at this delta, by the [default orders](default_orders).
    ///
    /// Delta is the probability that the promise of epsilon does not hold: choose it well below one
    /// over the number of samples.
    ///
    /// # Panics
    /// Panics if delta is not between 0 and 1.
    #[must_use]
    #[track_caller]
    pub fn spent(&self, delta: f64) -> PrivacySpent {
        self.spent_at(delta, &default_orders())
    }

    /// Returns what all steps have spent at this delta, by orders of the caller. Any set of orders
    /// gives a valid bound.
    ///
    /// # Panics
    /// Panics if delta is not between 0 and 1, if there is no order, or if one is not above 1.
    #[must_use]
    #[track_caller]
    pub fn spent_at(&self, delta: f64, orders: &[f64]) -> PrivacySpent {
        assert!(
            delta > 0.0 && delta < 1.0,
            "delta is {delta}, but is a probability: give a number between 0 and 1, such as 1e-5"
        );
        assert!(
            !orders.is_empty() && orders.iter().all(|&order| order > 1.0),
            "the orders are {orders:?}, but must be at least one number, each above 1"
        );

        let nothing = PrivacySpent {
            epsilon: 0.0,
            order: orders[0],
        };
        if self.history.is_empty() {
            return nothing;
        }

        let bounds = orders.iter().map(|&order| PrivacySpent {
            epsilon: self.epsilon_at(order, delta),
            order,
        });
        bounds
            .filter(|bound| !bound.epsilon.is_nan())
            .min_by(|a, b| a.epsilon.total_cmp(&b.epsilon))
            .unwrap_or(PrivacySpent {
                epsilon: f64::INFINITY,
                ..nothing
            })
    }

    /// Returns the epsilon that the loss at one order amounts to.
    fn epsilon_at(&self, order: f64, delta: f64) -> f64 {
        let loss = |steps: &Steps| {
            steps.count as f64 * step_loss(steps.sample_rate, steps.noise_multiplier, order)
        };
        let loss: f64 = self.history.iter().map(loss).sum();
        let epsilon =
            loss - (delta.ln() + order.ln()) / (order - 1.0) + ((order - 1.0) / order).ln();
        // What is below 0 is private with 0 as well.
        if epsilon < 0.0 { 0.0 } else { epsilon }
    }
}

/// A search for the noise that spends at most a wanted epsilon, for [`noise_multiplier_for`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NoiseSearch {
    /// The largest epsilon.
    pub epsilon: f64,
    /// The delta at which it is to hold.
    pub delta: f64,
    /// The probability of each sample to be in a batch.
    pub sample_rate: f64,
    /// The number of steps.
    pub steps: u64,
    /// The search ends where less than this is left of epsilon. Opacus's default is 0.01.
    pub tolerance: f64,
}

/// The error of an epsilon that no noise reaches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NoiseError {
    /// The wanted epsilon.
    pub epsilon: f64,
    /// The lowest epsilon that was reached.
    pub lowest: f64,
}

impl fmt::Display for NoiseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no noise spends an epsilon of {} only: a noise multiplier of {MAX_NOISE:e} spends {:.3}; \
             take a larger epsilon or delta, fewer steps or a lower sample rate",
            self.epsilon, self.lowest
        )
    }
}

impl Error for NoiseError {}

/// The largest noise multiplier of the search, as in Opacus.
const MAX_NOISE: f64 = 1e6;

/// Returns a noise multiplier that spends at most the wanted epsilon, by bisection; the numbers are
/// those of Opacus's `get_noise_multiplier` with its RDP accountant.
///
/// ```
/// use shapewright::privacy::{NoiseSearch, RdpAccountant, noise_multiplier_for};
/// let search = NoiseSearch {
///     epsilon: 3.0,
///     delta: 1e-5,
///     sample_rate: 0.02,
///     steps: 500,
///     tolerance: 0.01,
/// };
/// let noise = noise_multiplier_for(search)?;
/// let mut accountant = RdpAccountant::new();
/// accountant.steps(noise, search.sample_rate, search.steps);
/// assert!((2.99..=3.0).contains(&accountant.spent(search.delta).epsilon));
/// # Ok::<(), shapewright::privacy::NoiseError>(())
/// ```
///
/// # Errors
/// Returns an error if even a noise multiplier of a million spends more.
///
/// # Panics
/// Panics if the tolerance or epsilon is not above 0, or where [`RdpAccountant`] does.
#[track_caller]
pub fn noise_multiplier_for(search: NoiseSearch) -> Result<f64, NoiseError> {
    let NoiseSearch {
        epsilon,
        delta,
        sample_rate,
        steps,
        tolerance,
    } = search;
    for (name, value) in [("epsilon", epsilon), ("tolerance", tolerance)] {
        assert!(
            value > 0.0,
            "the {name} of the search is {value}, but must be above 0"
        );
    }
    let spent = |noise: f64| {
        let mut accountant = RdpAccountant::new();
        accountant.steps(noise, sample_rate, steps);
        accountant.spent(delta).epsilon
    };

    let [mut low, mut high] = [0.0, 10.0];
    let mut spent_by_high = f64::INFINITY;
    while spent_by_high > epsilon {
        high *= 2.0;
        spent_by_high = spent(high);
        if high > MAX_NOISE && spent_by_high > epsilon {
            return Err(NoiseError {
                epsilon,
                lowest: spent_by_high,
            });
        }
    }

    while epsilon - spent_by_high > tolerance {
        let middle = f64::midpoint(low, high);
        // Two neighbouring numbers have none between them.
        if middle == low || middle == high {
            break;
        }
        let spent_by_middle = spent(middle);
        if spent_by_middle < epsilon {
            high = middle;
            spent_by_high = spent_by_middle;
        } else {
            low = middle;
        }
    }
    Ok(high)
}

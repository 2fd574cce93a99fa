//! Random hyperparameters.

use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_xoshiro::Xoshiro256PlusPlus;

/// Draws hyperparameters at random.
///
/// ```
/// use shapewright::search::Draw;
/// let mut draw = Draw::new(0);
/// let dropout = draw.uniform(0.0, 0.5);
/// let rate = draw.log_uniform(1e-4, 1e-1);
/// let batch_size = 1 << draw.integer(3, 7);
/// let nesterov = draw.choice(&[true, false]);
/// # assert!(dropout < 0.5 && rate > 1e-4 && (8..=128).contains(&batch_size) && (nesterov || !nesterov));
/// ```
#[derive(Clone, Debug)]
pub struct Draw {
    rng: Xoshiro256PlusPlus,
}

impl Draw {
    /// Creates a source of numbers from a seed: the same ones on every machine.
    pub fn new(seed: u64) -> Self {
        Draw {
            rng: crate::rng(seed),
        }
    }

    /// Draws a number from `low` to `high`, all equally likely.
    ///
    /// # Panics
    /// Panics if `low` is above `high`, or one of them is not finite.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        assert!(
            low <= high && low.is_finite() && high.is_finite(),
            "there are no numbers from {low} to {high}; give the lower end first, and two finite ends"
        );
        let part: f64 = self.rng.random();
        // Not `low + (high - low) * part`, whose difference may overflow.
        (low * (1.0 - part) + high * part).clamp(low, high)
    }

    /// Draws a number from `low` to `high` whose logarithm is uniform: 0.001 to 0.01 is as likely as 0.01
    /// to 0.1. For learning rates and other numbers whose order of magnitude is unknown.
    ///
    /// # Panics
    /// Panics if `low` is not above 0, or above `high`, or one of them is not finite.
    pub fn log_uniform(&mut self, low: f64, high: f64) -> f64 {
        assert!(
            low > 0.0,
            "there is no logarithm of {low}; give a lower end above 0"
        );
        // `libm`, so that every machine draws the same bits.
        libm::exp(self.uniform(libm::log(low), libm::log(high))).clamp(low, high)
    }

    /// Draws a whole number from `low` to `high`, both included.
    ///
    /// # Panics
    /// Panics if `low` is above `high`.
    pub fn integer(&mut self, low: usize, high: usize) -> usize {
        assert!(
            low <= high,
            "there are no whole numbers from {low} to {high}; give the lower end first"
        );
        self.rng.random_range(low..=high)
    }

    /// Draws one of these values.
    ///
    /// # Panics
    /// Panics if there are none.
    pub fn choice<T: Clone>(&mut self, values: &[T]) -> T {
        values
            .choose(&mut self.rng)
            .expect("a choice has at least one value; give some")
            .clone()
    }

    /// Returns the generator, for other distributions.
    pub fn rng(&mut self) -> &mut impl rand::Rng {
        &mut self.rng
    }
}

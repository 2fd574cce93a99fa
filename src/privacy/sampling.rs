//! Poisson sampling, which the accountant assumes.

use rand::{Rng, RngExt};

/// Returns the positions of a batch in which each of `samples` samples is with probability
/// `sample_rate`, independently of all others.
///
/// Batches differ in length, and one may be empty. The bounds of the accountant hold for batches
/// that are drawn like this, and not for shuffled epochs.
///
/// ```
/// use shapewright::privacy::poisson_sample;
/// let batch = poisson_sample(1000, 0.05, &mut shapewright::rng(0));
/// assert!((20..80).contains(&batch.len()));
/// assert!(batch.is_sorted());
/// ```
///
/// # Panics
/// Panics if `sample_rate` is not between 0 and 1.
pub fn poisson_sample<R: Rng + ?Sized>(
    samples: usize,
    sample_rate: f64,
    rng: &mut R,
) -> Vec<usize> {
    assert!(
        (0.0..=1.0).contains(&sample_rate),
        "the sample rate is {sample_rate}, but is the probability of a sample to be in a batch: \
         give a number from 0 to 1"
    );
    (0..samples)
        .filter(|_| rng.random::<f64>() < sample_rate)
        .collect()
}

//! Draws with the same results on every machine and in every later version of this crate.

use rand::{Rng, SeedableRng};

use super::SampleRng;
use crate::init::standard_normal;

/// Creates the generator of one sample, or of one batch, in one epoch.
pub(crate) fn rng(seed: u64, epoch: usize, index: usize) -> SampleRng {
    let mix = |state: u64, number: u64| SampleRng::seed_from_u64(state ^ number).next_u64();
    SampleRng::seed_from_u64(mix(mix(mix(0, seed), epoch as u64), index as u64))
}

/// Draws a number from 0 to 1, without 1.
fn unit(rng: &mut SampleRng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// Draws whether something of this probability happens.
pub(super) fn chance(p: f64, rng: &mut SampleRng) -> bool {
    unit(rng) < p
}

/// Draws a number of a range, both ends included; no draw if there is only one.
pub(super) fn uniform(range: Range, rng: &mut SampleRng) -> f64 {
    if range.is(range.min) {
        return range.min;
    }
    (range.min + (range.max - range.min) * unit(rng)).clamp(range.min, range.max)
}

/// Draws a whole number below `count`.
pub(super) fn below(count: usize, rng: &mut SampleRng) -> usize {
    ((u128::from(rng.next_u64()) * count as u128) >> 64) as usize
}

/// The bounds of a random number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Range {
    pub min: f64,
    pub max: f64,
}

impl Range {
    /// A range of one number.
    pub const fn only(value: f64) -> Self {
        Range {
            min: value,
            max: value,
        }
    }

    /// The range from `-most` to `most`.
    pub const fn around_zero(most: f64) -> Self {
        assert!(
            0.0 <= most && most < f64::INFINITY,
            "a number that stands for a range from -x to x is finite and not below 0"
        );
        Range {
            min: -most,
            max: most,
        }
    }

    pub const fn new(min: f64, max: f64) -> Self {
        assert!(
            f64::NEG_INFINITY < min && min <= max && max < f64::INFINITY,
            "a range begins with the lower of two finite numbers"
        );
        Range { min, max }
    }

    /// Returns whether the range is this number.
    pub fn is(self, value: f64) -> bool {
        self.min == value && self.max == value
    }
}

/// Draws a number of the beta distribution with both parameters `alpha`: a gamma number over the sum of
/// two.
pub(super) fn beta(alpha: f64, rng: &mut SampleRng) -> f64 {
    let a = log_gamma(alpha, rng);
    let b = log_gamma(alpha, rng);
    // With a small `alpha` the numbers themselves would round to zero.
    1.0 / (1.0 + libm::exp(b - a))
}

/// Draws the logarithm of a number of the gamma distribution: Marsaglia and Tsang, 2000, with a
/// parameter that is larger by one, and a power of a uniform number that corrects for it.
fn log_gamma(alpha: f64, rng: &mut SampleRng) -> f64 {
    let d = alpha + 1.0 - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = standard_normal(rng);
        let root = 1.0 + c * x;
        let u = 1.0 - unit(rng);
        if root > 0.0 {
            let v = root * root * root;
            let log_v = 3.0 * libm::log(root);
            if libm::log(u) < 0.5 * x * x + d - d * v + d * log_v {
                return libm::log(d) + log_v + libm::log(1.0 - unit(rng)) / alpha;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{below, beta, rng};

    #[test]
    fn moments_of_the_beta_distribution() {
        for alpha in [0.05, 0.2, 1.0, 4.0] {
            let mut rng = rng(1, 1, 1);
            let draws: Vec<f64> = (0..20_000).map(|_| beta(alpha, &mut rng)).collect();
            assert!(draws.iter().all(|x| (0.0..=1.0).contains(x)));
            let mean = draws.iter().sum::<f64>() / draws.len() as f64;
            let variance =
                draws.iter().map(|x| (x - 0.5) * (x - 0.5)).sum::<f64>() / draws.len() as f64;
            let expected = 1.0 / (4.0 * (2.0 * alpha + 1.0));
            assert!((mean - 0.5).abs() < 0.015, "{alpha}: {mean}");
            assert!(
                (variance / expected - 1.0).abs() < 0.04,
                "{alpha}: {variance}, {expected}"
            );
        }
    }

    #[test]
    fn generators_and_whole_numbers_differ() {
        use rand::Rng;
        let first = |seed, epoch, index| rng(seed, epoch, index).next_u64();
        let draws = [
            first(0, 1, 0),
            first(0, 0, 1),
            first(1, 0, 0),
            first(0, 0, 0),
            first(1, 1, 0),
            first(0, 1, 1),
        ];

        for (i, a) in draws.iter().enumerate() {
            assert!(draws[..i].iter().all(|b| a != b), "{draws:?}");
        }

        let mut rng = rng(0, 0, 0);
        let mut counts = [0; 3];
        (0..3000).for_each(|_| counts[below(3, &mut rng)] += 1);

        assert!(
            counts.iter().all(|&count| (900..1100).contains(&count)),
            "{counts:?}"
        );
    }
}

//! Normalizations to mean 0 and variance 1: over rows, over groups of columns, and over the columns
//! of a whole batch.
//!
//! # Precision
//! The variance is the mean of squared distances, in two passes. Where the mean is large compared
//! with the deviation, its own rounding would spoil the results: the nearest `f32` to a mean of
//! 1000 may be 3e-5 away. The mean is therefore kept in two parts: `near`, a number near the mean,
//! whose distance from each element is all but exact, and `rest`, the mean of those distances.
//!
//! Squares of `f32` from 2e19 up are infinite. Rows and groups with such distances are gone through
//! once more, shrunk.

mod batch;
mod columns;
mod groups;
mod kernels;
mod passes;
mod reference;
mod rows;

pub use batch::{BatchNorm, RunningNorm};
pub use groups::GroupNorm;
pub use kernels::Normalize;
pub use rows::{RowNorm, RowNormSums};

use super::reference::Real;

/// The number of statistics of each row or group that are kept for the backward pass: `near`,
/// `rest` and `inverse`.
pub const STATISTICS: usize = 3;

/// The statistics with which elements are normalized: `((x - near) - rest) * inverse`.
#[derive(Clone, Copy, Debug, Default)]
struct Statistics<T> {
    near: T,
    rest: T,
    inverse: T,
}

impl<T: Real> Statistics<T> {
    /// Computes the statistics from the sums of the distances from `near` and of their squares.
    #[inline(always)]
    fn new(near: T, distances: T, squares: T, count: T, eps: T) -> Self {
        let rest = distances / count;
        let inverse = T::one() / (variance(rest, squares, count) + eps).sqrt();
        Statistics {
            near,
            rest,
            inverse,
        }
    }

    /// Computes the statistics from the distances themselves, whose squares are too large for a
    /// number: they are shrunk before they are squared. `eps` does not matter beside them.
    #[cold]
    fn of_large(near: T, centered: bool, distances: impl Iterator<Item = T>) -> Self {
        // A power of two by which the square of the largest number times 2^24 is a number.
        let exponent = if size_of::<T>() == 4 { 80 } else { 560 };
        let small = T::of(f64::from_bits((1023 - exponent) << 52));

        let mut sums = [T::zero(); 2];
        let mut count = T::zero();
        for distance in distances {
            let distance = distance * small;
            sums = [sums[0] + distance, sums[1] + distance * distance];
            count = count + T::one();
        }
        let rest = if centered { sums[0] / count } else { T::zero() };
        Statistics {
            near,
            rest: rest / small,
            inverse: small / variance(rest, sums[1], count).sqrt(),
        }
    }

    /// Returns the statistics of a row or group that `write` has stored.
    #[inline(always)]
    fn read(kept: &[T], index: usize) -> Self {
        let [near, rest, inverse] = kept.as_chunks().0[index];
        Statistics {
            near,
            rest,
            inverse,
        }
    }

    /// Stores the statistics if `kept` has room for them.
    #[inline(always)]
    fn write(self, kept: &mut [T], index: usize) {
        if let Some(at) = kept.as_chunks_mut().0.get_mut(index) {
            *at = [self.near, self.rest, self.inverse];
        }
    }

    #[inline(always)]
    fn normalize(&self, x: T) -> T {
        ((x - self.near) - self.rest) * self.inverse
    }
}

/// Returns the variance from the mean of the distances and the sum of their squares. NaN stays.
#[inline(always)]
fn variance<T: Real>(rest: T, squares: T, count: T) -> T {
    let variance = squares / count - rest * rest;
    if variance < T::zero() {
        T::zero()
    } else {
        variance
    }
}

/// Returns the weight at `index`; 1 if there are none.
#[inline(always)]
fn weight_at<T: Real>(weight: &[T], index: usize) -> T {
    weight.get(index).copied().unwrap_or(T::one())
}

/// Returns the bias at `index`; 0 if there are none.
#[inline(always)]
fn bias_at<T: Real>(bias: &[T], index: usize) -> T {
    bias.get(index).copied().unwrap_or(T::zero())
}

/// Panics unless `len` is `count` or 0.
fn check_optional(name: &str, what: &str, len: usize, count: usize) {
    assert!(
        len == 0 || len == count,
        "{name}: {len} {what}, not {count} or none"
    );
}

//! Normalizations to mean 0 and variance 1: over rows, over groups of columns, and over the columns
//! of a whole batch.
//!
//! # Precision
//! The variance is the mean of squared distances, in two passes. Where the mean is large compared
//! with the deviation, its own rounding would spoil the results: the nearest `f32` to a mean of
//! 1000 may be 3e-5 away. The mean is therefore kept in two parts: `near`, a number near the mean,
//! whose distance from each element is all but exact, and `rest`, the mean of those distances.
//!
//! In `f32`, the squares of numbers above 2e19 are infinite, and those of numbers below 1e-19 lose
//! their digits. Rows, groups and columns with such distances are read once more, and the distances are
//! multiplied by a power of two before they are squared.

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

use super::reference::{Real, Sums, sum_over};

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

    /// Computes the statistics as `new` does or, where the squares are out of range, from the
    /// distances themselves. If not `centered`, `near` and `rest` are 0.
    #[inline(always)]
    fn in_range<I: Iterator<Item = T>>(
        near: T,
        centered: bool,
        [distances, squares]: [T; 2],
        count: T,
        eps: T,
        all: impl FnOnce() -> I,
    ) -> Self {
        let is_single = size_of::<T>() == 4;
        // In a sum below this, some of the squares may have vanished.
        let least = T::of(power_of_two(if is_single { -100 } else { -800 }));

        let exponent = if is_single { 80 } else { 560 };
        if !squares.is_finite() {
            Self::of_multiplied(near, centered, eps, T::of(power_of_two(-exponent)), all())
        } else if squares < least && eps < least {
            Self::of_multiplied(near, centered, eps, T::of(power_of_two(exponent)), all())
        } else {
            let distances = if centered { distances } else { T::zero() };
            Self::new(near, distances, squares, count, eps)
        }
    }

    /// Computes the statistics from the distances, which are multiplied by `factor`, a power of two,
    /// before they are squared.
    #[cold]
    fn of_multiplied(
        near: T,
        centered: bool,
        eps: T,
        factor: T,
        distances: impl Iterator<Item = T>,
    ) -> Self {
        let mut sums = Sums::<T, 2>::new();
        let mut count = 0_usize;
        for distance in distances {
            let distance = distance * factor;
            let [distances, squares] = sums.next();
            *distances = *distances + distance;
            *squares = *squares + distance * distance;
            count += 1;
        }
        let [distances, squares] = sums.finish();
        let count = T::of(count as f64);
        let rest = if centered {
            distances / count
        } else {
            T::zero()
        };
        let variance = variance(rest, squares, count) + eps * factor * factor;
        // If `eps` has vanished next to large distances, no element can be told from the mean.
        let inverse = if variance > T::zero() || eps == T::zero() || variance.is_nan() {
            factor / variance.sqrt()
        } else {
            T::zero()
        };
        Statistics {
            near,
            rest: rest / factor,
            inverse,
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

    /// Returns the sum of `dy * normalized(x)` over a column, given those of `dy * (x - near)` and
    /// of `dy`. `x` and `dy` begin with the column's first element; the next one is `columns`
    /// further on.
    #[inline(always)]
    fn product(&self, [raw, total]: [T; 2], columns: usize, x: &[T], dy: &[T]) -> T {
        let inverse = self.inverse;
        if raw.is_finite() && inverse > T::of(ORDINARY.start) && inverse < T::of(ORDINARY.end) {
            (raw - self.rest * total) * inverse
        } else {
            self.product_of(columns, x, dy)
        }
    }

    /// Computes the product from the normalized elements: those of distances that are far from 1
    /// may overflow or vanish.
    #[cold]
    #[inline(never)]
    fn product_of(&self, columns: usize, x: &[T], dy: &[T]) -> T {
        sum_over((0..x.len()).step_by(columns), |i| {
            dy[i] * self.normalize(x[i])
        })
    }
}

/// The range of ordinary standard deviations, and of their inverses.
const ORDINARY: core::ops::Range<f64> = 1e-9..1e9;

/// Returns a number near the mean of numbers with this sum: the mean itself or, if the sum is out of
/// range or the mean is as good as equal to it, one of the numbers.
///
/// Equal numbers thus have a distance of exactly 0, whichever way their sum is rounded: the
/// distances of large ones would otherwise be so large that their squares are out of range.
#[inline(always)]
fn near_mean<T: Real>(sum: T, count: T, one: T) -> T {
    let mean = sum / count;
    let rounding = T::of(power_of_two(if size_of::<T>() == 4 { -18 } else { -46 }));
    let is_one = (mean - one).abs() <= one.abs() * rounding;
    if mean.is_finite() && !is_one {
        mean
    } else {
        one
    }
}

/// Returns 2 to the power of `exponent`, which must be the exponent of a normal number.
const fn power_of_two(exponent: i64) -> f64 {
    f64::from_bits(((1023 + exponent) as u64) << 52)
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

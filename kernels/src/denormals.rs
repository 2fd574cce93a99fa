//! Thresholds below which numbers are set to 0, to keep them from becoming denormal.
//!
//! Below the smallest normal number, 1.2e-38 in `f32` and 2.2e-308 in `f64`, numbers lose their
//! digits one by one, and arithmetic on them takes up to 100 times as long. They come from values
//! that decay (momenta, weights, averages) and from the tails of exponential functions, and once
//! there they stay: `0.9 * x` rounds to `x` when `x` has one digit left. Decaying values are
//! therefore set to 0 a little above, where they are [tiny](Thresholds). Results of functions and
//! gradients are set to 0 where they are denormal ([`Simd::flush_denormal`]). Both are comparisons,
//! exact in every tier.

use num_traits::Float;

use super::simd::{Op, Simd, each};

/// Thresholds of the optimizer steps.
///
/// They are as low as possible, so that no more values change than must. Gradients below `tiny`
/// count as 0. Where a gradient is 0:
/// - Parameters and means of gradients below `tiny`, the smallest normal number times 2^15, are set
///   to 0. The others can be multiplied by a momentum, a weight decay or `1 - beta` of 2^-15
///   (3.1e-5) and are still normal. The discarded part is below 3.9e-34 in `f32`: a weight of this
///   size changes no sum that has another term above 6.5e-27 times its input, and a velocity of
///   this size changes no weight above 6.5e-27 at a learning rate up to 1. (Lion, which reads signs
///   alone, no longer moves.)
/// - Means of squares are not set to 0, as steps are divided by their roots, and with an `epsilon`
///   of 0 by these alone. They begin each step with at least the square of `least_root`, which can
///   be multiplied by a beta of 1/64.
///
/// The least root is 8.7e-19 in `f32`, so that an `epsilon` of 1e-8 plus a smaller root is
/// `epsilon` with and without it. Where that holds, means of squares stay above the least one under
/// all gradients: those of gradients of 1e-20 would be denormal for ever. For a smaller `epsilon`
/// they are not raised.
#[derive(Clone, Copy, Debug)]
pub struct Thresholds {
    pub tiny: f64,
    pub least_root: f64,
    /// A normal number below the root of every square but 0.
    pub least_deviation: f64,
    /// Half a unit in the last place of 1: a sum with less than this part of its larger term is
    /// the larger term.
    half_unit: f64,
}

impl Thresholds {
    /// Thresholds of `f32`, whose smallest normal number is 2^-126.
    pub const F32: Self = Thresholds {
        tiny: power(-111),
        least_root: power(-60),
        least_deviation: power(-75),
        half_unit: power(-24),
    };
    /// Thresholds of `f64`, whose smallest normal number is 2^-1022.
    pub const F64: Self = Thresholds {
        tiny: power(-1007),
        least_root: power(-508),
        least_deviation: power(-538),
        half_unit: power(-53),
    };

    /// Returns the smallest mean of squares at the beginning of a step, if the gradient is 0.
    pub const fn least_square(&self) -> f64 {
        self.least_root * self.least_root
    }

    /// Returns the least mean of squares: the least square where `epsilon + root * sqrt(square)` does
    /// not show that it was raised, 0 otherwise.
    pub fn floor(&self, root: f64, epsilon: f64) -> f64 {
        if self.least_root * root <= self.half_unit * epsilon {
            self.least_square()
        } else {
            0.0
        }
    }
}

/// Returns `2^n` for a normal number.
const fn power(n: i32) -> f64 {
    f64::from_bits(((1023 + n) as u64) << 52)
}

/// Returns 0 for a tiny number, below the smallest normal number times 2^15, as optimizers do in
/// their updates. NaN stays.
#[inline]
pub fn flush<T: Float>(x: T) -> T {
    // Every float type represents 2^15.
    let tiny = T::from(32_768.0).map_or(T::zero(), |factor| factor * T::min_positive_value());
    if x.abs() < tiny { T::zero() } else { x }
}

/// The least term of a softmax, whose largest term is 1: `2^-96`, the smallest normal number times
/// `2^30`. Smaller ones are set to 0, which changes no sum, as half a unit in the last place of 1 is
/// `2^-24`.
///
/// The next layers multiply probabilities by values, and their gradients by one another. A factor
/// above `2^-30` makes nothing denormal of what is left, where otherwise each product in a dense
/// layer would take 100 times as long.
pub(super) const TAIL: f32 = power(-96) as f32;

/// Like [`Simd::flush_tail`], for any float.
#[inline(always)]
pub(super) fn plain_flush_tail<T: Float>(x: T) -> T {
    // Every float type represents 2^30.
    let tail =
        T::from(1_073_741_824.0).map_or(T::zero(), |factor| factor * T::min_positive_value());
    if x.abs() < tail { T::zero() } else { x }
}

/// Applies [`Simd::flush_denormal`] to every element.
pub(super) struct FlushOp<'a>(pub &'a mut [f32]);

impl Op for FlushOp<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let len = self.0.len();
        let x = self.0.as_mut_ptr();
        each(
            s,
            len,
            // SAFETY: `each` gives i + n <= len.
            #[inline(always)]
            |i, n| unsafe { s.put(x.add(i), s.flush_denormal(s.get(x.add(i), n)), n) },
        );
    }
}

/// Like [`Simd::flush_denormal`], for any float.
#[inline(always)]
pub(super) fn plain_flush_denormal<T: Float>(x: T) -> T {
    if x.abs() < T::min_positive_value() {
        T::zero()
    } else {
        x
    }
}

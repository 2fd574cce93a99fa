//! Sums of squares, and variations, of numbers of any magnitude.

use super::{Sum, power_of_two};
#[cfg(feature = "std")]
use crate::float::sqrt;

/// The sum of the squares of numbers of any magnitude. The numbers are multiplied by a power of two
/// before they are squared, as in BLAS's `nrm2` (Blue, 1978), so that no square overflows or
/// vanishes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Squares {
    /// The sum of the squares of the multiplied numbers.
    sum: Sum,
    magnitude: Magnitude,
}

impl Squares {
    /// Adds the square of `a - b`, also where that difference is out of range.
    #[inline]
    pub(crate) fn add_difference(&mut self, a: f64, b: f64) {
        let difference = a - b;
        self.raise(difference);
        let x = match self.magnitude {
            Magnitude::Huge => a * HUGE_UNIT - b * HUGE_UNIT,
            magnitude => difference * magnitude.unit(),
        };
        self.sum.add(x * x);
    }

    /// Raises the magnitude to that of `x`.
    fn raise(&mut self, x: f64) {
        if let Some(factor) = self.magnitude.raise(x) {
            self.sum = self.sum.multiplied(factor).multiplied(factor);
        }
    }

    /// Returns the product of the sum and a factor.
    pub(crate) fn times(self, factor: f64) -> f64 {
        let unit = self.magnitude.unit();
        self.sum.times(factor) / unit / unit
    }
}

/// The functions that metrics and optimizers need.
#[cfg(feature = "std")]
impl Squares {
    /// Adds the square of `x`.
    #[inline]
    pub(crate) fn add(&mut self, x: f64) {
        self.raise(x);
        let x = x * self.magnitude.unit();
        self.sum.add(x * x);
    }

    /// Returns the squares whose plain sum is given; `None` if that has overflowed, or is so small
    /// that some of the squares may have vanished.
    pub(crate) fn of_plain(sum: Sum) -> Option<Self> {
        (power_of_two(-700)..=f64::MAX)
            .contains(&sum.value())
            .then_some(Squares {
                sum,
                magnitude: Magnitude::Usual,
            })
    }

    /// Returns the mean of `count` squares.
    pub(crate) fn mean(self, count: usize) -> f64 {
        let unit = self.magnitude.unit();
        self.sum.mean(count) / unit / unit
    }

    /// Returns the root of the sum.
    pub(crate) fn root(self) -> f64 {
        sqrt(self.sum.value()) / self.magnitude.unit()
    }

    /// Returns the root of the mean of `count` squares.
    pub(crate) fn root_mean(self, count: usize) -> f64 {
        sqrt(self.sum.mean(count)) / self.magnitude.unit()
    }
}

/// The variation of numbers: the sum of the squares of their distances from their mean.
///
/// Mean and sum of squares are updated together (Welford, 1962), because a sum of squares less a
/// squared mean loses all digits far from zero. The mean is kept with what an `f64` of its size
/// cannot hold, which is large compared with the numbers' distances from it.
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Variation {
    mean: Sum,
    squares: Sum,
    /// The magnitude of the numbers; mean and squares are those of the multiplied numbers.
    magnitude: Magnitude,
}

#[cfg(feature = "std")]
impl Variation {
    /// Adds the number `x`, which is the one with the number `count`, counted from 1.
    pub(crate) fn add(&mut self, count: usize, x: f64) {
        if let Some(factor) = self.magnitude.raise(x) {
            self.mean = self.mean.multiplied(factor);
            self.squares = self.squares.multiplied(factor).multiplied(factor);
        }
        let x = x * self.magnitude.unit();
        let off = self.mean.distance_of(x);
        self.mean.add(off / count as f64);
        self.squares.add(off * self.mean.distance_of(x));
    }

    /// Returns whether all numbers are equal.
    pub(crate) fn is_zero(self) -> bool {
        self.squares.value() == 0.0
    }

    /// Returns `squares` divided by the variation, which is not zero.
    pub(crate) fn share_of(self, squares: Squares) -> f64 {
        let unit = self.magnitude.unit() / squares.magnitude.unit();
        let squares = squares.sum.value();
        let variation = self.squares.value();
        if unit == 1.0 {
            squares / variation
        } else {
            // In this order nothing overflows on the way.
            let root = sqrt(squares) * unit / sqrt(variation);
            root * root
        }
    }
}

/// The magnitude of numbers, which decides the power of two by which they are multiplied. It is that
/// of the largest one.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
enum Magnitude {
    #[default]
    Tiny,
    Usual,
    /// Also infinity and NaN.
    Huge,
}

const TINY_UNIT: f64 = power_of_two(600);
const HUGE_UNIT: f64 = power_of_two(-600);

impl Magnitude {
    fn of(x: f64) -> Self {
        // With these bounds, the squares of multiplied numbers are from 2^-948 to 2^848.
        if x.abs() < power_of_two(-200) {
            Magnitude::Tiny
        } else if x.abs() < power_of_two(400) {
            Magnitude::Usual
        } else {
            Magnitude::Huge
        }
    }

    /// The number by which numbers of this magnitude are multiplied.
    fn unit(self) -> f64 {
        match self {
            Magnitude::Tiny => TINY_UNIT,
            Magnitude::Usual => 1.0,
            Magnitude::Huge => HUGE_UNIT,
        }
    }

    /// Raises the magnitude to that of `x`. If that changes it, returns the factor for what was
    /// computed from the multiplied numbers so far; it is 0 for what then vanishes.
    #[inline]
    fn raise(&mut self, x: f64) -> Option<f64> {
        let own = *self;
        let new = Magnitude::of(x);
        if new <= own {
            return None;
        }
        *self = new;
        Some(new.unit() / own.unit())
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::{Squares, Variation};

    #[test]
    fn squares_neither_overflow_nor_vanish() {
        for scale in [
            1e-320, 1e-300, 1e-160, 1e-61, 1.0, 1e19, 1e120, 1e121, 1e160, 1e307,
        ] {
            let mut squares = Squares::default();
            let mut differences = Squares::default();
            for x in [0.0, 3.0, 0.0, -4.0] {
                squares.add(x * scale);
                differences.add_difference(2.0 * scale, (2.0 - x) * scale);
            }
            for (got, want) in [
                (squares.root(), 5.0 * scale),
                (squares.root_mean(4), 2.5 * scale),
                (differences.root(), 5.0 * scale),
                (differences.root_mean(4), 2.5 * scale),
            ] {
                // Denormal numbers have few digits.
                let tolerance = 1e-15 * want + 1e-323;
                assert!((got - want).abs() <= tolerance, "{scale}: {got}");
            }
            let square = squares.times(1.0);
            let want = 25.0 * scale * scale;
            assert!(
                square == want || (square / want - 1.0).abs() < 1e-12,
                "{scale}: {square}"
            );
        }

        // Of different magnitudes, in both orders.
        for mut numbers in [[1e-200, 1e-3, 1e200], [3e-310, 4e-310, 1e-310]] {
            let largest: f64 = numbers.iter().map(|x| x / numbers[2]).map(|x| x * x).sum();
            let want = largest.sqrt() * numbers[2];
            for _ in 0..2 {
                let mut squares = Squares::default();
                numbers.iter().for_each(|&x| squares.add(x));
                assert!((squares.root() / want - 1.0).abs() < 1e-12, "{numbers:?}");
                numbers.reverse();
            }
        }

        // The difference itself is out of range, and one of the four is not.
        let mut squares = Squares::default();
        squares.add_difference(f64::MAX, -f64::MAX);
        (0..3).for_each(|_| squares.add(0.0));
        assert_eq!(squares.root_mean(4), f64::MAX);
        assert_eq!(squares.root(), f64::INFINITY);
        squares.add(f64::INFINITY);
        assert_eq!(squares.mean(5), f64::INFINITY);
        squares.add(f64::NAN);
        assert!(squares.root_mean(6).is_nan());
    }

    #[test]
    fn a_variation_has_any_magnitude() {
        for scale in [1e-300, 1e-160, 1.0, 1e160, 1e307] {
            for far in [0.0, 10.0] {
                let mut variation = Variation::default();
                let mut residual = Squares::default();
                for (i, x) in [1.0, 2.0, 3.0, 4.0].into_iter().enumerate() {
                    variation.add(i + 1, (x + far) * scale);
                    residual.add_difference((x + far) * scale, (x + far + 0.5) * scale);
                }
                assert!(!variation.is_zero());
                let share = variation.share_of(residual);
                assert!((share - 0.2).abs() < 1e-12, "{scale}: {share}");
            }
        }
        let mut variation = Variation::default();
        (1..4).for_each(|count| variation.add(count, 1e160));
        assert!(variation.is_zero());
    }
}

//! Compensated sums in `f64`.

/// A compensated sum (Neumaier, 1974), which keeps the rounding errors of its additions.
///
/// Its error is one rounding and at most `n^2 * 2^-106` times the sum of the magnitudes of the `n`
/// terms, which is negligible for every `n` that fits in memory.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum {
    sum: f64,
    /// The sum of the rounding errors.
    lost: f64,
}

impl Sum {
    pub(crate) fn add(&mut self, x: f64) {
        let sum = self.sum + x;
        // Knuth's TwoSum: the exact rounding error of the addition.
        let added = sum - self.sum;
        self.lost += (self.sum - (sum - added)) + (x - added);
        self.sum = sum;
    }

    /// Returns the sum; with infinities or NaN among the terms, their ordinary sum.
    pub(crate) fn value(self) -> f64 {
        if self.sum.is_finite() {
            self.sum + self.lost
        } else {
            self.sum
        }
    }

    /// Returns `x` minus the sum, exact to the last digit where they are near each other.
    pub(crate) fn distance_of(self, x: f64) -> f64 {
        (x - self.sum) - self.lost
    }
}

/// The sum of the terms: plain chains of 64, the sums of which lose nothing.
pub(crate) fn sum_of(mut terms: impl Iterator<Item = f64>) -> f64 {
    let mut sum = Sum::default();
    loop {
        let mut count = 0;
        sum.add(terms.by_ref().take(64).inspect(|_| count += 1).sum());
        if count < 64 {
            return sum.value();
        }
    }
}

impl FromIterator<f64> for Sum {
    fn from_iter<I: IntoIterator<Item = f64>>(terms: I) -> Self {
        let mut sum = Sum::default();
        sum.extend(terms);
        sum
    }
}

impl Extend<f64> for Sum {
    fn extend<I: IntoIterator<Item = f64>>(&mut self, terms: I) {
        terms.into_iter().for_each(|x| self.add(x));
    }
}

#[cfg(test)]
mod tests {
    use super::Sum;

    #[test]
    fn nothing_is_lost() {
        assert_eq!(
            [1e16, 1.0, -1e16, 1.0].into_iter().collect::<Sum>().value(),
            2.0
        );
        assert_eq!(
            [1.0, 1e100, 1.0, -1e100]
                .into_iter()
                .collect::<Sum>()
                .value(),
            2.0
        );
    }

    #[test]
    fn infinities_stay() {
        let of = |terms: [f64; 3]| terms.into_iter().collect::<Sum>().value();
        assert_eq!(of([1.0, f64::INFINITY, 1.0]), f64::INFINITY);
        assert_eq!(of([f64::MAX, f64::MAX, 1.0]), f64::INFINITY);
        assert!(of([f64::INFINITY, f64::NEG_INFINITY, 1.0]).is_nan());
        assert!(of([f64::NAN, 1.0, 1.0]).is_nan());
    }
}

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

/// The number of partial sums of a block: enough for vectors, and in an order that is always the
/// same.
const PARTIALS: usize = 16;

/// The number of terms that are added in plain chains, one for each partial sum, before these go to
/// the compensated one.
const BLOCK: usize = 64 * PARTIALS;

/// Returns the sum of `term(position, item)` over all items.
///
/// Its error is at most 64 roundings of each term, however many there are. The terms are taken in
/// order.
#[inline]
pub(crate) fn sum_of<T: Copy>(items: &[T], mut term: impl FnMut(usize, T) -> f64) -> f64 {
    let mut total = Sum::default();
    let mut position = 0;
    let mut next = |item: T| {
        position += 1;
        term(position - 1, item)
    };

    for block in items.chunks(BLOCK) {
        let (chunks, rest) = block.as_chunks::<PARTIALS>();
        if !chunks.is_empty() {
            let mut sums = [0.0; PARTIALS];
            for chunk in chunks {
                for (sum, &item) in sums.iter_mut().zip(chunk) {
                    *sum += next(item);
                }
            }
            total.extend(sums);
        }
        total.extend(rest.iter().map(|&item| next(item)));
    }
    total.value()
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
    use super::{BLOCK, Sum, sum_of};

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

    /// A plain chain of these terms is off by more than a thousand roundings.
    #[test]
    fn long_sums_keep_their_digits() {
        for len in [
            0,
            1,
            15,
            16,
            17,
            BLOCK - 1,
            BLOCK,
            BLOCK + 1,
            20 * BLOCK + 5,
        ] {
            let sum = sum_of(&vec![0.1; len], |_, x| x);
            let want = 0.1 * len as f64;
            assert!((sum - want).abs() <= 33.0 * f64::EPSILON * want, "{len}");
        }
    }

    #[test]
    fn terms_are_taken_in_order() {
        let items: Vec<usize> = (0..3 * BLOCK + 7).collect();
        let sum = sum_of(&items, |position, item| {
            assert_eq!(position, item);
            1.0
        });
        assert_eq!(sum, items.len() as f64);
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

//! Compensated sums in `f64`, which do not overflow.

mod squares;

pub(crate) use squares::Squares;
#[cfg(feature = "std")]
pub(crate) use squares::Variation;

/// A compensated sum (Neumaier, 1974), which keeps the rounding errors of its additions.
///
/// Its error is one rounding and at most `n^2 * 2^-106` times the sum of the magnitudes of the `n`
/// terms, which is negligible for every `n` that fits in memory. It does not overflow: a mean is
/// right although the sum exceeds the range of an `f64`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum {
    sum: f64,
    /// The sum of the rounding errors.
    lost: f64,
    /// True if both are multiplied by [`SHRINK`], because a term was [`LARGE`].
    shrunk: bool,
}

/// The size of a term from which sums are shrunk: those of 2^64 smaller terms do not overflow.
const LARGE: f64 = power_of_two(900);

/// The factor that keeps the sum of 2^64 terms of any size from overflowing.
const SHRINK: f64 = power_of_two(-100);

impl Sum {
    #[inline]
    pub(crate) fn add(&mut self, x: f64) {
        if x.abs() < LARGE && !self.shrunk {
            self.add_stored(x);
        } else {
            self.shrink();
            self.add_stored(x * SHRINK);
        }
    }

    #[inline]
    fn add_stored(&mut self, x: f64) {
        let sum = self.sum + x;
        // Knuth's TwoSum: the exact rounding error of the addition.
        let added = sum - self.sum;
        self.lost += (self.sum - (sum - added)) + (x - added);
        self.sum = sum;
    }

    /// Adds the terms of another sum.
    pub(crate) fn add_sum(&mut self, other: Sum) {
        let lost = if other.sum.is_finite() {
            other.lost
        } else {
            0.0
        };
        if other.shrunk {
            self.shrink();
            self.add_stored(other.sum);
            self.add_stored(lost);
        } else {
            self.add(other.sum);
            self.add(lost);
        }
    }

    #[cold]
    fn shrink(&mut self) {
        if !self.shrunk {
            *self = self.multiplied(SHRINK);
            self.shrunk = true;
        }
    }

    /// Returns the sum; with infinities or NaN among the terms, their ordinary sum.
    pub(crate) fn value(self) -> f64 {
        self.times(1.0)
    }

    /// Returns the sum of `count` terms divided by their number.
    pub(crate) fn mean(self, count: usize) -> f64 {
        self.stored() / count as f64 / self.unit()
    }

    /// Returns the product of the sum and a factor.
    pub(crate) fn times(self, factor: f64) -> f64 {
        self.stored() * factor / self.unit()
    }

    /// Returns `x` minus the sum, exact to the last digit where they are near each other.
    pub(crate) fn distance_of(self, x: f64) -> f64 {
        let unit = self.unit();
        ((x * unit - self.sum) - self.lost) / unit
    }

    /// Returns the sum of the terms multiplied by `factor`, a power of two.
    pub(crate) fn multiplied(self, factor: f64) -> Self {
        Sum {
            sum: self.sum * factor,
            lost: self.lost * factor,
            shrunk: self.shrunk,
        }
    }

    /// The number by which the terms are multiplied.
    fn unit(self) -> f64 {
        if self.shrunk { SHRINK } else { 1.0 }
    }

    /// The sum of the terms times [`unit`](Self::unit).
    fn stored(self) -> f64 {
        if self.sum.is_finite() {
            self.sum + self.lost
        } else {
            self.sum
        }
    }
}

/// Returns the sum of the products of pairs, also where these overflow and their sum does not.
///
/// Its error is a rounding of each product.
pub(crate) fn dot(pairs: impl Iterator<Item = (f64, f64)>) -> f64 {
    /// The factor of both numbers of a pair whose product may overflow.
    const UNIT: f64 = power_of_two(-600);

    let mut small = Sum::default();
    let mut large = Sum::default();
    for (x, y) in pairs {
        let product = x * y;
        if product.abs() < LARGE || !(x.is_finite() && y.is_finite()) {
            small.add(product);
        } else {
            large.add((x * UNIT) * (y * UNIT));
        }
    }

    match small.value() {
        small if small.is_finite() => large.times(1.0 / UNIT) / UNIT + small,
        infinite => infinite,
    }
}

/// Returns 2 to the power of `exponent`, which is that of a normal number.
const fn power_of_two(exponent: i64) -> f64 {
    f64::from_bits(((1023 + exponent) as u64) << 52)
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
/// order; where their sum overflows, those of a block are taken once more.
#[inline]
pub(crate) fn sum_of<T: Copy>(items: &[T], mut term: impl FnMut(usize, T) -> f64) -> Sum {
    let mut total = Sum::default();
    for (block, items) in items.chunks(BLOCK).enumerate() {
        let mut position = block * BLOCK;
        let mut next = |item: T| {
            position += 1;
            term(position - 1, item)
        };

        let (chunks, rest) = items.as_chunks::<PARTIALS>();
        let mut sums = [0.0; PARTIALS];
        for chunk in chunks {
            for (sum, &item) in sums.iter_mut().zip(chunk) {
                *sum += next(item);
            }
        }
        if sums.iter().all(|sum| sum.is_finite()) {
            if !chunks.is_empty() {
                total.extend(sums);
            }
            total.extend(rest.iter().map(|&item| next(item)));
        } else {
            let terms = items.iter().enumerate();
            total.extend(terms.map(|(i, &item)| term(block * BLOCK + i, item)));
        }
    }
    total
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
            let sum = sum_of(&vec![0.1; len], |_, x| x).value();
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
        assert_eq!(sum.value(), items.len() as f64);
    }

    #[test]
    fn products_that_overflow_cancel_out() {
        let of = |pairs: &[(f64, f64)]| super::dot(pairs.iter().copied());
        let huge = 1e200;
        assert_eq!(of(&[(huge, huge), (3.0, 1.0), (-huge, huge)]), 3.0);
        assert_eq!(of(&[(f64::MAX, f64::MAX), (f64::MAX, -f64::MAX)]), 0.0);
        assert_eq!(
            of(&[(f64::MAX, 2.0), (f64::MAX, -0.5), (-f64::MAX, 1.0)]),
            f64::MAX / 2.0
        );
        assert_eq!(of(&[(huge, huge), (1.0, -huge)]), f64::INFINITY);
        assert_eq!(of(&[(f64::INFINITY, 1e-300), (huge, huge)]), f64::INFINITY);
        assert!(of(&[(f64::INFINITY, 0.0), (1.0, 1.0)]).is_nan());
        assert!(of(&[(f64::NAN, 1.0), (huge, huge)]).is_nan());
    }

    #[test]
    fn infinities_stay() {
        let of = |terms: [f64; 3]| terms.into_iter().collect::<Sum>().value();
        assert_eq!(of([1.0, f64::INFINITY, 1.0]), f64::INFINITY);
        assert_eq!(of([f64::MAX, f64::MAX, 1.0]), f64::INFINITY);
        assert_eq!(of([f64::MAX, f64::INFINITY, f64::MAX]), f64::INFINITY);
        assert!(of([f64::INFINITY, f64::NEG_INFINITY, 1.0]).is_nan());
        assert!(of([f64::NAN, 1.0, 1.0]).is_nan());
    }

    /// The mean of numbers whose sum overflows, in every order, and however long the sum is.
    #[test]
    fn a_sum_that_overflows_has_a_mean() {
        for len in [1, 2, 17, 3 * BLOCK + 5] {
            let most = super::power_of_two(1023);
            let mut terms = vec![most; len];
            let mean = sum_of(&terms, |_, x| x).mean(len);
            assert!((mean / most - 1.0).abs() < 1e-15, "{mean}");
            assert_eq!(sum_of(&terms, |_, x| x).times(0.0), 0.0);

            let half = len / 2;
            terms[..half].fill(-most);
            terms[half..2 * half].fill(most);
            terms[2 * half..].fill(3.0);
            let want = if len % 2 == 0 { 0.0 } else { 3.0 };
            assert_eq!(terms.iter().copied().collect::<Sum>().value(), want);

            let mut sum = Sum::default();
            sum.add_sum(sum_of(&terms, |_, x| x));
            sum.add_sum(sum_of(&[0.5], |_, x| x));
            assert_eq!(sum.value(), want + 0.5);
        }
    }
}

//! Arithmetic on sizes that stops at the largest `usize` instead of wrapping, in constants and when the program runs.
//!
//! A size that stopped there is more than memory holds: a layer with such a size does not compile, and memory of such
//! a size can't be reserved. So one check at the end is enough, and debug and release builds say the same.

/// The most bytes that one value or one allocation can have.
pub(crate) const MOST_BYTES: usize = isize::MAX as usize;

/// The product; `usize::MAX` if it is larger. A factor of 0 gives 0, whatever the others are.
pub(crate) const fn product(factors: &[usize]) -> usize {
    let mut product: usize = 1;
    let mut zero = false;
    let mut i = 0;
    while i < factors.len() {
        product = product.saturating_mul(factors[i]);
        zero = zero || factors[i] == 0;
        i += 1;
    }
    if zero { 0 } else { product }
}

/// The sum; `usize::MAX` if it is larger.
pub(crate) const fn sum(terms: &[usize]) -> usize {
    let mut sum: usize = 0;
    let mut i = 0;
    while i < terms.len() {
        sum = sum.saturating_add(terms[i]);
        i += 1;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::{product, sum};

    #[test]
    fn sizes_do_not_wrap() {
        assert_eq!(product(&[]), 1);
        assert_eq!(product(&[3, 5, 7]), 105);
        assert_eq!(product(&[1 << 32, 1 << 32]), usize::MAX);
        assert_eq!(product(&[1 << 40, 1 << 40, 0]), 0);
        assert_eq!(product(&[0, usize::MAX]), 0);
        assert_eq!(sum(&[]), 0);
        assert_eq!(sum(&[3, 5]), 8);
        assert_eq!(sum(&[usize::MAX - 1, 1]), usize::MAX);
        assert_eq!(sum(&[usize::MAX, 1, 1]), usize::MAX);
    }
}

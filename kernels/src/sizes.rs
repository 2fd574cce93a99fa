//! Arithmetic on sizes that does not wrap, in constants and when the program runs: it stops at
//! [`TOO_LARGE`].
//!
//! A size that stopped there is more than memory holds. Neither a layer with it compiles nor can
//! memory of it be reserved, so that one check at the end is enough, and debug and release builds
//! say the same.

/// The most bytes that a value can have: less than the compiler's own limit, and far more than
/// there is memory.
pub const MOST_BYTES: usize = isize::MAX as usize / if usize::BITS < 64 { 1 } else { 8 };

/// The most numbers that a tensor can have: bytes of them, and sums of a few positions among them,
/// do not wrap.
pub const MOST_NUMBERS: usize = isize::MAX as usize / 32;

/// This many or more. One below the largest number, which stands for a size that is not written.
pub const TOO_LARGE: usize = usize::MAX - 1;

/// The product; [`TOO_LARGE`] if it is larger. A factor of 0 gives 0, whatever the others are.
pub const fn product(factors: &[usize]) -> usize {
    let mut product: usize = 1;
    let mut zero = false;
    let mut i = 0;
    while i < factors.len() {
        product = product.saturating_mul(factors[i]);
        zero = zero || factors[i] == 0;
        i += 1;
    }
    if zero { 0 } else { least(product, TOO_LARGE) }
}

/// The sum; [`TOO_LARGE`] if it is larger.
pub const fn sum(terms: &[usize]) -> usize {
    let mut sum: usize = 0;
    let mut i = 0;
    while i < terms.len() {
        sum = sum.saturating_add(terms[i]);
        i += 1;
    }
    least(sum, TOO_LARGE)
}

const fn least(a: usize, b: usize) -> usize {
    if a < b { a } else { b }
}

/// Whether positions among so many numbers can be counted, and added to each other.
pub const fn countable(numbers: usize) -> bool {
    numbers <= MOST_NUMBERS
}

#[cfg(test)]
mod tests {
    use super::{TOO_LARGE, product, sum};

    #[test]
    fn sizes_do_not_wrap() {
        assert_eq!(product(&[]), 1);
        assert_eq!(product(&[3, 5, 7]), 105);
        assert_eq!(product(&[1 << (usize::BITS / 2); 2]), TOO_LARGE);
        assert_eq!(product(&[usize::MAX, 2, 0]), 0);
        assert_eq!(product(&[0, usize::MAX]), 0);
        assert_eq!(product(&[usize::MAX]), TOO_LARGE);
        assert_eq!(sum(&[]), 0);
        assert_eq!(sum(&[3, 5]), 8);
        assert_eq!(sum(&[usize::MAX - 2, 1]), TOO_LARGE);
        assert_eq!(sum(&[usize::MAX, 1, 1]), TOO_LARGE);
    }
}

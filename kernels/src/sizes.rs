//! Arithmetic on sizes that does not wrap, at compile time and at run time: it saturates at
//! [`TOO_LARGE`].
//!
//! A saturated size is more than memory holds. Neither does a layer with it compile, nor can its
//! memory be reserved. So one check at the end is enough, and debug and release builds agree.

/// The largest number of bytes of a value: less than the compiler's own limit, and far more than
/// there is memory.
pub const MOST_BYTES: usize = isize::MAX as usize / if usize::BITS < 64 { 1 } else { 8 };

/// The largest number of elements of a tensor: their bytes, and sums of a few positions among them,
/// do not wrap.
pub const MOST_NUMBERS: usize = isize::MAX as usize / 32;

/// A saturated size: this many or more. It is one below the largest number, which stands for a size
/// that is not written.
pub const TOO_LARGE: usize = usize::MAX - 1;

/// Returns the product; [`TOO_LARGE`] if it is larger. A factor of 0 gives 0, whatever the others
/// are.
pub const fn product(factors: &[usize]) -> usize {
    let mut product: usize = 1;
    let mut zero = false;

    let mut i = 0;
    while i < factors.len() {
        product = product.saturating_mul(factors[i]);
        zero = zero || factors[i] == 0;
        i += 1;
    }

    if zero { 0 } else { min(product, TOO_LARGE) }
}

/// Returns the sum; [`TOO_LARGE`] if it is larger.
pub const fn sum(terms: &[usize]) -> usize {
    let mut sum: usize = 0;

    let mut i = 0;
    while i < terms.len() {
        sum = sum.saturating_add(terms[i]);
        i += 1;
    }

    min(sum, TOO_LARGE)
}

/// Returns the next multiple of `of`, which is not 0; [`TOO_LARGE`] if it is larger.
pub const fn next_multiple(size: usize, of: usize) -> usize {
    match size.checked_next_multiple_of(of) {
        Some(multiple) => min(multiple, TOO_LARGE),
        None => TOO_LARGE,
    }
}

/// Returns the larger of two sizes.
pub const fn larger(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

const fn min(a: usize, b: usize) -> usize {
    if a < b { a } else { b }
}

/// Returns whether positions among `numbers` elements can be counted, and added to each other.
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

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
pub const fn product<const N: usize>(factors: &[usize; N]) -> usize {
    // The constants of a network call this function thousands of times. With the wide type it makes
    // no calls itself, which take most of the time of the compiler's interpreter.
    let mut product: u128 = 1;
    let mut zero = false;

    let mut i = 0;
    while i < N {
        product *= factors[i] as u128;
        if product > TOO_LARGE as u128 {
            product = TOO_LARGE as u128;
        }
        zero = zero || factors[i] == 0;
        i += 1;
    }

    if zero { 0 } else { product as usize }
}

/// Returns the sum; [`TOO_LARGE`] if it is larger.
pub const fn sum<const N: usize>(terms: &[usize; N]) -> usize {
    let mut sum: u128 = 0;

    let mut i = 0;
    while i < N {
        sum += terms[i] as u128;
        i += 1;
    }

    if sum > TOO_LARGE as u128 {
        TOO_LARGE
    } else {
        sum as usize
    }
}

/// Returns the next multiple of `of`, which is not 0; [`TOO_LARGE`] if it is larger.
pub const fn next_multiple(size: usize, of: usize) -> usize {
    let rest = size % of;
    if rest == 0 {
        return if size > TOO_LARGE { TOO_LARGE } else { size };
    }
    sum(&[size - rest, of])
}

/// Returns the larger of two sizes.
pub const fn larger(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
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

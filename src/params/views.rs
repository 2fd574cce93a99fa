//! Views of parameters as slices of numbers and as bytes, copies, and zeros.

use core::ops::Range;
use core::{ptr, slice};

use super::Parameters;
use crate::tensor::Element;

/// Returns parameters of zeros by value: for constants, which the compiler evaluates.
#[cfg(any(feature = "safetensors", all(test, not(feature = "std"))))]
pub(crate) const fn zeroed_parameters_by_value<P: Parameters<T>, T: Element>() -> P {
    // SAFETY: as in `try_zeroed_parameters`.
    unsafe { core::mem::zeroed() }
}

/// Returns parameters as one flat slice. Padding, which may have no values, is a compile error.
#[inline(always)]
pub(crate) fn parameters_as_slice<P: Parameters<T>, T: Element>(parameters: &P) -> &[T] {
    // Parameters without elements, such as `()`, need not be aligned as a slice must be.
    if P::LEN == 0 {
        return &[];
    }
    const {
        assert!(
            P::IS_SLICE,
            "these parameters have a `Buffer` with padding behind its numbers, and are no slice \
             of numbers: take a field, or visit the tensors with `for_each_param`"
        );
    }
    // SAFETY: `Parameters` promises LEN elements of T, and there is no padding.
    unsafe { slice::from_raw_parts((parameters as *const P).cast(), P::LEN) }
}

/// Returns parameters as one flat mutable slice. Padding gets zeros as its values.
#[inline(always)]
pub(crate) const fn parameters_as_mut_slice<P: Parameters<T>, T: Element>(
    parameters: &mut P,
) -> &mut [T] {
    if P::LEN == 0 {
        return &mut [];
    }
    if !P::IS_SLICE {
        // SAFETY: the tree is that of P, which is borrowed exclusively.
        unsafe { P::PARAM_TREE.clear_padding((parameters as *mut P).cast(), size_of::<T>()) }
    }
    // SAFETY: `Parameters` promises LEN elements of T, and padding has just been written to. No
    // move of the parameters, which could lose its values, is possible while they are borrowed.
    unsafe { slice::from_raw_parts_mut((parameters as *mut P).cast(), P::LEN) }
}

/// Returns a range of parameters as a slice.
///
/// # Panics
/// Panics if the range is not within the parameters, or has padding.
#[inline]
pub(crate) fn parameters_in<P: Parameters<T>, T: Element>(
    parameters: &P,
    range: Range<usize>,
) -> &[T] {
    assert!(range.start <= range.end && range.end <= P::LEN);

    if !P::IS_SLICE {
        let size = size_of::<T>();
        let bytes = range.start * size..range.end * size;
        assert!(
            !P::PARAM_TREE.has_padding_in(bytes, size),
            "among these parameters is a `Buffer` with padding behind its numbers, and they are \
             no slice of numbers: take a smaller part of them"
        );
    }

    // SAFETY: the range was checked: it lies within the LEN elements that `Parameters` promises, and
    // has no padding.
    unsafe {
        let first = (parameters as *const P).cast::<T>().add(range.start);
        slice::from_raw_parts(first, range.end - range.start)
    }
}

/// Returns `len` bytes of parameters, beginning with those of the element `first`.
///
/// # Panics
/// Panics if they are not within the parameters, or have padding.
pub(crate) fn parameter_bytes<P: Parameters<T>, T: Element>(
    parameters: &P,
    first: usize,
    len: usize,
) -> &[u8] {
    let begin = first * size_of::<T>();
    assert!(begin <= size_of::<P>() && len <= size_of::<P>() - begin);
    let bytes = begin..begin + len;
    assert!(P::IS_SLICE || !P::PARAM_TREE.has_padding_in(bytes, size_of::<T>()));
    // SAFETY: the range was checked, and the bytes of numbers have values.
    unsafe { slice::from_raw_parts((parameters as *const P).cast::<u8>().add(begin), len) }
}

/// Copies parameters from memory to memory.
pub(crate) fn copy_parameters<P: Parameters<T>, T: Element>(from: &P, to: &mut P) {
    // SAFETY: both are one P, and they can't overlap as one of them is borrowed exclusively. All
    // values of T are numbers, whose bytes can be copied.
    unsafe { ptr::copy_nonoverlapping(from, to, 1) }
}

//! Conversions that change the type of memory: tensors and slices, zeroed boxes, bytes.
//!
//! All unsafe code of the tensors is here and in `heap`. It rests on two facts:
//!
//! - `Shape` is sealed and its `Array<T>` is a nested array of exactly `LEN` `T`s; `Tensor` is
//!   `repr(transparent)` over it.
//! - `Scalar` is sealed, and all bits zero is a value of each `Scalar`.
//!
//! Labels in nested arrays are views of the same kind.

mod call_memory;
#[cfg(feature = "std")]
mod cloning;
#[cfg(feature = "alloc")]
mod heap;

pub(crate) use call_memory::line_bytes;
pub use call_memory::{Scratch, StateMemory, ThreadMemory, sample_bytes};
#[cfg(feature = "std")]
pub use cloning::Cloning;
#[cfg(feature = "alloc")]
pub use heap::OutOfMemory;
#[cfg(feature = "alloc")]
pub(crate) use heap::*;

use core::ops::Range;
use core::{ptr, slice};

use crate::loss::Label;
#[cfg(feature = "alloc")]
use crate::loss::Places;
use crate::network::Parameters;
use crate::tensor::{Element, Number, Scalar, Shape, Tensor};

/// Returns a tensor's elements, row after row.
#[inline(always)]
pub(crate) fn tensor_as_slice<S: Shape, T: Scalar>(tensor: &Tensor<S, T>) -> &[T] {
    // SAFETY: a tensor is exactly LEN elements of T (see the top of the module).
    unsafe { slice::from_raw_parts((tensor as *const Tensor<S, T>).cast(), S::LEN) }
}

/// Returns a tensor's elements as a mutable slice.
#[inline(always)]
pub(crate) fn tensor_as_mut_slice<S: Shape, T: Scalar>(tensor: &mut Tensor<S, T>) -> &mut [T] {
    // SAFETY: as above; every value of T is valid, so writes keep the tensor valid.
    unsafe { slice::from_raw_parts_mut((tensor as *mut Tensor<S, T>).cast(), S::LEN) }
}

/// Returns the elements of a slice of tensors, one tensor after the other.
#[inline(always)]
pub(crate) fn flatten<S: Shape, T: Scalar>(tensors: &[Tensor<S, T>]) -> &[T] {
    // SAFETY: tensors in a slice are contiguous and without padding, LEN elements each.
    unsafe { slice::from_raw_parts(tensors.as_ptr().cast(), tensors.len() * S::LEN) }
}

/// Returns the elements of a slice of tensors as a mutable slice.
#[inline(always)]
pub(crate) fn flatten_mut<S: Shape, T: Scalar>(tensors: &mut [Tensor<S, T>]) -> &mut [T] {
    // SAFETY: as above.
    unsafe { slice::from_raw_parts_mut(tensors.as_mut_ptr().cast(), tensors.len() * S::LEN) }
}

/// Views `count * S::LEN` elements as `count` tensors.
///
/// # Panics
/// If the slice has another length.
#[inline(always)]
pub(crate) fn tensors<S: Shape, T: Scalar>(elements: &[T], count: usize) -> &[Tensor<S, T>] {
    assert!(count.checked_mul(S::LEN) == Some(elements.len()));
    // SAFETY: the length was checked; the alignment of a tensor is that of T.
    unsafe { slice::from_raw_parts(elements.as_ptr().cast(), count) }
}

/// Views `count * S::LEN` elements as `count` mutable tensors.
///
/// # Panics
/// If the slice has another length.
#[inline(always)]
pub(crate) fn tensors_mut<S: Shape, T: Scalar>(
    elements: &mut [T],
    count: usize,
) -> &mut [Tensor<S, T>] {
    assert!(count.checked_mul(S::LEN) == Some(elements.len()));
    // SAFETY: as above.
    unsafe { slice::from_raw_parts_mut(elements.as_mut_ptr().cast(), count) }
}

/// Views `LEN` elements as a tensor; `None` if the slice has another length.
pub(crate) fn tensor_over<S: Shape, T: Scalar>(elements: &[T]) -> Option<&Tensor<S, T>> {
    if elements.len() == S::LEN {
        tensors(elements, 1).first()
    } else {
        None
    }
}

/// Views a tensor as one of another shape with the same number of elements. Another number of
/// elements is a compile error.
pub(crate) fn reshape<S: Shape, R: Shape, T: Scalar>(tensor: &Tensor<S, T>) -> &Tensor<R, T> {
    const {
        assert!(
            S::LEN == R::LEN,
            "reshape keeps the number of elements: these two shapes differ in it"
        )
    };
    // SAFETY: both are exactly LEN elements of T, as the assertion says.
    unsafe { &*(tensor as *const Tensor<S, T>).cast() }
}

/// Returns a tensor of zeros by value: for small tensors.
#[inline(always)]
pub(crate) fn zeroed_tensor_by_value<S: Shape, T: Scalar>() -> Tensor<S, T> {
    // SAFETY: all bits zero is a value of every Scalar.
    unsafe { core::mem::zeroed() }
}

/// Returns parameters of zeros by value: for constants, which the compiler evaluates.
#[cfg(any(feature = "safetensors", all(test, not(feature = "std"))))]
pub(crate) const fn zeroed_parameters_by_value<P: Parameters<T>, T: Element>() -> P {
    // SAFETY: as in `try_zeroed_parameters`.
    unsafe { core::mem::zeroed() }
}

/// Returns parameters as one flat slice. Padding, which may have no values, is a compile error.
#[inline(always)]
pub(crate) fn parameters_as_slice<P: Parameters<T>, T: Element>(parameters: &P) -> &[T] {
    // Without elements, as `()`, they need not be aligned as a slice must be.
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
/// If the range is not within the parameters, or has padding.
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
/// If they are not within the parameters, or have padding.
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

/// Returns the bytes of numbers as a mutable slice.
pub(crate) const fn bytes_mut<T: Element>(numbers: &mut [T]) -> &mut [u8] {
    // SAFETY: `Element` is sealed: f32 and f64 have no padding, and any bytes are a number.
    unsafe { slice::from_raw_parts_mut(numbers.as_mut_ptr().cast(), size_of_val(numbers)) }
}

/// Views the first bytes of a slice as `len` numbers.
///
/// # Panics
/// If the bytes are too few, or do not begin at a multiple of the number's alignment.
#[inline(always)]
#[track_caller]
pub(crate) fn numbers_mut<T: Number>(bytes: &mut [u8], len: usize) -> &mut [T] {
    let enough = len
        .checked_mul(size_of::<T>())
        .is_some_and(|needed| needed <= bytes.len());
    assert!(enough && bytes.as_ptr().addr().is_multiple_of(align_of::<T>()));
    // SAFETY: length and alignment were checked; `Number` is sealed, its types have no padding, and
    // any bytes are a value of each.
    unsafe { slice::from_raw_parts_mut(bytes.as_mut_ptr().cast(), len) }
}

/// Like [`numbers_mut`], for reading.
pub(crate) fn numbers<T: Number>(bytes: &[u8], len: usize) -> &[T] {
    let enough = len
        .checked_mul(size_of::<T>())
        .is_some_and(|needed| needed <= bytes.len());
    assert!(enough && bytes.as_ptr().addr().is_multiple_of(align_of::<T>()));
    // SAFETY: as above.
    unsafe { slice::from_raw_parts(bytes.as_ptr().cast(), len) }
}

/// Views `count * S::LEN` labels as `count` groups, one for each sample.
///
/// # Panics
/// If the slice has another length.
#[cfg(feature = "alloc")]
pub(crate) fn groups<S: Places, L: Copy>(labels: &[L], count: usize) -> &[S::Each<L>] {
    const {
        assert!(
            size_of::<S::Each<L>>() == size_of::<L>() * S::LEN
                && align_of::<S::Each<L>>() == align_of::<L>()
        )
    };
    assert!(count.checked_mul(S::LEN) == Some(labels.len()));
    // SAFETY: `Places` is sealed by `Shape`, and its `Each<L>` is a nested array of exactly LEN `L`s;
    // the length was checked. Groups of no labels have no bytes.
    unsafe { slice::from_raw_parts(labels.as_ptr().cast(), count) }
}

/// Returns the numbers of labels.
pub(crate) fn label_numbers<const CLASSES: usize>(labels: &[Label<CLASSES>]) -> &[u32] {
    // SAFETY: `Label` is `repr(transparent)` over u32.
    unsafe { slice::from_raw_parts(labels.as_ptr().cast(), labels.len()) }
}

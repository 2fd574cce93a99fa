//! Conversions that change the type of memory: tensors and slices, zeroed boxes, bytes.
//!
//! All unsafe code of the tensors is here and in `heap`. It rests on two facts:
//!
//! - A tensor is [`Flat`]: exactly `LEN` elements.
//! - [`Scalar`] is sealed, and all bits zero is a value of each `Scalar`.

mod call_memory;
#[cfg(feature = "std")]
mod cloning;
#[cfg(feature = "alloc")]
mod heap;
mod scalar;

#[cfg(feature = "std")]
pub(crate) use call_memory::SharedBytes;
pub(crate) use call_memory::line_bytes;
pub use call_memory::{Scratch, StateMemory, ThreadMemory, sample_bytes};
#[cfg(feature = "std")]
pub use cloning::Cloning;
#[cfg(feature = "alloc")]
pub use heap::OutOfMemory;
#[cfg(feature = "alloc")]
pub(crate) use heap::*;
pub use scalar::{Number, Scalar};
pub(crate) use scalar::{scalars, sealed};

use core::slice;

/// A type that is elements side by side, as a tensor is.
///
/// # Safety
/// The type is exactly `LEN` values of `Item`, without padding and with the alignment of `Item`.
pub unsafe trait Flat {
    /// The type of the elements.
    type Item;
    /// The number of elements.
    const LEN: usize;
}

/// A type that any elements side by side are a value of.
///
/// # Safety
/// Any `LEN` values of `Item` are a value of the type.
pub unsafe trait FromFlat: Flat {}

/// Returns a tensor's elements, row after row.
#[inline(always)]
pub(crate) fn tensor_as_slice<X: Flat>(tensor: &X) -> &[X::Item] {
    // SAFETY: `Flat` promises exactly LEN elements.
    unsafe { slice::from_raw_parts((tensor as *const X).cast(), X::LEN) }
}

/// Returns a tensor's elements as a mutable slice.
#[inline(always)]
pub(crate) fn tensor_as_mut_slice<X: FromFlat>(tensor: &mut X) -> &mut [X::Item] {
    // SAFETY: as above; any elements are valid, so writes keep the tensor valid.
    unsafe { slice::from_raw_parts_mut((tensor as *mut X).cast(), X::LEN) }
}

/// Returns the elements of a slice of tensors or labels, one after the other.
#[inline(always)]
pub(crate) fn flatten<X: Flat>(values: &[X]) -> &[X::Item] {
    // SAFETY: what is in a slice is contiguous, LEN elements each without padding.
    unsafe { slice::from_raw_parts(values.as_ptr().cast(), values.len() * X::LEN) }
}

/// Returns the elements of a slice of tensors as a mutable slice.
#[inline(always)]
pub(crate) fn flatten_mut<X: FromFlat>(tensors: &mut [X]) -> &mut [X::Item] {
    // SAFETY: as above, and any elements are valid.
    unsafe { slice::from_raw_parts_mut(tensors.as_mut_ptr().cast(), tensors.len() * X::LEN) }
}

/// Views `count * LEN` elements as `count` tensors.
///
/// # Panics
/// Panics if the slice has another length.
#[inline(always)]
pub(crate) fn tensors<X: FromFlat>(elements: &[X::Item], count: usize) -> &[X] {
    assert!(count.checked_mul(X::LEN) == Some(elements.len()));
    // SAFETY: the length was checked; `FromFlat` promises that they are values, with this alignment.
    unsafe { slice::from_raw_parts(elements.as_ptr().cast(), count) }
}

/// Views `count * LEN` elements as `count` mutable tensors.
///
/// # Panics
/// Panics if the slice has another length.
#[inline(always)]
pub(crate) fn tensors_mut<X: FromFlat>(elements: &mut [X::Item], count: usize) -> &mut [X] {
    assert!(count.checked_mul(X::LEN) == Some(elements.len()));
    // SAFETY: as above.
    unsafe { slice::from_raw_parts_mut(elements.as_mut_ptr().cast(), count) }
}

/// Views `LEN` elements as a tensor; `None` if the slice has another length.
pub(crate) fn tensor_over<X: FromFlat>(elements: &[X::Item]) -> Option<&X> {
    if elements.len() == X::LEN {
        tensors(elements, 1).first()
    } else {
        None
    }
}

/// Views `LEN` elements as a mutable tensor; `None` if the slice has another length.
pub(crate) fn tensor_over_mut<X: FromFlat>(elements: &mut [X::Item]) -> Option<&mut X> {
    if elements.len() == X::LEN {
        tensors_mut(elements, 1).first_mut()
    } else {
        None
    }
}

/// Views a tensor as one of another shape with the same number of elements. Another number of
/// elements is a compile error.
pub(crate) fn reshape<X: Flat, Y: FromFlat<Item = X::Item>>(tensor: &X) -> &Y {
    const {
        assert!(
            X::LEN == Y::LEN,
            "reshape keeps the number of elements: these two shapes differ in it"
        )
    };
    // SAFETY: both are exactly LEN elements of one type, as the assertion says.
    unsafe { &*(tensor as *const X).cast() }
}

/// Returns a tensor of zeros by value: for small tensors.
#[inline(always)]
pub(crate) fn zeroed_tensor_by_value<X: FromFlat<Item: Scalar>>() -> X {
    // SAFETY: all bits zero is a value of every Scalar.
    unsafe { core::mem::zeroed() }
}

/// Views numbers as bytes.
#[cfg(feature = "std")]
pub(crate) const fn bytes<T: Number>(numbers: &[T]) -> &[u8] {
    // SAFETY: `Number` is sealed: its types have no padding, whose bytes would have no values.
    unsafe { slice::from_raw_parts(numbers.as_ptr().cast(), size_of_val(numbers)) }
}

/// Returns the bytes of numbers as a mutable slice.
pub(crate) const fn bytes_mut<T: Number>(numbers: &mut [T]) -> &mut [u8] {
    // SAFETY: `Number` is sealed: its types have no padding, and any bytes are a value of each.
    unsafe { slice::from_raw_parts_mut(numbers.as_mut_ptr().cast(), size_of_val(numbers)) }
}

/// Views the first bytes of a slice as `len` numbers.
///
/// # Panics
/// Panics if the bytes are too few, or do not begin at a multiple of the number's alignment.
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

/// Views `count * len` values as `count` nested arrays of them.
///
/// # Safety
/// `G` is exactly `len` values of `L`, side by side.
///
/// # Panics
/// Panics if the slice has another length.
#[cfg(feature = "alloc")]
pub(crate) unsafe fn nested<G, L>(values: &[L], len: usize, count: usize) -> &[G] {
    assert!(size_of::<G>() == size_of::<L>() * len && align_of::<G>() == align_of::<L>());
    assert!(count.checked_mul(len) == Some(values.len()));
    // SAFETY: the caller's promise; the length was checked. Groups of no values have no bytes.
    unsafe { slice::from_raw_parts(values.as_ptr().cast(), count) }
}

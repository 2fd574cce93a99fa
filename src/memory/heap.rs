//! Memory on the heap: zeroed boxes, copies of samples, reserved buffers.

use alloc::alloc::{Layout, alloc_zeroed};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::{fmt, ptr};

use super::{FromFlat, Number, Scalar};
use crate::kernels::AlignedBuffer;

/// Returns a tensor of zeros on the heap, made without touching the stack.
pub(crate) fn zeroed_tensor<X: FromFlat<Item: Scalar>>() -> Box<X> {
    // SAFETY: all bits zero is a value of every Scalar.
    let tensor = unsafe { zeroed_box() };
    tensor.unwrap_or_else(|error| panic!("{error}"))
}

/// Returns `count` tensors of zeros, made without touching the stack.
pub(crate) fn zeroed_tensors<X: FromFlat<Item: Scalar>>(count: usize) -> Vec<X> {
    // SAFETY: all bits zero is a value of every Scalar.
    unsafe { Box::<[X]>::new_zeroed_slice(count).assume_init() }.into_vec()
}

/// Returns `count` rows of zeros, made without touching the stack.
pub(crate) fn zeroed_rows<const N: usize>(count: usize) -> Vec<[f64; N]> {
    // SAFETY: all bits zero is the number 0.
    unsafe { Box::<[[f64; N]]>::new_zeroed_slice(count).assume_init() }.into_vec()
}

/// Types of which all bits zero is a value.
///
/// # Safety
/// It is.
pub(crate) unsafe trait Zero {}

/// Returns a value of zeros on the heap, made without touching the stack.
pub(crate) fn zeroed<V: Zero>() -> Box<V> {
    // SAFETY: all bits zero is a value of the type.
    let value = unsafe { zeroed_box() };
    value.unwrap_or_else(|error| panic!("{error}"))
}

/// Copies values to a new vector.
///
/// The functions of the standard library (`extend_from_slice`, `to_vec`, `clone`, `cloned`) may
/// clone a generic type value by value over the stack, which is too small for a picture.
pub(crate) fn to_vec<X: Copy>(values: &[X]) -> Vec<X> {
    let mut copies = Vec::with_capacity(values.len());
    append(&mut copies, values);
    copies
}

/// Appends copies of values, as [`to_vec`] makes them.
pub(crate) fn append<X: Copy>(to: &mut Vec<X>, values: &[X]) {
    // SAFETY: the values are `Copy`.
    unsafe { append_bytes(to, values) };
}

/// Appends the bytes of values.
///
/// # Safety
/// A copy of a value's bytes is a value of its own, as for a type that is `Copy`.
pub(super) unsafe fn append_bytes<X>(to: &mut Vec<X>, values: &[X]) {
    to.reserve(values.len());
    // SAFETY: there is room after the vector's values, and the slice can't overlap it while the
    // vector is borrowed mutably; the rest is the caller's promise.
    unsafe {
        ptr::copy_nonoverlapping(values.as_ptr(), to.as_mut_ptr().add(to.len()), values.len());
        to.set_len(to.len() + values.len());
    }
}

/// Appends a tensor whose elements `f` returns for their positions, without touching the stack.
pub(crate) fn push_tensor<X: FromFlat>(to: &mut Vec<X>, f: impl FnMut(usize) -> X::Item) {
    // SAFETY: any `LEN` elements are a tensor.
    unsafe { push_elements(to, X::LEN, f) };
}

/// Appends an array whose elements `f` returns for their positions, without touching the stack.
pub(crate) fn push_array<X, const L: usize>(to: &mut Vec<[X; L]>, f: impl FnMut(usize) -> X) {
    // SAFETY: an array is `L` elements.
    unsafe { push_elements(to, L, f) };
}

/// Appends a value that consists of `len` elements.
///
/// # Safety
/// Any `len` elements of this type side by side are a value.
unsafe fn push_elements<X, E>(to: &mut Vec<X>, len: usize, mut f: impl FnMut(usize) -> E) {
    to.reserve(1);
    let value = to.spare_capacity_mut().as_mut_ptr().cast::<E>();
    for position in 0..len {
        // SAFETY: there is room for one value after those of the vector, which has `len` elements.
        unsafe { value.add(position).write(f(position)) };
    }
    // SAFETY: all elements of the value were written.
    unsafe { to.set_len(to.len() + 1) };
}

/// Returns a value of zeros on the heap, made without touching the stack.
///
/// # Safety
/// All bits zero is a value of the type.
pub(crate) unsafe fn zeroed_box<V>() -> Result<Box<V>, OutOfMemory> {
    let layout = Layout::new::<V>();
    if layout.size() == 0 {
        // SAFETY: nothing is allocated, and the caller promises that zero is a value.
        return Ok(unsafe { Box::<V>::new_zeroed().assume_init() });
    }

    // SAFETY: the size is not 0.
    let memory = unsafe { alloc_zeroed(layout) }.cast::<V>();
    if memory.is_null() {
        let what = format!("one `{}`", core::any::type_name::<V>());
        return Err(OutOfMemory::new::<u8>(
            what,
            layout.size(),
            1,
            "make it smaller",
        ));
    }

    // SAFETY: allocated by the global allocator for this type, and the caller promises that zero is
    // a value.
    Ok(unsafe { Box::from_raw(memory) })
}

/// The error for memory that the system does not provide, or that no program can address.
///
/// Functions that return no `Result` panic with the same sentence.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Large: [1, 1, 1] -> [1] { Upsample<(2097152, 4194304)>, GlobalAvgPool2d } }
/// let error = Large::workspace().try_reserve(1 << 20).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "a training pass of `Large` on a batch of 1048576 needs 73786976294838206464 bytes of memory, 70368744177664 for each, \
///      more than a program can address; take fewer samples at a time"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutOfMemory {
    what: String,
    each: u128,
    count: usize,
    way_out: &'static str,
}

impl OutOfMemory {
    /// Returns the error of `what`, which needs `count` times `len` numbers.
    pub(crate) fn new<T>(what: String, len: usize, count: usize, way_out: &'static str) -> Self {
        OutOfMemory {
            what,
            each: len as u128 * size_of::<T>() as u128,
            count,
            way_out,
        }
    }

    /// Returns the number of bytes that were needed.
    pub fn bytes(&self) -> u128 {
        self.each.saturating_mul(self.count as u128)
    }
}

impl fmt::Display for OutOfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} needs {} bytes of memory", self.what, self.bytes())?;
        if self.count != 1 {
            write!(f, ", {} for each", self.each)?;
        }

        let reason = if self.bytes() > isize::MAX as u128 {
            "more than a program can address"
        } else {
            "which the system does not give"
        };
        write!(f, ", {reason}; {}", self.way_out)
    }
}

impl core::error::Error for OutOfMemory {}

/// Reserves `len` numbers for each of `count` samples, which `what` needs.
///
/// All memory of passes is reserved here: if this succeeds, no product of a number of these samples
/// and a length up to `len` can wrap.
pub(crate) fn reserve<T: Number>(
    buffer: &mut AlignedBuffer<T>,
    count: usize,
    len: usize,
    what: impl Fn() -> String,
) -> Result<&mut [T], OutOfMemory> {
    reserve_with(buffer, count, len, 0, what)
}

/// Reserves `len` numbers for each of `count` samples and `more` others.
pub(crate) fn reserve_with<T: Number>(
    buffer: &mut AlignedBuffer<T>,
    count: usize,
    len: usize,
    more: usize,
    what: impl Fn() -> String,
) -> Result<&mut [T], OutOfMemory> {
    let numbers = count
        .checked_mul(len)
        .and_then(|numbers| numbers.checked_add(more))
        .and_then(|numbers| buffer.try_reserve(numbers));
    numbers.ok_or_else(|| {
        let way_out = "take fewer samples at a time";
        OutOfMemory::new::<T>(what(), len, count, way_out)
    })
}

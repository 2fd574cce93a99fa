//! Parameters on the heap.

use alloc::alloc::{Layout, alloc_zeroed, dealloc};
use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;
use core::ops::{Deref, DerefMut};
use core::ptr;

use super::{Parameters, parameters_as_mut_slice};
use crate::memory::{OutOfMemory, zeroed_box};
use crate::tensor::Element;

/// Returns parameters of zeros on the heap, made without touching the stack.
pub(crate) fn zeroed_parameters<P: Parameters<T>, T: Element>() -> Box<P> {
    try_zeroed_parameters().unwrap_or_else(|error| panic!("{error}"))
}

/// Like [`zeroed_parameters`], with an error if there is no memory for them.
pub(crate) fn try_zeroed_parameters<P: Parameters<T>, T: Element>() -> Result<Box<P>, OutOfMemory> {
    // SAFETY: `Parameters` promises that P consists of `T`s and padding, and zero is a value of T.
    unsafe { zeroed_box() }
}

/// Appends the bytes of parameters; those of padding are zero.
pub(crate) fn append_parameters<P: Parameters<T>, T: Element>(parameters: &P, to: &mut Vec<u8>) {
    let len = size_of::<P>();
    to.reserve(len);
    // SAFETY: there is room, and the vector can't overlap the parameters while it is borrowed
    // exclusively. Then all bytes are those of numbers, or of padding, which is set to zero in the
    // copy.
    unsafe {
        let copy = to.as_mut_ptr().add(to.len());
        ptr::copy_nonoverlapping((parameters as *const P).cast::<u8>(), copy, len);
        if !P::IS_SLICE {
            P::PARAM_TREE.clear_padding(copy, size_of::<T>());
        }
        to.set_len(to.len() + len);
    }
}

/// Parameters on the heap of which all bytes have values, also padding: they are a slice of numbers
/// in any case.
///
/// They are made from zeros, and only changed as a slice.
pub(crate) struct ParameterBox<P>(Box<P>);

impl<P> ParameterBox<P> {
    /// Returns parameters of zeros.
    pub fn zeros<T: Element>() -> Self
    where
        P: Parameters<T>,
    {
        ParameterBox(zeroed_parameters())
    }

    /// Returns the parameters, which may be moved from here on.
    pub fn into_box(self) -> Box<P> {
        self.0
    }

    /// Returns all elements as a mutable slice.
    pub fn as_mut_slice<T: Element>(&mut self) -> &mut [T]
    where
        P: Parameters<T>,
    {
        parameters_as_mut_slice(&mut *self.0)
    }
}

/// Parameters that begin as zeros, in memory of which no byte is touched when it is allocated.
///
/// A box of a network, which begins at a multiple of 64 bytes, is filled with zeros by the standard
/// library; memory with the alignment of an allocator is not, if it comes from the operating system.
pub(crate) struct LazyZeros<P> {
    memory: ptr::NonNull<u8>,
    parameters: ptr::NonNull<P>,
}

impl<P> LazyZeros<P> {
    /// The layout of the memory, in which the parameters begin at a multiple of their alignment.
    const LAYOUT: Option<Layout> = {
        let size = size_of::<P>().checked_add(align_of::<P>());
        match size {
            Some(size) => match Layout::from_size_align(size, align_of::<u64>()) {
                Ok(layout) => Some(layout),
                Err(_) => None,
            },
            None => None,
        }
    };

    /// Returns parameters of zeros, or an error if there is no memory for them.
    pub fn try_new<T: Element>() -> Result<Self, OutOfMemory>
    where
        P: Parameters<T>,
    {
        // SAFETY: the size is not zero, as an alignment is at least 1.
        let memory =
            Self::LAYOUT.and_then(|layout| ptr::NonNull::new(unsafe { alloc_zeroed(layout) }));
        let Some(memory) = memory else {
            let what = format!("one `{}`", core::any::type_name::<P>());
            return Err(OutOfMemory::new::<u8>(
                what,
                size_of::<P>(),
                1,
                "make it smaller",
            ));
        };
        let offset = memory.as_ptr().align_offset(align_of::<P>());
        assert!(offset <= align_of::<P>(), "an alignment can be reached");
        // SAFETY: as many bytes as the alignment are there in addition to those of the parameters.
        let parameters = unsafe { memory.add(offset) }.cast();
        Ok(LazyZeros { memory, parameters })
    }
}

impl<P> Deref for LazyZeros<P> {
    type Target = P;

    fn deref(&self) -> &P {
        // SAFETY: the memory is that of the parameters, which `Parameters` lets begin as zeros.
        unsafe { self.parameters.as_ref() }
    }
}

impl<P> DerefMut for LazyZeros<P> {
    fn deref_mut(&mut self) -> &mut P {
        // SAFETY: as above, and it is borrowed exclusively.
        unsafe { self.parameters.as_mut() }
    }
}

impl<P> Drop for LazyZeros<P> {
    fn drop(&mut self) {
        if let Some(layout) = Self::LAYOUT {
            // SAFETY: it was allocated with this layout. Parameters have no drop of their own: they
            // consist of numbers.
            unsafe { dealloc(self.memory.as_ptr(), layout) }
        }
    }
}

// SAFETY: it owns the parameters as a box does.
unsafe impl<P: Send> Send for LazyZeros<P> {}
// SAFETY: as above.
unsafe impl<P: Sync> Sync for LazyZeros<P> {}

//! Parameters on the heap.

use alloc::boxed::Box;
use alloc::vec::Vec;
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

//! The memory of kernels without the standard library: a part of the memory of the call.

use crate::network::{Needs, ThreadMemory};
use crate::tensor::Number;

/// Returns what a layer needs for a kernel with memory of `len` elements.
pub(crate) const fn kernel_needs<T: Number>(len: usize) -> Needs {
    Needs::NONE.per_thread::<T>(len)
}

/// Takes memory for `len` elements, which a layer's [`kernel_needs`] name.
#[inline(always)]
pub(crate) fn kernel_memory_of<T: Number>(mut memory: ThreadMemory<'_>, len: usize) -> &mut [T] {
    memory.take(len)
}

/// Returns no memory, for kernels that have the same bits with less than they ask for.
#[inline(always)]
pub(crate) fn kernel_memory<T: Number>(len: usize) -> [T; 0] {
    let _ = len;
    []
}

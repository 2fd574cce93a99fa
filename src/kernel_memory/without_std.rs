//! The memory of kernels without the standard library: a part of the memory of the call.

use core::ops::{Deref, DerefMut};

use crate::network::{Needs, ThreadMemory};
use crate::tensor::Number;

/// Memory for one call of a kernel.
pub(crate) struct KernelMemory<'a, T>(&'a mut [T]);

impl<T> Deref for KernelMemory<'_, T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        self.0
    }
}

impl<T> DerefMut for KernelMemory<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        self.0
    }
}

/// Returns what a layer needs for a kernel with memory of `len` elements.
pub(crate) const fn kernel_needs<T: Number>(len: usize) -> Needs {
    Needs::NONE.per_thread::<T>(len)
}

/// Takes memory for `len` elements, which a layer's [`kernel_needs`] name.
#[inline(always)]
pub(crate) fn kernel_memory_of<T: Number>(
    mut memory: ThreadMemory<'_>,
    len: usize,
) -> KernelMemory<'_, T> {
    KernelMemory(memory.take(len))
}

/// Returns no memory, for kernels that have the same bits with less than they ask for.
#[inline(always)]
pub(crate) fn kernel_memory<T: Number>(len: usize) -> KernelMemory<'static, T> {
    let _ = len;
    KernelMemory(&mut [])
}

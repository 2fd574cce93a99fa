//! The memory of kernels, one buffer for each thread.

use core::marker::PhantomData;
use core::mem;
use core::ops::{Deref, DerefMut};

use crate::kept::kept;
use crate::kernels::AlignedBuffer;
use crate::memory::{numbers, numbers_mut};
use crate::network::{Needs, ThreadMemory};
use crate::sizes;
use crate::tensor::Number;

kept! {
    static MEMORY: u8;
}

/// Memory of this thread for one call of a kernel.
pub(crate) struct KernelMemory<T> {
    buffer: AlignedBuffer<u8>,
    len: usize,
    elements: PhantomData<T>,
}

/// Takes this thread's memory for `len` elements until the result is dropped.
#[inline(always)]
pub(crate) fn kernel_memory<T: Number>(len: usize) -> KernelMemory<T> {
    let mut buffer = AlignedBuffer::new();
    if len > 0 {
        buffer = MEMORY.take();
        buffer.reserve(sizes::product(&[len, size_of::<T>()]));
    }
    KernelMemory {
        buffer,
        len,
        elements: PhantomData,
    }
}

impl<T: Number> Deref for KernelMemory<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        numbers(self.buffer.as_slice(), self.len)
    }
}

impl<T: Number> DerefMut for KernelMemory<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        numbers_mut(self.buffer.as_mut_slice(), self.len)
    }
}

impl<T> Drop for KernelMemory<T> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.len > 0 {
            MEMORY.set(mem::take(&mut self.buffer));
        }
    }
}

/// Returns what a layer needs for a kernel with memory of `len` elements: nothing, as each thread
/// keeps such memory.
pub(crate) const fn kernel_needs<T: Number>(len: usize) -> Needs {
    let _ = len;
    Needs::NONE.per_thread::<T>(0)
}

/// Takes memory for `len` elements, which a layer's [`kernel_needs`] name, until the result is
/// dropped.
#[inline(always)]
pub(crate) fn kernel_memory_of<T: Number>(memory: ThreadMemory<'_>, len: usize) -> KernelMemory<T> {
    let _ = memory;
    kernel_memory(len)
}

//! The memory of kernels, one buffer for each thread.

use core::mem;
use core::ops::{Deref, DerefMut};

use crate::kept::{Kept, kept};
use crate::kernels::{AlignedBuffer, Divisor, Kernels, MeanPool, Plane};
use crate::tensor::Element;

/// An element type with memory for kernels on each thread.
#[doc(hidden)]
pub trait KernelElement: Copy + Default + 'static {
    /// Returns the place of this thread's memory.
    #[doc(hidden)]
    fn kernel_memory() -> &'static Kept<Self>;
}

macro_rules! kernel_elements {
    ($($t:ty),*) => { $(
        impl KernelElement for $t {
            fn kernel_memory() -> &'static Kept<$t> {
                kept! {
                    static MEMORY: $t;
                }
                &MEMORY
            }
        }
    )* };
}
kernel_elements!(f32, f64);

/// Memory of this thread for one call of a kernel.
pub(crate) struct KernelMemory<T: KernelElement> {
    buffer: AlignedBuffer<T>,
    len: usize,
}

/// Takes this thread's memory for `len` elements until the result is dropped.
#[inline(always)]
pub(crate) fn kernel_memory<T: KernelElement>(len: usize) -> KernelMemory<T> {
    let mut buffer = AlignedBuffer::new();
    if len > 0 {
        buffer = T::kernel_memory().take();
        buffer.reserve(len);
    }
    KernelMemory { buffer, len }
}

impl<T: KernelElement> Deref for KernelMemory<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        &self.buffer.as_slice()[..self.len]
    }
}

impl<T: KernelElement> DerefMut for KernelMemory<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.buffer.as_mut_slice()[..self.len]
    }
}

impl<T: KernelElement> Drop for KernelMemory<T> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.len > 0 {
            T::kernel_memory().set(mem::take(&mut self.buffer));
        }
    }
}

/// Runs a [`MeanPool`] in memory of this thread.
#[inline(always)]
pub(crate) fn mean_pool_of<T: Element>(
    kernels: T::Kernels,
    plane: &Plane,
    divide: Divisor,
    transposed: bool,
    x: &[T],
    y: &mut [T],
) {
    kernels.mean_pool(MeanPool {
        plane,
        divide,
        transposed,
        x,
        y,
        memory: &mut kernel_memory(plane.mean_memory(divide, transposed)),
    });
}

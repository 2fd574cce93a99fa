//! Memory for kernels: elements that begin at a cache line.

use core::slice;

/// A cache line: the alignment is worth 10 to 15 % in the product kernels.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line<T>([T; 16]);

/// Elements on the heap that start at a multiple of 64 bytes. Grows, never shrinks.
#[derive(Default)]
pub struct AlignedBuffer<T> {
    lines: Vec<Line<T>>,
}

impl<T: Copy + Default> AlignedBuffer<T> {
    /// An empty one.
    pub const fn new() -> Self {
        AlignedBuffer { lines: Vec::new() }
    }

    /// At least `len` elements; new ones are zero. Allocates only when `len` was never reached before.
    pub fn reserve(&mut self, len: usize) -> &mut [T] {
        let lines = len.div_ceil(16);
        if lines > self.lines.len() {
            self.lines.resize(lines, Line([T::default(); 16]));
        }
        &mut self.as_mut_slice()[..len]
    }

    /// All elements.
    pub fn as_slice(&self) -> &[T] {
        const { assert!(size_of::<Line<T>>() == 16 * size_of::<T>()) };
        // SAFETY: a line is sixteen elements of T without padding (asserted), and lines lie side by side.
        unsafe { slice::from_raw_parts(self.lines.as_ptr().cast(), self.lines.len() * 16) }
    }

    /// All elements, to be changed.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        const { assert!(size_of::<Line<T>>() == 16 * size_of::<T>()) };
        // SAFETY: as above.
        unsafe { slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.lines.len() * 16) }
    }
}

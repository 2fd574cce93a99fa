//! The memory that a layer is handed for a call, by its class.

use super::{Number, numbers_mut};
use crate::sizes;

/// Memory for each sample during a call: [`Needs::per_sample`](crate::ext::Needs::per_sample).
///
/// Its previous contents are arbitrary.
pub struct Scratch<'a> {
    memory: &'a mut [u8],
    /// The number of samples.
    count: usize,
}

impl<'a> Scratch<'a> {
    #[inline(always)]
    pub(crate) fn new(memory: &'a mut [u8], count: usize) -> Self {
        Scratch { memory, count }
    }

    /// Takes the next piece: `len` numbers for each sample, one sample after the other.
    ///
    /// # Panics
    /// Panics if the layer's [`Needs`](crate::ext::Needs) do not have this piece.
    #[inline(always)]
    #[track_caller]
    pub fn take<T: Number>(&mut self, len: usize) -> &'a mut [T] {
        // What overflows is more than there is.
        let bytes = self.count.saturating_mul(sample_bytes::<T>(len));
        let numbers = self.count.saturating_mul(len);
        numbers_mut(split_off(&mut self.memory, bytes), numbers)
    }

    /// Returns the same memory for a shorter time.
    #[inline(always)]
    pub(crate) fn reborrow(&mut self) -> Scratch<'_> {
        Scratch {
            memory: self.memory,
            count: self.count,
        }
    }

    /// Returns the memory of a layer for `count` samples: the `per_sample` bytes for each that the
    /// layer asks for, and no more.
    #[inline(always)]
    pub(crate) fn for_layer(&mut self, count: usize, per_sample: usize) -> Scratch<'_> {
        Scratch {
            memory: &mut self.memory[..count * per_sample],
            count,
        }
    }
}

/// Memory for each thread during a call: [`Needs::per_thread`](crate::ext::Needs::per_thread).
///
/// A layer that computes on the calling thread takes its pieces from it. A layer that shares its
/// work among threads hands it to [`split_mut`](crate::ext::split_mut), which gives each part memory
/// of its own. Its previous contents are arbitrary.
pub struct ThreadMemory<'a> {
    /// The memory of the calling thread, and that of others.
    memory: &'a mut [u8],
    /// The number of bytes from the memory of a thread to that of the next.
    each: usize,
    /// The number of these bytes that the layer has asked for.
    asked: usize,
    /// The number of bytes that the calling thread may still take.
    left: usize,
}

impl<'a> ThreadMemory<'a> {
    #[inline(always)]
    pub(crate) fn new(memory: &'a mut [u8], each: usize) -> Self {
        ThreadMemory {
            memory,
            each,
            asked: each,
            left: each,
        }
    }

    /// Returns the memory of a layer: the `asked` bytes for each thread that the layer asks for, and
    /// no more, also where another layer asks for more.
    #[inline(always)]
    pub(crate) fn for_layer(&mut self, asked: usize) -> ThreadMemory<'_> {
        ThreadMemory {
            memory: self.memory,
            each: self.each,
            asked: asked.min(self.asked),
            left: asked.min(self.left),
        }
    }

    /// Takes the next piece of the calling thread's memory: `len` numbers.
    ///
    /// # Panics
    /// Panics if the layer's [`Needs`](crate::ext::Needs) do not have this piece.
    #[inline(always)]
    #[track_caller]
    pub fn take<T: Number>(&mut self, len: usize) -> &'a mut [T] {
        let bytes = line_bytes::<T>(len);
        // What follows belongs to other threads.
        if bytes > self.left {
            too_little(self.left, bytes);
        }
        self.left -= bytes;
        numbers_mut(split_off(&mut self.memory, bytes), len)
    }

    /// Takes the next piece of the calling thread's memory for a kernel: `len` numbers, or as many
    /// as are left.
    #[inline(always)]
    pub(crate) fn take_at_most<T: Number>(&mut self, len: usize) -> &'a mut [T] {
        let lines = self.left / 64 * 64 / size_of::<T>();
        self.take(len.min(lines))
    }

    /// Returns the memory of `parts` threads as one piece.
    pub(crate) fn take_of_parts<T: Number>(self, parts: usize, len: usize) -> &'a mut [T] {
        let SharedBytes {
            memory,
            each,
            asked,
        } = self.into_shared();
        assert!(
            parts * each <= memory.len(),
            "{parts} parts of work, and memory for {}",
            memory.len() / each.max(1)
        );
        let bytes = len.saturating_mul(size_of::<T>());
        if bytes > parts * asked {
            too_little(parts * asked, bytes);
        }
        numbers_mut(memory, len)
    }

    /// Returns the bytes of all threads.
    #[inline(always)]
    pub(crate) fn into_shared(self) -> SharedBytes<'a> {
        SharedBytes {
            memory: self.memory,
            each: self.each,
            asked: self.asked,
        }
    }

    /// Returns the same memory for a shorter time.
    #[inline(always)]
    pub(crate) fn reborrow(&mut self) -> ThreadMemory<'_> {
        ThreadMemory {
            memory: self.memory,
            ..*self
        }
    }
}

/// The bytes of all threads.
pub(crate) struct SharedBytes<'a> {
    pub memory: &'a mut [u8],
    /// The number of bytes from the memory of a thread to that of the next.
    pub each: usize,
    /// The number of these bytes that a thread may take.
    pub asked: usize,
}

/// Memory of a stream that lives from call to call: [`Needs::state`](crate::ext::Needs::state).
///
/// All bytes are zero at the beginning of a stream.
pub struct StateMemory<'a> {
    memory: &'a mut [u8],
}

impl<'a> StateMemory<'a> {
    #[inline(always)]
    pub(crate) fn new(memory: &'a mut [u8]) -> Self {
        StateMemory { memory }
    }

    /// Takes the next piece: `len` numbers, as the call before left them.
    ///
    /// # Panics
    /// Panics if the layer's [`Needs`](crate::ext::Needs) do not have this piece.
    #[inline(always)]
    #[track_caller]
    pub fn take<T: Number>(&mut self, len: usize) -> &'a mut [T] {
        let bytes = line_bytes::<T>(len);
        numbers_mut(split_off(&mut self.memory, bytes), len)
    }

    /// Returns the part of a layer inside this one: `len` bytes from the byte `first`.
    #[inline(always)]
    pub(crate) fn part(&mut self, first: usize, len: usize) -> StateMemory<'_> {
        StateMemory {
            memory: &mut self.memory[first..first + len],
        }
    }
}

/// Returns the number of bytes per sample of a piece of `len` numbers. Whatever its type, the next
/// piece begins at a multiple of 8 bytes, at any number of samples.
pub const fn sample_bytes<T: Number>(len: usize) -> usize {
    sizes::next_multiple(sizes::product(&[len, size_of::<T>()]), 8)
}

/// Returns the number of bytes of a piece of `len` numbers that fills whole cache lines.
pub(crate) const fn line_bytes<T: Number>(len: usize) -> usize {
    sizes::next_multiple(sizes::product(&[len, size_of::<T>()]), 64)
}

/// Splits off the first bytes of a slice.
#[inline(always)]
#[track_caller]
fn split_off<'a>(memory: &mut &'a mut [u8], bytes: usize) -> &'a mut [u8] {
    match memory.split_off_mut(..bytes) {
        Some(piece) => piece,
        None => too_little(memory.len(), bytes),
    }
}

#[cold]
#[inline(never)]
#[track_caller]
fn too_little(left: usize, asked: usize) -> ! {
    panic!(
        "a layer takes {asked} bytes of memory, and {left} are left of those that it asked for; \
         `NEEDS` and `TRAIN_NEEDS` of a layer have a piece for each `take`"
    )
}

//! The memory that callers provide to kernels: its lengths in all tiers, and its division into
//! buffers.
//!
//! Lengths are constants of the sizes, so that a network can reserve the memory of all its kernels
//! when it is compiled. They are those of the tier that needs most.

use core::marker::PhantomData;

use crate::simd::{self, Simd};
use crate::sizes;

/// The number of elements in a cache line of `f32`: buffers begin at multiples of it.
const LINE: usize = 16;

/// The properties of a tier that the lengths of buffers depend on.
#[derive(Clone, Copy)]
pub(crate) struct TierSizes {
    pub lanes: usize,
    /// The width of the register tile of a product in elements.
    pub width: usize,
    pub masked_loads: bool,
    pub packs: bool,
}

impl TierSizes {
    pub const fn of<S: Simd>() -> Self {
        TierSizes {
            lanes: S::LANES,
            width: S::TILE * S::LANES,
            masked_loads: S::MASKED_LOADS,
            packs: S::PACKS,
        }
    }

    /// Returns the smaller of `len` rounded up to whole vectors and the width of a tile.
    pub const fn vectors(&self, len: usize) -> usize {
        if len >= self.width {
            self.width
        } else {
            len.next_multiple_of(self.lanes)
        }
    }
}

/// The tiers of this build.
pub(crate) const TIERS: &[TierSizes] = &[
    #[cfg(all(
        target_arch = "x86_64",
        any(feature = "std", target_feature = "avx512f")
    ))]
    TierSizes::of::<simd::Avx512>(),
    #[cfg(all(target_arch = "x86_64", any(feature = "std", target_feature = "avx2")))]
    TierSizes::of::<simd::Avx2>(),
    #[cfg(all(target_arch = "aarch64", target_feature = "neon", not(miri)))]
    TierSizes::of::<simd::Neon>(),
    #[cfg(any(target_arch = "x86_64", target_feature = "simd128", miri))]
    TierSizes::of::<simd::Baseline>(),
    #[cfg(any(
        test,
        not(any(target_arch = "x86_64", target_feature = "simd128", miri))
    ))]
    TierSizes::of::<simd::Portable>(),
];

/// Evaluates an expression for each tier, and gives the largest value.
macro_rules! most_of_tiers {
    (|$tier:ident| $len:expr) => {{
        let mut most = 0;
        let mut i = 0;
        while i < $crate::memory::TIERS.len() {
            let $tier = $crate::memory::TIERS[i];
            most = $crate::memory::max(most, $len);
            i += 1;
        }
        most
    }};
}
pub(crate) use most_of_tiers;

pub(crate) const fn min(a: usize, b: usize) -> usize {
    if a < b { a } else { b }
}

pub(crate) const fn max(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

/// Returns the length of a buffer with the gap behind it.
const fn rounded(len: usize) -> usize {
    sizes::next_multiple(len, LINE)
}

/// Returns the length of memory for several buffers.
pub(crate) const fn buffers<const N: usize>(lens: &[usize; N]) -> usize {
    let mut rounded = *lens;
    let mut i = 0;
    while i < N {
        rounded[i] = self::rounded(lens[i]);
        i += 1;
    }
    sizes::sum(&rounded)
}

/// Memory from which a kernel cuts its buffers.
pub(crate) struct Memory<'m, T> {
    rest: &'m mut [T],
    /// The function that gives the length of the memory.
    length: &'static str,
}

impl<'m, T> Memory<'m, T> {
    pub fn new(length: &'static str, memory: &'m mut [T]) -> Self {
        Memory {
            rest: memory,
            length,
        }
    }

    /// Cuts off a buffer. Its elements have any values.
    ///
    /// # Panics
    /// Panics if the memory is too short.
    pub fn take(&mut self, len: usize) -> &'m mut [T] {
        let memory = core::mem::take(&mut self.rest);
        if len > memory.len() {
            too_short(self.length, len - memory.len());
        }

        let gap = rounded(len).min(memory.len());
        let (buffer, rest) = memory.split_at_mut(gap);
        self.rest = rest;
        &mut buffer[..len]
    }

    /// Like `take`, but a shorter buffer if the memory is too short.
    pub fn take_at_most(&mut self, len: usize) -> &'m mut [T] {
        self.take(len.min(self.rest.len()))
    }

    /// Returns the memory that is left.
    pub fn rest(self) -> &'m mut [T] {
        self.rest
    }
}

#[cold]
#[inline(never)]
fn too_short(length: &str, missing: usize) -> ! {
    panic!(
        "the memory of a kernel is at least {missing} elements too short: `{length}` gives its \
         length"
    )
}

/// The memory of work in parts, each of which computes a chunk of some data.
pub(crate) struct PartMemory<'m, T> {
    /// The address of the data, and the number of bytes in a chunk.
    data: usize,
    chunk: usize,
    memory: *mut T,
    parts: usize,
    per_part: usize,
    lifetime: PhantomData<&'m mut [T]>,
}

// SAFETY: `of` gives each thread a part of its own.
unsafe impl<T: Send> Sync for PartMemory<'_, T> {}

impl<'m, T> PartMemory<'m, T> {
    /// Cuts memory for the chunks of `data`, at most `parts` of them.
    pub fn new(data: &mut [T], chunk: usize, memory: &'m mut [T], parts: usize) -> Self {
        const { assert!(size_of::<T>() > 0) };
        assert!(chunk > 0 && data.len().div_ceil(chunk) <= parts);
        PartMemory {
            data: data.as_ptr().addr(),
            chunk: chunk * size_of::<T>(),
            per_part: memory.len() / parts.max(1) / LINE * LINE,
            memory: memory.as_mut_ptr(),
            parts,
            lifetime: PhantomData,
        }
    }

    /// Returns the memory of a chunk for as long as that is borrowed.
    ///
    /// # Panics
    /// Panics unless `chunk` begins where one of the chunks of the data does.
    pub fn of<'c>(&'c self, chunk: &'c mut [T]) -> (&'c mut [T], &'c mut [T]) {
        let offset = chunk.as_ptr().addr().wrapping_sub(self.data);
        let part = offset / self.chunk;
        assert!(
            !chunk.is_empty() && offset.is_multiple_of(self.chunk) && part < self.parts,
            "work in parts: another chunk"
        );

        // SAFETY: part < parts, so that it lies within the memory, which is borrowed mutably for as
        // long as `self` lives. Nobody else holds this part: the chunk at its address is borrowed
        // mutably as long as the result, and no two slices that are borrowed so and are not empty
        // have the same address.
        let memory = unsafe {
            core::slice::from_raw_parts_mut(self.memory.add(part * self.per_part), self.per_part)
        };
        (chunk, memory)
    }
}

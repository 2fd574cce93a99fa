//! The activations of a training pass, shared by the threads that work on parts of a batch.

use core::marker::PhantomData;
use core::slice;

use crate::memory::{Scratch, sample_bytes};
use crate::tensor::{Element, Number, Shape, Tensor};

/// The activations of some samples of a batch: a number of bytes for each sample.
///
/// The memory is divided into slots of numbers. A slot is contiguous for the whole batch, so that a
/// weight gradient reads one matrix; a part of the batch has a contiguous range of each slot.
/// [`take`](ActivationStore::take) and [`take_tensors`](ActivationStore::take_tensors) give the
/// slots in the order of the requests, which is the same in all functions of a layer.
pub struct ActivationStore<'a> {
    base: *mut u8,
    /// The number of samples in the whole batch.
    batch: usize,
    /// The first sample of this part of the batch, and the number of samples in it.
    first: usize,
    count: usize,
    /// The number of bytes per sample, a multiple of 8.
    len: usize,
    memory: PhantomData<&'a mut [u8]>,
}

// SAFETY: a store is a `&mut [u8]` with holes: it gives access to its own bytes alone.
unsafe impl Send for ActivationStore<'_> {}

impl<'a> ActivationStore<'a> {
    /// Creates the store of all samples of a batch.
    ///
    /// # Panics
    /// Panics if the memory does not hold `len` bytes for each of `batch` samples, or does not
    /// begin at a multiple of 8 bytes.
    #[inline]
    pub(crate) fn new(memory: &'a mut [u8], batch: usize, len: usize) -> Self {
        // No arithmetic below can wrap: every position in a store is within `batch * len`.
        assert!(
            batch
                .checked_mul(len)
                .is_some_and(|bytes| bytes <= memory.len())
        );
        assert!(memory.as_ptr().addr().is_multiple_of(8) && len.is_multiple_of(8));

        ActivationStore {
            base: memory.as_mut_ptr(),
            batch,
            first: 0,
            count: batch,
            len,
            memory: PhantomData,
        }
    }

    /// Returns the number of samples.
    #[inline]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Takes the next slot: `len` numbers for each sample, one sample after the other.
    ///
    /// # Panics
    /// Panics if the layer's [`TRAIN_NEEDS`](super::Train::TRAIN_NEEDS) do not have this piece.
    #[inline(always)]
    #[track_caller]
    pub fn take<T: Number>(&mut self, len: usize) -> &'a mut [T] {
        let store = self.take_store(sample_bytes::<T>(len));
        // SAFETY: `store` was split off, and nobody else has access to it.
        unsafe { store.slot(0, len) }
    }

    /// Takes the next slot as tensors, one for each sample.
    ///
    /// # Panics
    /// Panics if the layer's [`TRAIN_NEEDS`](super::Train::TRAIN_NEEDS) do not have this piece.
    #[inline(always)]
    #[track_caller]
    pub fn take_tensors<S: Shape, T: Number>(&mut self) -> &'a mut [Tensor<S, T>] {
        let count = self.count;
        crate::memory::tensors_mut(self.take(S::LEN), count)
    }

    /// Takes `bytes` bytes of each sample, for a layer inside this one.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn take_store(&mut self, bytes: usize) -> ActivationStore<'a> {
        if bytes > self.len {
            too_little(self.len, bytes);
        }

        // SAFETY: the two do not overlap.
        let first = unsafe { self.part_of_each(0, bytes) };
        // SAFETY: as above.
        *self = unsafe { self.part_of_each(bytes, self.len - bytes) };
        first
    }

    /// Takes the last `bytes` bytes of each sample, for a layer inside this one.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn take_last(&mut self, bytes: usize) -> ActivationStore<'a> {
        if bytes > self.len {
            too_little(self.len, bytes);
        }
        let before = self.len - bytes;

        // SAFETY: the two do not overlap.
        let last = unsafe { self.part_of_each(before, bytes) };
        // SAFETY: as above.
        *self = unsafe { self.part_of_each(0, before) };
        last
    }

    /// Takes `bytes` bytes of each sample for each of `steps` steps of a layer inside this one.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn take_steps(&mut self, steps: usize, bytes: usize) -> StepStores<'a> {
        let store = self.take_store(steps * bytes);
        StepStores {
            store,
            steps,
            bytes,
        }
    }

    /// Returns the same store.
    ///
    /// # Safety
    /// As for [`part_of_each`](Self::part_of_each).
    #[inline(always)]
    pub(super) unsafe fn all(&self) -> ActivationStore<'a> {
        ActivationStore { ..*self }
    }

    /// Returns the store of `len` bytes of each sample, beginning at the byte `offset`.
    ///
    /// # Safety
    /// No two parts that live at the same time overlap, unless both are only read.
    #[inline]
    pub(super) unsafe fn part_of_each(&self, offset: usize, len: usize) -> ActivationStore<'a> {
        assert!(len <= self.len && offset <= self.len - len);
        assert!(offset.is_multiple_of(8) && len.is_multiple_of(8));

        // SAFETY: as just checked, the part begins inside the store's memory or at its end:
        // `offset` bytes per sample take `offset * batch` bytes.
        let base = unsafe { self.base.add(offset * self.batch) };
        ActivationStore { base, len, ..*self }
    }

    /// Returns the slot of `len` numbers for each sample that begins at the byte `offset`.
    ///
    /// # Safety
    /// As for [`part_of_each`](Self::part_of_each).
    #[inline]
    pub(super) unsafe fn slot<T: Number>(&self, offset: usize, len: usize) -> &'a mut [T] {
        let bytes = sample_bytes::<T>(len);
        assert!(bytes <= self.len && offset <= self.len - bytes);
        assert!(offset.is_multiple_of(8));

        // SAFETY: the slot lies within the store, as just checked: its numbers for the whole batch
        // take at most `bytes * batch` bytes, and these samples are a range of them. The store
        // begins at a multiple of 8 bytes, and so does the slot. `Number` is sealed, its types have
        // no padding, and any bytes are a value of each. The rest is the caller's promise.
        unsafe {
            let base = self.base.add(offset * self.batch).cast::<T>();
            slice::from_raw_parts_mut(base.add(self.first * len), self.count * len)
        }
    }

    /// Returns a slot in an area that several layers use in turn: `len` numbers for each of these
    /// samples, beginning `within` bytes per sample after the beginning of the samples' own part of
    /// the area.
    ///
    /// A slot of the whole batch would not do: another thread may be at another layer, whose slot has
    /// another length, and the samples of one would lie on those of the other.
    ///
    /// # Safety
    /// As for [`part_of_each`](Self::part_of_each).
    #[inline]
    pub(super) unsafe fn slot_in<T: Number>(
        &self,
        area: Area,
        within: usize,
        len: usize,
    ) -> &'a mut [T] {
        let bytes = sample_bytes::<T>(len);
        assert!(area.len <= self.len && area.offset <= self.len - area.len);
        assert!(bytes <= area.len && within <= area.len - bytes);
        assert!(area.offset.is_multiple_of(8) && area.len.is_multiple_of(8));
        assert!(within.is_multiple_of(8));

        // SAFETY: the area lies within the store, as just checked. The part of these samples is
        // `area.len` bytes for each, after those of the samples before them, and the slot lies within
        // it. Alignment and values are as in `slot`. The rest is the caller's promise.
        unsafe {
            let area_base = self.base.add(area.offset * self.batch);
            let part = area_base.add(self.first * area.len);
            let base = part.add(self.count * within).cast::<T>();
            slice::from_raw_parts_mut(base, self.count * len)
        }
    }

    /// Returns the memory as that of one call.
    pub(crate) fn into_scratch(self) -> Scratch<'a> {
        // SAFETY: as one slot of bytes, this part of the batch is contiguous; `self` is consumed,
        // and nobody else has access.
        let memory = unsafe { self.slot(0, self.len) };
        Scratch::new(memory, self.count)
    }

    /// Returns the store as one that can be divided by samples.
    #[inline]
    pub(crate) fn parts(self) -> Parts<'a> {
        Parts { store: self }
    }
}

/// The memory of the steps of a layer that runs another one again and again: in the store of a step,
/// each sample has memory of its own for that step.
///
/// All steps together are one store as well, of as many samples as there are steps of samples.
pub(crate) struct StepStores<'a> {
    store: ActivationStore<'a>,
    steps: usize,
    /// The number of bytes of a step of a sample.
    bytes: usize,
}

impl<'a> StepStores<'a> {
    /// Returns the store of a step.
    pub(crate) fn step(&mut self, step: usize) -> ActivationStore<'_> {
        assert!(step < self.steps);

        // The samples of a step lie behind those of the step before it in each slot. In the whole
        // batch, the store has `steps * bytes` bytes for each sample, as the slots take together.
        ActivationStore {
            batch: self.steps * self.store.batch,
            first: step * self.store.batch + self.store.first,
            len: self.bytes,
            ..self.store
        }
    }

    /// Returns the store of all steps, where the samples of a step are behind those of the step
    /// before it.
    ///
    /// # Panics
    /// Panics if these are not the samples of the whole batch.
    pub(crate) fn all(self) -> ActivationStore<'a> {
        assert!(self.store.first == 0 && self.store.count == self.store.batch);
        let samples = self.steps * self.store.batch;

        ActivationStore {
            batch: samples,
            count: samples,
            len: self.bytes,
            ..self.store
        }
    }
}

/// A part of the bytes of each sample that several layers use in turn.
#[derive(Clone, Copy)]
pub(super) struct Area {
    /// The number of bytes per sample before it.
    pub(super) offset: usize,
    /// The number of bytes per sample.
    pub(super) len: usize,
}

#[cold]
#[inline(never)]
#[track_caller]
fn too_little(left: usize, asked: usize) -> ! {
    panic!(
        "a layer takes {asked} bytes of the cache for each sample, and {left} are left of those \
         that it asked for; `TRAIN_NEEDS` of a layer have a piece for each `take`"
    )
}

/// A store that is divided by samples between threads.
pub(crate) struct Parts<'a> {
    store: ActivationStore<'a>,
}

// SAFETY: `part` is unsafe, and its callers keep the ranges disjoint.
unsafe impl Sync for Parts<'_> {}

impl<'a> Parts<'a> {
    /// Returns the samples `first..first + count`.
    ///
    /// # Safety
    /// No two parts that live at the same time overlap.
    #[inline(always)]
    pub(crate) unsafe fn part(&self, first: usize, count: usize) -> ActivationStore<'a> {
        assert!(count <= self.store.count && first <= self.store.count - count);

        ActivationStore {
            first: self.store.first + first,
            count,
            ..self.store
        }
    }
}

/// Tensors of a batch that are divided between threads.
pub(crate) struct SharedTensors<'a, S: Shape, T: Element> {
    base: *mut Tensor<S, T>,
    count: usize,
    memory: PhantomData<&'a mut [Tensor<S, T>]>,
}

// SAFETY: `part` is unsafe, and its callers keep the ranges disjoint.
unsafe impl<S: Shape, T: Element> Sync for SharedTensors<'_, S, T> {}

impl<'a, S: Shape, T: Element> SharedTensors<'a, S, T> {
    pub(crate) fn new(tensors: &'a mut [Tensor<S, T>]) -> Self {
        SharedTensors {
            base: tensors.as_mut_ptr(),
            count: tensors.len(),
            memory: PhantomData,
        }
    }

    /// Returns the samples `first..first + count`.
    ///
    /// # Safety
    /// No two parts that live at the same time overlap.
    #[inline(always)]
    pub(crate) unsafe fn part(&self, first: usize, count: usize) -> &'a mut [Tensor<S, T>] {
        assert!(count <= self.count && first <= self.count - count);
        // SAFETY: the range was checked, and the rest is the caller's promise.
        unsafe { slice::from_raw_parts_mut(self.base.add(first), count) }
    }
}

#[cfg(test)]
mod tests {
    use super::ActivationStore;

    /// Memory that begins at a multiple of 8 bytes.
    #[repr(align(8))]
    struct Memory([u8; 64]);

    #[test]
    fn slots_of_different_types_do_not_overlap() {
        let mut memory = Memory([0; 64]);
        // Three samples, 8 bytes for two flags and 8 for three numbers of 16 bits each.
        let mut store = ActivationStore::new(&mut memory.0, 3, 16);
        store.take::<u8>(2).fill(1);
        store.take::<i16>(3).fill(-2);

        let all = ActivationStore::new(&mut memory.0, 3, 16).parts();
        // SAFETY: the parts have different samples.
        let (mut first, mut last) = unsafe { (all.part(0, 1), all.part(1, 2)) };
        assert_eq!(first.take::<u8>(2), [1; 2]);
        assert_eq!(last.take::<u8>(2), [1; 4]);
        assert_eq!(first.take::<i16>(3), [-2; 3]);
        assert_eq!(last.take::<i16>(3), [-2; 6]);
    }

    #[test]
    fn parts_have_their_own_slots_of_every_length() {
        let mut memory = Memory([0; 64]);
        let area = super::Area { offset: 0, len: 16 };
        let all = ActivationStore::new(&mut memory.0, 4, 16).parts();
        // SAFETY: the parts have different samples.
        let (first, last) = unsafe { (all.part(0, 1), all.part(1, 3)) };
        // SAFETY: the slots do not overlap, as the test shows.
        unsafe {
            let short = first.slot_in::<f32>(area, 0, 1);
            let long = last.slot_in::<f64>(area, 0, 2);
            let behind = first.slot_in::<f64>(area, 8, 1);
            short.fill(1.0);
            long.fill(2.0);
            behind.fill(3.0);
            assert_eq!((short, behind), (&mut [1.0; 1][..], &mut [3.0; 1][..]));
            assert_eq!(long, [2.0; 6]);
        }
    }

    #[test]
    fn steps_are_samples_of_one_store() {
        let mut memory = Memory([0; 64]);
        // Two samples, and two steps of 8 bytes for a number and 8 for two others.
        let all = ActivationStore::new(&mut memory.0, 2, 32).parts();
        for (sample, first) in [(0, 1.0), (1, 2.0)] {
            // SAFETY: one part lives at a time.
            let mut part = unsafe { all.part(sample, 1) };
            let mut steps = part.take_steps(2, 16);
            for step in 0..2 {
                let mut store = steps.step(step);
                let number = first + 10.0 * step as f64;
                store.take::<f64>(1).fill(number);
                store.take::<f32>(2).fill(-number as f32);
            }
        }

        let mut all = ActivationStore::new(&mut memory.0, 2, 32);
        let mut all = all.take_steps(2, 16).all();
        assert_eq!(all.count(), 4);
        assert_eq!(all.take::<f64>(1), [1.0, 2.0, 11.0, 12.0]);
        let others = [-1.0, -1.0, -2.0, -2.0, -11.0, -11.0, -12.0, -12.0];
        assert_eq!(all.take::<f32>(2), others);
    }

    #[test]
    #[should_panic(
        expected = "a layer takes 16 bytes of the cache for each sample, and 8 are left of those that it asked for"
    )]
    fn a_piece_that_was_not_asked_for_is_not_there() {
        ActivationStore::new(&mut Memory([0; 64]).0, 4, 8).take::<f32>(3);
    }
}

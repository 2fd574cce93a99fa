//! The activations of a training pass, shared by the threads that work on parts of a batch.

use core::marker::PhantomData;
use core::slice;

use crate::tensor::{Element, Shape, Tensor};

/// The activations of some samples of a batch: a number of elements for each sample.
///
/// The memory is divided into slots. A slot is contiguous for the whole batch, so that a weight
/// gradient reads one matrix; a part of the batch has a contiguous range of each slot.
/// [`ActivationStore::split`] takes slots off the front, [`ActivationStore::tensors`] turns the
/// rest into tensors.
pub struct ActivationStore<'a, T> {
    base: *mut T,
    /// The number of samples in the whole batch.
    batch: usize,
    /// The first sample of this part of the batch, and the number of samples in it.
    first: usize,
    count: usize,
    /// The number of elements per sample.
    len: usize,
    memory: PhantomData<&'a mut [T]>,
}

// SAFETY: a store is a `&mut [T]` with holes: it gives access to its own elements alone.
unsafe impl<T: Send> Send for ActivationStore<'_, T> {}

impl<'a, T: Element> ActivationStore<'a, T> {
    /// Creates the store of all samples of a batch.
    ///
    /// # Panics
    /// If the memory does not hold `len` elements for each of `batch` samples.
    pub(crate) fn new(memory: &'a mut [T], batch: usize, len: usize) -> Self {
        // No arithmetic below can wrap: every position in a store is within `batch * len`.
        assert!(
            batch
                .checked_mul(len)
                .is_some_and(|numbers| numbers <= memory.len())
        );

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
    pub fn count(&self) -> usize {
        self.count
    }

    /// Returns the number of elements per sample.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns whether the samples have no elements.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Splits the store into the first `len` elements of each sample and the rest.
    ///
    /// # Panics
    /// If there are fewer numbers.
    #[track_caller]
    pub fn split(self, len: usize) -> (ActivationStore<'a, T>, ActivationStore<'a, T>) {
        let own = self.len;
        assert!(
            len <= own,
            "`split({len})` asks for more numbers for each sample than there are, {own}; they are \
             those of the layer's `CACHE`, without what was split off before"
        );
        // SAFETY: the two do not overlap, and `self` is consumed.
        unsafe { (self.slot(0, len), self.slot(len, own - len)) }
    }

    /// Returns the slot of `len` elements of each sample, beginning at the element `offset`.
    ///
    /// # Safety
    /// No two slots that live at the same time overlap, unless both are only read.
    #[inline(always)]
    pub(super) unsafe fn slot(&self, offset: usize, len: usize) -> ActivationStore<'a, T> {
        assert!(len <= self.len && offset <= self.len - len);

        // SAFETY: as just checked, the slot begins inside the store's memory or at its end:
        // `offset` elements per sample take `offset * batch` elements.
        let base = unsafe { self.base.add(offset * self.batch) };
        ActivationStore { base, len, ..*self }
    }

    /// Returns the elements as tensors, one for each sample.
    ///
    /// # Panics
    /// If the shape has another number of elements.
    #[track_caller]
    pub fn tensors<S: Shape>(self) -> &'a mut [Tensor<S, T>] {
        let (count, own, asked) = (self.count, self.len, S::LEN);
        assert!(
            own == asked,
            "`tensors` asks for a shape of {asked} numbers for each sample, and there are {own}: \
             those of the layer's `CACHE`, without what was split off; `split` takes some of them"
        );
        crate::memory::tensors_mut(self.into_slice(), count)
    }

    /// Returns the elements as one slice, sample by sample.
    pub(crate) fn into_slice(self) -> &'a mut [T] {
        // SAFETY: as one slot, this part of the batch is contiguous; `self` is consumed, and
        // `split` and `parts` hand out disjoint memory, so nobody else has access.
        unsafe {
            slice::from_raw_parts_mut(self.base.add(self.first * self.len), self.count * self.len)
        }
    }

    /// Returns the store as one whose samples can be handed out in parts.
    pub(crate) fn parts(self) -> Parts<'a, T> {
        Parts { store: self }
    }
}

/// A store whose samples are handed out to threads.
pub(crate) struct Parts<'a, T> {
    store: ActivationStore<'a, T>,
}

// SAFETY: `part` is unsafe, and its callers keep the ranges disjoint.
unsafe impl<T: Send> Sync for Parts<'_, T> {}

impl<'a, T: Element> Parts<'a, T> {
    /// Returns the samples `first..first + count`.
    ///
    /// # Safety
    /// No two parts that live at the same time overlap.
    pub(crate) unsafe fn part(&self, first: usize, count: usize) -> ActivationStore<'a, T> {
        assert!(count <= self.store.count && first <= self.store.count - count);

        ActivationStore {
            first: self.store.first + first,
            count,
            ..self.store
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ActivationStore;
    use crate::tensor::Rank1;

    #[test]
    #[should_panic(
        expected = "`split(3)` asks for more numbers for each sample than there are, 2; they are those of the layer's `CACHE`"
    )]
    fn more_numbers_than_there_are_can_not_be_split_off() {
        ActivationStore::new(&mut [0.0_f32; 8], 4, 2).split(3);
    }

    #[test]
    #[should_panic(
        expected = "`tensors` asks for a shape of 5 numbers for each sample, and there are 2: those of the layer's `CACHE`"
    )]
    fn tensors_have_as_many_numbers_as_there_are() {
        ActivationStore::new(&mut [0.0_f32; 8], 4, 2).tensors::<Rank1<5>>();
    }
}

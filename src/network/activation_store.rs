//! Memory of a training pass, shared between the threads that work on parts of a batch.

use core::marker::PhantomData;
use core::slice;

use crate::tensor::{Element, Shape, Tensor};

/// For some samples of a batch, some numbers each.
///
/// Slot by slot: what one slot holds lies side by side for the whole batch, so that a weight
/// gradient reads one matrix; a part of the batch has a contiguous piece of each slot.
/// [`ActivationStore::split`] takes slots off the front, [`ActivationStore::tensors`] turns what is left into tensors.
pub struct ActivationStore<'a, T> {
    base: *mut T,
    /// Samples in the whole batch, the first of this part, and how many it has.
    batch: usize,
    first: usize,
    count: usize,
    /// Numbers per sample.
    len: usize,
    memory: PhantomData<&'a mut [T]>,
}

// SAFETY: a slab is a `&mut [T]` with holes: it gives access to its own elements alone.
unsafe impl<T: Send> Send for ActivationStore<'_, T> {}

impl<'a, T: Element> ActivationStore<'a, T> {
    /// All samples of a batch.
    ///
    /// # Panics
    /// If the memory does not hold `len` numbers for each of `batch` samples.
    pub(crate) fn new(memory: &'a mut [T], batch: usize, len: usize) -> Self {
        // Nothing below can wrap: a place in a slab is within `batch * len`.
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

    /// How many samples there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// How many numbers each sample has.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the samples have no numbers.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first `len` numbers of each sample, and the rest.
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
        // SAFETY: a slot of `len` numbers takes `len * batch` elements, and `len <= self.len`, so
        // the rest begins inside the memory of this slab or at its end.
        let base = unsafe { self.base.add(len * self.batch) };
        let ActivationStore {
            batch,
            first,
            count,
            memory,
            ..
        } = self;
        let rest = ActivationStore {
            base,
            batch,
            first,
            count,
            len: self.len - len,
            memory,
        };
        (
            ActivationStore {
                base: self.base,
                batch,
                first,
                count,
                len,
                memory,
            },
            rest,
        )
    }

    /// `len` numbers of each sample, beginning at the `first`-th.
    ///
    /// # Safety
    /// No two slots that live at the same time overlap, unless both are only read.
    #[inline(always)]
    pub(super) unsafe fn slot(&self, offset: usize, len: usize) -> ActivationStore<'a, T> {
        assert!(len <= self.len && offset <= self.len - len);
        let ActivationStore {
            batch,
            first,
            count,
            memory,
            ..
        } = *self;
        // SAFETY: the slot lies inside the slab, as was just checked.
        let base = unsafe { self.base.add(offset * batch) };
        ActivationStore {
            base,
            batch,
            first,
            count,
            len,
            memory,
        }
    }

    /// The numbers as one tensor per sample: as many numbers as the shape has.
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

    /// The numbers as one slice, sample by sample.
    pub(crate) fn into_slice(self) -> &'a mut [T] {
        // SAFETY: as one slot, this part of the batch is contiguous; `self` is consumed, and
        // `split` and `parts` hand out disjoint memory, so nobody else has access.
        unsafe {
            slice::from_raw_parts_mut(self.base.add(self.first * self.len), self.count * self.len)
        }
    }

    /// Cuts the batch into parts.
    pub(crate) fn parts(self) -> Parts<'a, T> {
        Parts { slab: self }
    }
}

/// A slab whose samples are given out to threads.
pub(crate) struct Parts<'a, T> {
    slab: ActivationStore<'a, T>,
}

// SAFETY: `part` is unsafe, and its callers keep the ranges disjoint.
unsafe impl<T: Send> Sync for Parts<'_, T> {}

impl<'a, T: Element> Parts<'a, T> {
    /// The samples `first .. first + count`.
    ///
    /// # Safety
    /// No two parts that live at the same time overlap.
    pub(crate) unsafe fn part(&self, first: usize, count: usize) -> ActivationStore<'a, T> {
        assert!(count <= self.slab.count && first <= self.slab.count - count);
        let ActivationStore {
            base,
            batch,
            len,
            memory,
            ..
        } = self.slab;
        ActivationStore {
            base,
            batch,
            first: self.slab.first + first,
            count,
            len,
            memory,
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

//! The functions of `threads.rs` without the standard library: everything runs on the calling
//! thread. Layers call the same names, and results have the same bits.

use crate::memory::ThreadMemory;

/// Returns the number of parts into which cutting this many multiply-adds pays: one.
pub(crate) fn parts(_multiply_adds: usize) -> usize {
    1
}

/// Calls `f(0)` to `f(parts - 1)`, in order.
pub(crate) fn parallel(parts: usize, f: &(dyn Fn(usize) + Sync)) {
    (0..parts).for_each(f);
}

/// Calls `f(index, memory)` for each part, in order, with the same memory.
pub(crate) fn parallel_with(
    parts: usize,
    mut memory: ThreadMemory<'_>,
    f: &(dyn Fn(usize, ThreadMemory<'_>) + Sync),
) {
    (0..parts).for_each(|part| f(part, memory.reborrow()));
}

/// Cuts `data` into chunks of length `chunk` (the last may be shorter) and calls `f(index, slice)`
/// for each, in order.
pub(crate) fn split_mut<T: Send>(
    data: &mut [T],
    chunk: usize,
    f: &(dyn Fn(usize, &mut [T]) + Sync),
) {
    if data.is_empty() {
        return;
    }
    for (index, slice) in data.chunks_mut(chunk).enumerate() {
        f(index, slice);
    }
}

/// Cuts `data` into chunks of length `chunk` (the last may be shorter) and calls `f(index, slice,
/// memory)` for each, in order, with the same memory.
pub fn split_mut_with<T: Send>(
    data: &mut [T],
    chunk: usize,
    mut memory: ThreadMemory<'_>,
    f: &(dyn Fn(usize, &mut [T], ThreadMemory<'_>) + Sync),
) {
    if data.is_empty() {
        return;
    }
    for (index, slice) in data.chunks_mut(chunk).enumerate() {
        f(index, slice, memory.reborrow());
    }
}

/// The largest number of slices that [`split_together`] cuts in addition to the first.
pub(crate) const MOST_TOGETHER: usize = 4;

/// The function that [`split_together`] calls.
type Together<'a, T> = &'a (dyn Fn(usize, &mut [T], &mut [&mut [T]]) + Sync);

/// Cuts several slices of one length into chunks of length `chunk` and calls `f(index, slice,
/// others)` with the chunks of all slices at each index, in order.
pub(crate) fn split_together<T: Send>(
    data: &mut [T],
    others: &mut [&mut [T]],
    chunk: usize,
    f: Together<'_, T>,
) {
    if data.is_empty() {
        return;
    }

    let count = others.len();
    for (index, slice) in data.chunks_mut(chunk).enumerate() {
        let mut chunks: [&mut [T]; MOST_TOGETHER] = Default::default();
        for (to, other) in chunks.iter_mut().zip(others.iter_mut()) {
            *to = &mut other[index * chunk..][..slice.len()];
        }
        f(index, slice, &mut chunks[..count]);
    }
}

#[cfg(test)]
mod tests {
    use super::{split_mut, split_together};

    #[test]
    fn chunks_come_in_order_and_the_last_is_shorter() {
        let mut data = [0; 7];
        split_mut(&mut data, 3, &|index, chunk: &mut [usize]| {
            let len = chunk.len();
            chunk.fill(10 * index + len);
        });
        assert_eq!(data, [3, 3, 3, 13, 13, 13, 21]);
        split_mut(&mut [0; 0], 0, &|_, _: &mut [usize]| {
            panic!("a chunk of nothing")
        });
    }

    #[test]
    fn slices_are_cut_at_the_same_positions() {
        let mut data = [1, 2, 3, 4, 5];
        let mut first = [0; 5];
        let mut second = [0; 5];
        split_together(
            &mut data,
            &mut [&mut first, &mut second],
            2,
            &|index, data, others| {
                let [first, second] = others else {
                    panic!("{} slices", others.len());
                };
                first.copy_from_slice(data);
                second.fill(index);
            },
        );
        assert_eq!((first, second), ([1, 2, 3, 4, 5], [0, 0, 1, 1, 2]));
    }
}

//! The functions of `threads.rs` without the standard library: everything runs on the calling
//! thread. Layers call the same names, and results have the same bits.

/// Returns the number of parts into which cutting this many multiply-adds pays: one.
pub(crate) fn parts(_multiply_adds: usize) -> usize {
    1
}

/// Calls `f(0)` to `f(parts - 1)`, in order.
pub(crate) fn parallel(parts: usize, f: &(dyn Fn(usize) + Sync)) {
    (0..parts).for_each(f);
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

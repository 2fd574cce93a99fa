//! Causal convolutions in a stream: the layer keeps the last inputs.

use super::compute;
use super::shape::ConvRule;
use crate::kernels::ConvSizes;
use crate::memory::{StateMemory, ThreadMemory};
use crate::network::{Context, Needs};
use crate::sizes;
use crate::tensor::Element;

/// Returns the number of earlier positions that an output depends on; 0 unless the layer can be part
/// of a stream.
pub(super) const fn past(rule: &ConvRule) -> usize {
    if rule.causal && rule.stride[1] == 1 {
        sizes::product(&[rule.kernel[1] - 1, rule.dilation[1]])
    } else {
        0
    }
}

/// Returns the sizes of the convolution that a call computes, without padding: of all earlier rows
/// and the input's, or for a single position of those that its window has.
const fn of_call(sizes: &ConvSizes, past: usize) -> ConvSizes {
    let (length, dilation) = match sizes.size[1] {
        1 => (sizes.kernel[1], [1, 1]),
        length => (sizes::sum(&[past, length]), sizes.dilation),
    };
    ConvSizes {
        size: [1, length],
        pad: [0, 0],
        dilation,
        ..*sizes
    }
}

/// Returns the memory of a layer in a stream: the last `past` positions as a ring, the position of
/// the oldest, and the rows of a call.
pub(super) const fn needs<T: Element>(sizes: &ConvSizes, past: usize) -> Needs {
    let call = of_call(sizes, past);
    Needs::NONE
        .state::<T>(sizes::product(&[past, sizes.channels]))
        .state::<u64>(1)
        .per_thread::<T>(call.input_len())
        .and(compute::conv_needs::<T>(&call))
}

/// Computes the next positions of a stream or, without a state, those of new streams, one for each
/// sample.
#[allow(clippy::too_many_arguments)]
pub(super) fn forward<T: Element>(
    sizes: &ConvSizes,
    weight: &[T],
    bias: Option<&[T]>,
    x: &[T],
    y: &mut [T],
    mut memory: ThreadMemory<'_>,
    state: Option<StateMemory<'_>>,
    cx: &Context<T>,
) {
    let channels = sizes.channels;
    let past = sizes.pad[1];
    let mut ring = state.map(|mut state| Ring {
        rows: state.take(past * channels),
        channels,
        oldest: &mut state.take::<u64>(1)[0],
    });

    // The rows of a single window are gathered, all others are read where they are.
    let call = of_call(sizes, past);
    let step = sizes.dilation[1] / call.dilation[1];
    let rows = memory.take(call.input_len());
    let samples = x.chunks_exact(sizes.input_len());

    for (x, y) in samples.zip(y.chunks_exact_mut(sizes.output_len())) {
        let (earlier, own) = rows.split_at_mut(call.input_len() - x.len());
        match &ring {
            None => earlier.fill(T::zero()),
            Some(ring) => earlier
                .chunks_exact_mut(channels)
                .enumerate()
                .for_each(|(tap, row)| row.copy_from_slice(ring.row(tap * step))),
        }
        own.copy_from_slice(x);
        compute::conv(&call, weight, bias, rows, y, memory.reborrow(), cx);

        if let Some(ring) = &mut ring {
            x.chunks_exact(channels)
                .for_each(|row| ring.replace_oldest(row));
        }
    }
}

/// The last rows of a stream.
struct Ring<'a, T> {
    rows: &'a mut [T],
    channels: usize,
    /// The number of the oldest row.
    oldest: &'a mut u64,
}

impl<T: Element> Ring<'_, T> {
    /// Returns a row, counted from the oldest.
    fn row(&self, age: usize) -> &[T] {
        let count = self.rows.len() / self.channels;
        let first = *self.oldest as usize + age;
        let row = if first < count { first } else { first - count };
        &self.rows[row * self.channels..][..self.channels]
    }

    /// Replaces the oldest row by the newest.
    fn replace_oldest(&mut self, row: &[T]) {
        let oldest = *self.oldest as usize;
        self.rows[oldest * self.channels..][..self.channels].copy_from_slice(row);

        let next = oldest + 1;
        *self.oldest = if next * self.channels < self.rows.len() {
            next as u64
        } else {
            0
        };
    }
}

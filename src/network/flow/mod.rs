//! The execution of a network's layers over their buffers, as the plan says.
//!
//! The code that `network!` emits calls these functions, layer after layer in a straight line, once
//! for each segment of layers and each chunk of the batch.
//!
//! The plan is a constant of a type. What it decides, and what the layer's type decides, is an `if
//! const`, whose other branch is not generated at all: what the optimizer has to drop decides how long
//! a build takes.

mod at;
mod backward;
mod gradients;
mod inference;
mod training;

pub use backward::Backward;
pub use gradients::Gradients;
pub use inference::Inference;
pub use training::Training;

use core::ops::Range;

use super::context::Context;
use super::layer_input::LayerInput;
use super::layer_outputs::LayerOutputs;
use super::plan::{Plan, Spot};
use super::segments::Segment;
use super::train::Train;
use crate::memory::{ThreadMemory, tensors};
use crate::tensor::{Element, Shape};
use crate::{sizes, threads};

/// The plan of a list of `N` layers, which a type stands for.
#[doc(hidden)]
pub trait Planned<const N: usize> {
    const PLAN: &'static Plan<N>;
}

/// A segment of layers, and the samples that it runs over at a time.
#[derive(Clone, Copy)]
struct Chunk {
    segment: Segment,
    /// The index of the first sample, among those that the network was given.
    first: usize,
    /// The number of samples.
    count: usize,
    /// True if other threads work on other samples.
    in_worker: bool,
}

impl Chunk {
    /// Returns the range of these samples in a buffer with `len` elements per sample.
    #[inline(always)]
    fn range(&self, len: usize) -> Range<usize> {
        self.first * len..(self.first + self.count) * len
    }

    /// Returns whether a layer belongs to the segment, which is one of `segments`.
    #[inline(always)]
    fn has_layer(&self, index: usize, segments: usize) -> bool {
        segments == 1 || self.segment.first <= index && index <= self.segment.last
    }

    /// Returns the index of the first sample in a buffer. Buffers that serve a single segment are
    /// reused for each chunk.
    #[inline(always)]
    fn first_in(&self, spot: Spot) -> usize {
        match spot {
            Spot::Chunk(_) => 0,
            _ => self.first,
        }
    }
}

/// Calls `f` with each chunk of `count` samples and the memory of its thread, on all threads if that
/// pays.
///
/// It is compiled once for all networks and blocks, whose code it calls through `dyn`.
fn for_chunks<T: Element>(
    segment: Segment,
    count: usize,
    multiply_adds: usize,
    memory: ThreadMemory<'_>,
    cx: &Context<T>,
    f: &(dyn Fn(Chunk, ThreadMemory<'_>) + Sync),
) {
    // Each thread has one part of the samples.
    let parts = if segment.whole_batch || cx.in_worker() {
        1
    } else {
        cx.parts(sizes::product(&[count, multiply_adds]))
    };
    let per_part = count.div_ceil(parts).max(1);
    let in_worker = cx.in_worker() || (parts > 1 && !segment.whole_batch);

    // Calls `f` with the chunks of one part.
    let run_part = |part: usize, mut memory: ThreadMemory<'_>| {
        let mut first = part * per_part;
        let end = count.min((part + 1) * per_part);
        while first < end {
            let left = end - first;
            let count = if segment.chunk_len == 0 {
                left
            } else {
                left.min(segment.chunk_len)
            };
            let chunk = Chunk {
                segment,
                first,
                count,
                in_worker,
            };
            f(chunk, memory.reborrow());
            first += count;
        }
    };

    match count.div_ceil(per_part) {
        // The memory of all threads: a layer may share its work on the whole batch.
        1 => run_part(0, memory),
        parts => threads::parallel_with(parts, memory, &run_part),
    }
}

/// Returns the outputs of a layer for its backward, if it says that it reads them.
#[inline(always)]
fn read<L: Train<In, Out, T>, In: LayerInput, Out: Shape, T: Element>(
    y: &[T],
    count: usize,
) -> LayerOutputs<'_, Out, T> {
    if L::READS_OUTPUT {
        LayerOutputs::from(tensors(y, count))
    } else {
        LayerOutputs::NOT_READ
    }
}

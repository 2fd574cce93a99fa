//! The execution of a network's layers over their buffers, as the plan says.
//!
//! The code that `network!` emits calls these functions, layer after layer in a straight line, once
//! for each segment of layers and each chunk of the batch.
//!
//! The plan is given as a function without state, whose type stands for it: the code of each layer is
//! generated with its plan as a constant, so that the compiler drops what the plan does not need
//! before it optimizes the list as a whole. What the layer's type decides is an `if const`, whose
//! other branch is not generated at all.

mod backward;
mod gradients;
mod inference;
mod training;

pub use backward::Backward;
pub use gradients::Gradients;
pub use inference::Inference;
pub use training::Training;

use core::ops::Range;

use super::activation_store::ActivationStore;
use super::context::Context;
use super::infer::Infer;
use super::layer::ReluFusion;
use super::layer_input::LayerInput;
use super::layer_outputs::LayerOutputs;
use super::plan::{LayerPlan, Source, Spot};
use super::relu::relu;
use super::segments::Segment;
use super::train::Train;
use crate::memory::{ThreadMemory, tensors};
use crate::tensor::{Element, Shape};
use crate::{sizes, threads};

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
    /// Returns whether the layer at an index belongs to the segment.
    #[inline(always)]
    fn has(&self, index: usize) -> bool {
        self.segment.first <= index && index <= self.segment.last
    }

    /// Returns the range of these samples in a buffer with `len` elements per sample.
    #[inline(always)]
    fn range(&self, len: usize) -> Range<usize> {
        self.first * len..(self.first + self.count) * len
    }
}

/// Calls `f` with each chunk of `count` samples and the memory of its thread, on all threads if that
/// pays.
#[inline(always)]
fn for_chunks<T: Element>(
    segment: Segment,
    count: usize,
    multiply_adds: usize,
    memory: ThreadMemory<'_>,
    cx: &Context<T>,
    f: &(impl Fn(Chunk, ThreadMemory<'_>) + Sync),
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

/// Returns the outputs that a layer reads from a source, `len` elements per sample; nothing for a
/// source that it does not have. If they are not in a slot, they are `input`.
///
/// # Safety
/// Nobody writes to the slot while the outputs live.
#[inline]
unsafe fn outputs_of<'a, T: Element>(
    source: &Source,
    cache: &ActivationStore<'a>,
    len: usize,
    input: &'a [T],
) -> &'a [T] {
    match source.spot {
        _ if len == 0 => &[],
        // SAFETY: the caller's promise.
        Spot::Slot { outputs, .. } => unsafe { cache.slot(outputs, len) },
        _ => input,
    }
}

/// Returns whether a layer applies `Relu` as its epilogue.
#[inline(always)]
fn has_relu_epilogue<L: Infer<In, Out, T>, In: LayerInput, Out: Shape, T: Element>(
    layer: &LayerPlan,
) -> bool {
    layer.relu && L::RELU_FUSION == ReluFusion::Epilogue
}

/// Applies `Relu` to a layer's outputs if the plan says so and the layer has no such epilogue.
#[inline(always)]
fn relu_after<L: Infer<In, Out, T>, In: LayerInput, Out: Shape, T: Element>(
    layer: &LayerPlan,
    y: &mut [T],
    cx: &Context<T>,
) {
    if layer.relu && L::RELU_FUSION != ReluFusion::Epilogue {
        relu(y, cx);
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

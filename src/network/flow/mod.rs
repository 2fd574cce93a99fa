//! Runs a network's layers over their buffers, as the plan says: what `network!` emits calls these,
//! layer after layer in a straight line, once for each segment of layers and each piece of the
//! batch.

mod backward;
mod gradients;
mod inference;
mod training;

pub use backward::Backward;
pub use gradients::Gradients;
pub use inference::Inference;
pub use training::Training;

use super::activation_store::ActivationStore;
use super::layer::{Compute, Context, InPlace, ReluFusion};
use super::layer_outputs::LayerOutputs;
use super::plan::{Plan, Spot, Step};
use super::segments::Segment;
use crate::memory::{tensors, tensors_mut};
use crate::nn::Relu;
use crate::tensor::{Element, Shape};
use crate::{sizes, threads};

/// The layers that a call is about, and the samples, of those that the network was given.
#[derive(Clone, Copy)]
struct Piece {
    segment: Segment,
    first: usize,
    count: usize,
    /// Other threads work on other samples.
    cut: bool,
}

impl Piece {
    /// Whether the layer at an index is one of them.
    #[inline(always)]
    fn has(&self, index: usize) -> bool {
        self.segment.first <= index && index <= self.segment.last
    }

    /// Numbers of these samples, in a buffer of `len` for each sample.
    #[inline(always)]
    fn range(&self, len: usize) -> core::ops::Range<usize> {
        self.first * len..(self.first + self.count) * len
    }
}

/// Calls with each piece that a segment's samples are cut into, on all threads if that pays.
#[inline(always)]
fn for_pieces<T: Element>(
    segment: Segment,
    count: usize,
    multiply_adds: usize,
    cx: &Context<T>,
    f: &(impl Fn(Piece) + Sync),
) {
    let parts = if segment.whole_batch || cx.in_worker() {
        1
    } else {
        threads::parts(sizes::product(&[count, multiply_adds]))
    };
    let per_part = count.div_ceil(parts).max(1);
    let cut = cx.in_worker() || (parts > 1 && !segment.whole_batch);
    threads::parallel(count.div_ceil(per_part), &|part| {
        let (mut first, end) = (part * per_part, count.min((part + 1) * per_part));
        while first < end {
            let left = end - first;
            let count = if segment.piece == 0 {
                left
            } else {
                left.min(segment.piece)
            };
            f(Piece {
                segment,
                first,
                count,
                cut,
            });
            first += count;
        }
    });
}

/// The outputs at a spot, `len` for each sample; what the network was given or gives if they are
/// not in a slot.
///
/// # Safety
/// Nobody writes to the slot while the outputs live.
#[inline(always)]
unsafe fn outputs_at<'a, T: Element>(
    spot: Spot,
    cache: &ActivationStore<'a, T>,
    len: usize,
    ends: &'a [T],
) -> &'a [T] {
    match spot {
        // SAFETY: the caller's promise.
        Spot::Slot { outputs, .. } => unsafe { cache.slot(outputs, len).into_slice() },
        _ => ends,
    }
}

/// Whether a layer is to end with `Relu` itself.
#[inline(always)]
fn has_relu_epilogue<L: Compute<In, Out, T>, In: Shape, Out: Shape, T: Element>(
    step: Step,
) -> bool {
    step.relu && L::RELU_FUSION == ReluFusion::Epilogue
}

/// `Relu` on a layer's outputs, if it does not end with it itself.
#[inline(always)]
fn relu_after<L: Compute<In, Out, T>, In: Shape, Out: Shape, T: Element>(
    step: Step,
    y: &mut [T],
    count: usize,
    cx: &Context<T>,
) {
    if step.relu && L::RELU_FUSION != ReluFusion::Epilogue {
        <Relu as InPlace>::forward_in_place(&(), tensors_mut::<Out, T>(y, count), cx);
    }
}

/// The outputs of a layer for its backward, if it says that it reads them.
#[inline(always)]
fn read<L: Compute<In, Out, T>, In: Shape, Out: Shape, T: Element>(
    y: &[T],
    count: usize,
) -> LayerOutputs<'_, Out, T> {
    if L::READS_OUTPUT {
        LayerOutputs::from(tensors(y, count))
    } else {
        LayerOutputs::NOT_READ
    }
}

/// Where a layer's input lies during training.
#[inline(always)]
fn before<const N: usize>(plan: &Plan<N>, index: usize) -> Spot {
    if index == 0 {
        Spot::Input
    } else {
        plan.training[index - 1].spot
    }
}

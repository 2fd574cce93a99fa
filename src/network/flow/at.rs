//! The layer at an index of a list, with its plan as constants.

use core::marker::PhantomData;

use super::Planned;
use crate::memory::sample_bytes;
use crate::network::activation_store::ActivationStore;
use crate::network::infer::Infer;
use crate::network::layer::Flow;
use crate::network::layer_input::{EachOutput, LayerInput, MAX_SOURCES};
use crate::network::plan::{Buffer, LayerPlan, Plan, Spot};
use crate::tensor::{Element, Shape};

/// The layer at an index of the list with the plan `P`.
pub(super) struct At<P, const N: usize, const INDEX: usize>(PhantomData<P>);

impl<P: Planned<N>, const N: usize, const INDEX: usize> At<P, N, INDEX> {
    /// Returns whether inference has nothing to do for the layer: it is a view of what it reads, or
    /// another layer does its work.
    pub const fn is_idle_in_inference<
        L: Infer<In, Out, T>,
        In: LayerInput,
        Out: Shape,
        T: Element,
    >() -> bool {
        let LayerPlan {
            absorbed, shares, ..
        } = P::PLAN.inference[INDEX];
        absorbed || shares && matches!(L::FLOW, Flow::View)
    }

    /// Returns whether training has nothing to do for the layer: its outputs are the network's input,
    /// or another layer does its work.
    pub const fn is_idle_in_training() -> bool {
        let LayerPlan { absorbed, spot, .. } = P::PLAN.training[INDEX];
        absorbed || matches!(spot, Spot::Input)
    }

    /// Returns whether the layer's outputs and their gradient are in the cache, in training.
    pub const fn is_slot() -> bool {
        P::PLAN.training[INDEX].spot.is_slot()
    }

    /// Returns whether the outputs of a source are in the cache, in training.
    pub const fn reads_slot(number: usize) -> bool {
        P::PLAN.training[INDEX].sources[number].spot.is_slot()
    }

    /// Returns whether the gradient of a source has been written by a later layer, to which this layer
    /// adds its share.
    pub const fn has_share(number: usize) -> bool {
        P::PLAN.training[INDEX].sources[number].share.is_some()
    }

    /// Returns whether one of the sources' gradients has a share.
    pub const fn has_shares() -> bool {
        let mut number = 0;
        while number < MAX_SOURCES {
            if Self::has_share(number) {
                return true;
            }
            number += 1;
        }
        false
    }

    /// Returns whether the layer's outputs go to a buffer, in inference.
    pub const fn has_buffer() -> bool {
        P::PLAN.inference[INDEX].spot.buffer().is_some()
    }

    /// Returns the start of the layer's buffer, in elements of a sample. `len` of these go there.
    pub const fn start<T: Element>(len: usize) -> usize {
        start::<T, N>(P::PLAN, P::PLAN.inference[INDEX].spot, len)
    }

    /// Returns the start of the buffer of a source, which holds `len` elements of a sample.
    pub const fn source_start<T: Element>(number: usize, len: usize) -> usize {
        start::<T, N>(P::PLAN, P::PLAN.inference[INDEX].sources[number].spot, len)
    }

    /// Returns whether the outputs of a source are the network's input, in inference.
    pub const fn reads_input(number: usize) -> bool {
        P::PLAN.inference[INDEX].sources[number]
            .spot
            .buffer()
            .is_none()
    }

    /// Returns whether the buffer of a source lies before that of the layer. All do if the layer
    /// writes the network's output.
    pub const fn reads_before<T: Element>(number: usize) -> bool {
        !Self::has_buffer() || Self::source_start::<T>(number, 0) < Self::start::<T>(0)
    }
}

/// Returns the start of a buffer, which holds `len` elements of a sample, in such elements.
const fn start<T: Element, const N: usize>(plan: &Plan<N>, spot: Spot, len: usize) -> usize {
    match spot.buffer() {
        Some(buffer) => {
            let Buffer { start, end } = plan.buffers[buffer];
            assert!(
                sample_bytes::<T>(len) <= end - start,
                "outputs exceed the buffer that they are planned for"
            );
            start / size_of::<T>()
        }
        None => 0,
    }
}

/// The outputs that a layer reads in training: slots of the cache, or the network's input.
pub(super) struct TrainingOutputs<'s, 'a, At, In, T> {
    cache: &'s ActivationStore<'a>,
    input: &'a [T],
    at: PhantomData<(At, In)>,
}

impl<'s, 'a, At, In, T> TrainingOutputs<'s, 'a, At, In, T> {
    /// # Safety
    /// Nobody writes to the slots of the layer's sources while their outputs live.
    #[inline(always)]
    pub unsafe fn new(cache: &'s ActivationStore<'a>, input: &'a [T]) -> Self {
        TrainingOutputs {
            cache,
            input,
            at: PhantomData,
        }
    }
}

impl<'a, P, const N: usize, const INDEX: usize, In, T> EachOutput<'a, T>
    for TrainingOutputs<'_, 'a, At<P, N, INDEX>, In, T>
where
    P: Planned<N>,
    In: LayerInput,
    T: Element,
{
    #[inline(always)]
    fn of<const NUMBER: usize>(&self) -> &'a [T] {
        if const { In::LENS[NUMBER] == 0 } {
            return &[];
        }
        if const { !At::<P, N, INDEX>::reads_slot(NUMBER) } {
            return self.input;
        }

        let offset = P::PLAN.training[INDEX].sources[NUMBER].spot.outputs();
        // SAFETY: the promise of `new`.
        unsafe { self.cache.slot(offset, In::LENS[NUMBER]) }
    }
}

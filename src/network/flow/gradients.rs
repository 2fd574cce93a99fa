//! Backward for the parameters, after the backward pass through the layers.

use core::marker::PhantomData;

use super::at::{At, TrainingOutputs};
use super::{Planned, read};
use crate::memory::{ThreadMemory, flatten, tensors};
use crate::network::activation_store::ActivationStore;
use crate::network::call::BackwardParams;
use crate::network::context::Context;
use crate::network::layer::{Configuration, Layer};
use crate::network::layer_at::LayerAt;
use crate::network::layer_input::LayerInput;
use crate::network::modes::ListModes;
use crate::network::train::Train;
use crate::params::Parameters;
use crate::tensor::{Element, Shape};

/// The computation of the gradients of all parameters, for the whole batch.
#[doc(hidden)]
pub struct Gradients<'a, T: Element, P, const N: usize> {
    plan: PhantomData<fn() -> P>,
    count: usize,
    input: &'a [T],
    output: &'a [T],
    cache: ActivationStore<'a>,
    output_gradient: &'a [T],
    thread_memory: ThreadMemory<'a>,
    cx: Context<'a, T>,
    modes: ListModes<N>,
}

impl<'a, T, P, const N: usize> Gradients<'a, T, P, N>
where
    T: Element,
    P: Planned<N>,
{
    /// Calls `layers` with the computation and the gradient of all parameters.
    #[inline(always)]
    pub fn run<L: Layer<T>, In: Shape, Out: Shape>(
        call: BackwardParams<'a, L, In, Out, T>,
        layers: impl Fn(&mut Self, &mut L::Params),
    ) {
        let BackwardParams {
            params,
            x,
            y,
            cache,
            dy,
            gradient,
            thread_memory,
            cx,
            ..
        } = call;
        // The output is not available if no layer reads it.
        let output = if const { P::PLAN.reads_output } {
            flatten(y.into_slice())
        } else {
            &[]
        };

        let cx = cx.within(params);
        let mut run = Gradients {
            plan: PhantomData,
            count: x.len(),
            input: flatten(x),
            output,
            cache,
            output_gradient: flatten(dy),
            thread_memory,
            modes: cx.modes_of_list(params),
            cx,
        };
        layers(&mut run, gradient);
    }

    /// Computes the gradient of the parameters of a layer, with its arguments if it has any. If it
    /// shares the parameters of an earlier layer, `base`, it adds to what that layer has computed.
    ///
    /// It is not `inline(always)`: without optimization, all layers together would take a large
    /// part of the stack.
    #[inline]
    pub fn call<L: Train<In, Out, T>, In: LayerInput, Out: Shape, const INDEX: usize>(
        &mut self,
        _: LayerAt<L, In, Out, T, INDEX>,
        config: Option<&L::Config>,
        params: &L::Params,
        gradient: &mut L::Params,
        base: Option<usize>,
    ) {
        if const { <L::Params as Parameters<T>>::LEN == 0 } {
            return;
        }
        let owner = base.unwrap_or(INDEX);
        if owner < self.cx.first_trained() || self.modes.frozen[owner] {
            return;
        }

        let Gradients {
            count,
            input,
            output,
            cache,
            output_gradient,
            thread_memory,
            cx,
            modes,
            ..
        } = self;
        let default = L::Config::DEFAULT;
        let config = config.unwrap_or(&default);
        let layer = &P::PLAN.training[INDEX];
        let count = *count;
        let adds = base.is_some() || cx.accumulate();
        let outer = *cx;
        let cx = &cx
            .layer(INDEX)
            .evaluating(modes.eval[INDEX])
            .accumulating(adds);

        // SAFETY (both blocks): the slots of `x`, `y`, `dy` and the cache differ, as in `Backward`, and
        // only the cache is written to.
        let outputs = unsafe { TrainingOutputs::<At<P, N, INDEX>, In, T>::new(cache, input) };
        let (y, dy) = if const { At::<P, N, INDEX>::is_slot() } {
            unsafe {
                let y = &*cache.slot(layer.spot.outputs(), Out::LEN);
                (y, &*cache.slot(layer.spot.gradient(), Out::LEN))
            }
        } else {
            (*output, *output_gradient)
        };

        if !L::OVERWRITES && !cx.accumulate() {
            gradient.as_mut_slice().fill(T::zero());
        }
        L::backward_params(BackwardParams {
            config,
            params,
            x: In::batch(outputs, count),
            y: read::<L, In, Out, T>(y, count),
            // SAFETY: as above.
            cache: unsafe { cache.part_of_each(layer.cache, L::TRAIN_NEEDS.per_sample) },
            dy: tensors(dy, count),
            gradient,
            thread_memory: thread_memory.for_layer(L::TRAIN_NEEDS.per_thread),
            cx,
        });
        // Mutable, as padding is filled.
        outer.hand_over(owner, gradient.as_mut_slice());
    }
}

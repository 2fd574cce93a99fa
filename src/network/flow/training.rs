//! Forward for training: every buffer is kept until backward has read it.

use super::{Chunk, for_chunks, has_relu_epilogue, outputs_of, relu_after};
use crate::memory::{ThreadMemory, flatten, flatten_mut, tensors_mut};
use crate::network::activation_store::{ActivationStore, SharedTensors};
use crate::network::call::{ForwardInPlace, ForwardTrain};
use crate::network::context::Context;
use crate::network::layer::{Configuration, Flow, Layer};
use crate::network::layer_at::LayerAt;
use crate::network::layer_input::LayerInput;
use crate::network::plan::{Plan, Spot};
use crate::network::train::Train;
use crate::tensor::{Element, Shape};

/// A forward pass for training, over one chunk of the batch.
#[doc(hidden)]
pub struct Training<'a, T: Element, P, const N: usize> {
    plan: P,
    chunk: Chunk,
    cx: Context<'a, T>,
    input: &'a [T],
    output: &'a mut [T],
    cache: ActivationStore<'a>,
    thread_memory: ThreadMemory<'a>,
}

impl<'a, T, P, const N: usize> Training<'a, T, P, N>
where
    T: Element,
    P: Fn() -> &'static Plan<N> + Copy + Sync,
{
    /// Calls `layers` for each segment of layers, in order, with each chunk of the batch.
    #[inline(always)]
    pub fn run<L: Layer<T>, In: Shape, Out: Shape>(
        plan_of: P,
        call: ForwardTrain<'_, L, In, Out, T>,
        layers: impl Fn(&mut Training<'_, T, P, N>) + Sync,
    ) {
        let ForwardTrain {
            params,
            x,
            y,
            cache,
            mut thread_memory,
            cx,
            ..
        } = call;
        let plan = plan_of();
        let cx = &cx.within(params);
        let samples = x.len();
        let input = flatten(x);
        let output = SharedTensors::new(y);
        let cache = cache.parts();

        for &segment in &plan.training_segments.list[..plan.training_segments.count] {
            let memory = thread_memory.reborrow();
            for_chunks(
                segment,
                samples,
                plan.multiply_adds,
                memory,
                cx,
                &|chunk, memory| {
                    let Chunk { first, count, .. } = chunk;
                    layers(&mut Training {
                        plan: plan_of,
                        chunk,
                        cx: cx.of_part(first, chunk.in_worker),
                        input: &input[chunk.range(In::LEN)],
                        // SAFETY: the chunks that live at the same time have different samples.
                        output: flatten_mut(unsafe { output.part(first, count) }),
                        // SAFETY: as above.
                        cache: unsafe { cache.part(first, count) },
                        thread_memory: memory,
                    });
                },
            );
        }
    }

    /// Runs a layer of a list that has no arguments.
    #[inline]
    pub fn call<L: Train<In, Out, T>, In: LayerInput, Out: Shape, const INDEX: usize>(
        &mut self,
        _: LayerAt<L, In, Out, T, INDEX>,
        params: &L::Params,
    ) {
        self.layer::<L, In, Out, INDEX>(&L::Config::DEFAULT, params);
    }

    /// Runs a layer of a list with its arguments.
    #[inline]
    pub fn call_with<L: Train<In, Out, T>, In: LayerInput, Out: Shape, const INDEX: usize>(
        &mut self,
        _: LayerAt<L, In, Out, T, INDEX>,
        config: &L::Config,
        params: &L::Params,
    ) {
        self.layer::<L, In, Out, INDEX>(config, params);
    }

    /// Runs the layer at an index.
    ///
    /// It is not `inline(always)`: without optimization, all layers together would take a large
    /// part of the stack.
    #[inline]
    pub(crate) fn layer<L: Train<In, Out, T>, In: LayerInput, Out: Shape, const INDEX: usize>(
        &mut self,
        config: &L::Config,
        params: &L::Params,
    ) {
        let Training {
            plan,
            chunk,
            cx,
            input,
            output,
            cache,
            thread_memory,
        } = self;
        if !chunk.has(INDEX) {
            return;
        }
        let count = chunk.count;
        let plan = plan();
        let layer = &plan.training[INDEX];
        let cx = &cx.layer(INDEX);
        if layer.absorbed {
            return;
        }

        // SAFETY: the plan gives each layer's outputs, gradient and cache a slot of their own. The
        // sources are slots of earlier layers, `y` and the cache are slots of this one. If the layer
        // shares the slot of its source, the source is not called.
        let source = |number: usize| unsafe {
            outputs_of(&layer.sources[number], cache, In::LENS[number], input)
        };
        let y = match layer.spot {
            // SAFETY: as above.
            Spot::Slot { outputs, .. } => unsafe { cache.slot(outputs, Out::LEN) },
            Spot::Input => return,
            _ => &mut **output,
        };

        if const { matches!(L::FLOW, Flow::Apart) } {
            let relu = has_relu_epilogue::<L, In, Out, T>(layer);
            L::forward_train(ForwardTrain {
                config,
                params,
                x: In::batch(source, count),
                y: tensors_mut(y, count),
                // SAFETY: as above.
                cache: unsafe { cache.part_of_each(layer.cache, L::TRAIN_NEEDS.per_sample) },
                thread_memory: thread_memory.for_layer(L::TRAIN_NEEDS.per_thread),
                cx: &cx.with_relu_epilogue(relu),
            });
            relu_after::<L, In, Out, T>(layer, y, cx);
        } else if !layer.shares {
            y.copy_from_slice(source(0));
        }
        if const { matches!(L::FLOW, Flow::InPlace) } {
            let y = tensors_mut(y, count);
            L::train_in_place(ForwardInPlace { config, y, cx });
        }
    }
}

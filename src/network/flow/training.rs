//! Forward for training: every buffer is kept until backward has read it.

use core::marker::PhantomData;

use super::at::{At, TrainingOutputs};
use super::{Chunk, Planned, for_chunks};
use crate::memory::{ThreadMemory, flatten, flatten_mut, tensors_mut};
use crate::network::activation_store::{ActivationStore, SharedTensors};
use crate::network::call::{ForwardInPlace, ForwardTrain};
use crate::network::context::Context;
use crate::network::layer::{Configuration, Flow, Layer, ReluFusion};
use crate::network::layer_at::LayerAt;
use crate::network::layer_input::{EachOutput, LayerInput};
use crate::network::modes::ListModes;
use crate::network::relu::relu;
use crate::network::train::Train;
use crate::tensor::{Element, Shape};

/// A forward pass for training, over one chunk of the batch.
#[doc(hidden)]
pub struct Training<'a, T: Element, P, const N: usize> {
    plan: PhantomData<fn() -> P>,
    chunk: Chunk,
    cx: Context<'a, T>,
    input: &'a [T],
    output: &'a mut [T],
    cache: ActivationStore<'a>,
    thread_memory: ThreadMemory<'a>,
    /// True for each layer that computes as in inference.
    eval: &'a [bool; N],
}

impl<'a, T, P, const N: usize> Training<'a, T, P, N>
where
    T: Element,
    P: Planned<N>,
{
    /// Calls `layers` for each segment of layers, in order, with each chunk of the batch.
    #[inline(always)]
    pub fn run<L: Layer<T>, In: Shape, Out: Shape>(
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
        let cx = &cx.within(params);
        let ListModes { eval, .. } = &cx.modes_of_list::<_, N>(params);
        let samples = x.len();
        let input = flatten(x);
        let output = SharedTensors::new(y);
        let cache = cache.parts();

        let segments = const { &{ P::PLAN.training_segments } };
        for &segment in &segments.list[..segments.count] {
            let memory = thread_memory.reborrow();
            for_chunks(
                segment,
                samples,
                const { P::PLAN.multiply_adds },
                memory,
                cx,
                &|chunk, memory| {
                    let Chunk { first, count, .. } = chunk;
                    layers(&mut Training {
                        plan: PhantomData,
                        chunk,
                        cx: cx.of_part(first, chunk.in_worker),
                        input: &input[chunk.range(In::LEN)],
                        // SAFETY: the chunks that live at the same time have different samples.
                        output: flatten_mut(unsafe { output.part(first, count) }),
                        // SAFETY: as above.
                        cache: unsafe { cache.part(first, count) },
                        thread_memory: memory,
                        eval,
                    });
                },
            );
        }
    }

    /// Runs a layer, with its arguments if it has any.
    ///
    /// It is not `inline(always)`: without optimization, all layers together would take a large
    /// part of the stack.
    #[inline]
    pub fn call<L: Train<In, Out, T>, In: LayerInput, Out: Shape, const INDEX: usize>(
        &mut self,
        _: LayerAt<L, In, Out, T, INDEX>,
        config: Option<&L::Config>,
        params: &L::Params,
    ) {
        let Training {
            chunk,
            cx,
            input,
            output,
            cache,
            thread_memory,
            eval,
            ..
        } = self;
        if const { At::<P, N, INDEX>::is_idle_in_training() } {
            return;
        }
        if !chunk.has_layer(INDEX, P::PLAN.training_segments.count) {
            return;
        }
        let default = L::Config::DEFAULT;
        let config = config.unwrap_or(&default);
        let layer = &P::PLAN.training[INDEX];
        let count = chunk.count;
        let cx = &cx.layer(INDEX).evaluating(eval[INDEX]);

        // SAFETY (both blocks): the plan gives each layer's outputs, gradient and cache a slot of
        // their own. The sources are slots of earlier layers, `y` and the cache are slots of this one.
        // If the layer shares the slot of its source, the source is not called.
        let outputs = unsafe { TrainingOutputs::<At<P, N, INDEX>, In, T>::new(cache, input) };
        let y = if const { At::<P, N, INDEX>::is_slot() } {
            unsafe { cache.slot(layer.spot.outputs(), Out::LEN) }
        } else {
            &mut **output
        };

        if const { matches!(L::FLOW, Flow::Apart) } {
            let has_relu = layer.relu && matches!(L::RELU_FUSION, ReluFusion::Epilogue);
            L::forward_train(ForwardTrain {
                config,
                params,
                x: In::batch(outputs, count),
                y: tensors_mut(y, count),
                // SAFETY: as above.
                cache: unsafe { cache.part_of_each(layer.cache, L::TRAIN_NEEDS.per_sample) },
                thread_memory: thread_memory.for_layer(L::TRAIN_NEEDS.per_thread),
                cx: &cx.with_relu_epilogue(has_relu),
            });
            if layer.relu && !has_relu {
                relu(y, cx);
            }
        } else if !layer.shares {
            y.copy_from_slice(outputs.of::<0>());
        }
        if const { matches!(L::FLOW, Flow::InPlace) } {
            let y = tensors_mut(y, count);
            L::train_in_place(ForwardInPlace { config, y, cx });
        }
    }
}

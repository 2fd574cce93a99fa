//! Forward for inference: outputs go to buffers that are used in turn.

use core::ops::Range;

use super::{Chunk, Spot, has_relu_epilogue, relu_after};
use crate::memory::{Scratch, StateMemory, ThreadMemory, flatten, flatten_mut, tensors_mut};
use crate::network::call::{Forward, ForwardInPlace};
use crate::network::context::Context;
use crate::network::infer::Infer;
use crate::network::layer::{Configuration, Flow, Layer};
use crate::network::layer_at::LayerAt;
use crate::network::layer_input::LayerInput;
use crate::network::plan::Plan;
use crate::tensor::{Element, Shape};

/// A forward pass for inference, over one chunk of the batch at a time.
#[doc(hidden)]
pub struct Inference<'a, T: Element, P, const N: usize> {
    plan: P,
    chunk: Chunk,
    input: &'a [T],
    /// The number of samples.
    samples: usize,
    /// All buffers of the plan.
    buffers: &'a mut [T],
    output: &'a mut [T],
    /// The memory that the layers use in turn.
    scratch: Scratch<'a>,
    thread_memory: ThreadMemory<'a>,
    /// The states of all layers.
    state: Option<StateMemory<'a>>,
    cx: &'a Context<'a, T>,
}

impl<'a, T, P, const N: usize> Inference<'a, T, P, N>
where
    T: Element,
    P: Fn() -> &'static Plan<N> + Copy + Sync,
{
    /// Calls `layers` for each segment of layers, in order, with each chunk of the batch.
    #[inline(always)]
    pub fn run<L: Layer<T>, In: Shape, Out: Shape>(
        plan_of: P,
        call: Forward<'a, L, In, Out, T>,
        layers: impl Fn(&mut Self),
    ) {
        let Forward {
            x,
            y,
            mut scratch,
            thread_memory,
            state,
            cx,
            ..
        } = call;
        let plan = plan_of();
        let samples = x.len();
        let mut run = Inference {
            plan: plan_of,
            chunk: Chunk {
                segment: plan.inference_segments.list[0],
                first: 0,
                count: samples,
                in_worker: false,
            },
            input: flatten(x),
            samples,
            buffers: scratch.take(plan.buffers_end / size_of::<T>()),
            output: flatten_mut(y),
            scratch,
            thread_memory,
            state,
            cx,
        };

        for segment in &plan.inference_segments.list[..plan.inference_segments.count] {
            let chunk_len = if segment.chunk_len == 0 {
                samples
            } else {
                segment.chunk_len
            };
            let mut first = 0;
            // Unlike a `while`, this tells the compiler that a segment over all samples is no loop.
            loop {
                run.chunk = Chunk {
                    segment: *segment,
                    first,
                    count: chunk_len.min(samples - first),
                    in_worker: false,
                };
                layers(&mut run);

                first += chunk_len;
                if first >= samples {
                    break;
                }
            }
        }
    }

    /// Runs a layer of a list that has no arguments.
    #[inline]
    pub fn call<L: Infer<In, Out, T>, In: LayerInput, Out: Shape, const INDEX: usize>(
        &mut self,
        _: LayerAt<L, In, Out, T, INDEX>,
        params: &L::Params,
    ) {
        self.layer::<L, In, Out, INDEX>(&L::Config::DEFAULT, params);
    }

    /// Runs a layer of a list with its arguments.
    #[inline]
    pub fn call_with<L: Infer<In, Out, T>, In: LayerInput, Out: Shape, const INDEX: usize>(
        &mut self,
        _: LayerAt<L, In, Out, T, INDEX>,
        config: &L::Config,
        params: &L::Params,
    ) {
        self.layer::<L, In, Out, INDEX>(config, params);
    }

    /// Runs the layer at an index.
    ///
    /// The index is a const generic, so that each instance has one caller: the optimizer then
    /// inlines it, which the smallest networks need. It is not `inline(always)`: without
    /// optimization, all layers together would take a large part of the stack.
    #[inline]
    pub(crate) fn layer<L: Infer<In, Out, T>, In: LayerInput, Out: Shape, const INDEX: usize>(
        &mut self,
        config: &L::Config,
        params: &L::Params,
    ) {
        let Inference {
            plan,
            chunk,
            input,
            samples,
            buffers,
            output,
            scratch,
            thread_memory,
            state,
            cx,
        } = self;
        if !chunk.has(INDEX) {
            return;
        }
        let chunk = *chunk;
        let count = chunk.count;
        let plan = plan();
        let layer = &plan.inference[INDEX];
        if layer.absorbed || (layer.shares && L::FLOW == Flow::View) {
            return;
        }

        // The layer writes to one buffer, and reads those before and after it.
        let start_of = |buffer: usize| plan.buffers[buffer].start / size_of::<T>() * *samples;
        let end_of = |buffer: usize| plan.buffers[buffer].end / size_of::<T>() * *samples;
        let (before, y, after, after_start) = match layer.spot {
            Spot::Chunk(buffer) | Spot::Whole(buffer) => {
                let (before, rest) = buffers.split_at_mut(start_of(buffer));
                let (y, after) = rest.split_at_mut(end_of(buffer) - start_of(buffer));
                (before, y, after, end_of(buffer))
            }
            _ => (&mut **buffers, &mut **output, &mut [][..], usize::MAX),
        };
        let y = &mut y[range(layer.spot, chunk, Out::LEN)];
        let source = |source: usize| -> &[T] {
            let len = In::LENS[source];
            if len == 0 {
                return &[];
            }
            let spot = layer.sources[source].spot;
            let from = match spot {
                Spot::Chunk(buffer) | Spot::Whole(buffer) => {
                    let start = start_of(buffer);
                    if start < after_start {
                        &before[start..]
                    } else {
                        &after[start - after_start..]
                    }
                }
                _ => *input,
            };
            &from[range(spot, chunk, len)]
        };

        if const { matches!(L::FLOW, Flow::Apart) } {
            let relu = has_relu_epilogue::<L, In, Out, T>(layer);
            L::forward(Forward {
                config,
                params,
                x: In::batch(source, count),
                y: tensors_mut(y, count),
                scratch: scratch.for_layer(count, L::NEEDS.per_sample),
                thread_memory: thread_memory.for_layer(if cx.batch() == 1 {
                    L::NEEDS.per_thread
                } else {
                    L::NEEDS.per_thread_of_batch
                }),
                state: state
                    .as_mut()
                    .map(|states| states.part(layer.state, L::NEEDS.state)),
                cx: &cx.with_relu_epilogue(relu),
            });
            relu_after::<L, In, Out, T>(layer, y, cx);
        } else if !layer.shares {
            y.copy_from_slice(source(0));
        }
        if const { matches!(L::FLOW, Flow::InPlace) } {
            let y = tensors_mut(y, count);
            L::infer_in_place(ForwardInPlace { config, y, cx });
        }
    }
}

/// Returns the range of a chunk's samples in the buffer of a spot. Buffers that serve a single
/// segment are reused for each chunk.
#[inline(always)]
fn range(spot: Spot, chunk: Chunk, len: usize) -> Range<usize> {
    match spot {
        Spot::Chunk(_) => 0..chunk.count * len,
        _ => chunk.range(len),
    }
}

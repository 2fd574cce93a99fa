//! Forward for inference: outputs go to buffers that are used in turn.

use core::marker::PhantomData;

use super::at::At;
use super::{Chunk, Planned};
use crate::memory::{Scratch, StateMemory, ThreadMemory, flatten, flatten_mut, tensors_mut};
use crate::network::call::{Forward, ForwardInPlace};
use crate::network::context::Context;
use crate::network::infer::Infer;
use crate::network::layer::{Configuration, Flow, Layer, ReluFusion};
use crate::network::layer_at::LayerAt;
use crate::network::layer_input::{EachOutput, LayerInput};
use crate::network::relu::relu;
use crate::tensor::{Element, Shape};

/// A forward pass for inference, over one chunk of the batch at a time.
#[doc(hidden)]
pub struct Inference<'a, T: Element, P, const N: usize> {
    plan: PhantomData<fn() -> P>,
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
    P: Planned<N>,
{
    /// Calls `layers` for each segment of layers, in order, with each chunk of the batch.
    #[inline(always)]
    pub fn run<L: Layer<T>, In: Shape, Out: Shape>(
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
        let segments = const { &{ P::PLAN.inference_segments } };
        let samples = x.len();
        let mut run = Inference {
            plan: PhantomData,
            chunk: Chunk {
                segment: segments.list[0],
                first: 0,
                count: samples,
                in_worker: false,
            },
            input: flatten(x),
            samples,
            buffers: scratch.take(const { P::PLAN.buffers_end / size_of::<T>() }),
            output: flatten_mut(y),
            scratch,
            thread_memory,
            state,
            cx,
        };

        for segment in &segments.list[..segments.count] {
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

    /// Runs a layer, with its arguments if it has any.
    ///
    /// The index is a const generic, so that each instance has one caller: the optimizer then
    /// inlines it, which the smallest networks need. It is not `inline(always)`: without
    /// optimization, all layers together would take a large part of the stack.
    #[inline]
    pub fn call<L: Infer<In, Out, T>, In: LayerInput, Out: Shape, const INDEX: usize>(
        &mut self,
        _: LayerAt<L, In, Out, T, INDEX>,
        config: Option<&L::Config>,
        params: &L::Params,
    ) {
        let Inference {
            chunk,
            input,
            samples,
            buffers,
            output,
            scratch,
            thread_memory,
            state,
            cx,
            ..
        } = self;
        if const { At::<P, N, INDEX>::is_idle_in_inference::<L, In, Out, T>() } {
            return;
        }
        if !chunk.has_layer(INDEX, P::PLAN.inference_segments.count) {
            return;
        }
        let default = L::Config::DEFAULT;
        let config = config.unwrap_or(&default);
        let layer = &P::PLAN.inference[INDEX];
        let chunk = *chunk;
        let count = chunk.count;

        // The layer writes to one buffer, and reads what lies before and after it.
        let len = count * Out::LEN;
        let first = chunk.first_in(layer.spot) * Out::LEN;
        let (before, y, after, after_start) = if const { At::<P, N, INDEX>::has_buffer() } {
            let start = const { At::<P, N, INDEX>::start::<T>(Out::LEN) } * *samples + first;
            let (before, y, after) = split(buffers, start, len);
            (before, y, after, start + len)
        } else {
            let y = &mut output[first..first + len];
            (&mut **buffers, y, &mut [][..], usize::MAX)
        };
        let outputs = InferenceOutputs::<At<P, N, INDEX>, In, T> {
            before,
            after,
            after_start,
            input,
            samples: *samples,
            chunk,
            at: PhantomData,
        };

        if const { matches!(L::FLOW, Flow::Apart) } {
            let has_relu = layer.relu && matches!(L::RELU_FUSION, ReluFusion::Epilogue);
            L::forward(Forward {
                config,
                params,
                x: In::batch(outputs, count),
                y: tensors_mut(y, count),
                scratch: scratch.for_layer(count, L::NEEDS.per_sample),
                thread_memory: thread_memory.for_layer(if cx.batch() == 1 {
                    L::NEEDS.per_thread
                } else {
                    L::NEEDS.per_thread_of_batch
                }),
                state: part_of(state, layer.state, L::NEEDS.state),
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
            L::infer_in_place(ForwardInPlace { config, y, cx });
        }
    }
}

/// Splits the buffers into what lies before `len` elements from `start`, these, and what lies after
/// them.
#[inline]
fn split<T>(buffers: &mut [T], start: usize, len: usize) -> (&mut [T], &mut [T], &mut [T]) {
    let (before, rest) = buffers.split_at_mut(start);
    let (y, after) = rest.split_at_mut(len);
    (before, y, after)
}

/// Returns the state of a layer, `len` bytes from `first`, within a stream.
#[inline]
fn part_of<'s>(
    state: &'s mut Option<StateMemory<'_>>,
    first: usize,
    len: usize,
) -> Option<StateMemory<'s>> {
    state.as_mut().map(|state| state.part(first, len))
}

/// The outputs that a layer reads in inference: what lies before and after its own in the buffers, or
/// the network's input.
struct InferenceOutputs<'a, At, In, T> {
    before: &'a [T],
    after: &'a [T],
    /// The index of the first element of `after` in the buffers.
    after_start: usize,
    input: &'a [T],
    samples: usize,
    chunk: Chunk,
    at: PhantomData<(At, In)>,
}

impl<'a, P, const N: usize, const INDEX: usize, In, T> EachOutput<'a, T>
    for InferenceOutputs<'a, At<P, N, INDEX>, In, T>
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

        let len = self.chunk.count * In::LENS[NUMBER];
        let spot = P::PLAN.inference[INDEX].sources[NUMBER].spot;
        let first = self.chunk.first_in(spot) * In::LENS[NUMBER];
        if const { At::<P, N, INDEX>::reads_input(NUMBER) } {
            return &self.input[first..first + len];
        }
        let start = const { At::<P, N, INDEX>::source_start::<T>(NUMBER, In::LENS[NUMBER]) }
            * self.samples
            + first;
        if const { At::<P, N, INDEX>::reads_before::<T>(NUMBER) } {
            return &self.before[start..start + len];
        }
        let start = start - self.after_start;
        &self.after[start..start + len]
    }
}

//! Forward for inference: outputs go to buffers that are used in turn.

use core::ops::Range;

use super::{Chunk, Spot, has_relu_epilogue, relu_after, sources};
use crate::memory::{flatten, flatten_mut, tensors_mut};
use crate::network::call::{Forward, ForwardInPlace};
use crate::network::call_memory::{Scratch, StateMemory, ThreadMemory};
use crate::network::context::Context;
use crate::network::infer::Infer;
use crate::network::layer::{Flow, Layer};
use crate::network::layer_input::LayerInput;
use crate::network::plan::Plan;
use crate::tensor::{Element, Shape};

/// A forward pass for inference, over one chunk of the batch at a time.
#[doc(hidden)]
pub struct Inference<'a, T: Element, const N: usize> {
    plan: &'a Plan<N>,
    chunk: Chunk,
    input: &'a [T],
    /// The buffers of the plan.
    buffers: [&'a mut [T]; N],
    output: &'a mut [T],
    /// The memory that the layers use in turn.
    scratch: Scratch<'a>,
    thread_memory: ThreadMemory<'a>,
    /// The states of all layers.
    state: Option<StateMemory<'a>>,
    cx: &'a Context<'a, T>,
}

impl<'a, T: Element, const N: usize> Inference<'a, T, N> {
    /// Calls `layers` for each segment of layers, in order, with each chunk of the batch.
    #[inline(always)]
    pub fn run<L: Layer<T>, In: Shape, Out: Shape>(
        plan: &'a Plan<N>,
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
        let samples = x.len();
        let numbers = |bytes: usize| bytes / size_of::<T>();

        let mut run = Inference {
            plan,
            chunk: Chunk {
                segment: plan.inference_segments.list[0],
                first: 0,
                count: samples,
                in_worker: false,
            },
            input: flatten(x),
            buffers: plan.buffers.map(|bytes| scratch.take(numbers(bytes))),
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

    /// Runs the layer at an index.
    ///
    /// The index is a const generic, so that each instance has one caller: the optimizer then
    /// inlines it, which the smallest networks need. It is not `inline(always)`: without
    /// optimization, all layers together would take a large part of the stack.
    #[inline]
    pub fn layer<L: Infer<In, Out, T>, In: LayerInput, Out: Shape, const INDEX: usize>(
        &mut self,
        config: &L::Config,
        params: &L::Params,
    ) {
        if !self.chunk.has(INDEX) {
            return;
        }
        let chunk = self.chunk;
        let count = chunk.count;
        let cx = self.cx;
        let layer = self.plan.inference[INDEX];
        if layer.absorbed || (layer.shares && L::FLOW == Flow::View) {
            return;
        }

        // The buffer is taken out while the others are read.
        let buffer = core::mem::take(self.buffer(layer.spot));
        let y = &mut buffer[range(layer.spot, chunk, Out::LEN)];
        if layer.shares {
            let y = tensors_mut(y, count);
            L::infer_in_place(ForwardInPlace { config, y, cx });
            *self.buffer(layer.spot) = buffer;
            return;
        }

        let source = |source: usize| -> &[T] {
            let len = In::LENS[source];
            if len == 0 {
                return &[];
            }
            let spot = layer.sources[source].spot;
            let from = match spot {
                Spot::Chunk(buffer) | Spot::Whole(buffer) => &*self.buffers[buffer],
                _ => self.input,
            };
            &from[range(spot, chunk, len)]
        };

        match L::FLOW {
            Flow::Apart => {
                let relu = has_relu_epilogue::<L, In, Out, T>(layer);

                L::forward(Forward {
                    config,
                    params,
                    x: In::batch(sources(&source), count),
                    y: tensors_mut(y, count),
                    scratch: self.scratch.for_samples(count),
                    thread_memory: self.thread_memory.reborrow(),
                    state: self
                        .state
                        .as_mut()
                        .map(|states| states.part(layer.state, L::NEEDS.state)),
                    cx: &cx.with_relu_epilogue(relu),
                });
                relu_after::<L, In, Out, T>(layer, y, count, cx);
            }
            Flow::InPlace => {
                y.copy_from_slice(source(0));
                let y = tensors_mut(y, count);
                L::infer_in_place(ForwardInPlace { config, y, cx });
            }
            Flow::View => y.copy_from_slice(source(0)),
        }
        *self.buffer(layer.spot) = buffer;
    }

    /// Returns the buffer of a spot that a layer writes to.
    #[inline(always)]
    fn buffer(&mut self, spot: Spot) -> &mut &'a mut [T] {
        match spot {
            Spot::Chunk(buffer) | Spot::Whole(buffer) => &mut self.buffers[buffer],
            _ => &mut self.output,
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

//! Forward for inference: outputs go to buffers that are used in turn.

use core::ops::Range;

use super::{Chunk, Spot, has_relu_epilogue, relu_after};
use crate::memory::{flatten, flatten_mut, tensors, tensors_mut};
use crate::network::layer::{Compute, Context, Flow};
use crate::network::plan::Plan;
use crate::tensor::{Element, Shape, Tensor};

/// A forward pass for inference, over one chunk of the batch at a time.
#[doc(hidden)]
pub struct Inference<'a, T: Element, const N: usize> {
    plan: &'a Plan<N>,
    chunk: Chunk,
    input: &'a [T],
    /// The buffers of the plan's spots.
    even: &'a mut [T],
    odd: &'a mut [T],
    even_end: &'a mut [T],
    odd_end: &'a mut [T],
    /// The scratch memory that the layers use in turn.
    layer_scratch: &'a mut [T],
    output: &'a mut [T],
}

impl<'a, T: Element, const N: usize> Inference<'a, T, N> {
    /// Calls `layers` for each segment of layers, in order, with each chunk of the batch.
    #[inline(always)]
    pub fn run<In: Shape, Out: Shape>(
        plan: &'a Plan<N>,
        x: &'a [Tensor<In, T>],
        y: &'a mut [Tensor<Out, T>],
        scratch: &'a mut [T],
        layers: impl Fn(&mut Self),
    ) {
        let samples = x.len();
        let (even, scratch) = scratch.split_at_mut(plan.even * samples);
        let (odd, scratch) = scratch.split_at_mut(plan.odd * samples);
        let (even_end, scratch) = scratch.split_at_mut(plan.even_end * samples);
        let (odd_end, layer_scratch) = scratch.split_at_mut(plan.odd_end * samples);
        let mut run = Inference {
            plan,
            chunk: Chunk {
                segment: plan.inference_segments.list[0],
                first: 0,
                count: samples,
                in_worker: false,
            },
            input: flatten(x),
            even,
            odd,
            even_end,
            odd_end,
            layer_scratch,
            output: flatten_mut(y),
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
    pub fn layer<L: Compute<In, Out, T>, In: Shape, Out: Shape, const INDEX: usize>(
        &mut self,
        config: &L::Config,
        params: &L::Params,
        cx: &Context<T>,
    ) {
        if !self.chunk.has(INDEX) {
            return;
        }
        let chunk = self.chunk;
        let count = chunk.count;
        let layer = self.plan.inference[INDEX];
        if layer.absorbed || (layer.shares && L::FLOW == Flow::View) {
            return;
        }

        // The buffer is taken out while the others are read.
        let buffer = core::mem::take(self.buffer(layer.spot));
        let y = &mut buffer[range(layer.spot, chunk, Out::LEN)];
        if layer.shares {
            L::infer_in_place(config, tensors_mut(y, count), cx);
            *self.buffer(layer.spot) = buffer;
            return;
        }

        let from = if INDEX == 0 {
            Spot::Input
        } else {
            self.plan.inference[INDEX - 1].spot
        };
        let x = match from {
            Spot::Even => &*self.even,
            Spot::Odd => &*self.odd,
            Spot::EvenEnd => &*self.even_end,
            Spot::OddEnd => &*self.odd_end,
            _ => self.input,
        };
        let x = &x[range(from, chunk, In::LEN)];

        match L::FLOW {
            Flow::Apart => {
                let scratch = &mut self.layer_scratch[..count * L::SCRATCH];
                let relu = has_relu_epilogue::<L, In, Out, T>(layer);
                L::forward(
                    config,
                    params,
                    tensors(x, count),
                    tensors_mut(y, count),
                    scratch,
                    &cx.with_relu_epilogue(relu),
                );
                relu_after::<L, In, Out, T>(layer, y, count, cx);
            }
            Flow::InPlace => {
                y.copy_from_slice(x);
                L::infer_in_place(config, tensors_mut(y, count), cx);
            }
            Flow::View => y.copy_from_slice(x),
        }
        *self.buffer(layer.spot) = buffer;
    }

    /// Returns the buffer of a spot that a layer writes to.
    #[inline(always)]
    fn buffer(&mut self, spot: Spot) -> &mut &'a mut [T] {
        match spot {
            Spot::Even => &mut self.even,
            Spot::Odd => &mut self.odd,
            Spot::EvenEnd => &mut self.even_end,
            Spot::OddEnd => &mut self.odd_end,
            _ => &mut self.output,
        }
    }
}

/// Returns the range of a chunk's samples in the buffer of a spot. Buffers that serve a single
/// segment are reused for each chunk.
#[inline(always)]
fn range(spot: Spot, chunk: Chunk, len: usize) -> Range<usize> {
    match spot {
        Spot::Even | Spot::Odd => 0..chunk.count * len,
        _ => chunk.range(len),
    }
}

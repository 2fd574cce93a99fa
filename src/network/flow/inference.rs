//! Inference: outputs go to buffers that are used in turn.

use super::{Piece, Spot, has_relu_epilogue, relu_after};
use crate::memory::{flatten, flatten_mut, tensors, tensors_mut};
use crate::network::layer::{Compute, Context, Flow};
use crate::network::plan::Plan;
use crate::tensor::{Element, Shape, Tensor};

#[doc(hidden)]
pub struct Inference<'a, T: Element, const N: usize> {
    plan: &'a Plan<N>,
    piece: Piece,
    input: &'a [T],
    even: &'a mut [T],
    odd: &'a mut [T],
    even_end: &'a mut [T],
    odd_end: &'a mut [T],
    inner: &'a mut [T],
    output: &'a mut [T],
}

impl<'a, T: Element, const N: usize> Inference<'a, T, N> {
    /// Calls with each piece of the batch for each segment of layers, in order.
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
        let (odd_end, inner) = scratch.split_at_mut(plan.odd_end * samples);
        let (input, output) = (flatten(x), flatten_mut(y));
        let segment = plan.inference_segments.list[0];
        let piece = Piece {
            segment,
            first: 0,
            count: samples,
            cut: false,
        };
        let mut run = Inference {
            plan,
            piece,
            input,
            even,
            odd,
            even_end,
            odd_end,
            inner,
            output,
        };
        for segment in &plan.inference_segments.list[..plan.inference_segments.count] {
            let (mut first, step) = (
                0,
                if segment.piece == 0 {
                    samples
                } else {
                    segment.piece
                },
            );
            // Tells the compiler that one segment without pieces is no loop.
            loop {
                let count = step.min(samples - first);
                run.piece = Piece {
                    segment: *segment,
                    first,
                    count,
                    cut: false,
                };
                layers(&mut run);
                first += step;
                if first >= samples {
                    break;
                }
            }
        }
    }

    /// Runs the layer at an index.
    ///
    /// The index is a constant, so that this is called from one place alone: the optimizer inlines
    /// it there, which the smallest networks need. Inlined in every build, all layers together
    /// would take a large part of the stack where nothing is optimized.
    #[inline]
    pub fn layer<L: Compute<In, Out, T>, In: Shape, Out: Shape, const INDEX: usize>(
        &mut self,
        config: &L::Config,
        params: &L::Params,
        cx: &Context<T>,
    ) {
        if !self.piece.has(INDEX) {
            return;
        }
        let (piece, step) = (self.piece, self.plan.inference[INDEX]);
        let count = piece.count;
        if step.absorbed || (step.shares && L::FLOW == Flow::View) {
            return;
        }
        // Taken out of its place while the others are read.
        let buffer = core::mem::take(self.buffer(step.spot));
        let y = &mut buffer[range(step.spot, piece, Out::LEN)];
        if step.shares {
            L::infer_in_place(config, tensors_mut(y, count), cx);
            *self.buffer(step.spot) = buffer;
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
        let x = &x[range(from, piece, In::LEN)];
        match L::FLOW {
            Flow::Apart => {
                let scratch = &mut self.inner[..count * L::SCRATCH];
                let relu = has_relu_epilogue::<L, In, Out, T>(step);
                let layer = &cx.with_relu_epilogue(relu);
                L::forward(
                    config,
                    params,
                    tensors(x, count),
                    tensors_mut(y, count),
                    scratch,
                    layer,
                );
                relu_after::<L, In, Out, T>(step, y, count, cx);
            }
            Flow::InPlace => {
                y.copy_from_slice(x);
                L::infer_in_place(config, tensors_mut(y, count), cx);
            }
            Flow::View => y.copy_from_slice(x),
        }
        *self.buffer(step.spot) = buffer;
    }

    /// The memory that a layer writes to.
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

/// The numbers of a piece's samples in the buffer of a spot: those that only serve one segment are
/// used again for each piece.
#[inline(always)]
fn range(spot: Spot, piece: Piece, len: usize) -> core::ops::Range<usize> {
    match spot {
        Spot::Even | Spot::Odd => 0..piece.count * len,
        _ => piece.range(len),
    }
}

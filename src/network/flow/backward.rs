//! The way back from the output's gradient to the input's.

use super::{Piece, before, for_pieces, read};
use crate::memory::{flatten, flatten_mut, tensors, tensors_mut};
use crate::network::activation_store::ActivationStore;
use crate::network::layer::{Compute, Context, Flow, InPlace};
use crate::network::layer_outputs::LayerOutputs;
use crate::network::plan::{Plan, Spot};
use crate::nn::Relu;
use crate::tensor::{Element, Shape, Tensor};

#[doc(hidden)]
pub struct Backward<'a, T: Element, const N: usize> {
    plan: &'a Plan<N>,
    piece: Piece,
    cx: Context<'a, T>,
    input: &'a [T],
    output: &'a [T],
    cache: ActivationStore<'a, T>,
    output_gradient: &'a mut [T],
    input_gradient: Option<&'a mut [T]>,
    lowest: usize,
}

impl<'a, T: Element, const N: usize> Backward<'a, T, N> {
    /// Calls with each piece of the batch for each segment of layers, last segment first.
    #[inline(always)]
    #[allow(clippy::too_many_arguments)]
    pub fn run<In: Shape, Out: Shape>(
        plan: &Plan<N>,
        x: &[Tensor<In, T>],
        y: LayerOutputs<'_, Out, T>,
        cache: ActivationStore<'_, T>,
        dy: &mut [Tensor<Out, T>],
        dx: Option<&mut [Tensor<In, T>]>,
        cx: &Context<T>,
        layers: impl Fn(&mut Backward<'_, T, N>) + Sync,
    ) {
        let (samples, input) = (x.len(), flatten(x));
        // Not there where no layer reads it.
        let output = if plan.reads_output { flatten(&y) } else { &[] };
        let lowest = if dx.is_some() { 0 } else { cx.lowest() };
        let (dy, cache) = (
            ActivationStore::new(flatten_mut(dy), samples, Out::LEN).parts(),
            cache.parts(),
        );
        let dx = dx.map(|dx| ActivationStore::new(flatten_mut(dx), samples, In::LEN).parts());
        for &segment in plan.training_segments.list[..plan.training_segments.count]
            .iter()
            .rev()
        {
            for_pieces(segment, samples, plan.multiply_adds, cx, &|piece| {
                let Piece {
                    first, count, cut, ..
                } = piece;
                // SAFETY: the pieces that live at the same time are of different samples.
                let (output_gradient, cache, input_gradient) = unsafe {
                    let dx = dx.as_ref().map(|dx| dx.part(first, count).into_slice());
                    (
                        dy.part(first, count).into_slice(),
                        cache.part(first, count),
                        dx,
                    )
                };
                let input = &input[piece.range(In::LEN)];
                let output = if plan.reads_output {
                    &output[piece.range(Out::LEN)]
                } else {
                    &[]
                };
                let cx = cx.of_part(first, cut);
                layers(&mut Backward {
                    plan,
                    piece,
                    cx,
                    input,
                    output,
                    cache,
                    output_gradient,
                    input_gradient,
                    lowest,
                });
            });
        }
    }

    /// Runs the layer at an index. Not inlined where nothing is optimized, or all layers together
    /// would take a large part of the stack.
    #[inline]
    pub fn layer<L: Compute<In, Out, T>, In: Shape, Out: Shape>(
        &mut self,
        index: usize,
        config: &L::Config,
        params: &L::Params,
    ) {
        if index < self.lowest || !self.piece.has(index) {
            return;
        }
        let Backward {
            plan,
            piece,
            cx,
            input,
            output,
            cache,
            output_gradient,
            input_gradient,
            lowest,
        } = self;
        let (count, step, cx) = (piece.count, plan.training[index], &cx.layer(index));
        let (y, dy) = match step.spot {
            // SAFETY: the plan gives outputs, gradients and caches slots of their own. Of one
            // layer, the slots of `x`, `y`, `dx`, `dy` and the cache differ, but for a
            // layer that works in place: its `x` and `dx` are not made.
            Spot::Slot { outputs, gradient } => unsafe {
                let y = &*cache.slot(outputs, Out::LEN).into_slice();
                (y, cache.slot(gradient, Out::LEN).into_slice())
            },
            Spot::Input => return,
            _ => (*output, &mut **output_gradient),
        };
        if step.absorbed {
            return;
        }
        if step.relu {
            <Relu as InPlace>::backward_in_place(
                &(),
                LayerOutputs::from(tensors::<Out, T>(y, count)),
                tensors_mut(dy, count),
                cx,
            );
        }
        if step.shares {
            if L::FLOW == Flow::InPlace {
                L::return_in_place(
                    config,
                    read::<L, In, Out, T>(y, count),
                    tensors_mut(dy, count),
                    cx,
                );
            }
            return;
        }
        let (x, dx) = match before(plan, index) {
            // SAFETY: as above.
            Spot::Slot { outputs, gradient } => unsafe {
                let x = &*cache.slot(outputs, In::LEN).into_slice();
                (
                    x,
                    (index > *lowest).then(|| cache.slot(gradient, In::LEN).into_slice()),
                )
            },
            _ => (*input, input_gradient.as_deref_mut()),
        };
        match L::FLOW {
            Flow::Apart => {
                // SAFETY: as above.
                let cache = unsafe { cache.slot(step.cache, L::CACHE) };
                let y = read::<L, In, Out, T>(y, count);
                let (x, dy) = (tensors(x, count), tensors_mut(dy, count));
                let dx = dx.map(|dx| tensors_mut(dx, count));
                L::backward_input(config, params, x, y, cache, dy, dx, cx);
            }
            Flow::InPlace | Flow::View => {
                if L::FLOW == Flow::InPlace {
                    L::return_in_place(
                        config,
                        read::<L, In, Out, T>(y, count),
                        tensors_mut(dy, count),
                        cx,
                    );
                }
                if let Some(dx) = dx {
                    dx.copy_from_slice(dy);
                }
            }
        }
    }
}

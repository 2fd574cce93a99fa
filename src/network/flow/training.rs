//! Forward for training: every buffer is kept until backward has read it.

use super::{Piece, before, for_pieces, has_relu_epilogue, outputs_at, relu_after};
use crate::memory::{flatten, flatten_mut, tensors, tensors_mut};
use crate::network::activation_store::ActivationStore;
use crate::network::layer::{Compute, Context, Flow};
use crate::network::plan::{Plan, Spot};
use crate::tensor::{Element, Shape, Tensor};

#[doc(hidden)]
pub struct Training<'a, T: Element, const N: usize> {
    plan: &'a Plan<N>,
    piece: Piece,
    cx: Context<'a, T>,
    input: &'a [T],
    output: &'a mut [T],
    cache: ActivationStore<'a, T>,
}

impl<'a, T: Element, const N: usize> Training<'a, T, N> {
    /// Calls with each piece of the batch for each segment of layers, in order.
    #[inline(always)]
    pub fn run<In: Shape, Out: Shape>(
        plan: &Plan<N>,
        x: &[Tensor<In, T>],
        y: &mut [Tensor<Out, T>],
        cache: ActivationStore<'_, T>,
        cx: &Context<T>,
        layers: impl Fn(&mut Training<'_, T, N>) + Sync,
    ) {
        let (samples, input) = (x.len(), flatten(x));
        let (output, cache) = (
            ActivationStore::new(flatten_mut(y), samples, Out::LEN).parts(),
            cache.parts(),
        );
        for &segment in &plan.training_segments.list[..plan.training_segments.count] {
            for_pieces(segment, samples, plan.multiply_adds, cx, &|piece| {
                // SAFETY: the pieces that live at the same time are of different samples.
                let (output, cache) = unsafe {
                    (
                        output.part(piece.first, piece.count),
                        cache.part(piece.first, piece.count),
                    )
                };
                let (input, output) = (&input[piece.range(In::LEN)], output.into_slice());
                let cx = cx.of_part(piece.first, piece.cut);
                layers(&mut Training {
                    plan,
                    piece,
                    cx,
                    input,
                    output,
                    cache,
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
        let Training {
            plan,
            piece,
            cx,
            input,
            output,
            cache,
        } = self;
        if !piece.has(index) {
            return;
        }
        let (count, step, cx) = (piece.count, plan.training[index], &cx.layer(index));
        if step.absorbed {
            return;
        }
        // SAFETY: the plan gives each layer's outputs, gradient and cache a slot of their own; `x`
        // is the slot of an earlier layer, `y` and the cache are slots of this one, unless
        // the layer works in place, and then `x` is not made.
        let x = || unsafe { outputs_at(before(plan, index), cache, In::LEN, input) };
        let y = match step.spot {
            // SAFETY: as above.
            Spot::Slot { outputs, .. } => unsafe { cache.slot(outputs, Out::LEN).into_slice() },
            Spot::Input => return,
            _ => &mut **output,
        };
        match (L::FLOW, step.shares) {
            (Flow::Apart, _) => {
                // SAFETY: as above.
                let cache = unsafe { cache.slot(step.cache, L::CACHE) };
                let layer = &cx.with_relu_epilogue(has_relu_epilogue::<L, In, Out, T>(step));
                L::forward_train(
                    config,
                    params,
                    tensors(x(), count),
                    tensors_mut(y, count),
                    cache,
                    layer,
                );
                relu_after::<L, In, Out, T>(step, y, count, cx);
            }
            (Flow::InPlace, true) => L::train_in_place(config, tensors_mut(y, count), cx),
            (Flow::InPlace, false) => {
                y.copy_from_slice(x());
                L::train_in_place(config, tensors_mut(y, count), cx);
            }
            (Flow::View, true) => {}
            (Flow::View, false) => y.copy_from_slice(x()),
        }
    }
}

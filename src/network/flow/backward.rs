//! Backward through the layers, from the gradient of the output to that of the input.

use super::{Chunk, before, for_chunks, read};
use crate::memory::{flatten, flatten_mut, tensors, tensors_mut};
use crate::network::activation_store::ActivationStore;
use crate::network::layer::{Compute, Context, Flow, InPlace};
use crate::network::layer_outputs::LayerOutputs;
use crate::network::plan::{Plan, Spot};
use crate::nn::Relu;
use crate::tensor::{Element, Shape, Tensor};

/// A backward pass through the layers, over one chunk of the batch.
#[doc(hidden)]
pub struct Backward<'a, T: Element, const N: usize> {
    plan: &'a Plan<N>,
    chunk: Chunk,
    cx: Context<'a, T>,
    input: &'a [T],
    output: &'a [T],
    cache: ActivationStore<'a, T>,
    output_gradient: &'a mut [T],
    input_gradient: Option<&'a mut [T]>,
    /// The index of the layer at which backward stops.
    stop_at: usize,
}

impl<'a, T: Element, const N: usize> Backward<'a, T, N> {
    /// Calls `layers` for each segment of layers, last segment first, with each chunk of the batch.
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
        let samples = x.len();
        let input = flatten(x);
        // The output is not available if no layer reads it.
        let output = if plan.reads_output { flatten(&y) } else { &[] };
        let cache = cache.parts();
        let dy = ActivationStore::new(flatten_mut(dy), samples, Out::LEN).parts();
        let stop_at = if dx.is_some() { 0 } else { cx.first_trained() };
        let dx = dx.map(|dx| ActivationStore::new(flatten_mut(dx), samples, In::LEN).parts());

        let segments = &plan.training_segments.list[..plan.training_segments.count];
        for &segment in segments.iter().rev() {
            for_chunks(segment, samples, plan.multiply_adds, cx, &|chunk| {
                let Chunk { first, count, .. } = chunk;
                let output = if plan.reads_output {
                    &output[chunk.range(Out::LEN)]
                } else {
                    &[]
                };
                // SAFETY: the chunks that live at the same time have different samples.
                let input_gradient = dx
                    .as_ref()
                    .map(|dx| unsafe { dx.part(first, count) }.into_slice());

                layers(&mut Backward {
                    plan,
                    chunk,
                    cx: cx.of_part(first, chunk.in_worker),
                    input: &input[chunk.range(In::LEN)],
                    output,
                    // SAFETY: as above.
                    cache: unsafe { cache.part(first, count) },
                    // SAFETY: as above.
                    output_gradient: unsafe { dy.part(first, count) }.into_slice(),
                    input_gradient,
                    stop_at,
                });
            });
        }
    }

    /// Runs the layer at an index.
    ///
    /// It is not `inline(always)`: without optimization, all layers together would take a large
    /// part of the stack.
    #[inline]
    pub fn layer<L: Compute<In, Out, T>, In: Shape, Out: Shape>(
        &mut self,
        index: usize,
        config: &L::Config,
        params: &L::Params,
    ) {
        if index < self.stop_at || !self.chunk.has(index) {
            return;
        }

        let Backward {
            plan,
            chunk,
            cx,
            input,
            output,
            cache,
            output_gradient,
            input_gradient,
            stop_at,
        } = self;
        let count = chunk.count;
        let layer = plan.training[index];
        let cx = &cx.layer(index);

        let (y, dy) = match layer.spot {
            // SAFETY: the plan gives outputs, gradients and caches slots of their own. The slots of
            // a layer's `x`, `y`, `dx`, `dy` and cache differ, unless the layer shares those of the
            // layer before: then its `x` and `dx` are not made.
            Spot::Slot { outputs, gradient } => unsafe {
                let y = &*cache.slot(outputs, Out::LEN).into_slice();
                (y, cache.slot(gradient, Out::LEN).into_slice())
            },
            Spot::Input => return,
            _ => (*output, &mut **output_gradient),
        };
        if layer.absorbed {
            return;
        }
        if layer.relu {
            <Relu as InPlace>::backward_in_place(
                &(),
                LayerOutputs::from(tensors::<Out, T>(y, count)),
                tensors_mut(dy, count),
                cx,
            );
        }
        if L::FLOW == Flow::InPlace {
            let y = read::<L, In, Out, T>(y, count);
            L::return_in_place(config, y, tensors_mut(dy, count), cx);
        }
        if layer.shares {
            return;
        }

        let (x, dx) = match before(plan, index) {
            // SAFETY: as above.
            Spot::Slot { outputs, gradient } => unsafe {
                let x = &*cache.slot(outputs, In::LEN).into_slice();
                let dx = (index > *stop_at).then(|| cache.slot(gradient, In::LEN).into_slice());
                (x, dx)
            },
            _ => (*input, input_gradient.as_deref_mut()),
        };
        match L::FLOW {
            Flow::Apart => {
                // SAFETY: as above.
                let cache = unsafe { cache.slot(layer.cache, L::CACHE) };
                let x = tensors(x, count);
                let y = read::<L, In, Out, T>(y, count);
                let dy = tensors_mut(dy, count);
                let dx = dx.map(|dx| tensors_mut(dx, count));
                L::backward_input(config, params, x, y, cache, dy, dx, cx);
            }
            Flow::InPlace | Flow::View => {
                if let Some(dx) = dx {
                    dx.copy_from_slice(dy);
                }
            }
        }
    }
}

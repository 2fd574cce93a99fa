//! Backward for the parameters, after the backward pass through the layers.

use super::{before, outputs_at, read};
use crate::memory::{flatten, tensors};
use crate::network::activation_store::ActivationStore;
use crate::network::layer::{Compute, Context};
use crate::network::layer_outputs::LayerOutputs;
use crate::network::parameters::Parameters;
use crate::network::plan::{Plan, Spot};
use crate::tensor::{Element, Shape, Tensor};

/// The computation of the gradients of all parameters, for the whole batch.
#[doc(hidden)]
pub struct Gradients<'a, T: Element, const N: usize> {
    plan: &'a Plan<N>,
    count: usize,
    input: &'a [T],
    output: &'a [T],
    cache: ActivationStore<'a, T>,
    output_gradient: &'a [T],
    cx: Context<'a, T>,
}

impl<'a, T: Element, const N: usize> Gradients<'a, T, N> {
    #[inline(always)]
    pub fn new<In: Shape, Out: Shape>(
        plan: &'a Plan<N>,
        x: &'a [Tensor<In, T>],
        y: LayerOutputs<'a, Out, T>,
        cache: ActivationStore<'a, T>,
        dy: &'a [Tensor<Out, T>],
        cx: &Context<'a, T>,
    ) -> Self {
        // The output is not available if no layer reads it.
        let output = if plan.reads_output {
            flatten(y.into_slice())
        } else {
            &[]
        };

        Gradients {
            plan,
            count: x.len(),
            input: flatten(x),
            output,
            cache,
            output_gradient: flatten(dy),
            cx: *cx,
        }
    }

    /// Computes the gradient of the parameters of the layer at an index.
    ///
    /// It is not `inline(always)`: without optimization, all layers together would take a large
    /// part of the stack.
    #[inline]
    pub fn layer<L: Compute<In, Out, T>, In: Shape, Out: Shape>(
        &mut self,
        index: usize,
        config: &L::Config,
        params: &L::Params,
        gradient: &mut L::Params,
    ) {
        if <L::Params as Parameters<T>>::LEN == 0 || index < self.cx.first_trained() {
            return;
        }

        let Gradients {
            plan,
            count,
            input,
            output,
            cache,
            output_gradient,
            cx,
        } = self;
        let count = *count;
        let layer = plan.training[index];
        let cx = &cx.layer(index);

        // SAFETY: the slots of `x`, `y`, `dy` and the cache differ, as in `Backward`, and only the
        // cache is written to.
        let x = unsafe { outputs_at(before(plan, index), cache, In::LEN, input) };
        // SAFETY: as above.
        let y = unsafe { outputs_at(layer.spot, cache, Out::LEN, output) };
        let dy = match layer.spot {
            // SAFETY: as above.
            Spot::Slot { gradient, .. } => unsafe { &*cache.slot(gradient, Out::LEN).into_slice() },
            _ => *output_gradient,
        };
        // SAFETY: as above.
        let cache = unsafe { cache.slot(layer.cache, L::CACHE) };

        if !L::OVERWRITES && !cx.accumulate() {
            gradient.as_mut_slice().fill(T::zero());
        }
        let x = tensors(x, count);
        let y = read::<L, In, Out, T>(y, count);
        let dy = tensors(dy, count);
        L::backward_params(config, params, x, y, cache, dy, gradient, cx);
    }
}

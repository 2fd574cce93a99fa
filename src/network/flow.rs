//! Runs a network's layers over their buffers, as the plan says: what `network!` emits calls these, layer
//! after layer in a straight line.

use super::layer::{Compute, Context, Flow};
use super::parameters::Parameters;
use super::plan::{Plan, Spot};
use super::slab::Slab;
use crate::memory::{flatten, flatten_mut, tensors, tensors_mut};
use crate::tensor::{Element, Shape, Tensor};

/// Inference: two buffers in turn.
#[doc(hidden)]
pub struct Inference<'a, T: Element, const N: usize> {
    plan: &'a Plan<N>,
    count: usize,
    at: Spot,
    input: &'a [T],
    even: &'a mut [T],
    odd: &'a mut [T],
    inner: &'a mut [T],
    output: &'a mut [T],
}

impl<'a, T: Element, const N: usize> Inference<'a, T, N> {
    #[inline(always)]
    pub fn new<In: Shape, Out: Shape>(
        plan: &'a Plan<N>,
        x: &'a [Tensor<In, T>],
        y: &'a mut [Tensor<Out, T>],
        scratch: &'a mut [T],
    ) -> Self {
        let count = x.len();
        let (even, scratch) = scratch.split_at_mut(plan.even * count);
        let (odd, inner) = scratch.split_at_mut(plan.odd * count);
        Inference {
            plan,
            count,
            at: Spot::Input,
            input: flatten(x),
            even,
            odd,
            inner,
            output: flatten_mut(y),
        }
    }

    #[inline(always)]
    pub fn layer<L: Compute<In, Out, T>, In: Shape, Out: Shape>(
        &mut self,
        index: usize,
        config: &L::Config,
        params: &L::Params,
        cx: &Context<T>,
    ) {
        let step = self.plan.inference[index];
        let (count, out_len) = (self.count, self.count * Out::LEN);
        if step.shares {
            if L::FLOW == Flow::InPlace {
                let y = match self.at {
                    Spot::Even => &mut *self.even,
                    Spot::Odd => &mut *self.odd,
                    _ => &mut *self.output,
                };
                L::forward_in_place(config, tensors_mut(&mut y[..out_len], count), cx);
            }
            return;
        }
        let (x, y) = match (self.at, step.spot) {
            (Spot::Input, Spot::Even) => (self.input, &mut *self.even),
            (Spot::Input, _) => (self.input, &mut *self.output),
            (Spot::Even, Spot::Odd) => (&*self.even, &mut *self.odd),
            (Spot::Even, _) => (&*self.even, &mut *self.output),
            (_, Spot::Even) => (&*self.odd, &mut *self.even),
            (_, _) => (&*self.odd, &mut *self.output),
        };
        let (x, y) = (&x[..count * In::LEN], &mut y[..out_len]);
        match L::FLOW {
            Flow::Apart => {
                let scratch = &mut self.inner[..count * L::SCRATCH];
                L::forward(config, params, tensors(x, count), tensors_mut(y, count), scratch, cx);
            }
            Flow::InPlace => {
                y.copy_from_slice(x);
                L::forward_in_place(config, tensors_mut(y, count), cx);
            }
            Flow::View => y.copy_from_slice(x),
        }
        self.at = step.spot;
    }
}

/// Training: every buffer is kept until backward has read it.
#[doc(hidden)]
pub struct Training<'a, T: Element, const N: usize> {
    plan: &'a Plan<N>,
    count: usize,
    input: &'a [T],
    output: &'a mut [T],
    cache: Slab<'a, T>,
}

impl<'a, T: Element, const N: usize> Training<'a, T, N> {
    #[inline(always)]
    pub fn new<In: Shape, Out: Shape>(
        plan: &'a Plan<N>,
        x: &'a [Tensor<In, T>],
        y: &'a mut [Tensor<Out, T>],
        cache: Slab<'a, T>,
    ) -> Self {
        Training { plan, count: x.len(), input: flatten(x), output: flatten_mut(y), cache }
    }

    #[inline(always)]
    pub fn layer<L: Compute<In, Out, T>, In: Shape, Out: Shape>(
        &mut self,
        index: usize,
        config: &L::Config,
        params: &L::Params,
        cx: &Context<T>,
    ) {
        let Training { plan, count, input, output, cache } = self;
        let (count, step) = (*count, plan.training[index]);
        // SAFETY: the plan gives each layer's outputs, gradient and cache a slot of their own; `x` is the
        // slot of an earlier layer, `y` and the cache are slots of this one, unless the layer works in
        // place, and then `x` is not made.
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
                L::forward_train(config, params, tensors(x(), count), tensors_mut(y, count), cache, cx);
            }
            (Flow::InPlace, true) => L::forward_train_in_place(config, tensors_mut(y, count), cx),
            (Flow::InPlace, false) => {
                y.copy_from_slice(x());
                L::forward_train_in_place(config, tensors_mut(y, count), cx);
            }
            (Flow::View, true) => {}
            (Flow::View, false) => y.copy_from_slice(x()),
        }
    }
}

/// The way back from the output's gradient to the input's.
#[doc(hidden)]
pub struct Backward<'a, T: Element, const N: usize> {
    plan: &'a Plan<N>,
    count: usize,
    input: &'a [T],
    output: &'a [T],
    cache: Slab<'a, T>,
    output_gradient: &'a mut [T],
    input_gradient: Option<&'a mut [T]>,
    lowest: usize,
}

impl<'a, T: Element, const N: usize> Backward<'a, T, N> {
    #[inline(always)]
    pub fn new<In: Shape, Out: Shape>(
        plan: &'a Plan<N>,
        x: &'a [Tensor<In, T>],
        y: &'a [Tensor<Out, T>],
        cache: Slab<'a, T>,
        dy: &'a mut [Tensor<Out, T>],
        dx: Option<&'a mut [Tensor<In, T>]>,
        cx: &Context<T>,
    ) -> Self {
        let (input, output) = (flatten(x), flatten(y));
        let (output_gradient, input_gradient) = (flatten_mut(dy), dx.map(flatten_mut));
        let lowest = if input_gradient.is_some() { 0 } else { cx.lowest() };
        Backward { plan, count: x.len(), input, output, cache, output_gradient, input_gradient, lowest }
    }

    #[inline(always)]
    pub fn layer<L: Compute<In, Out, T>, In: Shape, Out: Shape>(
        &mut self,
        index: usize,
        config: &L::Config,
        params: &L::Params,
        cx: &Context<T>,
    ) {
        if index < self.lowest {
            return;
        }
        let Backward { plan, count, input, output, cache, output_gradient, input_gradient, lowest } = self;
        let (count, step) = (*count, plan.training[index]);
        let (y, dy) = match step.spot {
            // SAFETY: the plan gives outputs, gradients and caches slots of their own. Of one layer, the
            // slots of `x`, `y`, `dx`, `dy` and the cache differ, but for a layer that works in place: its
            // `x` and `dx` are not made.
            Spot::Slot { outputs, gradient } => unsafe {
                let y = &*cache.slot(outputs, Out::LEN).into_slice();
                (y, cache.slot(gradient, Out::LEN).into_slice())
            },
            Spot::Input => return,
            _ => (*output, &mut **output_gradient),
        };
        if step.shares {
            if L::FLOW == Flow::InPlace {
                L::backward_in_place(config, tensors(y, count), tensors_mut(dy, count), cx);
            }
            return;
        }
        let (x, dx) = match before(plan, index) {
            // SAFETY: as above.
            Spot::Slot { outputs, gradient } => unsafe {
                let x = &*cache.slot(outputs, In::LEN).into_slice();
                (x, (index > *lowest).then(|| cache.slot(gradient, In::LEN).into_slice()))
            },
            _ => (*input, input_gradient.as_deref_mut()),
        };
        match L::FLOW {
            Flow::Apart => {
                // SAFETY: as above.
                let cache = unsafe { cache.slot(step.cache, L::CACHE) };
                let (x, y, dy) = (tensors(x, count), tensors(y, count), tensors_mut(dy, count));
                let dx = dx.map(|dx| tensors_mut(dx, count));
                L::backward_input(config, params, x, y, cache, dy, dx, cx);
            }
            Flow::InPlace | Flow::View => {
                if L::FLOW == Flow::InPlace {
                    L::backward_in_place(config, tensors(y, count), tensors_mut(dy, count), cx);
                }
                if let Some(dx) = dx {
                    dx.copy_from_slice(dy);
                }
            }
        }
    }
}

/// The gradients of the parameters, once the way back has been walked.
#[doc(hidden)]
pub struct Gradients<'a, T: Element, const N: usize> {
    plan: &'a Plan<N>,
    count: usize,
    input: &'a [T],
    output: &'a [T],
    cache: Slab<'a, T>,
    output_gradient: &'a [T],
    lowest: usize,
}

impl<'a, T: Element, const N: usize> Gradients<'a, T, N> {
    #[inline(always)]
    pub fn new<In: Shape, Out: Shape>(
        plan: &'a Plan<N>,
        x: &'a [Tensor<In, T>],
        y: &'a [Tensor<Out, T>],
        cache: Slab<'a, T>,
        dy: &'a [Tensor<Out, T>],
        cx: &Context<T>,
    ) -> Self {
        let (input, output, output_gradient) = (flatten(x), flatten(y), flatten(dy));
        Gradients { plan, count: x.len(), input, output, cache, output_gradient, lowest: cx.lowest() }
    }

    #[inline(always)]
    pub fn layer<L: Compute<In, Out, T>, In: Shape, Out: Shape>(
        &mut self,
        index: usize,
        config: &L::Config,
        params: &L::Params,
        gradient: &mut L::Params,
        cx: &Context<T>,
    ) {
        if <L::Params as Parameters<T>>::LEN == 0 || index < self.lowest {
            return;
        }
        let Gradients { plan, count, input, output, cache, output_gradient, .. } = self;
        let (count, step) = (*count, plan.training[index]);
        // SAFETY: the slots of `x`, `y`, `dy` and the cache differ, as in `Backward`, and only the cache is written to.
        let (x, y, dy) = unsafe {
            let dy = match step.spot {
                Spot::Slot { gradient, .. } => &*cache.slot(gradient, Out::LEN).into_slice(),
                _ => *output_gradient,
            };
            let x = outputs_at(before(plan, index), cache, In::LEN, input);
            (x, outputs_at(step.spot, cache, Out::LEN, output), dy)
        };
        // SAFETY: as above.
        let cache = unsafe { cache.slot(step.cache, L::CACHE) };
        if !L::OVERWRITES && !cx.accumulate() {
            gradient.as_mut_slice().fill(T::zero());
        }
        let (x, y, dy) = (tensors(x, count), tensors(y, count), tensors(dy, count));
        L::backward_params(config, params, x, y, cache, dy, gradient, cx);
    }
}

/// The outputs at a spot, `len` for each sample; what the network was given or gives if they are not in a slot.
///
/// # Safety
/// Nobody writes to the slot while the outputs live.
#[inline(always)]
unsafe fn outputs_at<'a, T: Element>(spot: Spot, cache: &Slab<'a, T>, len: usize, ends: &'a [T]) -> &'a [T] {
    match spot {
        // SAFETY: the caller's promise.
        Spot::Slot { outputs, .. } => unsafe { cache.slot(outputs, len).into_slice() },
        _ => ends,
    }
}

/// Where a layer's input lies during training.
#[inline(always)]
fn before<const N: usize>(plan: &Plan<N>, index: usize) -> Spot {
    if index == 0 { Spot::Input } else { plan.training[index - 1].spot }
}

//! Backward through the layers, from the gradient of the output to that of the input.

use super::{Chunk, for_chunks, outputs_of, read};
use crate::memory::{ThreadMemory, flatten, flatten_mut, tensors_mut};
use crate::network::activation_store::{ActivationStore, Area, SharedTensors};
use crate::network::call::{BackwardInPlace, BackwardInput};
use crate::network::context::Context;
use crate::network::layer::{Configuration, Flow, Layer};
use crate::network::layer_at::LayerAt;
use crate::network::layer_input::{LayerInput, MAX_SOURCES};
use crate::network::plan::{Plan, Source, Spot};
use crate::network::relu::relu_grad;
use crate::network::train::Train;
use crate::tensor::{Element, Shape};

/// A backward pass through the layers, over one chunk of the batch.
#[doc(hidden)]
pub struct Backward<'a, T: Element, P, const N: usize> {
    plan: P,
    chunk: Chunk,
    cx: Context<'a, T>,
    input: &'a [T],
    output: &'a [T],
    cache: ActivationStore<'a>,
    thread_memory: ThreadMemory<'a>,
    output_gradient: &'a mut [T],
    input_gradient: Option<&'a mut [T]>,
    /// The index of the layer at which backward stops.
    stop_at: usize,
}

impl<'a, T, P, const N: usize> Backward<'a, T, P, N>
where
    T: Element,
    P: Fn() -> &'static Plan<N> + Copy + Sync,
{
    /// Calls `layers` for each segment of layers, last segment first, with each chunk of the batch.
    #[inline(always)]
    pub fn run<L: Layer<T>, In: Shape, Out: Shape>(
        plan_of: P,
        call: BackwardInput<'_, L, In, Out, T>,
        layers: impl Fn(&mut Backward<'_, T, P, N>) + Sync,
    ) {
        let BackwardInput {
            params,
            x,
            y,
            cache,
            dy,
            dx,
            mut thread_memory,
            cx,
            ..
        } = call;
        let plan = plan_of();
        let cx = &cx.within(params);
        let samples = x.len();
        let input = flatten(x);
        // The output is not available if no layer reads it.
        let output = if plan.reads_output { flatten(&y) } else { &[] };
        let cache = cache.parts();
        let dy = SharedTensors::new(dy);
        let stop_at = if dx.is_some() { 0 } else { cx.first_trained() };
        let dx = dx.map(SharedTensors::new);

        let segments = &plan.training_segments.list[..plan.training_segments.count];
        for &segment in segments.iter().rev() {
            let memory = thread_memory.reborrow();
            for_chunks(
                segment,
                samples,
                plan.multiply_adds,
                memory,
                cx,
                &|chunk, memory| {
                    let Chunk { first, count, .. } = chunk;
                    let output = if plan.reads_output {
                        &output[chunk.range(Out::LEN)]
                    } else {
                        &[]
                    };
                    // SAFETY: the chunks that live at the same time have different samples.
                    let input_gradient = dx
                        .as_ref()
                        .map(|dx| flatten_mut(unsafe { dx.part(first, count) }));

                    layers(&mut Backward {
                        plan: plan_of,
                        chunk,
                        cx: cx.of_part(first, chunk.in_worker),
                        input: &input[chunk.range(In::LEN)],
                        output,
                        // SAFETY: as above.
                        cache: unsafe { cache.part(first, count) },
                        thread_memory: memory,
                        // SAFETY: as above.
                        output_gradient: flatten_mut(unsafe { dy.part(first, count) }),
                        input_gradient,
                        stop_at,
                    });
                },
            );
        }
    }

    /// Runs a layer of a list that has no arguments.
    #[inline]
    pub fn call<L: Train<In, Out, T>, In: LayerInput, Out: Shape, const INDEX: usize>(
        &mut self,
        _: LayerAt<L, In, Out, T, INDEX>,
        params: &L::Params,
    ) {
        self.layer::<L, In, Out, INDEX>(&L::Config::DEFAULT, params);
    }

    /// Runs a layer of a list with its arguments.
    #[inline]
    pub fn call_with<L: Train<In, Out, T>, In: LayerInput, Out: Shape, const INDEX: usize>(
        &mut self,
        _: LayerAt<L, In, Out, T, INDEX>,
        config: &L::Config,
        params: &L::Params,
    ) {
        self.layer::<L, In, Out, INDEX>(config, params);
    }

    /// Runs the layer at an index.
    ///
    /// It is not `inline(always)`: without optimization, all layers together would take a large
    /// part of the stack.
    #[inline]
    pub(crate) fn layer<L: Train<In, Out, T>, In: LayerInput, Out: Shape, const INDEX: usize>(
        &mut self,
        config: &L::Config,
        params: &L::Params,
    ) {
        if INDEX < self.stop_at || !self.chunk.has(INDEX) {
            return;
        }

        let Backward {
            plan,
            chunk,
            cx,
            input,
            output,
            cache,
            thread_memory,
            output_gradient,
            input_gradient,
            stop_at,
        } = self;
        let count = chunk.count;
        let plan = plan();
        let layer = &plan.training[INDEX];
        let cx = &cx.layer(INDEX);

        let (y, dy) = match layer.spot {
            // SAFETY: the plan gives outputs, gradients and caches slots of their own. The slots of
            // a layer's `x`, `y`, `dx`, `dy` and cache differ, unless the layer shares those of the
            // layer before: then its `x` and `dx` are not made.
            Spot::Slot { outputs, gradient } => unsafe {
                let y = &*cache.slot(outputs, Out::LEN);
                (y, cache.slot(gradient, Out::LEN))
            },
            Spot::Input => return,
            _ => (*output, &mut **output_gradient),
        };
        if layer.absorbed {
            return;
        }
        if layer.relu {
            relu_grad(y, dy, cx);
        }
        if const { matches!(L::FLOW, Flow::InPlace) } {
            L::return_in_place(BackwardInPlace {
                config,
                y: read::<L, In, Out, T>(y, count),
                dy: tensors_mut(dy, count),
                cx,
            });
        }
        if layer.shares {
            return;
        }

        let source = |number: usize| unsafe {
            // SAFETY: as above.
            outputs_of(&layer.sources[number], cache, In::LENS[number], input)
        };
        let mut input_gradient = input_gradient.as_deref_mut();
        let has_input = input_gradient.is_some();
        let mut gradient_of = |number: usize| {
            let source = &layer.sources[number];
            let is_asked = source.layer.is_none_or(|layer| layer >= *stop_at);
            // An output without a slot is the network's input under another shape.
            let is_held = matches!(source.spot, Spot::Slot { .. }) || has_input;
            if In::LENS[number] == 0 || !is_asked || !is_held {
                return None;
            }
            // SAFETY: as above.
            let slot = unsafe { gradient_slot(source, cache, plan.shares, In::LENS[number]) };
            slot.or_else(|| input_gradient.take())
        };
        if const { matches!(L::FLOW, Flow::Apart) } {
            L::backward_input(BackwardInput {
                config,
                params,
                x: In::batch(source, count),
                y: read::<L, In, Out, T>(y, count),
                // SAFETY: as above.
                cache: unsafe { cache.part_of_each(layer.cache, L::TRAIN_NEEDS.per_sample) },
                dy: tensors_mut(dy, count),
                dx: In::gradients(gradient_of, count),
                thread_memory: thread_memory.for_layer(L::TRAIN_NEEDS.per_thread),
                cx,
            });
        } else if let Some(dx) = gradient_of(0) {
            dx.copy_from_slice(dy);
        }
        if plan.shares.len > 0 {
            let sources = &plan.training[INDEX].sources;
            // SAFETY: as above.
            let cache = unsafe { cache.all() };
            let input_gradient = self.input_gradient.as_deref_mut();
            add_shares(
                sources,
                &In::LENS,
                plan.shares,
                self.stop_at,
                cache,
                input_gradient,
            );
        }
    }
}

/// Returns the slot for the gradient of a source, `len` elements per sample, unless it is that of the
/// network's input. Where a later layer has written the gradient, the share of this one has a slot of
/// its own.
///
/// # Safety
/// Nobody else has access to the slot while the gradient lives.
#[inline]
unsafe fn gradient_slot<'a, T: Element>(
    source: &Source,
    cache: &ActivationStore<'a>,
    shares: Area,
    len: usize,
) -> Option<&'a mut [T]> {
    match (source.spot, source.share) {
        // SAFETY: the caller's promise.
        (_, Some(share)) => Some(unsafe { cache.slot_in(shares, share, len) }),
        // SAFETY: as above.
        (Spot::Slot { gradient, .. }, None) => Some(unsafe { cache.slot(gradient, len) }),
        _ => None,
    }
}

/// Adds a layer's shares to the gradients that later layers have written.
///
/// It does not borrow [`Backward`], which would then have to lie in memory for every layer.
fn add_shares<T: Element>(
    sources: &[Source; MAX_SOURCES],
    lens: &[usize; MAX_SOURCES],
    area: Area,
    stop_at: usize,
    cache: ActivationStore<'_>,
    mut input_gradient: Option<&mut [T]>,
) {
    for (source, &len) in sources.iter().zip(lens) {
        let is_asked = source.layer.is_none_or(|layer| layer >= stop_at);
        let Some(share) = source.share.filter(|_| len > 0 && is_asked) else {
            continue;
        };

        // SAFETY: the plan gives shares and gradients slots of their own, and these samples have a
        // part of the area for shares of their own.
        let share = unsafe { &*cache.slot_in::<T>(area, share, len) };
        let sum = match source.spot {
            // SAFETY: as above.
            Spot::Slot { gradient, .. } => unsafe { cache.slot(gradient, len) },
            _ => match &mut input_gradient {
                Some(sum) => sum,
                None => continue,
            },
        };
        sum.iter_mut().zip(share).for_each(|(sum, &x)| *sum += x);
    }
}

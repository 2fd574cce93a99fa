//! Backward through the layers, from the gradient of the output to that of the input.

use core::marker::PhantomData;

use super::at::{At, TrainingOutputs};
use super::{Chunk, Planned, for_chunks, read};
use crate::memory::{ThreadMemory, flatten, flatten_mut, tensors_mut};
use crate::network::activation_store::{ActivationStore, Area, SharedTensors};
use crate::network::call::{BackwardInPlace, BackwardInput};
use crate::network::context::Context;
use crate::network::layer::{Configuration, Flow, Layer};
use crate::network::layer_at::LayerAt;
use crate::network::layer_input::{EachGradient, LayerInput, MAX_SOURCES};
use crate::network::modes::ListModes;
use crate::network::plan::{Source, Spot};
use crate::network::relu::relu_grad;
use crate::network::train::Train;
use crate::tensor::{Element, Shape};

/// A backward pass through the layers, over one chunk of the batch.
#[doc(hidden)]
pub struct Backward<'a, T: Element, P, const N: usize> {
    plan: PhantomData<fn() -> P>,
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
    /// The index of the first layer whose backward runs: that layer, or the one behind it.
    first: usize,
    /// True for each layer that computes as in inference.
    eval: &'a [bool; N],
}

impl<'a, T, P, const N: usize> Backward<'a, T, P, N>
where
    T: Element,
    P: Planned<N>,
{
    /// Calls `layers` for each segment of layers, last segment first, with each chunk of the batch.
    #[inline(always)]
    pub fn run<L: Layer<T>, In: Shape, Out: Shape>(
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
        let cx = &cx.within(params);
        let samples = x.len();
        let input = flatten(x);
        // The output is not available if no layer reads it.
        let output = if const { P::PLAN.reads_output } {
            flatten(&y)
        } else {
            &[]
        };
        let cache = cache.parts();
        let dy = SharedTensors::new(dy);
        let ListModes {
            eval,
            first_trained,
            ..
        } = &cx.modes_of_list::<_, N>(params);
        let stop_at = match dx {
            Some(_) => 0,
            None => cx.first_trained().max(*first_trained),
        };
        let first_layer = stop_at + usize::from(cx.stops_behind());
        let dx = match dx {
            Some(dx) => Some(SharedTensors::new(dx)),
            None => None,
        };

        let segments = const { &{ P::PLAN.training_segments } };
        for &segment in segments.list[..segments.count].iter().rev() {
            let memory = thread_memory.reborrow();
            for_chunks(
                segment,
                samples,
                const { P::PLAN.multiply_adds },
                memory,
                cx,
                &|chunk, memory| {
                    let Chunk { first, count, .. } = chunk;
                    let output = if const { P::PLAN.reads_output } {
                        &output[chunk.range(Out::LEN)]
                    } else {
                        &[]
                    };
                    // SAFETY: the chunks that live at the same time have different samples.
                    let input_gradient = match &dx {
                        Some(dx) => Some(flatten_mut(unsafe { dx.part(first, count) })),
                        None => None,
                    };

                    layers(&mut Backward {
                        plan: PhantomData,
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
                        first: first_layer,
                        eval,
                    });
                },
            );
        }
    }

    /// Runs a layer, with its arguments if it has any.
    ///
    /// It is not `inline(always)`: without optimization, all layers together would take a large
    /// part of the stack.
    #[inline]
    pub fn call<L: Train<In, Out, T>, In: LayerInput, Out: Shape, const INDEX: usize>(
        &mut self,
        _: LayerAt<L, In, Out, T, INDEX>,
        config: Option<&L::Config>,
        params: &L::Params,
    ) {
        if const { At::<P, N, INDEX>::is_idle_in_training() } {
            return;
        }
        if INDEX < self.first || !self.chunk.has_layer(INDEX, P::PLAN.training_segments.count) {
            return;
        }

        let Backward {
            chunk,
            cx,
            input,
            output,
            cache,
            thread_memory,
            output_gradient,
            input_gradient,
            stop_at,
            eval,
            ..
        } = self;
        let default = L::Config::DEFAULT;
        let config = config.unwrap_or(&default);
        let layer = &P::PLAN.training[INDEX];
        let count = chunk.count;
        let cx = &cx.layer(INDEX).evaluating(eval[INDEX]);

        let (y, dy) = if const { At::<P, N, INDEX>::is_slot() } {
            // SAFETY: the plan gives outputs, gradients and caches slots of their own. The slots of
            // a layer's `x`, `y`, `dx`, `dy` and cache differ, unless the layer shares those of the
            // layer before: then its `x` and `dx` are not made.
            unsafe {
                let y = &*cache.slot(layer.spot.outputs(), Out::LEN);
                (y, cache.slot(layer.spot.gradient(), Out::LEN))
            }
        } else {
            (*output, &mut **output_gradient)
        };
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

        let mut gradients = SourceGradients::<At<P, N, INDEX>, In, T> {
            cache,
            has_input: input_gradient.is_some(),
            input: input_gradient.as_deref_mut(),
            stop_at: *stop_at,
            at: PhantomData,
        };
        if const { matches!(L::FLOW, Flow::Apart) } {
            // SAFETY (both blocks): as above.
            let outputs = unsafe { TrainingOutputs::<At<P, N, INDEX>, In, T>::new(cache, input) };
            L::backward_input(BackwardInput {
                config,
                params,
                x: In::batch(outputs, count),
                y: read::<L, In, Out, T>(y, count),
                cache: unsafe { cache.part_of_each(layer.cache, L::TRAIN_NEEDS.per_sample) },
                dy: tensors_mut(dy, count),
                dx: In::gradients(gradients, count),
                thread_memory: thread_memory.for_layer(L::TRAIN_NEEDS.per_thread),
                cx,
            });
        } else if let Some(dx) = gradients.of::<0>() {
            dx.copy_from_slice(dy);
        }

        if const { At::<P, N, INDEX>::has_shares() } {
            add_shares(
                &layer.sources,
                &In::LENS,
                P::PLAN.shares,
                self.stop_at,
                // SAFETY: as above.
                unsafe { self.cache.all() },
                self.input_gradient.as_deref_mut(),
            );
        }
    }
}

/// The gradients of a layer's sources: slots of the cache, or the gradient of the network's input.
/// Where a later layer has written the gradient, the share of this one has a slot of its own.
///
/// The layer's gradients have slots that nobody else has access to.
struct SourceGradients<'s, 'a, At, In, T> {
    cache: &'s ActivationStore<'a>,
    has_input: bool,
    input: Option<&'a mut [T]>,
    stop_at: usize,
    at: PhantomData<(At, In)>,
}

impl<'a, P, const N: usize, const INDEX: usize, In, T> EachGradient<'a, T>
    for SourceGradients<'_, 'a, At<P, N, INDEX>, In, T>
where
    P: Planned<N>,
    In: LayerInput,
    T: Element,
{
    #[inline(always)]
    fn of<const NUMBER: usize>(&mut self) -> Option<&'a mut [T]> {
        if const { In::LENS[NUMBER] == 0 } {
            return None;
        }
        let source = &P::PLAN.training[INDEX].sources[NUMBER];
        // A closure would be one more function for each layer.
        if let Some(layer) = source.layer
            && layer < self.stop_at
        {
            return None;
        }
        // An output without a slot is the network's input under another shape.
        let is_slot = const { At::<P, N, INDEX>::reads_slot(NUMBER) };
        if !is_slot && !self.has_input {
            return None;
        }

        // SAFETY (both blocks): the promise of the struct.
        if const { At::<P, N, INDEX>::has_share(NUMBER) } {
            let share = source.share.unwrap_or_default();
            return Some(unsafe { self.cache.slot_in(P::PLAN.shares, share, In::LENS[NUMBER]) });
        }
        if is_slot {
            return Some(unsafe { self.cache.slot(source.spot.gradient(), In::LENS[NUMBER]) });
        }
        self.input.take()
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

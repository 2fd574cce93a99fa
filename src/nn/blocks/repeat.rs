//! A list of layers repeated several times, each time with parameters of its own.

use core::marker::PhantomData;

use rand::Rng;

#[cfg(feature = "onnx-export")]
use crate::export::{Export, Exported, Value};
use crate::memory::{flatten, flatten_mut, tensors, tensors_mut};
use crate::network::branch::{Branch, Ends, TrainBranch};
use crate::network::{
    ActivationStore, BackwardInput, BackwardParams, Batching, Forward, ForwardTrain, Infer,
    Inferred, Layer, LayerOutputs, NamesOutput, Needs, OutputKind, Sentence, ShapeRule, Train,
};
use crate::params::{FeatureOrder, Parameters};
use crate::sizes;
use crate::tensor::{Element, Shape};

/// `Repeat<N> { .. }`: the layers `B`, whose parameters are `P`, `N` times in sequence.
#[doc(hidden)]
pub struct Repeat<P, B, const N: usize>(PhantomData<(P, B)>);

impl<In: Shape, P, B: Ends, const N: usize> ShapeRule<In> for Repeat<P, B, N> {
    const OUTPUT: Inferred = {
        let output = B::To::DIMS;
        if N == 0 {
            Inferred::wrong(
                Sentence::new("repeats its layers 0 times; write at least 1"),
                output,
            )
        } else if N > 1 && !output.is_unknown() && !In::DIMS.is_unknown() && !output.same(&In::DIMS)
        {
            Inferred::wrong(
                Sentence::new("repeats layers that are given ")
                    .dims(In::DIMS)
                    .text(" and give ")
                    .dims(output)
                    .text("; make them give what they are given"),
                output,
            )
        } else {
            Inferred::shape(output)
        }
    };
}

impl<P: 'static, B: Ends, const N: usize> NamesOutput for Repeat<P, B, N> {
    type Output = B::To;
}

impl<T: Element, P: Parameters<T>, B: Branch<P, T>, const N: usize> Layer<T> for Repeat<P, B, N> {
    type Config = ();
    type Params = [P; N];

    fn initialize<R: Rng + ?Sized>(_: &(), params: &mut [P; N], rng: &mut R) {
        params
            .iter_mut()
            .for_each(|params| B::initialize(&(), B::params_mut(params), rng));
    }
}

/// The part of the cache that belongs to one repetition.
struct Repetition<'a, T> {
    /// The outputs and their gradient; those of the last repetition are the block's own and are
    /// not here.
    out: &'a mut [T],
    gradient: &'a mut [T],
    /// The cache of the layers.
    layers: ActivationStore<'a>,
}

impl<'a, T: Element> Repetition<'a, T> {
    /// The memory of one repetition.
    const fn needs<P, B: TrainBranch<P, T>>() -> Needs {
        let len = <B::To as Shape>::LEN;
        Needs::NONE
            .per_sample::<T>(len)
            .per_sample::<T>(len)
            .and(B::TRAIN_NEEDS)
    }

    /// Takes the first repetition that is left in the cache.
    ///
    /// Each repetition is taken when it is needed, as a list of all would lie on the stack.
    fn first<P, B: TrainBranch<P, T>>(cache: &mut ActivationStore<'a>) -> Self {
        Self::new::<P, B>(cache.take_store(Self::needs::<P, B>().per_sample))
    }

    /// Takes the last repetition that is left in the cache.
    fn last<P, B: TrainBranch<P, T>>(cache: &mut ActivationStore<'a>) -> Self {
        Self::new::<P, B>(cache.take_last(Self::needs::<P, B>().per_sample))
    }

    fn new<P, B: TrainBranch<P, T>>(mut cache: ActivationStore<'a>) -> Self {
        let len = <B::To as Shape>::LEN;
        Repetition {
            out: cache.take(len),
            gradient: cache.take(len),
            layers: cache,
        }
    }
}

impl<In: Shape, Out: Shape, T: Element, P: Parameters<T>, B: Branch<P, T>, const N: usize>
    Infer<In, Out, T> for Repeat<P, B, N>
{
    const ORDER: FeatureOrder = FeatureOrder::Layers;
    const OUTPUT_KIND: OutputKind = B::OUTPUT_KIND;
    const MULTIPLY_ADDS: usize = sizes::product(&[N, B::MULTIPLY_ADDS]);
    /// Layers for which few samples are better cut the samples themselves.
    const BATCHING: Batching = match B::BATCHING {
        Batching::Few => Batching::Auto,
        batching => batching,
    };
    /// Two buffers for the outputs of odd and even repetitions, and the memory of the layers.
    const NEEDS: Needs = {
        let len = if N > 1 { Out::LEN } else { 0 };
        let layers = Needs {
            state: sizes::product(&[N, B::NEEDS.state]),
            ..B::NEEDS
        };
        Needs::NONE
            .per_sample::<T>(len)
            .per_sample::<T>(len)
            .and(layers)
    };

    fn forward(call: Forward<'_, Self, In, Out, T>) {
        let Forward {
            params,
            x,
            y,
            mut scratch,
            mut thread_memory,
            mut state,
            cx,
            ..
        } = call;
        let count = x.len();
        let x = flatten(x);
        let y = flatten_mut(y);
        let len = if N > 1 { Out::LEN } else { 0 };
        let mut previous = scratch.take::<T>(len);
        let mut next = scratch.take::<T>(len);

        for (i, params) in params.iter().enumerate() {
            let from = if i == 0 { x } else { &*previous };
            let to = if i + 1 == N { &mut *y } else { &mut *next };
            B::forward(Forward {
                config: &(),
                params: B::params(params),
                x: tensors(from, count),
                y: tensors_mut(to, count),
                scratch: scratch.reborrow(),
                thread_memory: thread_memory.reborrow(),
                state: state
                    .as_mut()
                    .map(|state| state.part(i * B::NEEDS.state, B::NEEDS.state)),
                cx,
            });
            core::mem::swap(&mut previous, &mut next);
        }
    }

    #[cfg(feature = "onnx-export")]
    fn export(_: &(), params: &[P; N], call: Export<'_>) -> Exported {
        let mut sources = call.sources;
        for (i, params) in params.iter().enumerate() {
            let name = crate::network::export::join(call.name, &i.to_string());
            let repetition = Export {
                layer: call.layer,
                name: &name,
                sources,
                inputs: call.inputs,
                output: call.output,
                graph: &mut *call.graph,
            };
            sources = vec![B::export(&(), B::params(params), repetition)?];
        }
        Ok(Value::tuple(
            sources.iter().flat_map(Value::tensors).cloned().collect(),
        ))
    }
}

impl<In: Shape, Out: Shape, T: Element, P: Parameters<T>, B: TrainBranch<P, T>, const N: usize>
    Train<In, Out, T> for Repeat<P, B, N>
{
    const READS_OUTPUT: bool = B::READS_OUTPUT;
    const OVERWRITES: bool = true;
    const TRAIN_NEEDS: Needs = Repetition::<T>::needs::<P, B>().times(N);

    fn forward_train(call: ForwardTrain<'_, Self, In, Out, T>) {
        let ForwardTrain {
            params,
            x,
            y,
            mut cache,
            mut thread_memory,
            cx,
            ..
        } = call;
        let count = x.len();
        let mut x = flatten(x);
        let y = flatten_mut(y);

        for (i, params) in params.iter().enumerate() {
            let Repetition { out, layers, .. } = Repetition::first::<P, B>(&mut cache);
            let to = if i + 1 == N { &mut *y } else { &mut *out };
            B::forward_train(ForwardTrain {
                config: &(),
                params: B::params(params),
                x: tensors(x, count),
                y: tensors_mut(to, count),
                cache: layers,
                thread_memory: thread_memory.reborrow(),
                cx: &cx.layer(i),
            });
            x = out;
        }
    }

    fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
        let BackwardInput {
            params,
            x,
            y,
            mut cache,
            dy,
            dx,
            mut thread_memory,
            cx,
            ..
        } = call;
        let count = x.len();
        let mut y = y.under::<B::To>();
        let mut dy = flatten_mut(dy);
        let Repetition { mut layers, .. } = Repetition::<T>::last::<P, B>(&mut cache);

        // The inputs of each repetition are the outputs of the one before.
        for i in (1..N).rev() {
            let previous = Repetition::last::<P, B>(&mut cache);
            let out = &*previous.out;
            B::backward_input(BackwardInput {
                config: &(),
                params: B::params(&params[i]),
                x: tensors(out, count),
                y,
                cache: layers,
                dy: tensors_mut(dy, count),
                dx: Some(tensors_mut(&mut *previous.gradient, count)),
                thread_memory: thread_memory.reborrow(),
                cx: &cx.layer(i),
            });

            y = LayerOutputs::from(tensors(out, count));
            dy = previous.gradient;
            layers = previous.layers;
        }

        B::backward_input(BackwardInput {
            config: &(),
            params: B::params(&params[0]),
            x: tensors(flatten(x), count),
            y,
            cache: layers,
            dy: tensors_mut(dy, count),
            dx: dx.map(|dx| tensors_mut(flatten_mut(dx), count)),
            thread_memory,
            cx: &cx.layer(0),
        });
    }

    fn backward_params(call: BackwardParams<'_, Self, In, Out, T>) {
        let BackwardParams {
            params,
            x,
            y,
            mut cache,
            dy,
            gradient,
            mut thread_memory,
            cx,
            ..
        } = call;
        let count = x.len();
        let mut x = flatten(x);

        for (i, (params, gradient)) in params.iter().zip(gradient).enumerate() {
            let repetition = Repetition::first::<P, B>(&mut cache);
            let out: &[T] = repetition.out;
            let (y, dy): (_, &[T]) = if i + 1 == N {
                (y.under(), flatten(dy))
            } else {
                (LayerOutputs::from(tensors(out, count)), repetition.gradient)
            };

            B::backward_params(BackwardParams {
                config: &(),
                params: B::params(params),
                x: tensors(x, count),
                y,
                cache: repetition.layers,
                dy: tensors(dy, count),
                gradient: B::params_mut(gradient),
                thread_memory: thread_memory.reborrow(),
                cx: &cx.layer(i),
            });
            x = out;
        }
    }
}

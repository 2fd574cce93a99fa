//! A list of layers repeated several times, each time with parameters of its own.

use core::marker::PhantomData;

use rand::Rng;

use crate::memory::{flatten, flatten_mut, tensors, tensors_mut};
use crate::network::branch::{Branch, Ends};
use crate::network::{
    ActivationStore, Compute, Context, FeatureOrder, Inferred, Layer, LayerOutputs, NamesOutput,
    Parameters, Sentence, ShapeRule,
};
use crate::sizes;
use crate::tensor::{Element, Shape, Tensor};

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
    layers: ActivationStore<'a, T>,
}

impl<'a, T: Element> Repetition<'a, T> {
    /// Splits off the first repetition in the cache. Returns it and the cache of the others.
    ///
    /// Each repetition is split off when it is needed, as a list of all would lie on the stack.
    fn first<P, B: Branch<P, T>>(cache: ActivationStore<'a, T>) -> (Self, ActivationStore<'a, T>) {
        let len = <B::To as Shape>::LEN;
        let (out, rest) = cache.split(len);
        let (gradient, rest) = rest.split(len);
        let (layers, rest) = rest.split(B::CACHE);

        let first = Repetition {
            out: out.into_slice(),
            gradient: gradient.into_slice(),
            layers,
        };
        (first, rest)
    }

    /// Splits off the last of `count` repetitions in the cache. Returns it and the cache of those
    /// before.
    fn last<P, B: Branch<P, T>>(
        cache: ActivationStore<'a, T>,
        count: usize,
    ) -> (Self, ActivationStore<'a, T>) {
        let len_before = cache.len() / count * (count - 1);
        let (before, last) = cache.split(len_before);
        (Self::first::<P, B>(last).0, before)
    }
}

impl<In: Shape, Out: Shape, T: Element, P: Parameters<T>, B: Branch<P, T>, const N: usize>
    Compute<In, Out, T> for Repeat<P, B, N>
{
    const ORDER: FeatureOrder = FeatureOrder::Layers;
    const READS_OUTPUT: bool = B::READS_OUTPUT;
    const WHOLE_BATCH: bool = B::WHOLE_BATCH;
    const OVERWRITES: bool = true;
    const MULTIPLY_ADDS: usize = sizes::product(&[N, B::MULTIPLY_ADDS]);
    const CACHE: usize = sizes::product(&[N, sizes::sum(&[Out::LEN, Out::LEN, B::CACHE])]);
    /// Two buffers for the outputs of odd and even repetitions, and the scratch of the layers.
    const SCRATCH: usize = sizes::sum(&[
        if N > 1 {
            sizes::sum(&[Out::LEN, Out::LEN])
        } else {
            0
        },
        B::SCRATCH,
    ]);

    fn forward(
        _: &(),
        params: &[P; N],
        x: &[Tensor<In, T>],
        y: &mut [Tensor<Out, T>],
        scratch: &mut [T],
        cx: &Context<T>,
    ) {
        let count = x.len();
        let x = flatten(x);
        let y = flatten_mut(y);
        let (scratch, buffers) = scratch.split_at_mut(count * B::SCRATCH);
        let (mut previous, mut next) = buffers.split_at_mut(buffers.len() / 2);

        for (i, params) in params.iter().enumerate() {
            let params = B::params(params);
            let from = if i == 0 {
                x
            } else {
                &previous[..count * Out::LEN]
            };
            let to = if i + 1 == N {
                &mut *y
            } else {
                &mut next[..count * Out::LEN]
            };

            let from = tensors(from, count);
            let to = tensors_mut(to, count);
            B::forward(&(), params, from, to, scratch, cx);
            core::mem::swap(&mut previous, &mut next);
        }
    }

    fn forward_train(
        _: &(),
        params: &[P; N],
        x: &[Tensor<In, T>],
        y: &mut [Tensor<Out, T>],
        cache: ActivationStore<'_, T>,
        cx: &Context<T>,
    ) {
        let count = x.len();
        let mut x = flatten(x);
        let y = flatten_mut(y);
        let mut rest = cache;

        for (i, params) in params.iter().enumerate() {
            let params = B::params(params);
            let from = tensors(x, count);
            let cx = &cx.layer(i);
            let (Repetition { out, layers, .. }, after) = Repetition::first::<P, B>(rest);
            if i + 1 == N {
                return B::forward_train(&(), params, from, tensors_mut(y, count), layers, cx);
            }

            B::forward_train(&(), params, from, tensors_mut(out, count), layers, cx);
            x = out;
            rest = after;
        }
    }

    fn backward_input(
        _: &(),
        params: &[P; N],
        x: &[Tensor<In, T>],
        y: LayerOutputs<'_, Out, T>,
        cache: ActivationStore<'_, T>,
        dy: &mut [Tensor<Out, T>],
        dx: Option<&mut [Tensor<In, T>]>,
        cx: &Context<T>,
    ) {
        let count = x.len();
        let mut y = y.under::<B::To>();
        let mut dy = flatten_mut(dy);
        let (Repetition { mut layers, .. }, mut rest) = Repetition::last::<P, B>(cache, N);

        // The inputs of each repetition are the outputs of the one before.
        for i in (1..N).rev() {
            let (previous, before) = Repetition::last::<P, B>(rest, i);
            let params = B::params(&params[i]);
            let out = &*previous.out;
            let x = tensors(out, count);
            let dx = tensors_mut(previous.gradient, count);
            let cx = &cx.layer(i);
            B::backward_input(
                &(),
                params,
                x,
                y,
                layers,
                tensors_mut(dy, count),
                Some(dx),
                cx,
            );

            y = LayerOutputs::from(tensors(out, count));
            dy = flatten_mut(dx);
            layers = previous.layers;
            rest = before;
        }

        let params = B::params(&params[0]);
        let x = tensors(flatten(x), count);
        let dx = dx.map(|dx| tensors_mut(flatten_mut(dx), count));
        let cx = &cx.layer(0);
        B::backward_input(&(), params, x, y, layers, tensors_mut(dy, count), dx, cx);
    }

    fn backward_params(
        _: &(),
        params: &[P; N],
        x: &[Tensor<In, T>],
        y: LayerOutputs<'_, Out, T>,
        cache: ActivationStore<'_, T>,
        dy: &[Tensor<Out, T>],
        gradient: &mut [P; N],
        cx: &Context<T>,
    ) {
        let count = x.len();
        let mut x = flatten(x);
        let mut rest = cache;

        for (i, (params, gradient)) in params.iter().zip(gradient).enumerate() {
            let (repetition, after) = Repetition::first::<P, B>(rest);
            let out: &[T] = repetition.out;
            let (y, dy): (_, &[T]) = if i + 1 == N {
                (y.under(), flatten(dy))
            } else {
                (LayerOutputs::from(tensors(out, count)), repetition.gradient)
            };

            let params = B::params(params);
            let gradient = B::params_mut(gradient);
            let from = tensors(x, count);
            let dy = tensors(dy, count);
            let cx = &cx.layer(i);
            B::backward_params(&(), params, from, y, repetition.layers, dy, gradient, cx);

            x = out;
            rest = after;
        }
    }
}

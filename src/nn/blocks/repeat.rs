//! The same layers several times, each time with parameters of their own.

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

/// `Repeat<N> { .. }`: the layers `B`, whose parameters are `P`, `N` times one after another.
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

/// What training keeps of one time.
struct Kept<'a, T> {
    /// What comes out, and its gradient; the last time writes both elsewhere.
    out: &'a mut [T],
    gradient: &'a mut [T],
    /// What the layers keep.
    own: ActivationStore<'a, T>,
}

impl<'a, T: Element> Kept<'a, T> {
    /// Of the first time in the cache; and the cache of the others.
    ///
    /// Each time is split off when it comes: a list of all would lie on the stack.
    fn first<P, B: Branch<P, T>>(cache: ActivationStore<'a, T>) -> (Self, ActivationStore<'a, T>) {
        let len = <B::To as Shape>::LEN;
        let (out, rest) = cache.split(len);
        let (gradient, rest) = rest.split(len);
        let (own, rest) = rest.split(B::CACHE);
        (
            Kept {
                out: out.into_slice(),
                gradient: gradient.into_slice(),
                own,
            },
            rest,
        )
    }

    /// Of the last of `times` in the cache; and the cache of those before.
    fn last<P, B: Branch<P, T>>(
        cache: ActivationStore<'a, T>,
        times: usize,
    ) -> (Self, ActivationStore<'a, T>) {
        let before = cache.len() / times * (times - 1);
        let (before, last) = cache.split(before);
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
    /// Two buffers in turn.
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
        let (count, x, y) = (x.len(), flatten(x), flatten_mut(y));
        let (scratch, buffers) = scratch.split_at_mut(count * B::SCRATCH);
        let (mut last, mut next) = buffers.split_at_mut(buffers.len() / 2);
        for (i, params) in params.iter().enumerate() {
            let (params, last_time) = (B::params(params), i + 1 == N);
            let from = tensors(if i == 0 { x } else { &last[..count * Out::LEN] }, count);
            let to = if last_time {
                &mut *y
            } else {
                &mut next[..count * Out::LEN]
            };
            B::forward(&(), params, from, tensors_mut(to, count), scratch, cx);
            core::mem::swap(&mut last, &mut next);
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
        let (count, mut x, y) = (x.len(), flatten(x), flatten_mut(y));
        let mut rest = cache;
        for (i, params) in params.iter().enumerate() {
            let (params, from, cx) = (B::params(params), tensors(x, count), &cx.layer(i));
            let (Kept { out, own, .. }, others) = Kept::first::<P, B>(rest);
            if i + 1 == N {
                return B::forward_train(&(), params, from, tensors_mut(y, count), own, cx);
            }

            B::forward_train(&(), params, from, tensors_mut(out, count), own, cx);
            (x, rest) = (out, others);
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
        let (mut y, mut dy) = (y.under::<B::To>(), flatten_mut(dy));
        let (Kept { mut own, .. }, mut rest) = Kept::last::<P, B>(cache, N);
        for i in (1..N).rev() {
            let (before, others) = Kept::last::<P, B>(rest, i);
            let out = &*before.out;
            let (params, dto) = (B::params(&params[i]), tensors_mut(dy, count));
            let (from, into) = (tensors(out, count), tensors_mut(before.gradient, count));
            B::backward_input(&(), params, from, y, own, dto, Some(into), &cx.layer(i));
            y = LayerOutputs::from(tensors(out, count));
            (dy, own, rest) = (flatten_mut(into), before.own, others);
        }

        let (params, dto) = (B::params(&params[0]), tensors_mut(dy, count));
        let (x, dx) = (
            tensors(flatten(x), count),
            dx.map(|dx| tensors_mut(flatten_mut(dx), count)),
        );
        B::backward_input(&(), params, x, y, own, dto, dx, &cx.layer(0));
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
        let (count, mut x, mut rest) = (x.len(), flatten(x), cache);
        for (i, (params, gradient)) in params.iter().zip(gradient).enumerate() {
            let (kept, others) = Kept::first::<P, B>(rest);
            let out: &[T] = kept.out;
            let (to, dy): (_, &[T]) = if i + 1 == N {
                (y.under(), flatten(dy))
            } else {
                (LayerOutputs::from(tensors(out, count)), kept.gradient)
            };
            let (from, dto) = (tensors(x, count), tensors(dy, count));
            let (params, gradient) = (B::params(params), B::params_mut(gradient));
            B::backward_params(&(), params, from, to, kept.own, dto, gradient, &cx.layer(i));
            (x, rest) = (out, others);
        }
    }
}

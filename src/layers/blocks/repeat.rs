//! The same layers several times, each time with parameters of their own.

use core::marker::PhantomData;

use rand::Rng;

use crate::memory::{flatten, flatten_mut, tensors, tensors_mut};
use crate::network::branch::{Branch, Ends};
use crate::network::{
    Compute, Context, FeatureOrder, Fit, Fits, Layer, NamesOutput, Parameters, Sentence, Slab,
};
use crate::sizes;
use crate::tensor::{Element, Shape, Tensor};

/// `Repeat<N> { .. }`: the layers `B`, whose parameters are `P`, `N` times one after another.
#[doc(hidden)]
pub struct Repeat<P, B, const N: usize>(PhantomData<(P, B)>);

impl<In: Shape, P, B: Ends, const N: usize> Fits<In> for Repeat<P, B, N> {
    const FIT: Fit = {
        let output = B::To::DIMS;
        if N == 0 {
            Fit::wrong(Sentence::new("repeats its layers 0 times; write at least 1"), output)
        } else if N > 1 && !output.is_unknown() && !In::DIMS.is_unknown() && !output.same(&In::DIMS) {
            Fit::wrong(
                Sentence::new("repeats layers that are given ")
                    .dims(In::DIMS)
                    .text(" and give ")
                    .dims(output)
                    .text("; make them give what they are given"),
                output,
            )
        } else {
            Fit::gives(output)
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
        params.iter_mut().for_each(|params| B::initialize(&(), B::params_mut(params), rng));
    }
}

/// What training keeps of each time: what comes out and its gradient, which the last time writes elsewhere, and what
/// the layers keep.
fn slots<T: Element, const N: usize>(cache: Slab<'_, T>, out: usize, own: usize) -> [[Slab<'_, T>; 3]; N] {
    let mut left = Some(cache);
    core::array::from_fn(|_| {
        let (outputs, rest) = left.take().expect("there is a rest each time").split(out);
        let (gradient, rest) = rest.split(out);
        let (own, rest) = rest.split(own);
        left = Some(rest);
        [outputs, gradient, own]
    })
}

impl<In: Shape, Out: Shape, T: Element, P: Parameters<T>, B: Branch<P, T>, const N: usize> Compute<In, Out, T>
    for Repeat<P, B, N>
{
    const ORDER: FeatureOrder = FeatureOrder::Layers;
    const READS_OUTPUT: bool = B::READS_OUTPUT;
    const WHOLE_BATCH: bool = B::WHOLE_BATCH;
    const OVERWRITES: bool = true;
    const MULTIPLY_ADDS: usize = sizes::product(&[N, B::MULTIPLY_ADDS]);
    const CACHE: usize = sizes::product(&[N, sizes::sum(&[Out::LEN, Out::LEN, B::CACHE])]);
    /// Two buffers in turn.
    const SCRATCH: usize =
        sizes::sum(&[if N > 1 { sizes::sum(&[Out::LEN, Out::LEN]) } else { 0 }, B::SCRATCH]);

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
            let to = if last_time { &mut *y } else { &mut next[..count * Out::LEN] };
            B::forward(&(), params, from, tensors_mut(to, count), scratch, cx);
            core::mem::swap(&mut last, &mut next);
        }
    }

    fn forward_train(
        _: &(),
        params: &[P; N],
        x: &[Tensor<In, T>],
        y: &mut [Tensor<Out, T>],
        cache: Slab<'_, T>,
        cx: &Context<T>,
    ) {
        let (count, mut x, y) = (x.len(), flatten(x), flatten_mut(y));
        for (i, (params, [out, _, own])) in
            params.iter().zip(slots::<T, N>(cache, Out::LEN, B::CACHE)).enumerate()
        {
            let (params, from, cx) = (B::params(params), tensors(x, count), &cx.layer(i));
            if i + 1 == N {
                return B::forward_train(&(), params, from, tensors_mut(y, count), own, cx);
            }
            let out = out.into_slice();
            B::forward_train(&(), params, from, tensors_mut(out, count), own, cx);
            x = out;
        }
    }

    fn backward_input(
        _: &(),
        params: &[P; N],
        x: &[Tensor<In, T>],
        y: &[Tensor<Out, T>],
        cache: Slab<'_, T>,
        dy: &mut [Tensor<Out, T>],
        dx: Option<&mut [Tensor<In, T>]>,
        cx: &Context<T>,
    ) {
        let count = x.len();
        let mut times = slots::<T, N>(cache, Out::LEN, B::CACHE)
            .map(|[out, gradient, own]| (&*out.into_slice(), gradient.into_slice(), Some(own)));
        let (mut y, mut dy, mut dx) = (flatten(y), flatten_mut(dy), dx.map(flatten_mut));
        for i in (0..N).rev() {
            let own = times[i].2.take().expect("each time once");
            let (params, cx) = (B::params(&params[i]), &cx.layer(i));
            let (to, dto) = (tensors(y, count), tensors_mut(dy, count));
            if i == 0 {
                let dx = dx.take().map(|dx| tensors_mut(dx, count));
                return B::backward_input(&(), params, tensors(flatten(x), count), to, own, dto, dx, cx);
            }
            let before = &mut times[i - 1];
            let (out, gradient) = (before.0, core::mem::take(&mut before.1));
            let into = Some(tensors_mut(gradient, count));
            B::backward_input(&(), params, tensors(out, count), to, own, dto, into, cx);
            (y, dy) = (out, gradient);
        }
    }

    fn backward_params(
        _: &(),
        params: &[P; N],
        x: &[Tensor<In, T>],
        y: &[Tensor<Out, T>],
        cache: Slab<'_, T>,
        dy: &[Tensor<Out, T>],
        gradient: &mut [P; N],
        cx: &Context<T>,
    ) {
        let (count, mut x) = (x.len(), flatten(x));
        let times = slots::<T, N>(cache, Out::LEN, B::CACHE);
        for (i, [out, out_gradient, own]) in times.into_iter().enumerate() {
            let (y, dy): (&[T], &[T]) = if i + 1 == N {
                (flatten(y), flatten(dy))
            } else {
                (out.into_slice(), out_gradient.into_slice())
            };
            let (from, to, dto) = (tensors(x, count), tensors(y, count), tensors(dy, count));
            let (params, gradient) = (B::params(&params[i]), B::params_mut(&mut gradient[i]));
            B::backward_params(&(), params, from, to, own, dto, gradient, &cx.layer(i));
            x = y;
        }
    }
}

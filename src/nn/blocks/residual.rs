//! What goes in is added to what comes out.

use core::marker::PhantomData;

use rand::Rng;

use super::add;
use crate::memory::{flatten, flatten_mut, tensors, tensors_mut};
use crate::network::branch::{Branch, Ends};
use crate::network::{
    ActivationStore, Compute, Context, FeatureOrder, Inferred, Layer, LayerOutputs, NamesOutput,
    Parameters, Sentence, ShapeRule,
};
use crate::sizes;
use crate::tensor::{Dims, Element, Shape, Tensor};

/// `y = f(x) + x`, where `f` is a list of layers that keeps the shape (He et al., 2015, "Deep
/// Residual Learning for Image Recognition").
///
/// In a network: `Residual { .. }`; see [`network!`](crate::network!).
///
/// ```
/// use shapewright::prelude::*;
/// network! {
///     struct Net: [8] -> [4] {
///         block1: Residual { fc1: Linear<_, 16>, Relu, fc2: Linear<_, 8> },
///         block2: Residual { Linear<_, 4>, Tanh, shortcut: { Linear<_, 4, NoBias> } },
///     }
/// }
/// let mut net = Net::zeros();
/// net.block1.fc2.bias = [1.0; 8];
/// net.block2.shortcut.layer_0.weight[3] = [0.5; 4];
/// assert_eq!(
///     net.forward(&Tensor1::from([2.0; 8])),
///     Tensor1::from([1.5; 4])
/// );
/// ```
#[doc(hidden)]
pub struct Residual<P, A>(PhantomData<(P, A)>);

/// A [`Residual`] with a projection: `y = a(x) + b(x)`.
#[doc(hidden)]
pub struct ResidualWith<P, A, B>(PhantomData<(P, A, B)>);

/// What comes out, or that the two sides differ; `side` is how the second is called.
const fn sum(body: Dims, side: Sentence, other: Dims, way_out: &str) -> Inferred {
    if body.is_unknown() || other.is_unknown() || body.same(&other) {
        return Inferred::shape(if body.is_unknown() { other } else { body });
    }
    Inferred::wrong(
        Sentence::new("adds what its layers give, ")
            .dims(body)
            .text(", to ")
            .sentence(&side)
            .text(", ")
            .dims(other)
            .text(way_out),
        other,
    )
}

impl<In: Shape, P, A: Ends> ShapeRule<In> for Residual<P, A> {
    const OUTPUT: Inferred = sum(
        A::To::DIMS,
        Sentence::new("what it is given"),
        In::DIMS,
        "; make the two equal, or add a projection: `shortcut: { .. }` after the last layer",
    );
}

impl<In: Shape, P, A: Ends, B: Ends> ShapeRule<In> for ResidualWith<P, A, B> {
    const OUTPUT: Inferred = sum(
        A::To::DIMS,
        Sentence::new("what `").text(B::NAME).text("` gives"),
        B::To::DIMS,
        "; make the two equal",
    );
}

impl<P: 'static, A: Ends> NamesOutput for Residual<P, A> {
    type Output = A::To;
}

impl<P: 'static, A: Ends, B: Ends> NamesOutput for ResidualWith<P, A, B> {
    type Output = A::To;
}

impl<T: Element, P: Parameters<T>, A: Branch<P, T>> Layer<T> for Residual<P, A> {
    type Config = ();
    type Params = P;

    fn initialize<R: Rng + ?Sized>(_: &(), params: &mut P, rng: &mut R) {
        A::initialize(&(), A::params_mut(params), rng);
    }
}

impl<T: Element, P: Parameters<T>, A: Branch<P, T>, B: Branch<P, T>> Layer<T>
    for ResidualWith<P, A, B>
{
    type Config = ();
    type Params = P;

    fn initialize<R: Rng + ?Sized>(_: &(), params: &mut P, rng: &mut R) {
        A::initialize(&(), A::params_mut(params), rng);
        B::initialize(&(), B::params_mut(params), rng);
    }
}

/// The outputs of a branch where its backward reads them: the sum overwrites them elsewhere.
const fn kept<P, T: Element, A: Branch<P, T>>() -> usize {
    if A::READS_OUTPUT {
        <A::To as Shape>::LEN
    } else {
        0
    }
}

/// Runs a branch for training into `y`, by way of `kept` if its outputs are to stay.
fn forward_train<P, T: Element, A: Branch<P, T>>(
    params: &P,
    x: &[T],
    y: &mut [T],
    kept: ActivationStore<'_, T>,
    cache: ActivationStore<'_, T>,
    cx: &Context<T>,
) {
    let count = kept.count();
    let (params, x) = (A::params(params), tensors(x, count));
    if A::READS_OUTPUT {
        let kept = kept.into_slice();
        A::forward_train(&(), params, x, tensors_mut(kept, count), cache, cx);
        y.copy_from_slice(kept);
    } else {
        A::forward_train(&(), params, x, tensors_mut(y, count), cache, cx);
    }
}

/// What backward reads of a branch's outputs.
fn outputs<P, T: Element, A: Branch<P, T>>(
    kept: ActivationStore<'_, T>,
) -> LayerOutputs<'_, A::To, T> {
    if A::READS_OUTPUT {
        let count = kept.count();
        LayerOutputs::from(tensors(kept.into_slice(), count))
    } else {
        LayerOutputs::NOT_READ
    }
}

impl<In: Shape, Out: Shape, T: Element, P: Parameters<T>, A: Branch<P, T>> Compute<In, Out, T>
    for Residual<P, A>
{
    const ORDER: FeatureOrder = FeatureOrder::Layers;
    const READS_OUTPUT: bool = false;
    const WHOLE_BATCH: bool = A::WHOLE_BATCH;
    const OVERWRITES: bool = true;
    const MULTIPLY_ADDS: usize = A::MULTIPLY_ADDS;
    const CACHE: usize = sizes::sum(&[kept::<P, T, A>(), Out::LEN, A::CACHE]);
    const SCRATCH: usize = A::SCRATCH;

    fn forward(
        _: &(),
        params: &P,
        x: &[Tensor<In, T>],
        y: &mut [Tensor<Out, T>],
        scratch: &mut [T],
        cx: &Context<T>,
    ) {
        let (count, x, y) = (x.len(), flatten(x), flatten_mut(y));
        A::forward(
            &(),
            A::params(params),
            tensors(x, count),
            tensors_mut(y, count),
            scratch,
            cx,
        );
        y.iter_mut().zip(x).for_each(|(y, &x)| *y += x);
    }

    fn forward_train(
        _: &(),
        params: &P,
        x: &[Tensor<In, T>],
        y: &mut [Tensor<Out, T>],
        cache: ActivationStore<'_, T>,
        cx: &Context<T>,
    ) {
        let (kept, cache) = cache.split(kept::<P, T, A>());
        let (_, cache) = cache.split(Out::LEN);
        let (x, y) = (flatten(x), flatten_mut(y));
        forward_train::<P, T, A>(params, x, y, kept, cache, cx);
        add(y, x, cx);
    }

    fn backward_input(
        _: &(),
        params: &P,
        x: &[Tensor<In, T>],
        _: LayerOutputs<'_, Out, T>,
        cache: ActivationStore<'_, T>,
        dy: &mut [Tensor<Out, T>],
        dx: Option<&mut [Tensor<In, T>]>,
        cx: &Context<T>,
    ) {
        let count = x.len();
        let (kept, cache) = cache.split(kept::<P, T, A>());
        let (own, cache) = cache.split(Out::LEN);
        // The branch may change its gradient, and both sides have the same.
        let own = own.into_slice();
        own.copy_from_slice(flatten(dy));
        let (x, y) = (tensors(flatten(x), count), outputs::<P, T, A>(kept));
        let (params, own) = (A::params(params), tensors_mut(own, count));
        match dx.map(flatten_mut) {
            None => A::backward_input(&(), params, x, y, cache, own, None, cx),
            Some(dx) => {
                A::backward_input(
                    &(),
                    params,
                    x,
                    y,
                    cache,
                    own,
                    Some(tensors_mut(dx, count)),
                    cx,
                );
                add(dx, flatten(dy), cx);
            }
        }
    }

    fn backward_params(
        _: &(),
        params: &P,
        x: &[Tensor<In, T>],
        _: LayerOutputs<'_, Out, T>,
        cache: ActivationStore<'_, T>,
        _: &[Tensor<Out, T>],
        gradient: &mut P,
        cx: &Context<T>,
    ) {
        let count = x.len();
        let (kept, cache) = cache.split(kept::<P, T, A>());
        let (own, cache) = cache.split(Out::LEN);
        let (x, y) = (tensors(flatten(x), count), outputs::<P, T, A>(kept));
        let own = tensors(own.into_slice(), count);
        A::backward_params(
            &(),
            A::params(params),
            x,
            y,
            cache,
            own,
            A::params_mut(gradient),
            cx,
        );
    }
}

impl<In: Shape, Out: Shape, T: Element, P: Parameters<T>, A: Branch<P, T>, B: Branch<P, T>>
    Compute<In, Out, T> for ResidualWith<P, A, B>
{
    const ORDER: FeatureOrder = FeatureOrder::Layers;
    const READS_OUTPUT: bool = false;
    const WHOLE_BATCH: bool = A::WHOLE_BATCH || B::WHOLE_BATCH;
    const OVERWRITES: bool = true;
    const MULTIPLY_ADDS: usize = sizes::sum(&[A::MULTIPLY_ADDS, B::MULTIPLY_ADDS]);
    // What both keep, the second's outputs, the first's gradient, and the second's part of the
    // inputs' gradient.
    const CACHE: usize = sizes::sum(&[
        kept::<P, T, A>(),
        A::CACHE,
        Out::LEN,
        B::CACHE,
        Out::LEN,
        In::LEN,
    ]);
    const SCRATCH: usize = {
        let second = sizes::sum(&[Out::LEN, B::SCRATCH]);
        if A::SCRATCH > second {
            A::SCRATCH
        } else {
            second
        }
    };

    fn forward(
        _: &(),
        params: &P,
        x: &[Tensor<In, T>],
        y: &mut [Tensor<Out, T>],
        scratch: &mut [T],
        cx: &Context<T>,
    ) {
        let (count, x, y) = (x.len(), flatten(x), flatten_mut(y));
        let (a, b) = (A::params(params), B::params(params));
        A::forward(
            &(),
            a,
            tensors(x, count),
            tensors_mut(y, count),
            &mut scratch[..count * A::SCRATCH],
            cx,
        );
        let (other, scratch) = scratch.split_at_mut(count * Out::LEN);
        let scratch = &mut scratch[..count * B::SCRATCH];
        B::forward(
            &(),
            b,
            tensors(x, count),
            tensors_mut(other, count),
            scratch,
            cx,
        );
        y.iter_mut().zip(other).for_each(|(y, x)| *y += *x);
    }

    fn forward_train(
        _: &(),
        params: &P,
        x: &[Tensor<In, T>],
        y: &mut [Tensor<Out, T>],
        cache: ActivationStore<'_, T>,
        cx: &Context<T>,
    ) {
        let Kept {
            kept,
            cache_a,
            other,
            cache_b,
            ..
        } = Kept::of::<P, A, B>(cache, In::LEN);
        let (count, x, y) = (x.len(), flatten(x), flatten_mut(y));
        forward_train::<P, T, A>(params, x, y, kept, cache_a, &cx.layer(0));
        let other = other.into_slice();
        let b = tensors_mut(other, count);
        B::forward_train(
            &(),
            B::params(params),
            tensors(x, count),
            b,
            cache_b,
            &cx.layer(1),
        );
        add(y, other, cx);
    }

    fn backward_input(
        _: &(),
        params: &P,
        x: &[Tensor<In, T>],
        _: LayerOutputs<'_, Out, T>,
        cache: ActivationStore<'_, T>,
        dy: &mut [Tensor<Out, T>],
        dx: Option<&mut [Tensor<In, T>]>,
        cx: &Context<T>,
    ) {
        let Kept {
            kept,
            cache_a,
            own,
            other,
            cache_b,
            dx_b,
        } = Kept::of::<P, A, B>(cache, In::LEN);
        let (x, count) = (flatten(x), x.len());
        let own = own.into_slice();
        own.copy_from_slice(flatten(dy));
        let (y_a, y_b) = (
            outputs::<P, T, A>(kept),
            LayerOutputs::from(tensors(other.into_slice(), count)),
        );
        let (a, b, dx_b) = (A::params(params), B::params(params), dx_b.into_slice());
        let (x_a, x_b) = (tensors(x, count), tensors(x, count));
        let (dy_a, dy_b) = (tensors_mut(own, count), tensors_mut(flatten_mut(dy), count));
        match dx.map(flatten_mut) {
            None => {
                A::backward_input(&(), a, x_a, y_a, cache_a, dy_a, None, &cx.layer(0));
                B::backward_input(&(), b, x_b, y_b, cache_b, dy_b, None, &cx.layer(1));
            }
            Some(dx) => {
                let dx_a = tensors_mut(dx, count);
                A::backward_input(&(), a, x_a, y_a, cache_a, dy_a, Some(dx_a), &cx.layer(0));
                let into = tensors_mut(dx_b, count);
                B::backward_input(&(), b, x_b, y_b, cache_b, dy_b, Some(into), &cx.layer(1));
                add(dx, dx_b, cx);
            }
        }
    }

    fn backward_params(
        _: &(),
        params: &P,
        x: &[Tensor<In, T>],
        _: LayerOutputs<'_, Out, T>,
        cache: ActivationStore<'_, T>,
        dy: &[Tensor<Out, T>],
        gradient: &mut P,
        cx: &Context<T>,
    ) {
        let Kept {
            kept,
            cache_a,
            own,
            other,
            cache_b,
            ..
        } = Kept::of::<P, A, B>(cache, In::LEN);
        let (x, count) = (flatten(x), x.len());
        let (y_a, y_b) = (
            outputs::<P, T, A>(kept),
            LayerOutputs::from(tensors(other.into_slice(), count)),
        );
        let (dy_a, dy_b) = (
            tensors(own.into_slice(), count),
            tensors(flatten(dy), count),
        );
        let (x_a, x_b) = (tensors(x, count), tensors(x, count));
        let (a, b) = (A::params(params), B::params(params));
        A::backward_params(
            &(),
            a,
            x_a,
            y_a,
            cache_a,
            dy_a,
            A::params_mut(gradient),
            &cx.layer(0),
        );
        B::backward_params(
            &(),
            b,
            x_b,
            y_b,
            cache_b,
            dy_b,
            B::params_mut(gradient),
            &cx.layer(1),
        );
    }
}

/// What the training of a [`ResidualWith`] keeps.
struct Kept<'a, T> {
    kept: ActivationStore<'a, T>,
    cache_a: ActivationStore<'a, T>,
    /// The gradient that the first branch is given.
    own: ActivationStore<'a, T>,
    /// The outputs of the second branch.
    other: ActivationStore<'a, T>,
    cache_b: ActivationStore<'a, T>,
    dx_b: ActivationStore<'a, T>,
}

impl<'a, T: Element> Kept<'a, T> {
    fn of<P, A: Branch<P, T>, B: Branch<P, T>>(
        cache: ActivationStore<'a, T>,
        in_len: usize,
    ) -> Self {
        let out_len = <A::To as Shape>::LEN;
        let (kept, rest) = cache.split(kept::<P, T, A>());
        let (cache_a, rest) = rest.split(A::CACHE);
        let (own, rest) = rest.split(out_len);
        let (other, rest) = rest.split(out_len);
        let (cache_b, rest) = rest.split(B::CACHE);
        let (dx_b, _) = rest.split(in_len);
        Kept {
            kept,
            cache_a,
            own,
            other,
            cache_b,
            dx_b,
        }
    }
}

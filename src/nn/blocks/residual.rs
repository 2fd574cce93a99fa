//! Residual connections: the input, or a projection of it, is added to the output.

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

/// A residual connection: `y = f(x) + x`, where `f` is a list of layers that keeps the shape (He et
/// al., 2015, "Deep Residual Learning for Image Recognition").
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

/// The shape rule of a sum: the mistake, if there is one, calls the second term `side`.
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

/// Returns the number of outputs of a branch that are kept: all if its backward reads them, as the
/// sum overwrites them in `y`; otherwise none.
const fn kept_len<P, T: Element, A: Branch<P, T>>() -> usize {
    if A::READS_OUTPUT {
        <A::To as Shape>::LEN
    } else {
        0
    }
}

/// Runs a branch in training. It writes to `y`, by way of `kept` if its outputs are kept.
fn forward_train<P, T: Element, A: Branch<P, T>>(
    params: &P,
    x: &[T],
    y: &mut [T],
    kept: ActivationStore<'_, T>,
    cache: ActivationStore<'_, T>,
    cx: &Context<T>,
) {
    let count = kept.count();
    let params = A::params(params);
    let x = tensors(x, count);

    if A::READS_OUTPUT {
        let kept = kept.into_slice();
        A::forward_train(&(), params, x, tensors_mut(kept, count), cache, cx);
        y.copy_from_slice(kept);
    } else {
        A::forward_train(&(), params, x, tensors_mut(y, count), cache, cx);
    }
}

/// Returns the outputs of a branch as its backward takes them.
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
    const CACHE: usize = sizes::sum(&[kept_len::<P, T, A>(), Out::LEN, A::CACHE]);
    const SCRATCH: usize = A::SCRATCH;

    fn forward(
        _: &(),
        params: &P,
        x: &[Tensor<In, T>],
        y: &mut [Tensor<Out, T>],
        scratch: &mut [T],
        cx: &Context<T>,
    ) {
        let count = x.len();
        let x = flatten(x);
        let y = flatten_mut(y);

        let branch_x = tensors(x, count);
        let branch_y = tensors_mut(y, count);
        A::forward(&(), A::params(params), branch_x, branch_y, scratch, cx);
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
        let ResidualCache { kept, layers, .. } = ResidualCache::new::<P, A>(cache);
        let x = flatten(x);
        let y = flatten_mut(y);
        forward_train::<P, T, A>(params, x, y, kept, layers, cx);
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
        let ResidualCache {
            kept,
            dy: branch_dy,
            layers,
        } = ResidualCache::new::<P, A>(cache);

        // Both terms have the gradient of the sum. The branch may overwrite its own.
        let branch_dy = branch_dy.into_slice();
        branch_dy.copy_from_slice(flatten(dy));

        let params = A::params(params);
        let x = tensors(flatten(x), count);
        let y = outputs::<P, T, A>(kept);
        let branch_dy = tensors_mut(branch_dy, count);
        let Some(dx) = dx.map(flatten_mut) else {
            return A::backward_input(&(), params, x, y, layers, branch_dy, None, cx);
        };

        let branch_dx = Some(tensors_mut(dx, count));
        A::backward_input(&(), params, x, y, layers, branch_dy, branch_dx, cx);
        add(dx, flatten(dy), cx);
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
        let ResidualCache { kept, dy, layers } = ResidualCache::new::<P, A>(cache);
        let params = A::params(params);
        let gradient = A::params_mut(gradient);
        let x = tensors(flatten(x), count);
        let y = outputs::<P, T, A>(kept);
        let dy = tensors(dy.into_slice(), count);
        A::backward_params(&(), params, x, y, layers, dy, gradient, cx);
    }
}

/// The cache of a [`Residual`].
struct ResidualCache<'a, T> {
    /// The outputs of the branch, if its backward reads them.
    kept: ActivationStore<'a, T>,
    /// The gradient of the branch's outputs.
    dy: ActivationStore<'a, T>,
    /// The cache of the branch's layers.
    layers: ActivationStore<'a, T>,
}

impl<'a, T: Element> ResidualCache<'a, T> {
    fn new<P, A: Branch<P, T>>(cache: ActivationStore<'a, T>) -> Self {
        let (kept, rest) = cache.split(kept_len::<P, T, A>());
        let (dy, layers) = rest.split(<A::To as Shape>::LEN);
        ResidualCache { kept, dy, layers }
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
    /// The fields of `ProjectedCache`, in this order.
    const CACHE: usize = sizes::sum(&[
        kept_len::<P, T, A>(),
        A::CACHE,
        Out::LEN,
        Out::LEN,
        B::CACHE,
        In::LEN,
    ]);
    /// The branches run one after another, the second next to its outputs.
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
        let count = x.len();
        let x = flatten(x);
        let y = flatten_mut(y);

        let params_a = A::params(params);
        let x_a = tensors(x, count);
        let y_a = tensors_mut(y, count);
        let scratch_a = &mut scratch[..count * A::SCRATCH];
        A::forward(&(), params_a, x_a, y_a, scratch_a, cx);

        let params_b = B::params(params);
        let x_b = tensors(x, count);
        let (out_b, scratch) = scratch.split_at_mut(count * Out::LEN);
        let y_b = tensors_mut(out_b, count);
        let scratch_b = &mut scratch[..count * B::SCRATCH];
        B::forward(&(), params_b, x_b, y_b, scratch_b, cx);

        y.iter_mut().zip(out_b).for_each(|(y, x)| *y += *x);
    }

    fn forward_train(
        _: &(),
        params: &P,
        x: &[Tensor<In, T>],
        y: &mut [Tensor<Out, T>],
        cache: ActivationStore<'_, T>,
        cx: &Context<T>,
    ) {
        let ProjectedCache {
            kept_a,
            layers_a,
            out_b,
            layers_b,
            ..
        } = ProjectedCache::new::<P, A, B>(cache, In::LEN);
        let count = x.len();
        let x = flatten(x);
        let y = flatten_mut(y);

        forward_train::<P, T, A>(params, x, y, kept_a, layers_a, &cx.layer(0));

        let params_b = B::params(params);
        let x_b = tensors(x, count);
        let out_b = out_b.into_slice();
        let y_b = tensors_mut(out_b, count);
        B::forward_train(&(), params_b, x_b, y_b, layers_b, &cx.layer(1));

        add(y, out_b, cx);
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
        let ProjectedCache {
            kept_a,
            layers_a,
            dy_a,
            out_b,
            layers_b,
            dx_b,
        } = ProjectedCache::new::<P, A, B>(cache, In::LEN);
        let count = x.len();
        let x = flatten(x);

        // Both branches have the gradient of the sum, and may overwrite it: the first has a copy.
        let dy_a = dy_a.into_slice();
        dy_a.copy_from_slice(flatten(dy));

        let params_a = A::params(params);
        let x_a = tensors(x, count);
        let y_a = outputs::<P, T, A>(kept_a);
        let dy_a = tensors_mut(dy_a, count);
        let cx_a = &cx.layer(0);

        let params_b = B::params(params);
        let x_b = tensors(x, count);
        let y_b = LayerOutputs::from(tensors(out_b.into_slice(), count));
        let dy_b = tensors_mut(flatten_mut(dy), count);
        let cx_b = &cx.layer(1);

        let Some(dx) = dx.map(flatten_mut) else {
            A::backward_input(&(), params_a, x_a, y_a, layers_a, dy_a, None, cx_a);
            B::backward_input(&(), params_b, x_b, y_b, layers_b, dy_b, None, cx_b);
            return;
        };

        let dx_a = Some(tensors_mut(dx, count));
        A::backward_input(&(), params_a, x_a, y_a, layers_a, dy_a, dx_a, cx_a);
        let share_b = dx_b.into_slice();
        let dx_b = Some(tensors_mut(share_b, count));
        B::backward_input(&(), params_b, x_b, y_b, layers_b, dy_b, dx_b, cx_b);
        add(dx, share_b, cx);
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
        let ProjectedCache {
            kept_a,
            layers_a,
            dy_a,
            out_b,
            layers_b,
            ..
        } = ProjectedCache::new::<P, A, B>(cache, In::LEN);
        let count = x.len();
        let x = flatten(x);

        let params_a = A::params(params);
        let gradient_a = A::params_mut(gradient);
        let x_a = tensors(x, count);
        let y_a = outputs::<P, T, A>(kept_a);
        let dy_a = tensors(dy_a.into_slice(), count);
        let cx_a = &cx.layer(0);
        A::backward_params(&(), params_a, x_a, y_a, layers_a, dy_a, gradient_a, cx_a);

        let params_b = B::params(params);
        let gradient_b = B::params_mut(gradient);
        let x_b = tensors(x, count);
        let y_b = LayerOutputs::from(tensors(out_b.into_slice(), count));
        let dy_b = tensors(flatten(dy), count);
        let cx_b = &cx.layer(1);
        B::backward_params(&(), params_b, x_b, y_b, layers_b, dy_b, gradient_b, cx_b);
    }
}

/// The cache of a [`ResidualWith`].
struct ProjectedCache<'a, T> {
    /// The outputs of the first branch, if its backward reads them.
    kept_a: ActivationStore<'a, T>,
    /// The cache of the first branch's layers.
    layers_a: ActivationStore<'a, T>,
    /// The gradient of the first branch's outputs.
    dy_a: ActivationStore<'a, T>,
    /// The outputs of the second branch.
    out_b: ActivationStore<'a, T>,
    /// The cache of the second branch's layers.
    layers_b: ActivationStore<'a, T>,
    /// The second branch's share of the gradient of the inputs.
    dx_b: ActivationStore<'a, T>,
}

impl<'a, T: Element> ProjectedCache<'a, T> {
    fn new<P, A: Branch<P, T>, B: Branch<P, T>>(
        cache: ActivationStore<'a, T>,
        in_len: usize,
    ) -> Self {
        let out_len = <A::To as Shape>::LEN;
        let (kept_a, rest) = cache.split(kept_len::<P, T, A>());
        let (layers_a, rest) = rest.split(A::CACHE);
        let (dy_a, rest) = rest.split(out_len);
        let (out_b, rest) = rest.split(out_len);
        let (layers_b, rest) = rest.split(B::CACHE);
        let (dx_b, _) = rest.split(in_len);
        ProjectedCache {
            kept_a,
            layers_a,
            dy_a,
            out_b,
            layers_b,
            dx_b,
        }
    }
}

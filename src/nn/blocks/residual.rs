//! Residual connections: the input, or a projection of it, is added to the output.

use core::marker::PhantomData;

use rand::Rng;

use super::{add, batching};
use crate::memory::{flatten, flatten_mut, tensors, tensors_mut};
use crate::network::branch::{Branch, Ends, TrainBranch};
use crate::network::{
    ActivationStore, BackwardInput, BackwardParams, Batching, Forward, ForwardTrain, Infer,
    Inferred, Layer, LayerOutputs, NamesOutput, Needs, Sentence, ShapeRule, Train,
};
use crate::params::{FeatureOrder, Parameters};
use crate::sizes;
use crate::tensor::{Dims, Element, Shape};

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
const fn kept_len<P, T: Element, A: TrainBranch<P, T>>() -> usize {
    if A::READS_OUTPUT {
        <A::To as Shape>::LEN
    } else {
        0
    }
}

/// Returns the outputs of a branch as its backward takes them.
fn outputs<P, T: Element, A: TrainBranch<P, T>>(
    kept: &[T],
    count: usize,
) -> LayerOutputs<'_, A::To, T> {
    if A::READS_OUTPUT {
        LayerOutputs::from(tensors(kept, count))
    } else {
        LayerOutputs::NOT_READ
    }
}

impl<In: Shape, Out: Shape, T: Element, P: Parameters<T>, A: Branch<P, T>> Infer<In, Out, T>
    for Residual<P, A>
{
    const ORDER: FeatureOrder = FeatureOrder::Layers;
    const MULTIPLY_ADDS: usize = A::MULTIPLY_ADDS;
    const BATCHING: Batching = batching(&[A::BATCHING]);
    const NEEDS: Needs = A::NEEDS;

    fn forward(call: Forward<'_, Self, In, Out, T>) {
        let Forward {
            params,
            x,
            y,
            scratch,
            thread_memory,
            state,
            cx,
            ..
        } = call;
        let count = x.len();
        let x = flatten(x);
        let y = flatten_mut(y);

        A::forward(Forward {
            config: &(),
            params: A::params(params),
            x: tensors(x, count),
            y: tensors_mut(y, count),
            scratch,
            thread_memory,
            state,
            cx,
        });
        y.iter_mut().zip(x).for_each(|(y, &x)| *y += x);
    }
}

impl<In: Shape, Out: Shape, T: Element, P: Parameters<T>, A: TrainBranch<P, T>> Train<In, Out, T>
    for Residual<P, A>
{
    const READS_OUTPUT: bool = false;
    const OVERWRITES: bool = true;
    const TRAIN_NEEDS: Needs = Needs::NONE
        .per_sample::<T>(kept_len::<P, T, A>())
        .per_sample::<T>(Out::LEN)
        .and(A::TRAIN_NEEDS);

    fn forward_train(call: ForwardTrain<'_, Self, In, Out, T>) {
        let ForwardTrain {
            params,
            x,
            y,
            cache,
            thread_memory,
            cx,
            ..
        } = call;
        let ResidualCache { kept, layers, .. } = ResidualCache::new::<P, A>(cache);
        let count = x.len();
        let x = flatten(x);
        let y = flatten_mut(y);

        // The branch writes to `y`, by way of `kept` if its outputs are kept.
        let branch_y = if A::READS_OUTPUT { &mut *kept } else { &mut *y };
        A::forward_train(ForwardTrain {
            config: &(),
            params: A::params(params),
            x: tensors(x, count),
            y: tensors_mut(branch_y, count),
            cache: layers,
            thread_memory,
            cx,
        });
        if A::READS_OUTPUT {
            y.copy_from_slice(kept);
        }
        add(y, x, cx);
    }

    fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
        let BackwardInput {
            params,
            x,
            cache,
            dy,
            dx,
            thread_memory,
            cx,
            ..
        } = call;
        let ResidualCache {
            kept,
            dy: branch_dy,
            layers,
        } = ResidualCache::new::<P, A>(cache);
        let count = x.len();
        let mut dx = dx.map(flatten_mut);

        // Both terms have the gradient of the sum. The branch may overwrite its own.
        branch_dy.copy_from_slice(flatten(dy));
        A::backward_input(BackwardInput {
            config: &(),
            params: A::params(params),
            x: tensors(flatten(x), count),
            y: outputs::<P, T, A>(kept, count),
            cache: layers,
            dy: tensors_mut(branch_dy, count),
            dx: dx.as_deref_mut().map(|dx| tensors_mut(dx, count)),
            thread_memory,
            cx,
        });
        if let Some(dx) = dx {
            add(dx, flatten(dy), cx);
        }
    }

    fn backward_params(call: BackwardParams<'_, Self, In, Out, T>) {
        let BackwardParams {
            params,
            x,
            cache,
            gradient,
            thread_memory,
            cx,
            ..
        } = call;
        let ResidualCache { kept, dy, layers } = ResidualCache::new::<P, A>(cache);
        let count = x.len();

        A::backward_params(BackwardParams {
            config: &(),
            params: A::params(params),
            x: tensors(flatten(x), count),
            y: outputs::<P, T, A>(kept, count),
            cache: layers,
            dy: tensors(dy, count),
            gradient: A::params_mut(gradient),
            thread_memory,
            cx,
        });
    }
}

/// The cache of a [`Residual`].
struct ResidualCache<'a, T> {
    /// The outputs of the branch, if its backward reads them.
    kept: &'a mut [T],
    /// The gradient of the branch's outputs.
    dy: &'a mut [T],
    /// The cache of the branch's layers.
    layers: ActivationStore<'a>,
}

impl<'a, T: Element> ResidualCache<'a, T> {
    fn new<P, A: TrainBranch<P, T>>(mut cache: ActivationStore<'a>) -> Self {
        ResidualCache {
            kept: cache.take(kept_len::<P, T, A>()),
            dy: cache.take(<A::To as Shape>::LEN),
            layers: cache,
        }
    }
}

impl<In: Shape, Out: Shape, T: Element, P: Parameters<T>, A: Branch<P, T>, B: Branch<P, T>>
    Infer<In, Out, T> for ResidualWith<P, A, B>
{
    const ORDER: FeatureOrder = FeatureOrder::Layers;
    const MULTIPLY_ADDS: usize = sizes::sum(&[A::MULTIPLY_ADDS, B::MULTIPLY_ADDS]);
    const BATCHING: Batching = batching(&[A::BATCHING, B::BATCHING]);
    /// The branches run one after another, the second next to its outputs.
    const NEEDS: Needs = A::NEEDS.or(Needs::NONE.per_sample::<T>(Out::LEN).and(B::NEEDS));

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

        A::forward(Forward {
            config: &(),
            params: A::params(params),
            x: tensors(x, count),
            y: tensors_mut(y, count),
            scratch: scratch.reborrow(),
            thread_memory: thread_memory.reborrow(),
            state: state.as_mut().map(|state| state.part(0, A::NEEDS.state)),
            cx,
        });

        let out_b = scratch.take(Out::LEN);
        B::forward(Forward {
            config: &(),
            params: B::params(params),
            x: tensors(x, count),
            y: tensors_mut(out_b, count),
            scratch,
            thread_memory,
            state: state
                .as_mut()
                .map(|state| state.part(A::NEEDS.state, B::NEEDS.state)),
            cx,
        });
        y.iter_mut().zip(out_b).for_each(|(y, x)| *y += *x);
    }
}

impl<In: Shape, Out: Shape, T, P, A, B> Train<In, Out, T> for ResidualWith<P, A, B>
where
    T: Element,
    P: Parameters<T>,
    A: TrainBranch<P, T>,
    B: TrainBranch<P, T>,
{
    const READS_OUTPUT: bool = false;
    const OVERWRITES: bool = true;
    /// The fields of `ProjectedCache`, in this order, and the larger memory per thread.
    const TRAIN_NEEDS: Needs = {
        let own = Needs::NONE
            .per_sample::<T>(kept_len::<P, T, A>())
            .per_sample::<T>(Out::LEN)
            .per_sample::<T>(Out::LEN)
            .per_sample::<T>(In::LEN);
        own.and(A::TRAIN_NEEDS.beside(B::TRAIN_NEEDS))
    };

    fn forward_train(call: ForwardTrain<'_, Self, In, Out, T>) {
        let ForwardTrain {
            params,
            x,
            y,
            cache,
            mut thread_memory,
            cx,
            ..
        } = call;
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

        let y_a = if A::READS_OUTPUT {
            &mut *kept_a
        } else {
            &mut *y
        };
        A::forward_train(ForwardTrain {
            config: &(),
            params: A::params(params),
            x: tensors(x, count),
            y: tensors_mut(y_a, count),
            cache: layers_a,
            thread_memory: thread_memory.reborrow(),
            cx: &cx.layer(0),
        });
        if A::READS_OUTPUT {
            y.copy_from_slice(kept_a);
        }

        B::forward_train(ForwardTrain {
            config: &(),
            params: B::params(params),
            x: tensors(x, count),
            y: tensors_mut(out_b, count),
            cache: layers_b,
            thread_memory,
            cx: &cx.layer(1),
        });
        add(y, out_b, cx);
    }

    fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
        let BackwardInput {
            params,
            x,
            cache,
            dy,
            dx,
            mut thread_memory,
            cx,
            ..
        } = call;
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
        let dy = flatten_mut(dy);
        let mut dx = dx.map(flatten_mut);

        // Both branches have the gradient of the sum, and may overwrite it: the first has a copy.
        dy_a.copy_from_slice(dy);
        A::backward_input(BackwardInput {
            config: &(),
            params: A::params(params),
            x: tensors(x, count),
            y: outputs::<P, T, A>(kept_a, count),
            cache: layers_a,
            dy: tensors_mut(dy_a, count),
            dx: dx.as_deref_mut().map(|dx| tensors_mut(dx, count)),
            thread_memory: thread_memory.reborrow(),
            cx: &cx.layer(0),
        });

        let is_asked = dx.is_some();
        B::backward_input(BackwardInput {
            config: &(),
            params: B::params(params),
            x: tensors(x, count),
            y: LayerOutputs::from(tensors(&*out_b, count)),
            cache: layers_b,
            dy: tensors_mut(dy, count),
            dx: is_asked.then(|| tensors_mut(&mut *dx_b, count)),
            thread_memory,
            cx: &cx.layer(1),
        });
        if let Some(dx) = dx {
            add(dx, dx_b, cx);
        }
    }

    fn backward_params(call: BackwardParams<'_, Self, In, Out, T>) {
        let BackwardParams {
            params,
            x,
            cache,
            dy,
            gradient,
            mut thread_memory,
            cx,
            ..
        } = call;
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

        A::backward_params(BackwardParams {
            config: &(),
            params: A::params(params),
            x: tensors(x, count),
            y: outputs::<P, T, A>(kept_a, count),
            cache: layers_a,
            dy: tensors(dy_a, count),
            gradient: A::params_mut(gradient),
            thread_memory: thread_memory.reborrow(),
            cx: &cx.layer(0),
        });
        B::backward_params(BackwardParams {
            config: &(),
            params: B::params(params),
            x: tensors(x, count),
            y: LayerOutputs::from(tensors(&*out_b, count)),
            cache: layers_b,
            dy: tensors(flatten(dy), count),
            gradient: B::params_mut(gradient),
            thread_memory,
            cx: &cx.layer(1),
        });
    }
}

/// The cache of a [`ResidualWith`].
struct ProjectedCache<'a, T> {
    /// The outputs of the first branch, if its backward reads them.
    kept_a: &'a mut [T],
    /// The gradient of the first branch's outputs.
    dy_a: &'a mut [T],
    /// The outputs of the second branch.
    out_b: &'a mut [T],
    /// The second branch's share of the gradient of the inputs.
    dx_b: &'a mut [T],
    /// The caches of the branches' layers.
    layers_a: ActivationStore<'a>,
    layers_b: ActivationStore<'a>,
}

impl<'a, T: Element> ProjectedCache<'a, T> {
    fn new<P, A: TrainBranch<P, T>, B: TrainBranch<P, T>>(
        mut cache: ActivationStore<'a>,
        in_len: usize,
    ) -> Self {
        let out_len = <A::To as Shape>::LEN;
        ProjectedCache {
            kept_a: cache.take(kept_len::<P, T, A>()),
            dy_a: cache.take(out_len),
            out_b: cache.take(out_len),
            dx_b: cache.take(in_len),
            layers_a: cache.take_store(A::TRAIN_NEEDS.per_sample),
            layers_b: cache,
        }
    }
}

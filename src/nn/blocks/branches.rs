//! Parallel branches: several lists of layers on the same input, with adjacent outputs.

use core::marker::PhantomData;

use rand::Rng;

use super::{add, batching};
use crate::memory::{
    Scratch, StateMemory, ThreadMemory, flatten, flatten_mut, tensors, tensors_mut,
};
use crate::network::branch::{Branch, Ends, TrainBranch};
use crate::network::{
    ActivationStore, BackwardInput, BackwardParams, Batching, Context, Forward, ForwardTrain,
    Infer, Inferred, Layer, LayerOutputs, NamesOutput, Needs, Sentence, ShapeRule, Train,
};
use crate::nn::joined_rows::JoinedRows;
use crate::nn::rule::tuple_of;
use crate::params::{FeatureOrder, Parameters};
use crate::sizes;
use crate::tensor::{Dims, Element, Shape};

/// `Concat { .. }` and `Split { .. }`: the layers of all branches `B`, a tuple, on the same input.
/// With `TUPLE`, the outputs are the parts of a tuple; otherwise they are concatenated along the
/// last axis.
#[doc(hidden)]
pub struct Join<P, B, const TUPLE: bool>(PhantomData<(P, B)>);

/// The output shapes and the names of a block's branches.
#[doc(hidden)]
pub trait Names: 'static {
    const OUTPUTS: &'static [Dims];
    const NAMES: &'static [&'static str];
}

/// The branches of a block with the parameters `P`.
#[doc(hidden)]
pub trait Branches<P, T: Element>: Names {
    const BATCHING: Batching;
    const MULTIPLY_ADDS: usize;
    /// The memory of inference, which runs one branch at a time, including its outputs.
    const NEEDS: Needs;

    fn initialize<R: Rng + ?Sized>(params: &mut P, rng: &mut R);
    /// Calls the visitor with each branch.
    fn each(visitor: &mut impl Visitor<P, T>);
}

/// The branches of a block that can be trained.
#[doc(hidden)]
pub trait TrainBranches<P, T: Element>: Branches<P, T> {
    /// The memory of training: the outputs, their gradients, and the caches of the layers.
    const TRAIN_NEEDS: Needs;

    /// Calls the visitor with each branch.
    fn each_train(visitor: &mut impl TrainVisitor<P, T>);
}

/// An operation on each branch.
#[doc(hidden)]
pub trait Visitor<P, T: Element> {
    fn branch<B: Branch<P, T>>(&mut self);
}

/// An operation of training on each branch.
#[doc(hidden)]
pub trait TrainVisitor<P, T: Element> {
    fn branch<B: TrainBranch<P, T>>(&mut self);
}

/// Implements the traits for a tuple of branches.
macro_rules! branches {
    ($($name:ident)*) => {
        impl<$($name: Ends),*> Names for ($($name,)*) {
            const OUTPUTS: &'static [Dims] = &[$(<$name::To as Shape>::DIMS),*];
            const NAMES: &'static [&'static str] = &[$($name::NAME),*];
        }

        impl<P, T: Element, $($name: Branch<P, T>),*> Branches<P, T> for ($($name,)*) {
            const BATCHING: Batching = batching(&[$($name::BATCHING),*]);
            const MULTIPLY_ADDS: usize = sizes::sum(&[$($name::MULTIPLY_ADDS),*]);
            const NEEDS: Needs = Needs::NONE$(.or(outputs_of::<$name, T>().and($name::NEEDS)))*;

            fn initialize<R: Rng + ?Sized>(params: &mut P, rng: &mut R) {
                $($name::initialize(&(), $name::params_mut(params), rng);)*
            }

            fn each(visitor: &mut impl Visitor<P, T>) {
                $(visitor.branch::<$name>();)*
            }
        }

        impl<P, T: Element, $($name: TrainBranch<P, T>),*> TrainBranches<P, T> for ($($name,)*) {
            const TRAIN_NEEDS: Needs = Needs::NONE$(.beside(branch_needs::<P, $name, T>()))*;

            fn each_train(visitor: &mut impl TrainVisitor<P, T>) {
                $(visitor.branch::<$name>();)*
            }
        }
    };
}

/// The memory of a branch's outputs.
const fn outputs_of<B: Ends, T: Element>() -> Needs {
    Needs::NONE.per_sample::<T>(<B::To as Shape>::LEN)
}

/// The memory of a branch in training: its outputs, their gradient, and the caches of its layers.
const fn branch_needs<P, B: TrainBranch<P, T>, T: Element>() -> Needs {
    outputs_of::<B, T>()
        .and(outputs_of::<B, T>())
        .and(B::TRAIN_NEEDS)
}

branches!(A B);
branches!(A B C);
branches!(A B C D);
branches!(A B C D E);
branches!(A B C D E F);

/// Names the output of a `Split`, a tuple of at most four tensors.
macro_rules! tuples {
    ($($name:ident)*) => {
        impl<P: 'static, $($name: Ends),*> NamesOutput for Join<P, ($($name,)*), true> {
            type Output = ($($name::To,)*);
        }
    };
}
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);

impl<In: Shape, P, B: Names> ShapeRule<In> for Join<P, B, false> {
    const OUTPUT: Inferred = {
        let outputs = B::OUTPUTS;

        // The first branch of known shape, the sum of the last axes, and the first branch whose
        // other axes differ.
        let mut first = 0;
        let mut joined = Dims::UNKNOWN;
        let mut channels = 0;
        let mut mistake = None;
        let mut unknown = false;
        let mut i = 0;
        while i < outputs.len() {
            let output = outputs[i];
            if output.is_unknown() {
                unknown = true;
            } else {
                if joined.is_unknown() {
                    joined = output;
                    first = i;
                }
                let alike = output.with_last(1).same(&joined.with_last(1));
                if mistake.is_none() && !(alike && output.last().is_some()) {
                    mistake = Some(i);
                }
                if let Some(last) = output.last() {
                    channels = sizes::sum(&[channels, last]);
                }
            }
            i += 1;
        }

        match mistake {
            Some(i) if i == first => Inferred::wrong(
                Sentence::new("joins tensors along their last axis, but `")
                    .text(B::NAMES[i])
                    .text("` gives ")
                    .dims(outputs[i]),
                Dims::UNKNOWN,
            ),
            Some(i) => different_axes::<B>(first, i),
            None if unknown => Inferred::shape(Dims::UNKNOWN),
            None => Inferred::shape(joined.with_last(channels)),
        }
    };
}

/// The mistake of two branches that can't be concatenated.
const fn different_axes<B: Names>(first: usize, other: usize) -> Inferred {
    let outputs = B::OUTPUTS;

    let images = outputs[first].sizes().len() == 3 && outputs[other].sizes().len() == 3;
    let way_out = if images {
        "; make heights and widths equal, for example with `ZeroPad2d`; \
         an odd size, halved and doubled, is one smaller"
    } else {
        "; make all their other axes equal"
    };

    let sentence = Sentence::new("joins along the last axis what `")
        .text(B::NAMES[first])
        .text("` gives, ")
        .dims(outputs[first])
        .text(", and what `")
        .text(B::NAMES[other])
        .text("` gives, ")
        .dims(outputs[other])
        .text(way_out);
    Inferred::wrong(sentence, Dims::UNKNOWN)
}

impl<In: Shape, P, B: Names> ShapeRule<In> for Join<P, B, true> {
    const OUTPUT: Inferred = tuple_of(B::OUTPUTS);
}

impl<T: Element, P: Parameters<T>, B: Branches<P, T>, const TUPLE: bool> Layer<T>
    for Join<P, B, TUPLE>
{
    type Config = ();
    type Params = P;

    fn initialize<R: Rng + ?Sized>(_: &(), params: &mut P, rng: &mut R) {
        B::initialize(params, rng);
    }
}

/// Runs each branch in inference.
struct RunBranches<'a, P, T: Element> {
    params: &'a P,
    x: &'a [T],
    y: &'a mut [T],
    rows: JoinedRows,
    count: usize,
    scratch: Scratch<'a>,
    thread_memory: ThreadMemory<'a>,
    state: Option<StateMemory<'a>>,
    /// The position of the next branch's state.
    state_at: usize,
    cx: &'a Context<'a, T>,
}

impl<P, T: Element> Visitor<P, T> for RunBranches<'_, P, T> {
    fn branch<B: Branch<P, T>>(&mut self) {
        let mut scratch = self.scratch.reborrow();
        let out = scratch.take(<B::To as Shape>::LEN);
        let state_at = self.state_at;
        self.state_at += B::NEEDS.state;

        B::forward(Forward {
            config: &(),
            params: B::params(self.params),
            x: tensors(self.x, self.count),
            y: tensors_mut(out, self.count),
            scratch,
            thread_memory: self.thread_memory.reborrow(),
            state: self
                .state
                .as_mut()
                .map(|state| state.part(state_at, B::NEEDS.state)),
            cx: self.cx,
        });

        let range = self.rows.next_range(<B::To as Shape>::DIMS);
        self.rows.scatter(range, out, self.y);
    }
}

/// The part of the cache that belongs to one branch.
struct BranchCache<'a, T> {
    /// The outputs.
    out: &'a mut [T],
    /// The gradient of the outputs.
    gradient: &'a mut [T],
    /// The cache of the layers.
    layers: ActivationStore<'a>,
}

impl<'a, T: Element> BranchCache<'a, T> {
    /// Takes the cache of the next branch.
    fn next<P, B: TrainBranch<P, T>>(cache: &mut ActivationStore<'a>) -> Self {
        BranchCache {
            out: cache.take(<B::To as Shape>::LEN),
            gradient: cache.take(<B::To as Shape>::LEN),
            layers: cache.take_store(B::TRAIN_NEEDS.per_sample),
        }
    }
}

/// Runs each branch in training.
struct TrainBranchesForward<'a, P, T: Element> {
    params: &'a P,
    x: &'a [T],
    y: &'a mut [T],
    rows: JoinedRows,
    count: usize,
    index: usize,
    cache: ActivationStore<'a>,
    thread_memory: ThreadMemory<'a>,
    cx: &'a Context<'a, T>,
}

impl<P, T: Element> TrainVisitor<P, T> for TrainBranchesForward<'_, P, T> {
    fn branch<B: TrainBranch<P, T>>(&mut self) {
        let BranchCache { out, layers, .. } = BranchCache::next::<P, B>(&mut self.cache);
        B::forward_train(ForwardTrain {
            config: &(),
            params: B::params(self.params),
            x: tensors(self.x, self.count),
            y: tensors_mut(out, self.count),
            cache: layers,
            thread_memory: self.thread_memory.reborrow(),
            cx: &self.cx.layer(self.index),
        });

        let range = self.rows.next_range(<B::To as Shape>::DIMS);
        self.rows.scatter(range, out, self.y);
        self.index += 1;
    }
}

/// Computes the gradient of the inputs from that of the outputs.
struct InputGradient<'a, P, T: Element> {
    params: &'a P,
    x: &'a [T],
    dy: &'a [T],
    /// The gradient of the inputs, and memory for one branch's share of it.
    dx: Option<(&'a mut [T], &'a mut [T])>,
    rows: JoinedRows,
    count: usize,
    index: usize,
    cache: ActivationStore<'a>,
    thread_memory: ThreadMemory<'a>,
    cx: &'a Context<'a, T>,
}

impl<P, T: Element> TrainVisitor<P, T> for InputGradient<'_, P, T> {
    fn branch<B: TrainBranch<P, T>>(&mut self) {
        let BranchCache {
            out,
            gradient,
            layers,
        } = BranchCache::next::<P, B>(&mut self.cache);
        let range = self.rows.next_range(<B::To as Shape>::DIMS);
        self.rows.gather(range, gradient, self.dy);

        // The first branch writes the gradient of the inputs; the others add to it.
        let count = self.count;
        let is_first = self.index == 0;
        let branch_dx = self
            .dx
            .as_mut()
            .map(|(dx, share)| if is_first { &mut **dx } else { &mut **share });
        B::backward_input(BackwardInput {
            config: &(),
            params: B::params(self.params),
            x: tensors(self.x, count),
            y: LayerOutputs::from(tensors(out, count)),
            cache: layers,
            dy: tensors_mut(gradient, count),
            dx: branch_dx.map(|dx| tensors_mut(dx, count)),
            thread_memory: self.thread_memory.reborrow(),
            cx: &self.cx.layer(self.index),
        });
        if let Some((dx, share)) = &mut self.dx
            && !is_first
        {
            add(dx, share, self.cx);
        }
        self.index += 1;
    }
}

/// Computes the gradients of the parameters.
struct ParamGradients<'a, P, T: Element> {
    params: &'a P,
    gradient: &'a mut P,
    x: &'a [T],
    count: usize,
    index: usize,
    cache: ActivationStore<'a>,
    thread_memory: ThreadMemory<'a>,
    cx: &'a Context<'a, T>,
}

impl<P, T: Element> TrainVisitor<P, T> for ParamGradients<'_, P, T> {
    fn branch<B: TrainBranch<P, T>>(&mut self) {
        let BranchCache {
            out,
            gradient: dy,
            layers,
        } = BranchCache::next::<P, B>(&mut self.cache);

        B::backward_params(BackwardParams {
            config: &(),
            params: B::params(self.params),
            x: tensors(self.x, self.count),
            y: LayerOutputs::from(tensors(out, self.count)),
            cache: layers,
            dy: tensors(dy, self.count),
            gradient: B::params_mut(self.gradient),
            thread_memory: self.thread_memory.reborrow(),
            cx: &self.cx.layer(self.index),
        });
        self.index += 1;
    }
}

impl<In: Shape, Out: Shape, T: Element, P: Parameters<T>, B: Branches<P, T>, const TUPLE: bool>
    Infer<In, Out, T> for Join<P, B, TUPLE>
where
    Self: ShapeRule<In>,
{
    const ORDER: FeatureOrder = FeatureOrder::Layers;
    const BATCHING: Batching = B::BATCHING;
    const MULTIPLY_ADDS: usize = B::MULTIPLY_ADDS;
    const NEEDS: Needs = B::NEEDS;

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
        B::each(&mut RunBranches {
            params,
            x: flatten(x),
            y: flatten_mut(y),
            rows: JoinedRows::new::<Out>(TUPLE),
            count: x.len(),
            scratch,
            thread_memory,
            state,
            state_at: 0,
            cx,
        });
    }
}

impl<In, Out, T, P, B, const TUPLE: bool> Train<In, Out, T> for Join<P, B, TUPLE>
where
    In: Shape,
    Out: Shape,
    T: Element,
    P: Parameters<T>,
    B: TrainBranches<P, T>,
    Self: ShapeRule<In>,
{
    const READS_OUTPUT: bool = false;
    const OVERWRITES: bool = true;
    /// The branches, and one branch's share of the gradient of the inputs.
    const TRAIN_NEEDS: Needs = Needs::NONE.per_sample::<T>(In::LEN).and(B::TRAIN_NEEDS);

    fn forward_train(call: ForwardTrain<'_, Self, In, Out, T>) {
        let ForwardTrain {
            params,
            x,
            y,
            mut cache,
            thread_memory,
            cx,
            ..
        } = call;
        cache.take::<T>(In::LEN);
        B::each_train(&mut TrainBranchesForward {
            params,
            x: flatten(x),
            y: flatten_mut(y),
            rows: JoinedRows::new::<Out>(TUPLE),
            count: x.len(),
            index: 0,
            cache,
            thread_memory,
            cx,
        });
    }

    fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
        let BackwardInput {
            params,
            x,
            mut cache,
            dy,
            dx,
            thread_memory,
            cx,
            ..
        } = call;
        let share = cache.take(In::LEN);
        B::each_train(&mut InputGradient {
            params,
            x: flatten(x),
            dy: flatten(dy),
            dx: dx.map(|dx| (flatten_mut(dx), share)),
            rows: JoinedRows::new::<Out>(TUPLE),
            count: x.len(),
            index: 0,
            cache,
            thread_memory,
            cx,
        });
    }

    fn backward_params(call: BackwardParams<'_, Self, In, Out, T>) {
        let BackwardParams {
            params,
            x,
            mut cache,
            gradient,
            thread_memory,
            cx,
            ..
        } = call;
        cache.take::<T>(In::LEN);
        B::each_train(&mut ParamGradients {
            params,
            gradient,
            x: flatten(x),
            count: x.len(),
            index: 0,
            cache,
            thread_memory,
            cx,
        });
    }
}

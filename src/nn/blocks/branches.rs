//! Parallel branches: several lists of layers on the same input, with adjacent outputs.

use core::marker::PhantomData;
use core::ops::Range;

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
    const WHOLE_BATCH: bool;
    const MULTIPLY_ADDS: usize;
    /// The cache of training: the outputs, their gradients, and the cache of the layers.
    const CACHE: usize;
    /// The scratch of inference, which runs one branch at a time, including its outputs.
    const SCRATCH: usize;

    fn initialize<R: Rng + ?Sized>(params: &mut P, rng: &mut R);
    /// Calls the visitor with each branch.
    fn each(visitor: &mut impl Visitor<P, T>);
}

/// An operation on each branch.
#[doc(hidden)]
pub trait Visitor<P, T: Element> {
    fn branch<B: Branch<P, T>>(&mut self);
}

/// Implements the traits for a tuple of branches.
macro_rules! branches {
    ($($name:ident)*) => {
        impl<$($name: Ends),*> Names for ($($name,)*) {
            const OUTPUTS: &'static [Dims] = &[$(<$name::To as Shape>::DIMS),*];
            const NAMES: &'static [&'static str] = &[$($name::NAME),*];
        }

        impl<P, T: Element, $($name: Branch<P, T>),*> Branches<P, T> for ($($name,)*) {
            const WHOLE_BATCH: bool = false $(|| $name::WHOLE_BATCH)*;
            const MULTIPLY_ADDS: usize = sizes::sum(&[$($name::MULTIPLY_ADDS),*]);
            const CACHE: usize = sizes::sum(&[
                $(<$name::To as Shape>::LEN, <$name::To as Shape>::LEN, $name::CACHE),*
            ]);
            const SCRATCH: usize = {
                let mut most = 0;
                $(
                    let needed = sizes::sum(&[<$name::To as Shape>::LEN, $name::SCRATCH]);
                    most = if needed > most { needed } else { most };
                )*
                most
            };

            fn initialize<R: Rng + ?Sized>(params: &mut P, rng: &mut R) {
                $($name::initialize(&(), $name::params_mut(params), rng);)*
            }

            fn each(visitor: &mut impl Visitor<P, T>) {
                $(visitor.branch::<$name>();)*
            }
        }
    };
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
    const OUTPUT: Inferred = {
        let mut unknown = false;
        let mut i = 0;
        while i < B::OUTPUTS.len() {
            unknown = unknown || B::OUTPUTS[i].is_unknown();
            i += 1;
        }

        Inferred::shape(if unknown {
            Dims::UNKNOWN
        } else {
            Dims::tuple(B::OUTPUTS)
        })
    };
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

/// The layout of the joined outputs: rows that consist of one range of each branch.
///
/// A row is a sample of a tuple, and otherwise the last axis.
struct JoinedRows {
    tuple: bool,
    /// The length of a row.
    width: usize,
    /// The start of the next branch's range.
    next_start: usize,
}

impl JoinedRows {
    fn new<Out: Shape>(tuple: bool) -> Self {
        let width = if tuple {
            Out::LEN
        } else {
            Out::DIMS.last().unwrap_or(1)
        };
        JoinedRows {
            tuple,
            width,
            next_start: 0,
        }
    }

    /// Returns the range of the next branch in a row.
    fn next_range<To: Shape>(&mut self) -> Range<usize> {
        let start = self.next_start;
        self.next_start += if self.tuple {
            To::LEN
        } else {
            To::DIMS.last().unwrap_or(1)
        };
        start..self.next_start
    }

    /// Copies the outputs of a branch into its range of each row.
    fn scatter<T: Copy>(&self, range: Range<usize>, branch: &[T], joined: &mut [T]) {
        for (from, row) in branch
            .chunks_exact(range.len())
            .zip(joined.chunks_exact_mut(self.width))
        {
            row[range.clone()].copy_from_slice(from);
        }
    }

    /// Copies the range of a branch in each row to the memory of the branch.
    fn gather<T: Copy>(&self, range: Range<usize>, branch: &mut [T], joined: &[T]) {
        for (to, row) in branch
            .chunks_exact_mut(range.len())
            .zip(joined.chunks_exact(self.width))
        {
            to.copy_from_slice(&row[range.clone()]);
        }
    }
}

/// Runs each branch in inference.
struct Forward<'a, P, T: Element> {
    params: &'a P,
    x: &'a [T],
    y: &'a mut [T],
    rows: JoinedRows,
    count: usize,
    scratch: &'a mut [T],
    cx: &'a Context<'a, T>,
}

impl<P, T: Element> Visitor<P, T> for Forward<'_, P, T> {
    fn branch<B: Branch<P, T>>(&mut self) {
        let count = self.count;
        let params = B::params(self.params);
        let (out, scratch) = self.scratch.split_at_mut(count * <B::To as Shape>::LEN);
        let scratch = &mut scratch[..count * B::SCRATCH];
        let x = tensors(self.x, count);
        let y = tensors_mut(out, count);
        B::forward(&(), params, x, y, scratch, self.cx);

        let range = self.rows.next_range::<B::To>();
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
    layers: ActivationStore<'a, T>,
}

impl<'a, T: Element> BranchCache<'a, T> {
    /// Splits off the cache of the next branch.
    fn next<P, B: Branch<P, T>>(cache: &mut Option<ActivationStore<'a, T>>) -> Self {
        let all = cache.take().expect("there is a rest after every branch");
        let (out, rest) = all.split(<B::To as Shape>::LEN);
        let (gradient, rest) = rest.split(<B::To as Shape>::LEN);
        let (layers, rest) = rest.split(B::CACHE);
        *cache = Some(rest);

        BranchCache {
            out: out.into_slice(),
            gradient: gradient.into_slice(),
            layers,
        }
    }
}

/// Runs each branch in training.
struct ForwardTrain<'a, P, T: Element> {
    params: &'a P,
    x: &'a [T],
    y: &'a mut [T],
    rows: JoinedRows,
    count: usize,
    index: usize,
    cache: Option<ActivationStore<'a, T>>,
    cx: &'a Context<'a, T>,
}

impl<P, T: Element> Visitor<P, T> for ForwardTrain<'_, P, T> {
    fn branch<B: Branch<P, T>>(&mut self) {
        let params = B::params(self.params);
        let BranchCache { out, layers, .. } = BranchCache::next::<P, B>(&mut self.cache);
        let x = tensors(self.x, self.count);
        let y = tensors_mut(out, self.count);
        B::forward_train(&(), params, x, y, layers, &self.cx.layer(self.index));

        let range = self.rows.next_range::<B::To>();
        self.rows.scatter(range, out, self.y);
        self.index += 1;
    }
}

/// Computes the gradient of the inputs from that of the outputs.
struct BackwardInput<'a, P, T: Element> {
    params: &'a P,
    x: &'a [T],
    dy: &'a [T],
    /// The gradient of the inputs, and memory for one branch's share of it.
    dx: Option<(&'a mut [T], &'a mut [T])>,
    rows: JoinedRows,
    count: usize,
    index: usize,
    cache: Option<ActivationStore<'a, T>>,
    cx: &'a Context<'a, T>,
}

impl<P, T: Element> Visitor<P, T> for BackwardInput<'_, P, T> {
    fn branch<B: Branch<P, T>>(&mut self) {
        let BranchCache {
            out,
            gradient,
            layers,
        } = BranchCache::next::<P, B>(&mut self.cache);
        let range = self.rows.next_range::<B::To>();
        self.rows.gather(range, gradient, self.dy);

        let count = self.count;
        let params = B::params(self.params);
        let x = tensors(self.x, count);
        let y = LayerOutputs::from(tensors(out, count));
        let dy = tensors_mut(gradient, count);
        let cx = &self.cx.layer(self.index);
        match &mut self.dx {
            None => B::backward_input(&(), params, x, y, layers, dy, None, cx),

            // The first branch writes the gradient of the inputs; the others add to it.
            Some((dx, _)) if self.index == 0 => {
                let dx = Some(tensors_mut(dx, count));
                B::backward_input(&(), params, x, y, layers, dy, dx, cx);
            }
            Some((dx, share)) => {
                let branch_dx = Some(tensors_mut(share, count));
                B::backward_input(&(), params, x, y, layers, dy, branch_dx, cx);
                add(dx, share, cx);
            }
        }
        self.index += 1;
    }
}

/// Computes the gradients of the parameters.
struct BackwardParams<'a, P, T: Element> {
    params: &'a P,
    gradient: &'a mut P,
    x: &'a [T],
    count: usize,
    index: usize,
    cache: Option<ActivationStore<'a, T>>,
    cx: &'a Context<'a, T>,
}

impl<P, T: Element> Visitor<P, T> for BackwardParams<'_, P, T> {
    fn branch<B: Branch<P, T>>(&mut self) {
        let BranchCache {
            out,
            gradient: dy,
            layers,
        } = BranchCache::next::<P, B>(&mut self.cache);

        let params = B::params(self.params);
        let gradient = B::params_mut(self.gradient);
        let x = tensors(self.x, self.count);
        let y = LayerOutputs::from(tensors(out, self.count));
        let dy = tensors(dy, self.count);
        let cx = &self.cx.layer(self.index);
        B::backward_params(&(), params, x, y, layers, dy, gradient, cx);
        self.index += 1;
    }
}

impl<In: Shape, Out: Shape, T: Element, P: Parameters<T>, B: Branches<P, T>, const TUPLE: bool>
    Compute<In, Out, T> for Join<P, B, TUPLE>
where
    Self: ShapeRule<In>,
{
    const ORDER: FeatureOrder = FeatureOrder::Layers;
    const READS_OUTPUT: bool = false;
    const WHOLE_BATCH: bool = B::WHOLE_BATCH;
    const OVERWRITES: bool = true;
    const MULTIPLY_ADDS: usize = B::MULTIPLY_ADDS;
    const CACHE: usize = sizes::sum(&[B::CACHE, In::LEN]);
    const SCRATCH: usize = B::SCRATCH;

    fn forward(
        _: &(),
        params: &P,
        x: &[Tensor<In, T>],
        y: &mut [Tensor<Out, T>],
        scratch: &mut [T],
        cx: &Context<T>,
    ) {
        B::each(&mut Forward {
            params,
            x: flatten(x),
            y: flatten_mut(y),
            rows: JoinedRows::new::<Out>(TUPLE),
            count: x.len(),
            scratch,
            cx,
        });
    }

    fn forward_train(
        _: &(),
        params: &P,
        x: &[Tensor<In, T>],
        y: &mut [Tensor<Out, T>],
        cache: ActivationStore<'_, T>,
        cx: &Context<T>,
    ) {
        let (cache, _) = cache.split(B::CACHE);
        B::each(&mut ForwardTrain {
            params,
            x: flatten(x),
            y: flatten_mut(y),
            rows: JoinedRows::new::<Out>(TUPLE),
            count: x.len(),
            index: 0,
            cache: Some(cache),
            cx,
        });
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
        let (cache, share) = cache.split(B::CACHE);
        B::each(&mut BackwardInput {
            params,
            x: flatten(x),
            dy: flatten(dy),
            dx: dx.map(|dx| (flatten_mut(dx), share.into_slice())),
            rows: JoinedRows::new::<Out>(TUPLE),
            count: x.len(),
            index: 0,
            cache: Some(cache),
            cx,
        });
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
        let (cache, _) = cache.split(B::CACHE);
        B::each(&mut BackwardParams {
            params,
            gradient,
            x: flatten(x),
            count: x.len(),
            index: 0,
            cache: Some(cache),
            cx,
        });
    }
}

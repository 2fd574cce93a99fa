//! Several lists of layers on the same input, their outputs side by side.

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

/// `Concat { .. }` and `Split { .. }`: the layers of all branches `B`, a tuple, on the same input.
/// With `TUPLE` the outputs are the parts of a tuple, otherwise they are joined along the last
/// axis.
#[doc(hidden)]
pub struct Join<P, B, const TUPLE: bool>(PhantomData<(P, B)>);

/// What a block knows of the ends of its branches.
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
    /// What training keeps: outputs, their gradients, and what the layers keep.
    const CACHE: usize;
    /// What the inference of one branch at a time needs, its outputs among it.
    const SCRATCH: usize;

    fn initialize<R: Rng + ?Sized>(params: &mut P, rng: &mut R);
    /// Calls with each branch.
    fn each(visitor: &mut impl Visitor<P, T>);
}

/// What is done with each branch.
#[doc(hidden)]
pub trait Visitor<P, T: Element> {
    fn branch<B: Branch<P, T>>(&mut self);
}

macro_rules! branches {
    ($($name:ident)*) => {
        impl<$($name: Ends),*> Names for ($($name,)*) {
            const OUTPUTS: &'static [Dims] = &[$(<$name::To as Shape>::DIMS),*];
            const NAMES: &'static [&'static str] = &[$($name::NAME),*];
        }
        impl<P, T: Element, $($name: Branch<P, T>),*> Branches<P, T> for ($($name,)*) {
            const WHOLE_BATCH: bool = false $(|| $name::WHOLE_BATCH)*;
            const MULTIPLY_ADDS: usize = sizes::sum(&[$($name::MULTIPLY_ADDS),*]);
            const CACHE: usize =
                sizes::sum(&[$(<$name::To as Shape>::LEN, <$name::To as Shape>::LEN, $name::CACHE),*]);
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
        let (mut joined, mut channels, mut mistake, mut i) = (Dims::UNKNOWN, 0, None, 0);
        let (mut first, mut unknown) = (0, false);
        while i < outputs.len() {
            let output = outputs[i];
            if output.is_unknown() {
                unknown = true;
            } else {
                if joined.is_unknown() {
                    (joined, first) = (output, i);
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
            Some(i) => Inferred::wrong(
                Sentence::new("joins along the last axis what `")
                    .text(B::NAMES[first])
                    .text("` gives, ")
                    .dims(outputs[first])
                    .text(", and what `")
                    .text(B::NAMES[i])
                    .text("` gives, ")
                    .dims(outputs[i])
                    .text(if joined.sizes().len() == 3 && outputs[i].sizes().len() == 3 {
                        "; make heights and widths equal, for example with `ZeroPad2d`; an odd size, halved and doubled, is \
                         one smaller"
                    } else {
                        "; make all their other axes equal"
                    }),
                Dims::UNKNOWN,
            ),
            None if unknown => Inferred::shape(Dims::UNKNOWN),
            None => Inferred::shape(joined.with_last(channels)),
        }
    };
}

impl<In: Shape, P, B: Names> ShapeRule<In> for Join<P, B, true> {
    const OUTPUT: Inferred = {
        let (mut unknown, mut i) = (false, 0);
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

/// How the outputs lie side by side: in rows, so many numbers of each branch after another.
struct Rows {
    tuple: bool,
    /// Numbers in a row of all branches.
    width: usize,
    /// Where the next branch's begin.
    at: usize,
}

impl Rows {
    fn new<Out: Shape>(tuple: bool) -> Self {
        let width = if tuple {
            Out::LEN
        } else {
            Out::DIMS.last().unwrap_or(1)
        };
        Rows {
            tuple,
            width,
            at: 0,
        }
    }

    /// Where the next branch's numbers are in a row.
    fn next<To: Shape>(&mut self) -> core::ops::Range<usize> {
        let start = self.at;
        self.at += if self.tuple {
            To::LEN
        } else {
            To::DIMS.last().unwrap_or(1)
        };
        start..self.at
    }

    fn put<T: Copy>(&self, range: core::ops::Range<usize>, part: &[T], all: &mut [T]) {
        for (part, all) in part
            .chunks_exact(range.len())
            .zip(all.chunks_exact_mut(self.width))
        {
            all[range.clone()].copy_from_slice(part);
        }
    }

    fn take<T: Copy>(&self, range: core::ops::Range<usize>, part: &mut [T], all: &[T]) {
        for (part, all) in part
            .chunks_exact_mut(range.len())
            .zip(all.chunks_exact(self.width))
        {
            part.copy_from_slice(&all[range.clone()]);
        }
    }
}

struct Forward<'a, P, T: Element> {
    params: &'a P,
    x: &'a [T],
    y: &'a mut [T],
    rows: Rows,
    count: usize,
    scratch: &'a mut [T],
    cx: &'a Context<'a, T>,
}

impl<P, T: Element> Visitor<P, T> for Forward<'_, P, T> {
    fn branch<B: Branch<P, T>>(&mut self) {
        let (count, range) = (self.count, self.rows.next::<B::To>());
        let (out, scratch) = self.scratch.split_at_mut(count * <B::To as Shape>::LEN);
        let (x, y) = (tensors(self.x, count), tensors_mut(out, count));
        B::forward(
            &(),
            B::params(self.params),
            x,
            y,
            &mut scratch[..count * B::SCRATCH],
            self.cx,
        );
        self.rows.put(range, out, self.y);
    }
}

/// The next branch's outputs, their gradient, and what its layers keep.
fn next_slots<'a, P, T: Element, B: Branch<P, T>>(
    cache: &mut Option<ActivationStore<'a, T>>,
) -> [ActivationStore<'a, T>; 3] {
    let all = cache.take().expect("there is a rest after every branch");
    let (out, rest) = all.split(<B::To as Shape>::LEN);
    let (gradient, rest) = rest.split(<B::To as Shape>::LEN);
    let (own, rest) = rest.split(B::CACHE);
    *cache = Some(rest);
    [out, gradient, own]
}

struct Train<'a, P, T: Element> {
    params: &'a P,
    x: &'a [T],
    y: &'a mut [T],
    rows: Rows,
    count: usize,
    index: usize,
    cache: Option<ActivationStore<'a, T>>,
    cx: &'a Context<'a, T>,
}

impl<P, T: Element> Visitor<P, T> for Train<'_, P, T> {
    fn branch<B: Branch<P, T>>(&mut self) {
        let (count, range) = (self.count, self.rows.next::<B::To>());
        let [out, _, cache] = next_slots::<P, T, B>(&mut self.cache);
        let out = out.into_slice();
        let (x, y, cx) = (
            tensors(self.x, count),
            tensors_mut(out, count),
            &self.cx.layer(self.index),
        );
        B::forward_train(&(), B::params(self.params), x, y, cache, cx);
        self.rows.put(range, out, self.y);
        self.index += 1;
    }
}

struct Backward<'a, P, T: Element> {
    params: &'a P,
    x: &'a [T],
    dy: &'a [T],
    /// The gradient of the inputs, and memory for one branch's part of it.
    dx: Option<(&'a mut [T], &'a mut [T])>,
    rows: Rows,
    count: usize,
    index: usize,
    cache: Option<ActivationStore<'a, T>>,
    cx: &'a Context<'a, T>,
}

impl<P, T: Element> Visitor<P, T> for Backward<'_, P, T> {
    fn branch<B: Branch<P, T>>(&mut self) {
        let (count, range) = (self.count, self.rows.next::<B::To>());
        let [out, gradient, cache] = next_slots::<P, T, B>(&mut self.cache);
        let gradient = gradient.into_slice();
        self.rows.take(range, gradient, self.dy);
        let x = tensors(self.x, count);
        let y = LayerOutputs::from(tensors(out.into_slice(), count));
        let (params, cx) = (B::params(self.params), &self.cx.layer(self.index));
        let dy = tensors_mut(gradient, count);
        match &mut self.dx {
            None => B::backward_input(&(), params, x, y, cache, dy, None, cx),
            Some((dx, _)) if self.index == 0 => {
                B::backward_input(
                    &(),
                    params,
                    x,
                    y,
                    cache,
                    dy,
                    Some(tensors_mut(dx, count)),
                    cx,
                );
            }
            Some((dx, part)) => {
                B::backward_input(
                    &(),
                    params,
                    x,
                    y,
                    cache,
                    dy,
                    Some(tensors_mut(part, count)),
                    cx,
                );
                add(dx, part, cx);
            }
        }
        self.index += 1;
    }
}

struct Gradients<'a, P, T: Element> {
    params: &'a P,
    gradient: &'a mut P,
    x: &'a [T],
    count: usize,
    index: usize,
    cache: Option<ActivationStore<'a, T>>,
    cx: &'a Context<'a, T>,
}

impl<P, T: Element> Visitor<P, T> for Gradients<'_, P, T> {
    fn branch<B: Branch<P, T>>(&mut self) {
        let count = self.count;
        let [out, gradient, cache] = next_slots::<P, T, B>(&mut self.cache);
        let (x, y, dy) = (self.x, out.into_slice(), gradient.into_slice());
        let (params, cx) = (B::params(self.params), &self.cx.layer(self.index));
        let y = LayerOutputs::from(tensors(y, count));
        let (x, dy) = (tensors(x, count), tensors(dy, count));
        B::backward_params(
            &(),
            params,
            x,
            y,
            cache,
            dy,
            B::params_mut(self.gradient),
            cx,
        );
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
        let (x, y, count, rows) = (flatten(x), flatten_mut(y), x.len(), Rows::new::<Out>(TUPLE));
        B::each(&mut Forward {
            params,
            x,
            y,
            rows,
            count,
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
        let (x, y, count, rows) = (flatten(x), flatten_mut(y), x.len(), Rows::new::<Out>(TUPLE));
        let (cache, _) = cache.split(B::CACHE);
        B::each(&mut Train {
            params,
            x,
            y,
            rows,
            count,
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
        let (x, dy, count, rows) = (flatten(x), flatten(dy), x.len(), Rows::new::<Out>(TUPLE));
        let (cache, part) = cache.split(B::CACHE);
        let dx = dx.map(|dx| (flatten_mut(dx), part.into_slice()));
        B::each(&mut Backward {
            params,
            x,
            dy,
            dx,
            rows,
            count,
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
        let (x, count) = (flatten(x), x.len());
        let (cache, _) = cache.split(B::CACHE);
        B::each(&mut Gradients {
            params,
            gradient,
            x,
            count,
            index: 0,
            cache: Some(cache),
            cx,
        });
    }
}

//! Layers as a user would write them: with parameters, constructor arguments, scratch and a cache.

use shapewright::prelude::*;
use shapewright::{
    ext::{
        BackwardInput, BackwardParams, Configuration, FeatureOrder, Forward, ForwardTrain, INFER,
        Infer, Inferred, Layer, Needs, ShapeRule, Train,
    },
    tensor::{Dims, Element},
};

/// A layer that multiplies each of `N` features of a vector by a factor of its own. Its backward
/// pass adds to the gradient.
pub struct Scale<const N: usize>;

#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
pub struct ScaleParams<const N: usize, T: Element> {
    pub factor: [T; N],
}

impl<In: Shape, const N: usize> ShapeRule<In> for Scale<N> {
    const OUTPUT: Inferred = {
        let features = if N == INFER { In::DIMS.size(0) } else { N };
        Inferred::takes(Dims::new(&[features]), In::DIMS, Dims::new(&[features])).infers(features)
    };
}

impl<T: Element, const N: usize> Layer<T> for Scale<N> {
    type Config = ();
    type Params = ScaleParams<N, T>;

    fn initialize<R: rand::Rng + ?Sized>(_: &(), params: &mut Self::Params, _: &mut R) {
        for (i, factor) in params.factor.iter_mut().enumerate() {
            *factor = T::from_f64_lossy(0.5 + i as f64);
        }
    }
}

impl<In: Shape, Out: Shape, T: Element, const N: usize> Infer<In, Out, T> for Scale<N> {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    const MULTIPLY_ADDS: usize = N;

    fn forward(call: Forward<'_, Self, In, Out, T>) {
        let Forward { params, x, y, .. } = call;
        for (x, y) in x.iter().zip(y) {
            y.fill_with(|i| x.as_slice()[i] * params.factor[i]);
        }
    }
}

impl<In: Shape, Out: Shape, T: Element, const N: usize> Train<In, Out, T> for Scale<N> {
    const READS_OUTPUT: bool = false;

    fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
        let BackwardInput { params, dy, dx, .. } = call;
        for (dx, dy) in dx.into_iter().flatten().zip(dy) {
            dx.fill_with(|i| dy.as_slice()[i] * params.factor[i]);
        }
    }

    fn backward_params(call: BackwardParams<'_, Self, In, Out, T>) {
        let BackwardParams {
            x, dy, gradient, ..
        } = call;
        for (x, dy) in x.iter().zip(dy) {
            for (i, sum) in gradient.factor.iter_mut().enumerate() {
                *sum += x.as_slice()[i] * dy.as_slice()[i];
            }
        }
    }
}

/// The layer `x sigmoid(beta x)` on any shape, with scratch and with a cache of two tensors per
/// sample.
#[derive(Clone, Copy)]
pub struct Swish {
    beta: f64,
}

#[allow(non_snake_case)]
pub const fn Swish(beta: f64) -> Swish {
    Swish { beta }
}

impl Configuration for Swish {
    const DEFAULT: Self = Swish(1.0);
}

impl<In: Shape> ShapeRule<In> for Swish {
    const OUTPUT: Inferred = Inferred::shape(In::DIMS);
}

impl<T: Element> Layer<T> for Swish {
    type Config = Swish;
    type Params = ();
}

impl Swish {
    fn sigmoid<T: Element>(&self, x: T) -> T {
        T::one() / (T::one() + (-T::from_f64_lossy(self.beta) * x).exp())
    }
}

impl<In: Shape, Out: Shape, T: Element> Infer<In, Out, T> for Swish {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    const NEEDS: Needs = Needs::NONE.per_sample::<T>(In::LEN);

    fn forward(call: Forward<'_, Self, In, Out, T>) {
        let Forward {
            config,
            x,
            y,
            mut scratch,
            ..
        } = call;
        let scratch = scratch.take(In::LEN);
        assert_eq!(scratch.len(), x.len() * In::LEN);
        for ((x, y), gates) in x.iter().zip(y).zip(scratch.chunks_exact_mut(In::LEN)) {
            gates
                .iter_mut()
                .zip(x)
                .for_each(|(gate, &x)| *gate = config.sigmoid(x));
            y.fill_with(|i| x.as_slice()[i] * gates[i]);
        }
    }
}

impl<In: Shape, Out: Shape, T: Element> Train<In, Out, T> for Swish {
    const READS_OUTPUT: bool = false;
    const TRAIN_NEEDS: Needs = Needs::NONE
        .per_sample::<T>(In::LEN)
        .per_sample::<T>(In::LEN);

    fn forward_train(call: ForwardTrain<'_, Self, In, Out, T>) {
        let ForwardTrain {
            config,
            x,
            y,
            mut cache,
            ..
        } = call;
        assert_eq!(cache.count(), x.len());
        let gates = cache.take_tensors::<In, T>();
        let slopes = cache.take_tensors::<In, T>();

        let beta = T::from_f64_lossy(config.beta);
        for (sample, (x, y)) in x.iter().zip(y).enumerate() {
            for i in 0..In::LEN {
                let x = x.as_slice()[i];
                let gate = config.sigmoid(x);
                gates[sample].as_mut_slice()[i] = gate;
                slopes[sample].as_mut_slice()[i] = T::one() + beta * x * (T::one() - gate);
                y.as_mut_slice()[i] = x * gate;
            }
        }
    }

    fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
        let BackwardInput {
            mut cache, dy, dx, ..
        } = call;
        let gates = cache.take_tensors::<In, T>();
        let slopes = cache.take_tensors::<In, T>();

        for (sample, (dx, dy)) in dx.into_iter().flatten().zip(dy).enumerate() {
            dx.fill_with(|i| {
                dy.as_slice()[i] * gates[sample].as_slice()[i] * slopes[sample].as_slice()[i]
            });
        }
    }
}

/// Rounds to whole numbers. It has no backward pass.
pub struct Round;

impl<In: Shape> ShapeRule<In> for Round {
    const OUTPUT: Inferred = Inferred::shape(In::DIMS);
}

impl<T: Element> Layer<T> for Round {
    type Config = ();
    type Params = ();
}

impl<S: Shape, T: Element> Infer<S, S, T> for Round {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;

    fn forward(call: Forward<'_, Self, S, S, T>) {
        let Forward { x, y, .. } = call;
        for (x, y) in x.iter().zip(y) {
            *y = x.map(|x| x.round());
        }
    }
}

/// Gives 1 at the position of the first largest number, and 0 elsewhere. It has no backward pass.
pub struct OneHot;

impl<In: Shape> ShapeRule<In> for OneHot {
    const OUTPUT: Inferred = Inferred::shape(In::DIMS);
}

impl<T: Element> Layer<T> for OneHot {
    type Config = ();
    type Params = ();
}

impl<S: Shape, T: Element> Infer<S, S, T> for OneHot {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    /// The position for each sample.
    const NEEDS: Needs = Needs::NONE.per_sample::<u32>(1);

    fn forward(call: Forward<'_, Self, S, S, T>) {
        let Forward {
            x, y, mut scratch, ..
        } = call;
        let largest = scratch.take::<u32>(1);
        for (x, largest) in x.iter().zip(&mut *largest) {
            *largest = 0;
            for (i, &value) in (0..).zip(x) {
                if value > x.as_slice()[*largest as usize] {
                    *largest = i;
                }
            }
        }

        for (y, &largest) in y.iter_mut().zip(&*largest) {
            y.fill_with(|i| {
                if i == largest as usize {
                    T::one()
                } else {
                    T::zero()
                }
            });
        }
    }
}

//! Layers as a user would write them: with parameters, constructor arguments, scratch and a cache.

use shapewright::prelude::*;
use shapewright::{
    ext::{
        ActivationStore, Compute, Configuration, Context, FeatureOrder, INFER, Inferred, Layer,
        LayerOutputs, ShapeRule,
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

impl<In: Shape, Out: Shape, T: Element, const N: usize> Compute<In, Out, T> for Scale<N> {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    const READS_OUTPUT: bool = false;
    const MULTIPLY_ADDS: usize = N;

    fn forward(
        _: &(),
        params: &Self::Params,
        x: &[Tensor<In, T>],
        y: &mut [Tensor<Out, T>],
        _: &mut [T],
        _: &Context<T>,
    ) {
        for (x, y) in x.iter().zip(y) {
            y.fill_with(|i| x.as_slice()[i] * params.factor[i]);
        }
    }

    fn backward_input(
        _: &(),
        params: &Self::Params,
        _: &[Tensor<In, T>],
        _: LayerOutputs<'_, Out, T>,
        _: ActivationStore<'_, T>,
        dy: &mut [Tensor<Out, T>],
        dx: Option<&mut [Tensor<In, T>]>,
        _: &Context<T>,
    ) {
        for (dx, dy) in dx.into_iter().flatten().zip(dy) {
            dx.fill_with(|i| dy.as_slice()[i] * params.factor[i]);
        }
    }

    fn backward_params(
        _: &(),
        _: &Self::Params,
        x: &[Tensor<In, T>],
        _: LayerOutputs<'_, Out, T>,
        _: ActivationStore<'_, T>,
        dy: &[Tensor<Out, T>],
        gradient: &mut Self::Params,
        _: &Context<T>,
    ) {
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

impl<In: Shape, Out: Shape, T: Element> Compute<In, Out, T> for Swish {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    const READS_OUTPUT: bool = false;
    const CACHE: usize = 2 * In::LEN;
    const SCRATCH: usize = In::LEN;

    fn forward(
        config: &Swish,
        _: &(),
        x: &[Tensor<In, T>],
        y: &mut [Tensor<Out, T>],
        scratch: &mut [T],
        _: &Context<T>,
    ) {
        assert_eq!(scratch.len(), x.len() * In::LEN);
        for ((x, y), gates) in x.iter().zip(y).zip(scratch.chunks_exact_mut(In::LEN)) {
            gates
                .iter_mut()
                .zip(x)
                .for_each(|(gate, &x)| *gate = config.sigmoid(x));
            y.fill_with(|i| x.as_slice()[i] * gates[i]);
        }
    }

    fn forward_train(
        config: &Swish,
        _: &(),
        x: &[Tensor<In, T>],
        y: &mut [Tensor<Out, T>],
        cache: ActivationStore<'_, T>,
        _: &Context<T>,
    ) {
        assert_eq!((cache.count(), cache.len()), (x.len(), 2 * In::LEN));
        let (gates, slopes) = cache.split(In::LEN);
        let gates = gates.tensors::<In>();
        let slopes = slopes.tensors::<In>();

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

    fn backward_input(
        _: &Swish,
        _: &(),
        _: &[Tensor<In, T>],
        _: LayerOutputs<'_, Out, T>,
        cache: ActivationStore<'_, T>,
        dy: &mut [Tensor<Out, T>],
        dx: Option<&mut [Tensor<In, T>]>,
        _: &Context<T>,
    ) {
        let (gates, slopes) = cache.split(In::LEN);
        let gates = gates.tensors::<In>();
        let slopes = slopes.tensors::<In>();

        for (sample, (dx, dy)) in dx.into_iter().flatten().zip(dy).enumerate() {
            dx.fill_with(|i| {
                dy.as_slice()[i] * gates[sample].as_slice()[i] * slopes[sample].as_slice()[i]
            });
        }
    }
}

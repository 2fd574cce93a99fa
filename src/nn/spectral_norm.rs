//! Spectral normalization of a layer's weight.

use core::marker::PhantomData;

use rand::Rng;

use super::{
    Conv1d, Conv1dNoBiasParams, Conv1dParams, Conv2d, Conv2dNoBiasParams, Conv2dParams, Linear,
    LinearNoBiasParams, LinearParams,
};
use crate::derive::Parameters;
#[cfg(feature = "onnx-export")]
use crate::export::{Export, Exported};
use crate::init;
use crate::kernels::Kernels;
use crate::memory::{flatten, flatten_mut, tensors_mut};
use crate::network::{
    BackwardInput, BackwardParams, Batching, Context, Forward, ForwardTrain, Infer, Inferred,
    Layer, Needs, Reach, ShapeRule, Train,
};
use crate::params::{FeatureOrder, Parameters, copy_parameters};
use crate::sum::Sum;
use crate::tensor::{Element, Shape, Tensor, double};

/// The number of power iterations with which the initial vector is found.
#[cfg(feature = "alloc")]
const FIRST_ITERATIONS: usize = 15;

/// A layer whose weight is divided by its largest singular value, so that it lengthens no vector:
/// the weight of a [`Linear`], [`Conv1d`] or [`Conv2d`], as the matrix
/// `[all other axes][out_features or out_channels]`.
///
/// In a network: `SpectralNorm<Linear<_, 128>>` or `SpectralNorm<Conv2d<_, 64, 3, Stride<2>>>`. The
/// discriminator of a generative adversarial network is trained more stably with it (Miyato et al.,
/// 2018, "Spectral Normalization for Generative Adversarial Networks").
///
/// PyTorch's `torch.nn.utils.spectral_norm` with its defaults. The largest singular value is
/// approximated by one power iteration in each training step, which goes on from the vector of the
/// step before, `weight_u`, also if the step is that of several accumulated gradients; the gradient
/// flows through the singular value, but not through the vectors. The bias is not normalized.
/// PyTorch's newer `torch.nn.utils.parametrizations.spectral_norm` goes on from the vector of the
/// other side, and converges to the same value.
///
/// - **Parameters** are those of the layer, in the field `layer`, and the vector `weight_u`, which
///   begins with 15 iterations. In files they are called `weight`, `bias` and `weight_u`. PyTorch's
///   files have `weight_orig`, or `parametrizations.weight.original` and
///   `parametrizations.weight.0._u`, which `weights::Loader::rename` translates. They also have the
///   vector of the other side, which is computed here.
/// - **`weight_u`** is measured and not trained, as the running statistics of a
///   [`struct@BatchNorm1d`](struct@super::BatchNorm1d) are. Frozen layers, and layers within
///   [`Workspace::eval`](crate::Workspace::eval), keep it.
/// - **Inference** computes the singular value in each call, from `weight_u`. A
///   [`#[folded]`](super::Foldable) network has the divided weight and the layer alone.
/// - **A weight of zeros** stays one, where PyTorch gives NaN.
///
/// ```
/// use shapewright::prelude::*;
/// network! {
///     struct Critic: [8, 8, 1] -> [1] {
///         conv: SpectralNorm<Conv2d<_, 16, 3, Stride<2>>>,
///         LeakyRelu(0.1),
///         Flatten,
///         head: SpectralNorm<Linear<_, 1>>,
///     }
/// }
/// let mut net = Critic::init(&mut shapewright::rng(0));
/// net.head.layer.bias = [0.0];
/// let y = net.forward(&Tensor3::from_fn(|_| 1.0));
///
/// // The head's only singular value is the length of its weight, whatever that is.
/// net.head.layer.weight.as_flattened_mut().iter_mut().for_each(|w| *w *= 10.0);
/// let same = net.forward(&Tensor3::from_fn(|_| 1.0));
/// assert!((y[0] - same[0]).abs() < 1e-6);
/// ```
///
/// Any other layer inside is a compile error:
///
/// ```compile_fail
/// use shapewright::prelude::*;
/// network! { struct Wrong: [4] -> [4] { SpectralNorm<LayerNorm> } }
/// ```
pub struct SpectralNorm<L>(PhantomData<L>);

/// The parameters of a [`SpectralNorm`]: those of the layer inside, and the vector from which the
/// largest singular value of its weight is computed. `O` is the number of outputs.
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
pub struct SpectralNormParams<P, const O: usize, T: Element> {
    /// The parameters of the layer inside, with its weight as it is trained.
    #[params(flatten)]
    pub layer: P,
    /// `[out_features]` or `[out_channels]`: the singular vector on the side of the outputs, of
    /// length 1.
    #[params(statistic, outputs)]
    pub weight_u: [T; O],
}

/// Parameters with one weight, whose last axis is that of the outputs.
pub trait WeightMatrix<T: Element>: Parameters<T> {
    /// Returns the weight, row by row.
    fn weight(&self) -> &[T];

    /// Returns the weight for changes.
    fn weight_mut(&mut self) -> &mut [T];
}

macro_rules! weight_matrix {
    ($($params:ident<$($size:ident)*>)*) => { $(
        impl<T: Element, $(const $size: usize),*> WeightMatrix<T> for $params<$($size,)* T> {
            fn weight(&self) -> &[T] {
                Parameters::<T>::as_slice(&self.weight)
            }

            fn weight_mut(&mut self) -> &mut [T] {
                Parameters::<T>::as_mut_slice(&mut self.weight)
            }
        }
    )* };
}
weight_matrix! {
    LinearParams<I O> LinearNoBiasParams<I O>
    Conv1dParams<K CI CO> Conv1dNoBiasParams<K CI CO>
    Conv2dParams<KH KW CI CO> Conv2dNoBiasParams<KH KW CI CO>
}

/// The parameters of any [`SpectralNorm`].
pub trait Normalized<T: Element>: Parameters<T> {
    /// The parameters of the layer inside.
    type Layer: WeightMatrix<T>;

    /// Returns the parameters of the layer inside, and the vector `weight_u`.
    fn parts(&self) -> (&Self::Layer, &[T]);

    /// Returns the parameters of the layer inside, and the vector `weight_u`, for changes.
    fn parts_mut(&mut self) -> (&mut Self::Layer, &mut [T]);
}

impl<P: WeightMatrix<T>, const O: usize, T: Element> Normalized<T> for SpectralNormParams<P, O, T> {
    type Layer = P;

    fn parts(&self) -> (&P, &[T]) {
        (&self.layer, &self.weight_u)
    }

    fn parts_mut(&mut self) -> (&mut P, &mut [T]) {
        (&mut self.layer, &mut self.weight_u)
    }
}

/// A layer that a [`SpectralNorm`] can have inside.
pub trait SpectrallyNormalizable<T: Element>:
    Layer<T, Config = (), Params: WeightMatrix<T>>
{
    /// The parameters of the normalized layer.
    type Normalized: Normalized<T, Layer = Self::Params>;
}

macro_rules! normalizable {
    ($layer:ident<$($size:ident)*; $($flag:ident)*; $($each:ident)?> $outputs:ident) => {
        normalizable!(@ $layer<$($size)*; $($flag)*; $($each)?> true $outputs);
        normalizable!(@ $layer<$($size)*; $($flag)*; $($each)?> false $outputs);
    };
    (@ $layer:ident<$($size:ident)*; $($flag:ident)*; $($each:ident)?> $bias:literal $outputs:ident) => {
        impl<
            T: Element,
            $(const $size: usize,)*
            $(const $flag: bool,)*
            $(const $each: usize,)?
        > SpectrallyNormalizable<T> for $layer<$($size,)* $($flag,)* $bias, $($each)?>
        where
            Self: Layer<T, Config = (), Params: WeightMatrix<T>>,
        {
            type Normalized = SpectralNormParams<Self::Params, $outputs, T>;
        }
    };
}
normalizable!(Linear<I O;;> O);
normalizable!(Conv1d<CI CO K S P D GROUPS; CAUSAL; EACH> CO);
normalizable!(Conv2d<CI CO KH KW SH SW PH PW DH DW GROUPS;; EACH> CO);

/// A weight as a matrix `[rows][outputs]` with a vector of the outputs' side.
#[derive(Clone, Copy)]
struct Matrix<'a, T: Element> {
    weight: &'a [T],
    u: &'a [T],
    /// The largest magnitude of the weight, or 1 if that is 0. All sums are of numbers divided by
    /// it, so that no square is out of range.
    scale: T,
    kernels: T::Kernels,
}

impl<'a, T: Element> Matrix<'a, T> {
    fn new(weight: &'a [T], u: &'a [T], kernels: T::Kernels) -> Self {
        let largest = weight.iter().fold(T::zero(), |most, w| most.max(w.abs()));
        let is_usable = largest >= T::min_positive_value();
        Matrix {
            weight,
            u,
            scale: if is_usable { largest } else { T::one() },
            kernels,
        }
    }

    /// Returns the rows of the weight, each with its entry of the product of the weight and `u`,
    /// divided by the scale.
    fn rows(&self) -> impl Iterator<Item = (&'a [T], T)> {
        let Matrix {
            u, scale, kernels, ..
        } = *self;
        let rows = self.weight.chunks_exact(u.len());
        rows.map(move |row| (row, kernels.dot(row, u) / scale))
    }

    /// Returns the length of the product of the weight and `u`, divided by the scale.
    fn scaled_length(&self) -> T {
        let mut squares = Sum::default();
        for (_, v) in self.rows() {
            squares.add(double(v) * double(v));
        }
        T::from_f64_lossy(crate::float::sqrt(squares.value()))
    }

    /// Returns the length of the product of the weight and the direction of `u`, whose length is
    /// not 1 if it is an average of several vectors.
    fn length(&self) -> T {
        self.scaled_length() / self.length_of_u() * self.scale
    }

    /// Returns the length of `u`, or 1 if that is 0.
    fn length_of_u(&self) -> T {
        let length = self.kernels.dot(self.u, self.u).sqrt();
        if length == T::zero() {
            T::one()
        } else {
            length
        }
    }

    /// Computes the next vector of the power iteration, in the first half of the memory, which has
    /// two numbers for each output. Returns the largest singular value as the two vectors give it.
    fn iterate(&self, memory: &mut [T]) -> T {
        // The sums over all rows keep what rounding takes from them (Kahan, 1965).
        memory.fill(T::zero());
        let (next, excess) = memory.split_at_mut(self.u.len());
        for (row, v) in self.rows() {
            for ((next, excess), &w) in next.iter_mut().zip(&mut *excess).zip(row) {
                let term = w / self.scale * v - *excess;
                let sum = *next + term;
                *excess = (sum - *next) - term;
                *next = sum;
            }
        }

        let before = self.scaled_length();
        let length = self.kernels.dot(next, next).sqrt();
        if !(before > T::zero() && length > T::zero()) {
            next.copy_from_slice(self.u);
            // 0, or NaN.
            return (before + length) * T::zero();
        }
        next.iter_mut().for_each(|u| *u /= length);
        length / before * self.scale
    }
}

/// The largest singular value of a weight.
struct Spectrum<'m, T> {
    sigma: T,
    /// The number that inputs are multiplied by: 0 for a weight of zeros.
    factor: T,
    /// The next vector of the power iteration, or the direction of the same one where it is kept.
    next: &'m [T],
}

/// Returns the largest singular value of the weight, from memory for two numbers for each output.
fn spectrum<'m, L: SpectrallyNormalizable<T>, T: Element>(
    params: &L::Normalized,
    memory: &'m mut [T],
    cx: &Context<T>,
) -> Spectrum<'m, T> {
    let (layer, u) = params.parts();
    let matrix = Matrix::new(layer.weight(), u, cx.kernels);
    let sigma = if cx.keeps(u) {
        let length = matrix.length_of_u();
        for (next, &u) in memory.iter_mut().zip(u) {
            *next = u / length;
        }
        matrix.length()
    } else {
        matrix.iterate(memory)
    };
    Spectrum {
        sigma,
        factor: factor(sigma),
        next: &memory[..u.len()],
    }
}

/// Returns the number that inputs are multiplied by: 0 for a weight of zeros. NaN stays.
fn factor<T: Element>(sigma: T) -> T {
    let factor = T::one() / sigma;
    if !factor.is_infinite() {
        factor
    } else {
        T::zero()
    }
}

/// Computes `to = factor * x`.
fn scale<S: Shape, T: Element>(x: &[Tensor<S, T>], factor: T, to: &mut [Tensor<S, T>]) {
    for (to, &x) in flatten_mut(to).iter_mut().zip(flatten(x)) {
        *to = factor * x;
    }
}

/// Returns the number of outputs.
const fn outputs<L: SpectrallyNormalizable<T>, T: Element>() -> usize {
    <L::Normalized as Parameters<T>>::LEN - <L::Params as Parameters<T>>::LEN
}

impl<In: Shape, L: ShapeRule<In>> ShapeRule<In> for SpectralNorm<L> {
    const OUTPUT: Inferred = L::OUTPUT;
    const REACH: Reach = L::REACH;
}

impl<L: SpectrallyNormalizable<T>, T: Element> Layer<T> for SpectralNorm<L> {
    type Config = ();
    type Params = L::Normalized;

    fn initialize<R: Rng + ?Sized>(_: &(), params: &mut Self::Params, rng: &mut R) {
        let (layer, u) = params.parts_mut();
        L::initialize(&(), layer, rng);
        for u in &mut *u {
            init::normal(u, 0.0, 1.0, rng);
        }
        let squares = u.iter().fold(T::zero(), |sum, &u| sum + u * u);
        u.iter_mut().for_each(|u| *u /= squares.sqrt());

        #[cfg(feature = "alloc")]
        {
            let mut memory = alloc::vec![T::zero(); 2 * u.len()];
            for _ in 0..FIRST_ITERATIONS {
                Matrix::new(layer.weight(), u, T::kernels()).iterate(&mut memory);
                u.copy_from_slice(&memory[..u.len()]);
            }
        }
    }
}

impl<In: Shape, Out: Shape, T: Element, L> Infer<In, Out, T> for SpectralNorm<L>
where
    L: SpectrallyNormalizable<T> + Infer<In, Out, T>,
{
    const ORDER: FeatureOrder = L::ORDER;
    const MULTIPLY_ADDS: usize = L::MULTIPLY_ADDS + <L::Params as Parameters<T>>::LEN;
    const BATCHING: Batching = L::BATCHING;
    const NEEDS: Needs = L::NEEDS.and(Needs::NONE.per_sample::<T>(In::LEN));

    #[cfg(feature = "onnx-export")]
    fn export(_: &(), params: &Self::Params, mut call: Export<'_>) -> Exported {
        let (layer, u) = params.parts();
        let sigma = Matrix::new(layer.weight(), u, T::kernels()).length();
        let factor = call.graph.scalar(double(factor(sigma)));
        let x = call.one()?;
        call.sources = vec![call.graph.node("Mul", &[&x, &factor], &[]).into()];
        L::export(&(), layer, call)
    }

    fn forward(call: Forward<'_, Self, In, Out, T>) {
        let Forward {
            config,
            params,
            x,
            y,
            mut scratch,
            thread_memory,
            state,
            cx,
        } = call;
        let (layer, u) = params.parts();
        let sigma = Matrix::new(layer.weight(), u, cx.kernels).length();
        let scaled = tensors_mut(scratch.take(In::LEN), x.len());
        scale(x, factor(sigma), scaled);

        L::forward(Forward {
            config,
            params: layer,
            x: scaled,
            y,
            scratch,
            thread_memory,
            state,
            cx,
        });
    }
}

impl<In: Shape, Out: Shape, T: Element, L> Train<In, Out, T> for SpectralNorm<L>
where
    L: SpectrallyNormalizable<T> + Train<In, Out, T>,
{
    const READS_OUTPUT: bool = L::READS_OUTPUT;
    const OVERWRITES: bool = L::OVERWRITES;
    const TRAIN_NEEDS: Needs = L::TRAIN_NEEDS
        .and(Needs::NONE.per_sample::<T>(In::LEN))
        .or(Needs::NONE.per_thread::<T>(2 * outputs::<L, T>()));

    fn forward_train(call: ForwardTrain<'_, Self, In, Out, T>) {
        let ForwardTrain {
            config,
            params,
            x,
            y,
            mut cache,
            mut thread_memory,
            cx,
        } = call;
        let memory = thread_memory.reborrow().take(2 * outputs::<L, T>());
        let factor = spectrum::<L, T>(params, memory, cx).factor;
        let scaled = cache.take_tensors();
        scale(x, factor, scaled);

        L::forward_train(ForwardTrain {
            config,
            params: params.parts().0,
            x: scaled,
            y,
            cache,
            thread_memory,
            cx,
        });
    }

    fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
        let BackwardInput {
            config,
            params,
            y,
            mut cache,
            dy,
            mut dx,
            mut thread_memory,
            cx,
            ..
        } = call;
        let scaled: &[Tensor<In, T>] = cache.take_tensors();
        L::backward_input(BackwardInput {
            config,
            params: params.parts().0,
            x: scaled,
            y,
            cache,
            dy,
            dx: dx.as_deref_mut(),
            thread_memory: thread_memory.reborrow(),
            cx,
        });

        if let Some(dx) = dx {
            let memory = thread_memory.take(2 * outputs::<L, T>());
            let factor = spectrum::<L, T>(params, memory, cx).factor;
            flatten_mut(dx).iter_mut().for_each(|dx| *dx *= factor);
        }
    }

    fn backward_params(call: BackwardParams<'_, Self, In, Out, T>) {
        let BackwardParams {
            config,
            params,
            y,
            mut cache,
            dy,
            gradient,
            mut thread_memory,
            cx,
            ..
        } = call;
        let (layer, u) = params.parts();
        let (gradient, change) = gradient.parts_mut();
        let weight = layer.weight();

        // The layer's own gradient is that of the divided weight, divided by the singular value.
        let scaled: &[Tensor<In, T>] = cache.take_tensors();
        let before = match cx.accumulate() {
            true => cx.kernels.dot(gradient.weight(), weight),
            false => T::zero(),
        };
        L::backward_params(BackwardParams {
            config,
            params: layer,
            x: scaled,
            y,
            cache,
            dy,
            gradient,
            thread_memory: thread_memory.reborrow(),
            cx,
        });
        let along = cx.kernels.dot(gradient.weight(), weight) - before;

        // The singular value is `v W next`, whose gradient is the product of both vectors.
        let memory = thread_memory.take(2 * outputs::<L, T>());
        let Spectrum {
            sigma,
            factor,
            next,
        } = spectrum::<L, T>(params, memory, cx);
        let matrix = Matrix::new(weight, u, cx.kernels);
        let length = matrix.scaled_length();
        if factor > T::zero() {
            let rows = gradient.weight_mut().chunks_exact_mut(u.len());
            for (gradient, (_, v)) in rows.zip(matrix.rows()) {
                let by = along / sigma * (v / length);
                for (gradient, &u) in gradient.iter_mut().zip(next) {
                    *gradient -= by * u;
                }
            }
        }

        // A vector that is kept changes by 0. Of several passes with the same weight, each would
        // change it to the same one, so that there is one iteration for each step.
        if !(cx.accumulate() && cx.keeps(u)) {
            for ((change, &before), &next) in change.iter_mut().zip(u).zip(next) {
                *change = match cx.keeps(u) {
                    true => T::zero(),
                    false => before - next,
                };
            }
        }
    }
}

/// Sets the parameters of a layer to those of a normalized one, with its weight divided by its
/// largest singular value.
#[doc(hidden)]
pub fn fold_spectral_norm<T: Element, P: Normalized<T>>(from: &P, to: &mut P::Layer) {
    let (layer, u) = from.parts();
    copy_parameters::<_, T>(layer, to);
    let sigma = Matrix::new(layer.weight(), u, T::kernels()).length();
    let factor = factor(sigma);
    to.weight_mut().iter_mut().for_each(|w| *w *= factor);
}

//! Normalizations over a whole batch.

use core::ops::Range;

use rand::Rng;

use super::batch_passes::{
    BatchCache, CACHE_PER_FEATURE, Input, backward_input, forward_frozen, forward_train,
};
use super::{EPS, initialize, weight_and_bias, with_channels};
use crate::derive::Parameters;
use crate::kernels::{Normalize, RunningNorm};
use crate::memory::{flatten, flatten_mut};
use crate::network::{
    BackwardInput, BackwardParams, Batching, Configuration, Forward, ForwardTrain, INFER, Infer,
    Inferred, Layer, Needs, Reach, Sentence, ShapeRule, Train,
};
#[cfg(feature = "onnx-export")]
use crate::nn::export::{self, Export, Exported};
use crate::nn::rule::{last_size, zero_size};
use crate::params::{FeatureOrder, Parameters};
use crate::sizes;
use crate::tensor::{Dims, Element, Shape};

/// Batch normalization: `(x - mean) / sqrt(variance + eps) * weight + bias`. Mean and variance of
/// each feature are those of the whole batch in training, and running ones in inference. An input
/// is `[features]` or `[length, features]`; of the latter, the mean is also over the length.
///
/// In a network: `BatchNorm1d<num_features>`. A `num_features` of `_` is inferred from the input,
/// and the option `NoAffine` omits weight and bias: `BatchNorm1d<_, NoAffine>`.
/// `BatchNorm1d<_>(1e-3, 0.01)` sets `eps` and `momentum`, which are 1e-5 and 0.1 by default.
///
/// PyTorch's `nn.BatchNorm1d`, whose `[batch, features, length]` is `[length, features]` here;
/// Ioffe and Szegedy, 2015. Weight and running variance start at 1, bias and running mean at 0.
///
/// - **Running statistics** move towards those of the batch by `momentum` times the difference. For
///   them, the variance of `n` values is divided by `n - 1`, as an estimate for all data; for the
///   normalization, it is divided by `n`. They are fields of the parameters, and are saved and
///   loaded but not trained: `backward` stores their negative change in place of a gradient, and an
///   optimizer's step subtracts it. Accumulated gradients update them batch by batch.
/// - **Frozen layers**, layers below all trained ones, and layers within
///   [`Workspace::eval`](crate::Workspace::eval) keep their running statistics and normalize with
///   them in training as well, as PyTorch's do after `eval()`.
/// - **`num_batches_tracked`** counts the updates of the running statistics, as in PyTorch, whose
///   files have it as a whole number.
/// - **A single value per feature**, as in a batch of one `[features]`, has no variance. PyTorch
///   raises an error in training; here the output is the bias, the gradient is 0, and the running
///   variance is unchanged.
///
/// The mean is computed in two parts, as that of [`LayerNorm`](struct@crate::nn::LayerNorm). Sums
/// over large batches are split at fixed positions, so that no bit depends on the number of
/// threads.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Net: [2] -> [2] { norm: BatchNorm1d<_>(0.0, 0.5) } }
/// let mut net = Net::init(&mut shapewright::rng(0));
/// let (mut workspace, mut gradient) = (Net::workspace(), Net::zeros());
/// let x = [Tensor1::from([1.0, 2.0]), Tensor1::from([3.0, 6.0])];
/// let pass = net.forward_train(&x, &mut workspace);
/// assert_eq!(
///     pass.outputs(),
///     [Tensor1::from([-1.0, -1.0]), Tensor1::from([1.0, 1.0])]
/// );
/// pass.backward(&mut gradient);
/// Sgd::new(0.1).state::<Net>().step(&mut net, &gradient);
/// assert_eq!(net.norm.running_mean, [1.0, 2.0]);
/// assert_eq!(net.norm.running_var, [1.5, 4.5]);
/// ```
///
/// A momentum outside 0 to 1, or a negative `eps`, is a compile error:
///
/// ```compile_fail
/// use shapewright::prelude::*;
/// network! { struct Wrong: [4] -> [4] { BatchNorm1d<_>(1e-5, 1.5) } }
/// ```
pub struct BatchNorm1d<const C: usize, const AFFINE: bool = true> {}

/// [`struct@BatchNorm1d`] of images, `[height, width, channels]`: mean and variance of each channel
/// over all pixels of all images.
///
/// In a network: `BatchNorm2d<num_features>`; options, arguments and statistics are those of
/// [`struct@BatchNorm1d`]. PyTorch's `nn.BatchNorm2d`.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Net: [1, 2, 1] -> [1, 2, 1] { norm: BatchNorm2d<_, NoAffine>(0.0, 0.1) } }
/// let (net, mut workspace) = (Net::init(&mut shapewright::rng(0)), Net::workspace());
/// let x = [Tensor3::from([[[1.0], [3.0]]])];
/// assert_eq!(
///     net.forward(&x[0]),
///     x[0],
///     "mean 0 and variance 1 in the beginning"
/// );
/// assert_eq!(
///     net.forward_train(&x, &mut workspace).outputs()[0],
///     Tensor3::from([[[-1.0], [1.0]]])
/// );
/// ```
pub struct BatchNorm2d<const C: usize, const AFFINE: bool = true> {}

/// The constructor arguments of [`struct@BatchNorm1d`] and [`struct@BatchNorm2d`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNormArguments {
    pub(super) eps: f64,
    pub(super) momentum: f64,
}

impl Configuration for BatchNormArguments {
    const DEFAULT: Self = BatchNormArguments::new(EPS, 0.1);
}

impl BatchNormArguments {
    /// Checks and sets the arguments.
    #[track_caller]
    const fn new(eps: f64, momentum: f64) -> Self {
        assert!(
            eps >= 0.0 && eps.is_finite(),
            "the eps of a normalization is a finite number, 0 or more"
        );
        assert!(
            momentum >= 0.0 && momentum <= 1.0,
            "the momentum of a batch normalization lies between 0 and 1"
        );
        BatchNormArguments { eps, momentum }
    }

    pub(in crate::nn) fn eps(&self) -> f64 {
        self.eps
    }
}

/// Returns a [`struct@BatchNorm1d`] layer with this `eps` and `momentum`.
///
/// # Panics
/// Panics if `eps` is negative or not finite, or if `momentum` is not between 0 and 1.
#[allow(non_snake_case)]
#[track_caller]
pub const fn BatchNorm1d(eps: f64, momentum: f64) -> BatchNormArguments {
    BatchNormArguments::new(eps, momentum)
}

/// Returns a [`struct@BatchNorm2d`] layer with this `eps` and `momentum`.
///
/// # Panics
/// Panics if `eps` is negative or not finite, or if `momentum` is not between 0 and 1.
#[allow(non_snake_case)]
#[track_caller]
pub const fn BatchNorm2d(eps: f64, momentum: f64) -> BatchNormArguments {
    BatchNormArguments::new(eps, momentum)
}

/// The parameters and running statistics of [`struct@BatchNorm1d`] and [`struct@BatchNorm2d`].
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
pub struct BatchNormParams<const C: usize, T: Element> {
    /// `[num_features]`
    #[params(features)]
    pub weight: [T; C],
    /// `[num_features]`
    #[params(features)]
    pub bias: [T; C],
    /// `[num_features]`: the mean that inference subtracts.
    #[params(features, statistic)]
    pub running_mean: [T; C],
    /// `[num_features]`: the variance whose square root inference divides by.
    #[params(features, statistic)]
    pub running_var: [T; C],
    /// The number of batches that the running statistics have seen. In `f32` it stops at
    /// 16,777,216.
    #[params(statistic)]
    pub num_batches_tracked: T,
}

/// The running statistics of [`struct@BatchNorm1d`] and [`struct@BatchNorm2d`] with the option
/// `NoAffine`.
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
pub struct BatchNormNoAffineParams<const C: usize, T: Element> {
    /// `[num_features]`: the mean that inference subtracts.
    #[params(features, statistic)]
    pub running_mean: [T; C],
    /// `[num_features]`: the variance whose square root inference divides by.
    #[params(features, statistic)]
    pub running_var: [T; C],
    /// The number of batches that the running statistics have seen. In `f32` it stops at
    /// 16,777,216.
    #[params(statistic)]
    pub num_batches_tracked: T,
}

/// The shape rule of the layer `name` for inputs with a number of axes within `axes`, including its
/// end.
const fn infer(name: &str, input: Dims, features: usize, axes: Range<usize>) -> Inferred {
    let found = last_size(input);
    let images = axes.start == 3;
    let known = features != INFER;

    let inferred = if features == 0 {
        zero_size("num_features", input)
    } else if input.is_unknown() {
        Inferred::shape(Dims::UNKNOWN)
    } else if input.sizes().len() < axes.start || input.sizes().len() > axes.end {
        let way_out = if input.rank().is_none() {
            "; it takes one tensor"
        } else if images {
            "; it takes images, [height, width, channels]; `BatchNorm1d` takes the others"
        } else {
            "; `BatchNorm2d` takes images"
        };
        Inferred::mismatch(wanted(images, features), Sentence::new(way_out), input)
    } else if known && features != found {
        let way_out = Sentence::new("; write `")
            .text(name)
            .text("<_>` to take what comes");
        Inferred::mismatch(wanted(images, features), way_out, input)
    } else {
        Inferred::shape(input)
    };
    inferred.infers(found)
}

/// Returns "[_, _, 32]", or "[32] or [_, 32]".
const fn wanted(images: bool, features: usize) -> Sentence {
    if images {
        return with_channels("[_, _, ", features);
    }
    with_channels("[", features)
        .text(" or ")
        .sentence(&with_channels("[_, ", features))
}

/// Returns the number of trained parameters: weight and bias, or none.
const fn trained_len(affine: bool, features: usize) -> usize {
    if affine { 2 * features } else { 0 }
}

/// Implements a layer for inputs with a number of axes from `$least` to `$most`.
macro_rules! batch_norm {
    ($name:ident, $least:literal..=$most:literal) => {
        impl<In: Shape, const C: usize, const AFFINE: bool> ShapeRule<In> for $name<C, AFFINE> {
            const OUTPUT: Inferred = infer(stringify!($name), In::DIMS, C, $least..$most);
            const REACH: Reach = Reach::FEATURES;
        }

        impl<T: Element, const C: usize> Layer<T> for $name<C, true> {
            type Config = BatchNormArguments;
            type Params = BatchNormParams<C, T>;

            fn initialize<R: Rng + ?Sized>(_: &Self::Config, params: &mut Self::Params, _: &mut R) {
                initialize(params.as_mut_slice(), C);
                params.running_var.fill(T::one());
            }
        }

        impl<T: Element, const C: usize> Layer<T> for $name<C, false> {
            type Config = BatchNormArguments;
            type Params = BatchNormNoAffineParams<C, T>;

            fn initialize<R: Rng + ?Sized>(_: &Self::Config, params: &mut Self::Params, _: &mut R) {
                params.running_var.fill(T::one());
            }
        }

        impl<In: Shape, Out: Shape, T: Element, const C: usize, const AFFINE: bool>
            Infer<In, Out, T> for $name<C, AFFINE>
        where
            Self: Layer<T, Config = BatchNormArguments>,
        {
            const ORDER: FeatureOrder = FeatureOrder::Channels;
            const BATCHING: Batching = Batching::WholeBatch;

            #[cfg(feature = "onnx-export")]
            fn export(
                config: &BatchNormArguments,
                params: &Self::Params,
                call: Export<'_>,
            ) -> Exported {
                export::norm::batch_norm::<T, _>(params, config.eps, call)
            }

            #[inline(always)]
            fn forward(call: Forward<'_, Self, In, Out, T>) {
                let Forward {
                    config,
                    params,
                    x,
                    y,
                    cx,
                    ..
                } = call;

                let (trained, running) = params.as_slice().split_at(trained_len(AFFINE, C));
                let (weight, bias) = weight_and_bias(trained, C);
                let norm = RunningNorm {
                    mean: &running[..C],
                    variance: &running[C..2 * C],
                    eps: T::from_f64_lossy(config.eps),
                    weight,
                    bias,
                };

                cx.kernels.running_norm(norm, flatten(x), flatten_mut(y));
            }
        }

        impl<In: Shape, Out: Shape, T: Element, const C: usize, const AFFINE: bool>
            Train<In, Out, T> for $name<C, AFFINE>
        where
            Self: Layer<T, Config = BatchNormArguments>,
        {
            const READS_OUTPUT: bool = false;
            const TRAIN_NEEDS: Needs =
                Needs::NONE.per_sample::<T>(sizes::product(&[CACHE_PER_FEATURE, C]));

            fn forward_train(call: ForwardTrain<'_, Self, In, Out, T>) {
                let ForwardTrain {
                    config,
                    params,
                    x,
                    y,
                    cache,
                    cx,
                    ..
                } = call;
                if x.is_empty() {
                    return;
                }

                let (trained, running) = params.as_slice().split_at(trained_len(AFFINE, C));
                let trained = weight_and_bias(trained, C);
                let input = Input::new(x);
                let y = flatten_mut(y);
                let cache = BatchCache::new(cache, C);
                if cx.keeps(running) {
                    forward_frozen(config, trained, running, input, y, cache, cx);
                } else {
                    forward_train(config, trained, input, y, cache, cx);
                }
            }

            fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
                let BackwardInput {
                    params,
                    x,
                    cache,
                    dy,
                    dx,
                    cx,
                    ..
                } = call;
                if x.is_empty() {
                    return;
                }

                let (trained, running) = params.as_slice().split_at(trained_len(AFFINE, C));
                let trained = weight_and_bias(trained, C);
                let input = Input::new(x);
                let dy = flatten(dy);
                let dx = dx.map(flatten_mut);
                let cache = BatchCache::new(cache, C);
                let frozen = cx.keeps(running);
                backward_input(trained, input, dy, dx, cache, frozen, cx);
            }

            fn backward_params(call: BackwardParams<'_, Self, In, Out, T>) {
                let BackwardParams {
                    config,
                    params,
                    x,
                    cache,
                    gradient,
                    cx,
                    ..
                } = call;
                if x.is_empty() {
                    return;
                }

                let rows = flatten(x).len() / C;
                let running = &params.as_slice()[trained_len(AFFINE, C)..];
                let cache = BatchCache::new(cache, C);
                let change = cache.add_gradients(AFFINE, gradient.as_mut_slice());
                if !cx.keeps(running) {
                    cache.add_changes(config, rows, running, change);
                }
            }
        }
    };
}
batch_norm!(BatchNorm1d, 1..=2);
batch_norm!(BatchNorm2d, 3..=3);

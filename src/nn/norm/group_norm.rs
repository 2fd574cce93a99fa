//! Normalizations over groups of channels of each sample.

use rand::Rng;

use super::{
    EPS, NormEps, NormParams, initialize, weight_and_bias, weight_and_bias_mut, with_channels,
};
use crate::kernels::{self, Kernels, Normalize, STATISTICS};
use crate::memory::{flatten, flatten_mut};
use crate::network::{
    BackwardInput, BackwardParams, Forward, ForwardTrain, INFER, Infer, Inferred, Layer, Needs,
    Sentence, ShapeRule, Train,
};
#[cfg(feature = "onnx-export")]
use crate::nn::export::{self, Export, Exported};
use crate::nn::rule::{last_size, zero_size};
use crate::params::{FeatureOrder, Parameters};
use crate::sizes;
#[cfg(feature = "onnx-export")]
use crate::tensor::double;
use crate::tensor::{Dims, Element, Shape};

/// Group normalization: `(x - mean) / sqrt(variance + eps) * weight + bias`. Mean and variance are
/// over one of several equal groups of neighbouring channels, at all positions of a sample. Each
/// channel has a weight and a bias, which start at 1 and 0. Channels are the last axis of an input
/// of any rank.
///
/// In a network: `GroupNorm<num_groups, num_channels>`. A `num_channels` of `_` is inferred from
/// the input, and the option `NoAffine` omits weight and bias: `GroupNorm<8, _, NoAffine>`.
/// `GroupNorm<8, _>(1e-6)` sets `eps`, which is 1e-5 by default. A number of groups that does not
/// divide the number of channels is a compile error.
///
/// PyTorch's `nn.GroupNorm`; Wu and He, 2018.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Net: [2, 1, 4] -> [2, 1, 4] { GroupNorm<2, _>(0.0) } }
/// let net = Net::init(&mut shapewright::rng(0));
/// let y = net.forward(&Tensor3::from([
///     [[1.0, 1.0, 5.0, 7.0]],
///     [[3.0, 3.0, 7.0, 5.0]],
/// ]));
/// assert_eq!(
///     y,
///     Tensor3::from([[[-1.0, -1.0, -1.0, 1.0]], [[1.0, 1.0, 1.0, -1.0]]])
/// );
/// ```
///
/// A negative `eps` is a compile error:
///
/// ```compile_fail
/// use shapewright::prelude::*;
/// network! { struct Wrong: [4] -> [4] { GroupNorm<2, _>(-1e-5) } }
/// ```
pub struct GroupNorm<const GROUPS: usize, const C: usize, const AFFINE: bool = true> {}

/// Returns a [`struct@GroupNorm`] layer with this `eps`.
///
/// # Panics
/// Panics if `eps` is negative or not finite.
#[allow(non_snake_case)]
#[track_caller]
pub const fn GroupNorm(eps: f64) -> NormEps {
    NormEps::new(eps)
}

/// Instance normalization: `(x - mean) / sqrt(variance + eps)`. Mean and variance are over all
/// pixels of a channel of an image, `[height, width, channels]`.
///
/// In a network: `InstanceNorm2d<num_features>`. A `num_features` of `_` is inferred from the
/// input. With the option `Affine`, as in `InstanceNorm2d<_, Affine>`, each channel has a weight
/// and a bias, which start at 1 and 0. `InstanceNorm2d<_>(1e-6)` sets `eps`, which is 1e-5 by
/// default. Images of one pixel are a compile error.
///
/// PyTorch's `nn.InstanceNorm2d`, which by default has neither weight and bias nor running
/// statistics, either; Ulyanov et al., 2016.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Net: [1, 2, 2] -> [1, 2, 2] { InstanceNorm2d<_>(0.0) } }
/// let y = Net::zeros().forward(&Tensor3::from([[[1.0, 7.0], [3.0, 5.0]]]));
/// assert_eq!(y, Tensor3::from([[[-1.0, 1.0], [1.0, -1.0]]]));
/// ```
///
/// A negative `eps` is a compile error:
///
/// ```compile_fail
/// use shapewright::prelude::*;
/// network! { struct Wrong: [2, 2, 4] -> [2, 2, 4] { InstanceNorm2d<_>(-1e-5) } }
/// ```
pub struct InstanceNorm2d<const C: usize, const AFFINE: bool = false> {}

/// Returns an [`struct@InstanceNorm2d`] layer with this `eps`.
///
/// # Panics
/// Panics if `eps` is negative or not finite.
#[allow(non_snake_case)]
#[track_caller]
pub const fn InstanceNorm2d(eps: f64) -> NormEps {
    NormEps::new(eps)
}

/// The largest number of groups that an error suggests. Below a larger number, the next divisor may
/// be so far away that the compiler would search for minutes.
const MAX_SUGGESTED: usize = 1 << 12;

/// Returns the largest number of groups that divides `channels` and is at most `groups`.
const fn fewer_groups(channels: usize, groups: usize) -> usize {
    let mut fewer = channels;
    if fewer > groups {
        fewer = groups;
    }
    if fewer > MAX_SUGGESTED {
        fewer = MAX_SUGGESTED;
    }

    while !channels.is_multiple_of(fewer) {
        fewer -= 1;
    }
    fewer
}

impl<In: Shape, const GROUPS: usize, const C: usize, const AFFINE: bool> ShapeRule<In>
    for GroupNorm<GROUPS, C, AFFINE>
{
    const OUTPUT: Inferred = {
        let input = In::DIMS;
        let found = last_size(input);

        let inferred = if GROUPS == 0 {
            zero_size("num_groups", input)
        } else if C == 0 {
            zero_size("num_channels", input)
        } else if input.is_unknown() {
            Inferred::shape(Dims::UNKNOWN)
        } else if input.last().is_none() {
            let way_out =
                Sentence::new("; its channels are the last axis of one tensor, and there is none");
            Inferred::mismatch(with_channels("[.., ", C), way_out, input)
        } else if C != INFER && C != found {
            let way_out = Sentence::new("; write `GroupNorm<")
                .number(GROUPS)
                .text(", _>` to take what comes");
            Inferred::mismatch(with_channels("[.., ", C), way_out, input)
        } else if !found.is_multiple_of(GROUPS) {
            let sentence = Sentence::new("has ")
                .number(GROUPS)
                .text(" groups, but the ")
                .number(found)
                .text(" channels can't be cut into so many equal ones; ")
                .number(fewer_groups(found, GROUPS))
                .text(" would do");
            Inferred::wrong(sentence, input)
        } else {
            Inferred::shape(input)
        };

        inferred.infers(found)
    };
}

impl<In: Shape, const C: usize, const AFFINE: bool> ShapeRule<In> for InstanceNorm2d<C, AFFINE> {
    const OUTPUT: Inferred = {
        let input = In::DIMS;
        let found = last_size(input);

        let inferred = if C == 0 {
            zero_size("num_features", input)
        } else if input.is_unknown() {
            Inferred::shape(Dims::UNKNOWN)
        } else if input.sizes().len() != 3 {
            let way_out = Sentence::new("; it takes images, [height, width, channels]");
            Inferred::mismatch(with_channels("[_, _, ", C), way_out, input)
        } else if C != INFER && C != found {
            let way_out = Sentence::new("; write `InstanceNorm2d<_>` to take what comes");
            Inferred::mismatch(with_channels("[_, _, ", C), way_out, input)
        } else if input.size(0) == 1 && input.size(1) == 1 {
            let way_out = Sentence::new("; over a single pixel all would become 0: remove it");
            Inferred::mismatch(Sentence::new("images of several pixels"), way_out, input)
        } else {
            Inferred::shape(input)
        };

        inferred.infers(found)
    };
}

/// Implements a layer with its generic arguments and number of groups.
macro_rules! over_groups {
    ($name:ident, [$($size:ident),*], $groups:expr) => {
        impl<T: Element, $(const $size: usize),*> Layer<T> for $name<$($size,)* true> {
            type Config = NormEps;
            type Params = NormParams<C, T>;

            fn initialize<R: Rng + ?Sized>(_: &NormEps, params: &mut Self::Params, _: &mut R) {
                initialize(params.as_mut_slice(), C);
            }
        }

        impl<T: Element, $(const $size: usize),*> Layer<T> for $name<$($size,)* false> {
            type Config = NormEps;
            type Params = ();
        }

        impl<In: Shape, Out: Shape, T: Element, $(const $size: usize,)* const AFFINE: bool>
            Infer<In, Out, T> for $name<$($size,)* AFFINE>
        where
            Self: Layer<T, Config = NormEps>,
        {
            /// The order of flattened features decides which of them form a group.
            const ORDER: FeatureOrder =
                if In::DIMS.sizes().len() > 1 || $groups == 1 || $groups == C {
                    FeatureOrder::Channels
                } else {
                    FeatureOrder::Depends
                };

            #[cfg(feature = "onnx-export")]
            fn export(config: &NormEps, params: &Self::Params, call: Export<'_>) -> Exported {
                let eps = double(config.or(T::from_f64_lossy(EPS)));
                export::norm::over_groups::<T, _>(params, $groups, eps, call)
            }

            #[inline(always)]
            fn forward(call: Forward<'_, Self, In, Out, T>) {
                let Forward { config, params, x, y, cx, .. } = call;
                let norm = norm(config, params.as_slice(), In::LEN, $groups, C);
                cx.kernels.group_norm(norm, flatten(x), flatten_mut(y), &mut []);
            }
        }

        impl<In: Shape, Out: Shape, T: Element, $(const $size: usize,)* const AFFINE: bool>
            Train<In, Out, T> for $name<$($size,)* AFFINE>
        where
            Self: Layer<T, Config = NormEps>,
        {
            const READS_OUTPUT: bool = false;
            const OVERWRITES: bool = true;
            /// The statistics of each group, and the contributions of each sample to the gradients
            /// of weight and bias.
            const TRAIN_NEEDS: Needs = Needs::NONE
                .per_sample::<T>(sizes::product(&[STATISTICS, $groups]))
                .per_sample::<T>(if AFFINE { C } else { 0 })
                .per_sample::<T>(if AFFINE { C } else { 0 });

            #[inline(always)]
            fn forward_train(call: ForwardTrain<'_, Self, In, Out, T>) {
                let ForwardTrain { config, params, x, y, mut cache, cx, .. } = call;
                let norm = norm(config, params.as_slice(), In::LEN, $groups, C);
                let statistics = cache.take(STATISTICS * $groups);
                let y = flatten_mut(y);
                cx.kernels.group_norm(norm, flatten(x), y, statistics);
            }

            #[inline(always)]
            fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
                let BackwardInput { config, params, x, mut cache, dy, dx, cx, .. } = call;
                if dx.is_none() && !AFFINE {
                    return;
                }

                let norm = norm(config, params.as_slice(), In::LEN, $groups, C);
                let statistics = cache.take(STATISTICS * $groups);
                let channels = if AFFINE { C } else { 0 };
                let weight = cache.take(channels);
                let bias = cache.take(channels);
                cx.kernels.group_norm_grad(
                    norm,
                    flatten(x),
                    statistics,
                    flatten(dy),
                    dx.map(flatten_mut),
                    weight,
                    bias,
                );
            }

            #[inline(always)]
            fn backward_params(call: BackwardParams<'_, Self, In, Out, T>) {
                let BackwardParams { x, mut cache, gradient, cx, .. } = call;
                if !AFFINE {
                    return;
                }

                // `backward_input` has stored what each sample contributes.
                let (weight, bias) = weight_and_bias_mut(gradient.as_mut_slice(), C);
                cache.take::<T>(STATISTICS * $groups);
                let weights = cache.take(C);
                let biases = cache.take(C);
                let accumulate = cx.accumulate();
                cx.kernels.column_sums(x.len(), C, weights, weight, accumulate);
                cx.kernels.column_sums(x.len(), C, biases, bias, accumulate);
            }
        }
    };
}
over_groups!(GroupNorm, [GROUPS, C], GROUPS);
over_groups!(InstanceNorm2d, [C], C);

/// Returns the normalization of samples of `len` elements.
#[inline(always)]
fn norm<'a, T: Element>(
    config: &NormEps,
    params: &'a [T],
    len: usize,
    groups: usize,
    channels: usize,
) -> kernels::GroupNorm<'a, T> {
    let (weight, bias) = weight_and_bias(params, channels);
    kernels::GroupNorm {
        rows: len / channels,
        groups,
        size: channels / groups,
        eps: config.or(T::from_f64_lossy(EPS)),
        weight,
        bias,
    }
}

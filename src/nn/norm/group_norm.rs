//! Normalizations over groups of channels of each sample.

use rand::Rng;

use super::{
    EPS, NormEps, NormParams, channels, initialize, size_of_zero, weight_and_bias,
    weight_and_bias_mut, with_channels,
};
use crate::kernels::{self, Kernels, Normalize, STATISTICS};
use crate::memory::{flatten, flatten_mut};
use crate::network::{
    ActivationStore, Compute, Context, FeatureOrder, INFER, Inferred, Layer, LayerOutputs,
    Parameters, Sentence, ShapeRule,
};
use crate::sizes;
use crate::tensor::{Dims, Element, Shape, Tensor};

/// `(x - mean) / sqrt(variance + eps) * weight + bias`, with mean and variance over each of several
/// equal groups of neighbouring channels of each sample, at all its positions; weight and bias are
/// one for each channel and begin at 1 and 0. Channels are the last axis of an input of any rank.
///
/// In a network: `GroupNorm<num_groups, num_channels>`, with `_` for the channels to take what
/// comes, and the option `NoAffine` to leave weight and bias away: `GroupNorm<8, _, NoAffine>`.
/// `GroupNorm<8, _>(1e-6)` sets `eps`, which is 1e-5 otherwise. Groups that do not divide the
/// channels are a compile error.
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

/// A [`struct@GroupNorm`] layer with this `eps`.
///
/// # Panics
/// If `eps` is negative or not finite.
#[allow(non_snake_case)]
#[track_caller]
pub const fn GroupNorm(eps: f64) -> NormEps {
    NormEps::new(eps)
}

/// `(x - mean) / sqrt(variance + eps)`, with mean and variance over all pixels of each channel of
/// each image, `[height, width, channels]`. With the option `Affine`, times a weight plus a bias
/// for each channel, which begin at 1 and 0.
///
/// In a network: `InstanceNorm2d<num_features>`, with `_` to take what comes: `InstanceNorm2d<_,
/// Affine>`. `InstanceNorm2d<_>(1e-6)` sets `eps`, which is 1e-5 otherwise. Images of one pixel are
/// a compile error.
///
/// PyTorch's `nn.InstanceNorm2d`, which has neither weight and bias nor running statistics unless
/// asked for, either; Ulyanov et al., 2016.
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

/// An [`struct@InstanceNorm2d`] layer with this `eps`.
///
/// # Panics
/// If `eps` is negative or not finite.
#[allow(non_snake_case)]
#[track_caller]
pub const fn InstanceNorm2d(eps: f64) -> NormEps {
    NormEps::new(eps)
}

/// The largest number of groups that is looked for to say what would do.
const MOST_SOUGHT: usize = 1 << 12;

impl<In: Shape, const GROUPS: usize, const C: usize, const AFFINE: bool> ShapeRule<In>
    for GroupNorm<GROUPS, C, AFFINE>
{
    const OUTPUT: Inferred = {
        let (input, come) = (In::DIMS, channels(In::DIMS));
        let fit = if GROUPS == 0 {
            size_of_zero("num_groups", input)
        } else if C == 0 {
            size_of_zero("num_channels", input)
        } else if input.is_unknown() {
            Inferred::shape(Dims::UNKNOWN)
        } else if input.last().is_none() {
            let way_out =
                Sentence::new("; its channels are the last axis of one tensor, and there is none");
            Inferred::mismatch(with_channels("[.., ", C), way_out, input)
        } else if C != INFER && C != come {
            let way_out = Sentence::new("; write `GroupNorm<")
                .number(GROUPS)
                .text(", _>` to take what comes");
            Inferred::mismatch(with_channels("[.., ", C), way_out, input)
        } else if !come.is_multiple_of(GROUPS) {
            // Of more groups a divisor may be far away, and the compiler would look for it for
            // minutes.
            let most = if GROUPS < MOST_SOUGHT {
                GROUPS
            } else {
                MOST_SOUGHT
            };
            let mut fewer = if most < come { most } else { come };
            while !come.is_multiple_of(fewer) {
                fewer -= 1;
            }
            let sentence = Sentence::new("has ")
                .number(GROUPS)
                .text(" groups, but the ")
                .number(come);
            let sentence = sentence
                .text(" channels can't be cut into so many equal ones; ")
                .number(fewer);
            Inferred::wrong(sentence.text(" would do"), input)
        } else {
            Inferred::shape(input)
        };
        fit.infers(come)
    };
}

impl<In: Shape, const C: usize, const AFFINE: bool> ShapeRule<In> for InstanceNorm2d<C, AFFINE> {
    const OUTPUT: Inferred = {
        let (input, come) = (In::DIMS, channels(In::DIMS));
        let fit = if C == 0 {
            size_of_zero("num_features", input)
        } else if input.is_unknown() {
            Inferred::shape(Dims::UNKNOWN)
        } else if input.sizes().len() != 3 {
            let way_out = Sentence::new("; it takes images, [height, width, channels]");
            Inferred::mismatch(with_channels("[_, _, ", C), way_out, input)
        } else if C != INFER && C != come {
            let way_out = Sentence::new("; write `InstanceNorm2d<_>` to take what comes");
            Inferred::mismatch(with_channels("[_, _, ", C), way_out, input)
        } else if input.size(0) == 1 && input.size(1) == 1 {
            let way_out = Sentence::new("; over a single pixel all would become 0: remove it");
            Inferred::mismatch(Sentence::new("images of several pixels"), way_out, input)
        } else {
            Inferred::shape(input)
        };
        fit.infers(come)
    };
}

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

        impl<In: Shape, Out: Shape, T: Element, $(const $size: usize,)* const AFFINE: bool> Compute<In, Out, T>
            for $name<$($size,)* AFFINE>
        where
            Self: Layer<T, Config = NormEps>,
        {
            /// Of flattened features, it tells which are in one group.
            const ORDER: FeatureOrder = if In::DIMS.sizes().len() > 1 || $groups == 1 || $groups == C {
                FeatureOrder::Channels
            } else {
                FeatureOrder::Depends
            };
            const READS_OUTPUT: bool = false;
            const OVERWRITES: bool = true;
            const CACHE: usize =
                sizes::sum(&[sizes::product(&[STATISTICS, $groups]), if AFFINE { sizes::sum(&[C, C]) } else { 0 }]);

            #[inline(always)]
            fn forward(
                config: &NormEps,
                params: &Self::Params,
                x: &[Tensor<In, T>],
                y: &mut [Tensor<Out, T>],
                _: &mut [T],
                cx: &Context<T>,
            ) {
                let norm = norm(config, params.as_slice(), In::LEN, $groups, C);
                cx.kernels.group_norm(norm, flatten(x), flatten_mut(y), &mut []);
            }

            #[inline(always)]
            fn forward_train(
                config: &NormEps,
                params: &Self::Params,
                x: &[Tensor<In, T>],
                y: &mut [Tensor<Out, T>],
                cache: ActivationStore<'_, T>,
                cx: &Context<T>,
            ) {
                let norm = norm(config, params.as_slice(), In::LEN, $groups, C);
                let (statistics, _) = cache.split(STATISTICS * $groups);
                cx.kernels.group_norm(norm, flatten(x), flatten_mut(y), statistics.into_slice());
            }

            #[inline(always)]
            fn backward_input(
                config: &NormEps,
                params: &Self::Params,
                x: &[Tensor<In, T>],
                _: LayerOutputs<'_, Out, T>,
                cache: ActivationStore<'_, T>,
                dy: &mut [Tensor<Out, T>],
                dx: Option<&mut [Tensor<In, T>]>,
                cx: &Context<T>,
            ) {
                if dx.is_none() && !AFFINE {
                    return;
                }
                let norm = norm(config, params.as_slice(), In::LEN, $groups, C);
                let (statistics, sums) = cache.split(STATISTICS * $groups);
                // What each sample has to the gradients of weight and bias, for `backward_params`.
                let (weight, bias) = sums.split(if AFFINE { C } else { 0 });
                cx.kernels.group_norm_grad(
                    norm,
                    flatten(x),
                    statistics.into_slice(),
                    flatten(dy),
                    dx.map(flatten_mut),
                    weight.into_slice(),
                    bias.into_slice(),
                );
            }

            #[inline(always)]
            fn backward_params(
                _: &NormEps,
                _: &Self::Params,
                x: &[Tensor<In, T>],
                _: LayerOutputs<'_, Out, T>,
                cache: ActivationStore<'_, T>,
                _: &[Tensor<Out, T>],
                gradient: &mut Self::Params,
                cx: &Context<T>,
            ) {
                if AFFINE {
                    let (weight, bias) = weight_and_bias_mut(gradient.as_mut_slice(), C);
                    let (_, sums) = cache.split(STATISTICS * $groups);
                    let (weights, biases) = sums.split(C);
                    cx.kernels.column_sums(x.len(), C, weights.into_slice(), weight, cx.accumulate());
                    cx.kernels.column_sums(x.len(), C, biases.into_slice(), bias, cx.accumulate());
                }
            }
        }
    };
}
over_groups!(GroupNorm, [GROUPS, C], GROUPS);
over_groups!(InstanceNorm2d, [C], C);

#[inline(always)]
fn norm<'a, T: Element>(
    config: &NormEps,
    params: &'a [T],
    len: usize,
    groups: usize,
    channels: usize,
) -> kernels::GroupNorm<'a, T> {
    let (weight, bias) = weight_and_bias(params, channels);
    let eps = config.or(T::from_f64_lossy(EPS));
    kernels::GroupNorm {
        rows: len / channels,
        groups,
        size: channels / groups,
        eps,
        weight,
        bias,
    }
}

//! Normalizations over the last axes of each sample.

use rand::Rng;

use super::{
    EPS, NormEps, NormParams, NormParams2, NormParams3, NormWeightParams, NormWeightParams2,
    NormWeightParams3, initialize, weight_and_bias, weight_and_bias_mut,
};
use crate::kernels::{Normalize, RowNorm, RowNormSums, STATISTICS};
use crate::memory::{flatten, flatten_mut};
use crate::network::{
    ActivationStore, Compute, Context, FeatureOrder, INFER, Inferred, Layer, LayerOutputs,
    Parameters, Sentence, ShapeRule,
};
use crate::sizes;
use crate::tensor::{Dims, Element, Shape, Tensor};
use crate::threads;

/// `(x - mean) / sqrt(variance + eps) * weight + bias`, with mean and variance over the last axis
/// of each sample, or over its last two or three. The weight begins at 1, the bias at 0.
///
/// In a network: `LayerNorm` or `LayerNorm<_>` for the last axis, `LayerNorm<64>` to check its
/// size, and `LayerNorm<_, _, _>` for all of an image. `LayerNorm<_, NoBias>` leaves the bias away,
/// `LayerNorm<_, NoAffine>` both weight and bias. `LayerNorm(1e-6)` or `LayerNorm<_>(1e-6)` sets
/// `eps`, which is 1e-5 otherwise.
///
/// PyTorch's `nn.LayerNorm`, whose `elementwise_affine=False` is `NoAffine`; Ba et al., 2016.
/// Images are channels-last here: `LayerNorm<H, W, C>` is `nn.LayerNorm([C, H, W])`, and
/// `LayerNorm<L, C>` is `nn.LayerNorm([C, L])`. A sequence that an `Embedding` or a `Linear` has
/// made is `[L, C]` in PyTorch, too, and the layer is `nn.LayerNorm([L, C])` there; on an image,
/// `LayerNorm<W, C>` is `nn.LayerNorm([W, C])` on what has its channels last. In weight files
/// weight and bias have PyTorch's order; here they lie as the numbers that they belong to. If all
/// axes have one size and the layers around do not tell the order, files have a
/// mark of the layer, and PyTorch's are refused.
///
/// The variance is the mean of squares of distances from the mean, which is found in two parts: the
/// results are exact to rounding also where the mean is a thousand times the deviation.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Net: [2, 3] -> [2, 3] { norm: LayerNorm<_, NoBias> } }
/// let mut net = Net::init(&mut shapewright::rng(0));
/// assert_eq!(net.norm.weight, [1.0; 3]);
/// net.norm.weight = [1.0, 1.0, 2.0];
/// let y = net.forward(&Tensor2::from([[-1.0, 0.0, 1.0], [1001.0, 1002.0, 1003.0]]));
/// let one = 1.5_f32.sqrt();
/// let wanted = Tensor2::from([[-one, 0.0, 2.0 * one]; 2]);
/// assert!((y - wanted).iter().all(|off| off.abs() < 1e-4));
/// ```
///
/// A negative `eps` is a compile error:
///
/// ```compile_fail
/// use shapewright::prelude::*;
/// network! { struct Wrong: [4] -> [4] { LayerNorm(-1e-5) } }
/// ```
pub struct LayerNorm<
    const RANK: usize,
    const A: usize,
    const B: usize = 1,
    const C: usize = 1,
    const BIAS: bool = true,
    const AFFINE: bool = true,
> {}

/// A [`struct@LayerNorm`] layer with this `eps`.
///
/// # Panics
/// If `eps` is negative or not finite.
#[allow(non_snake_case)]
#[track_caller]
pub const fn LayerNorm(eps: f64) -> NormEps {
    NormEps::new(eps)
}

/// `x / sqrt(mean of x^2 + eps) * weight`, with the mean over the last axis of each sample, or over
/// its last two or three. The weight begins at 1.
///
/// In a network it is written like [`struct@LayerNorm`], without the option `NoBias`, as it has no
/// bias: `RmsNorm`, `RmsNorm<_, _, _>`, `RmsNorm<_, NoAffine>`, `RmsNorm(1e-6)`. `eps` is otherwise
/// the distance from 1 to the next number: 1.2e-7 in `f32`, 2.2e-16 in `f64`.
///
/// PyTorch's `nn.RMSNorm`; Zhang and Sennrich, 2019. Weight files have the weight of several axes
/// in PyTorch's order, as those of [`struct@LayerNorm`].
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Net: [2] -> [2] { RmsNorm } }
/// let y = Net::init(&mut shapewright::rng(0)).forward(&Tensor1::from([1.0, 7.0]));
/// assert!(
///     (y - Tensor1::from([0.2, 1.4]))
///         .iter()
///         .all(|off| off.abs() < 1e-6)
/// );
/// ```
///
/// A negative `eps` is a compile error:
///
/// ```compile_fail
/// use shapewright::prelude::*;
/// network! { struct Wrong: [4] -> [4] { RmsNorm(-1e-5) } }
/// ```
pub struct RmsNorm<
    const RANK: usize,
    const A: usize,
    const B: usize = 1,
    const C: usize = 1,
    const AFFINE: bool = true,
> {}

/// A [`struct@RmsNorm`] layer with this `eps`.
///
/// # Panics
/// If `eps` is negative or not finite.
#[allow(non_snake_case)]
#[track_caller]
pub const fn RmsNorm(eps: f64) -> NormEps {
    NormEps::new(eps)
}

/// Compares the last axes of the input with `sizes`.
const fn fit(name: &str, input: Dims, sizes: &[usize]) -> Inferred {
    let (rank, axes) = (sizes.len(), input.sizes());
    let missing = axes.len() < rank;
    let mut come = [1; 3];
    let (mut wanted, mut all) = (Sentence::new("[.."), Sentence::new("<_"));
    let (mut axis, mut zero, mut differs) = (0, false, false);
    while axis < rank {
        if !missing {
            come[axis] = axes[axes.len() - rank + axis];
        }
        wanted = wanted.text(", ");
        wanted = if sizes[axis] == INFER {
            wanted.text("_")
        } else {
            wanted.number(sizes[axis])
        };
        all = if axis > 0 { all.text(", _") } else { all };
        zero |= sizes[axis] == 0;
        differs |= sizes[axis] != INFER && sizes[axis] != come[axis];
        axis += 1;
    }
    let wanted = wanted.text("]");
    let mut fit = if zero {
        Inferred::wrong(
            Sentence::new("has a size of 0; every size must be at least 1"),
            input,
        )
    } else if input.is_unknown() {
        Inferred::shape(input)
    } else if missing && rank == 1 {
        let way_out =
            Sentence::new("; it normalizes the last axis of one tensor, and there is none");
        Inferred::mismatch(wanted, way_out, input)
    } else if axes.is_empty() {
        // A tuple, or a single number.
        let way_out = Sentence::new("; it normalizes the last ")
            .number(rank)
            .text(" axes of one tensor, and there are none");
        Inferred::mismatch(wanted, way_out, input)
    } else if missing {
        let way_out = Sentence::new("; write `")
            .text(name)
            .text("<_>` to normalize the last axis alone");
        Inferred::mismatch(wanted, way_out, input)
    } else if differs {
        let way_out = Sentence::new("; write `")
            .text(name)
            .sentence(&all)
            .text(">` to take what comes");
        Inferred::mismatch(wanted, way_out, input)
    } else {
        Inferred::shape(input)
    };
    axis = 0;
    while axis < rank {
        if sizes[axis] == INFER {
            fit = fit.infers(come[axis]);
        }
        axis += 1;
    }
    fit
}

/// Sums the gradients of weight and bias, cut over the elements of a row.
fn backward_params<T: Element>(
    width: usize,
    x: &[T],
    statistics: &[T],
    dy: &[T],
    gradient: &mut [T],
    cx: &Context<T>,
) {
    let (accumulate, kernels) = (cx.accumulate(), cx.kernels);
    let (weight, bias) = weight_and_bias_mut(gradient, width);
    // Whole cache lines.
    let chunk = width.div_ceil(threads::parts(x.len())).next_multiple_of(16);
    let mut biases = [bias];
    let biases = if biases[0].is_empty() {
        &mut []
    } else {
        &mut biases[..]
    };
    threads::split_together(
        weight,
        biases,
        chunk,
        &|part, weight: &mut [T], biases: &mut [&mut [T]]| {
            let bias = biases.first_mut().map_or(&mut [][..], |bias| &mut **bias);
            let first = part * chunk;
            kernels.row_norm_sums(RowNormSums {
                width,
                first,
                x,
                statistics,
                dy,
                weight,
                bias,
                accumulate,
            });
        },
    );
}

macro_rules! over_last_axes {
    ($name:ident, $centered:literal, $eps:expr, [$($option:ident),*]) => {
        impl<In: Shape, const RANK: usize, const A: usize, const B: usize, const C: usize, $(const $option: bool),*>
            ShapeRule<In> for $name<RANK, A, B, C, $($option),*>
        {
            const OUTPUT: Inferred = fit(stringify!($name), In::DIMS, [A, B, C].split_at(RANK).0);
        }

        impl<
            In: Shape,
            Out: Shape,
            T: Element,
            const RANK: usize,
            const A: usize,
            const B: usize,
            const C: usize,
            $(const $option: bool),*
        > Compute<In, Out, T> for $name<RANK, A, B, C, $($option),*>
        where
            Self: Layer<T, Config = NormEps>,
        {
            const ORDER: FeatureOrder = match (RANK == In::DIMS.sizes().len(), AFFINE) {
                (true, true) if RANK > 1 => FeatureOrder::Whole,
                // Without weights, or with those of features, each result belongs to its place.
                (true, _) => FeatureOrder::Keeps,
                (false, _) => FeatureOrder::Trailing,
            };
            const READS_OUTPUT: bool = false;
            const OVERWRITES: bool = true;
            const CACHE: usize = sizes::product(&[STATISTICS, In::LEN / (A * B * C)]);

            #[inline(always)]
            fn forward(
                config: &NormEps,
                params: &Self::Params,
                x: &[Tensor<In, T>],
                y: &mut [Tensor<Out, T>],
                _: &mut [T],
                cx: &Context<T>,
            ) {
                let (weight, bias) = weight_and_bias(params.as_slice(), A * B * C);
                let norm = RowNorm { width: A * B * C, centered: $centered, eps: config.or($eps), weight, bias };
                cx.kernels.row_norm(norm, flatten(x), flatten_mut(y), &mut []);
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
                let (weight, bias) = weight_and_bias(params.as_slice(), A * B * C);
                let norm = RowNorm { width: A * B * C, centered: $centered, eps: config.or($eps), weight, bias };
                cx.kernels.row_norm(norm, flatten(x), flatten_mut(y), cache.into_slice());
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
                let Some(dx) = dx else { return };
                let (weight, bias) = weight_and_bias(params.as_slice(), A * B * C);
                let norm = RowNorm { width: A * B * C, centered: $centered, eps: config.or($eps), weight, bias };
                cx.kernels.row_norm_grad(norm, flatten(x), cache.into_slice(), flatten(dy), flatten_mut(dx));
            }

            #[inline(always)]
            fn backward_params(
                _: &NormEps,
                _: &Self::Params,
                x: &[Tensor<In, T>],
                _: LayerOutputs<'_, Out, T>,
                cache: ActivationStore<'_, T>,
                dy: &[Tensor<Out, T>],
                gradient: &mut Self::Params,
                cx: &Context<T>,
            ) {
                let gradient = gradient.as_mut_slice();
                backward_params(A * B * C, flatten(x), cache.into_slice(), flatten(dy), gradient, cx);
            }
        }
    };
}
over_last_axes!(LayerNorm, true, T::from_f64_lossy(EPS), [BIAS, AFFINE]);
over_last_axes!(RmsNorm, false, T::epsilon(), [AFFINE]);

/// The layers that have parameters, and those that have none.
macro_rules! layers {
    ($($name:ident<[$($size:ident),*] $rank:tt, $a:tt, $b:tt, $c:tt, $($option:tt),*> $params:ty;)*) => { $(
        impl<T: Element, $(const $size: usize),*> Layer<T> for $name<$rank, $a, $b, $c, $($option),*> {
            type Config = NormEps;
            type Params = $params;

            fn initialize<R: Rng + ?Sized>(_: &NormEps, params: &mut Self::Params, _: &mut R) {
                initialize(params.as_mut_slice(), $a * $b * $c);
            }
        }
    )* };
}
layers! {
    LayerNorm<[A] 1, A, 1, 1, true, true> NormParams<A, T>;
    LayerNorm<[A, B] 2, A, B, 1, true, true> NormParams2<A, B, T>;
    LayerNorm<[A, B, C] 3, A, B, C, true, true> NormParams3<A, B, C, T>;
    LayerNorm<[A] 1, A, 1, 1, false, true> NormWeightParams<A, T>;
    LayerNorm<[A, B] 2, A, B, 1, false, true> NormWeightParams2<A, B, T>;
    LayerNorm<[A, B, C] 3, A, B, C, false, true> NormWeightParams3<A, B, C, T>;
    RmsNorm<[A] 1, A, 1, 1, true> NormWeightParams<A, T>;
    RmsNorm<[A, B] 2, A, B, 1, true> NormWeightParams2<A, B, T>;
    RmsNorm<[A, B, C] 3, A, B, C, true> NormWeightParams3<A, B, C, T>;
}

impl<
    T: Element,
    const RANK: usize,
    const A: usize,
    const B: usize,
    const C: usize,
    const BIAS: bool,
> Layer<T> for LayerNorm<RANK, A, B, C, BIAS, false>
{
    type Config = NormEps;
    type Params = ();
}

impl<T: Element, const RANK: usize, const A: usize, const B: usize, const C: usize> Layer<T>
    for RmsNorm<RANK, A, B, C, false>
{
    type Config = NormEps;
    type Params = ();
}

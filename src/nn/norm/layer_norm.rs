//! Normalizations over the last axes of each sample.

use rand::Rng;

use super::{
    EPS, NormEps, NormParams, NormParams2, NormParams3, NormWeightParams, NormWeightParams2,
    NormWeightParams3, initialize, weight_and_bias, weight_and_bias_mut,
};
use crate::kernels::{Normalize, RowNorm, RowNormSums, STATISTICS};
use crate::memory::{flatten, flatten_mut};
use crate::network::{
    BackwardInput, BackwardParams, Context, Forward, ForwardTrain, INFER, Infer, Inferred, Layer,
    Needs, Reach, Sentence, ShapeRule, Train,
};
#[cfg(feature = "onnx-export")]
use crate::nn::export::{self, Export, Exported};
use crate::nn::rule::zero_size;
use crate::params::{FeatureOrder, Parameters};
use crate::sizes;
#[cfg(feature = "onnx-export")]
use crate::tensor::double;
use crate::tensor::{Dims, Element, Shape};
use crate::threads;

/// Layer normalization: `(x - mean) / sqrt(variance + eps) * weight + bias`. Mean and variance are
/// over the last axis of each sample, or over its last two or three. The weight starts at 1, the
/// bias at 0.
///
/// In a network: `LayerNorm` or `LayerNorm<_>` for the last axis, `LayerNorm<64>` to check its
/// size, and `LayerNorm<_, _, _>` for a whole image. `LayerNorm<_, NoBias>` omits the bias, and
/// `LayerNorm<_, NoAffine>` omits both weight and bias. `LayerNorm(1e-6)` or `LayerNorm<_>(1e-6)`
/// sets `eps`, which is 1e-5 by default.
///
/// PyTorch's `nn.LayerNorm`, whose `elementwise_affine=False` is `NoAffine`; Ba et al., 2016.
/// Images are channels-last here: `LayerNorm<H, W, C>` is `nn.LayerNorm([C, H, W])`, and
/// `LayerNorm<L, C>` is `nn.LayerNorm([C, L])`. A sequence that an `Embedding` or a `Linear` has
/// made is `[L, C]` in PyTorch, too, and the layer is `nn.LayerNorm([L, C])` there; on an image,
/// `LayerNorm<W, C>` is `nn.LayerNorm([W, C])` on tensors with channels last. In weight files
/// weight and bias have PyTorch's order; here they lie as the numbers that they belong to. If all
/// axes have one size and the layers around do not tell the order, files have a mark of the layer,
/// and PyTorch's are refused.
///
/// The variance is the mean of the squared distances from the mean, which is computed in two parts:
/// results are exact to rounding even where the mean is a thousand times the standard deviation.
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

/// Returns a [`struct@LayerNorm`] layer with this `eps`.
///
/// # Panics
/// Panics if `eps` is negative or not finite.
#[allow(non_snake_case)]
#[track_caller]
pub const fn LayerNorm(eps: f64) -> NormEps {
    NormEps::new(eps)
}

/// Root mean square normalization: `x / sqrt(mean of x^2 + eps) * weight`. The mean is over the
/// last axis of each sample, or over its last two or three. The weight starts at 1.
///
/// In a network, it is written like [`struct@LayerNorm`], but without the option `NoBias`, as it
/// has no bias: `RmsNorm`, `RmsNorm<_, _, _>`, `RmsNorm<_, NoAffine>`, `RmsNorm(1e-6)`. By default,
/// `eps` is the distance from 1 to the next number: 1.2e-7 in `f32`, 2.2e-16 in `f64`.
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

/// Returns a [`struct@RmsNorm`] layer with this `eps`.
///
/// # Panics
/// Panics if `eps` is negative or not finite.
#[allow(non_snake_case)]
#[track_caller]
pub const fn RmsNorm(eps: f64) -> NormEps {
    NormEps::new(eps)
}

/// The shape rule of both layers, which compares the last axes of the input with `sizes`.
const fn infer(name: &str, input: Dims, sizes: &[usize]) -> Inferred {
    let axes = input.sizes();
    let rank = sizes.len();
    let missing = axes.len() < rank;

    // Parts of the error sentences: "[.., 3, _]", and "<_, _", which takes every size.
    let mut wanted = Sentence::new("[..");
    let mut open = Sentence::new("<_");

    let mut found = [1; 3];
    let mut zero = false;
    let mut differs = false;
    let mut axis = 0;
    while axis < rank {
        if !missing {
            found[axis] = axes[axes.len() - rank + axis];
        }
        zero |= sizes[axis] == 0;
        differs |= sizes[axis] != INFER && sizes[axis] != found[axis];

        wanted = wanted.text(", ");
        wanted = if sizes[axis] == INFER {
            wanted.text("_")
        } else {
            wanted.number(sizes[axis])
        };
        open = if axis > 0 { open.text(", _") } else { open };
        axis += 1;
    }
    let wanted = wanted.text("]");

    let mut inferred = if zero {
        zero_size("a size of", input)
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
            .sentence(&open)
            .text(">` to take what comes");
        Inferred::mismatch(wanted, way_out, input)
    } else {
        Inferred::shape(input)
    };

    axis = 0;
    while axis < rank {
        if sizes[axis] == INFER {
            inferred = inferred.infers(found[axis]);
        }
        axis += 1;
    }
    inferred
}

/// Sums the gradients of weight and bias, split between threads over the elements of a row.
fn backward_params<T: Element>(
    width: usize,
    x: &[T],
    statistics: &[T],
    dy: &[T],
    gradient: &mut [T],
    cx: &Context<T>,
) {
    let kernels = cx.kernels;
    let accumulate = cx.accumulate();
    let (weight, bias) = weight_and_bias_mut(gradient, width);

    // A layer without a bias has nothing to split together with the weight.
    let mut biases = [bias];
    let biases = if biases[0].is_empty() {
        &mut []
    } else {
        &mut biases[..]
    };

    // Whole cache lines.
    let chunk = width.div_ceil(threads::parts(x.len())).next_multiple_of(16);
    threads::split_together(
        weight,
        biases,
        chunk,
        &|part, weight: &mut [T], biases: &mut [&mut [T]]| {
            let bias = biases.first_mut().map_or(&mut [][..], |bias| &mut **bias);
            kernels.row_norm_sums(RowNormSums {
                width,
                first: part * chunk,
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

/// Implements a layer that subtracts the mean if it is `$centered`, with its default `eps` and its
/// options.
macro_rules! over_last_axes {
    ($name:ident, $centered:literal, $eps:expr, [$($option:ident),*]) => {
        impl<
            In: Shape,
            const RANK: usize,
            const A: usize,
            const B: usize,
            const C: usize,
            $(const $option: bool),*
        > ShapeRule<In> for $name<RANK, A, B, C, $($option),*>
        {
            const OUTPUT: Inferred =
                infer(stringify!($name), In::DIMS, [A, B, C].split_at(RANK).0);
            const REACH: Reach = if RANK < In::DIMS.sizes().len() {
                Reach::POSITION
            } else {
                Reach::WHOLE
            };
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
        > Infer<In, Out, T> for $name<RANK, A, B, C, $($option),*>
        where
            Self: Layer<T, Config = NormEps>,
        {
            const ORDER: FeatureOrder = match (RANK == In::DIMS.sizes().len(), AFFINE) {
                (true, true) if RANK > 1 => FeatureOrder::Whole,
                // Without weights, or with weights of features, each result belongs to its
                // position.
                (true, _) => FeatureOrder::Keeps,
                (false, _) => FeatureOrder::Trailing,
            };

            #[cfg(feature = "onnx-export")]
            fn export(config: &NormEps, params: &Self::Params, call: Export<'_>) -> Exported {
                let eps = double(config.or($eps));
                export::norm::over_last_axes::<T, _>(params, RANK, $centered, eps, call)
            }

            #[inline(always)]
            fn forward(call: Forward<'_, Self, In, Out, T>) {
                let Forward { config, params, x, y, cx, .. } = call;
                let norm = row_norm(A * B * C, $centered, config.or($eps), params.as_slice());
                cx.kernels.row_norm(norm, flatten(x), flatten_mut(y), &mut []);
            }
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
        > Train<In, Out, T> for $name<RANK, A, B, C, $($option),*>
        where
            Self: Layer<T, Config = NormEps>,
        {
            const READS_OUTPUT: bool = false;
            const OVERWRITES: bool = true;
            const TRAIN_NEEDS: Needs = Needs::NONE
                .per_sample::<T>(sizes::product(&[STATISTICS, In::LEN / (A * B * C)]));

            #[inline(always)]
            fn forward_train(call: ForwardTrain<'_, Self, In, Out, T>) {
                let ForwardTrain { config, params, x, y, mut cache, cx, .. } = call;
                let norm = row_norm(A * B * C, $centered, config.or($eps), params.as_slice());
                let statistics = cache.take(STATISTICS * (In::LEN / (A * B * C)));
                cx.kernels.row_norm(norm, flatten(x), flatten_mut(y), statistics);
            }

            #[inline(always)]
            fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
                let BackwardInput { config, params, x, mut cache, dy, dx, cx, .. } = call;
                let Some(dx) = dx else { return };
                let norm = row_norm(A * B * C, $centered, config.or($eps), params.as_slice());
                let statistics = cache.take(STATISTICS * (In::LEN / (A * B * C)));
                let dx = flatten_mut(dx);
                cx.kernels.row_norm_grad(norm, flatten(x), statistics, flatten(dy), dx);
            }

            #[inline(always)]
            fn backward_params(call: BackwardParams<'_, Self, In, Out, T>) {
                let BackwardParams { x, mut cache, dy, gradient, cx, .. } = call;
                let gradient = gradient.as_mut_slice();
                let statistics = cache.take(STATISTICS * (In::LEN / (A * B * C)));
                backward_params(A * B * C, flatten(x), statistics, flatten(dy), gradient, cx);
            }
        }
    };
}
over_last_axes!(LayerNorm, true, T::from_f64_lossy(EPS), [BIAS, AFFINE]);
over_last_axes!(RmsNorm, false, T::epsilon(), [AFFINE]);

/// Returns the normalization of rows of `width` elements.
#[inline(always)]
fn row_norm<T: Element>(width: usize, centered: bool, eps: T, params: &[T]) -> RowNorm<'_, T> {
    let (weight, bias) = weight_and_bias(params, width);
    RowNorm {
        width,
        centered,
        eps,
        weight,
        bias,
    }
}

/// Implements `Layer` for the layers that have parameters.
macro_rules! layers {
    ($(
        $name:ident<[$($size:ident),*] $rank:tt, $a:tt, $b:tt, $c:tt, $($option:tt),*>
        $params:ty;
    )*) => { $(
        impl<T: Element, $(const $size: usize),*> Layer<T>
            for $name<$rank, $a, $b, $c, $($option),*>
        {
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

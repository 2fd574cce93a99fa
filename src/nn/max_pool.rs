//! Max pooling.

use super::window::{Windows, adaptive, infer_adaptive, infer_from_windows, plane, windows_over};
use crate::kernels::{Kernels, Plane};
use crate::memory::{flatten, flatten_mut};
use crate::network::{
    BackwardInput, Forward, ForwardTrain, Infer, Inferred, Layer, Needs, ReluFusion, Sentence,
    ShapeRule, Train,
};
#[cfg(feature = "onnx-export")]
use crate::nn::export::{self, Export, Exported};
use crate::params::FeatureOrder;
use crate::sizes;
use crate::tensor::{Dims, Element, Shape};

/// The largest element of each window and channel: `[height, width, channels]` becomes
/// `[(height + 2 padding - dilation (kernel_size - 1) - 1) / stride + 1, .., channels]`, rounded
/// down.
///
/// In a network: `MaxPool2d<kernel_size>`, with the options `Stride` (by default the kernel size),
/// `Pad` (with minus infinity; at most half of the kernel size) and `Dilation`. Sizes that differ
/// between height and width are pairs: `MaxPool2d<(2, 3), Stride<2, 1>>`.
///
/// PyTorch's `nn.MaxPool2d`. As there, the first of equal elements receives the gradient, and the
/// maximum of a window with a NaN is NaN.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Pool: [4, 4, 1] -> [2, 2, 1] { MaxPool2d<2> } }
/// let y = Pool::zeros().forward(&Tensor3::from_fn(|[row, col, _]| (4 * row + col) as f32));
/// assert_eq!(y, Tensor3::from([[[5.0], [7.0]], [[13.0], [15.0]]]));
///
/// network! { struct Stem: [32, 32, 8] -> [16, 16, 8] { MaxPool2d<3, Stride<2>, Pad<1>> } }
/// ```
pub struct MaxPool2d<
    const KH: usize,
    const KW: usize = KH,
    const SH: usize = KH,
    const SW: usize = KW,
    const PH: usize = 0,
    const PW: usize = PH,
    const DH: usize = 1,
    const DW: usize = DH,
>;

/// The largest element of each window and channel: `[length, channels]` becomes
/// `[(length + 2 padding - dilation (kernel_size - 1) - 1) / stride + 1, channels]`, rounded down.
///
/// In a network: `MaxPool1d<kernel_size>`, with the options of [`MaxPool2d`]. PyTorch's
/// `nn.MaxPool1d`.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Pool: [5, 1] -> [2, 1] { MaxPool1d<3, Stride<2>> } }
/// let y = Pool::zeros().forward(&Tensor2::from([[1.0], [4.0], [2.0], [3.0], [0.0]]));
/// assert_eq!(y, Tensor2::from([[4.0], [3.0]]));
/// ```
pub struct MaxPool1d<const K: usize, const S: usize = K, const P: usize = 0, const D: usize = 1>;

/// The largest elements of `H` by `W` windows of nearly equal size that cover the image: `[height,
/// width, channels]` becomes `[H, W, channels]`. Window `i` of `H` covers the rows from
/// `i height / H`, rounded down, to `(i + 1) height / H`, rounded up.
///
/// In a network: `AdaptiveMaxPool2d<output_size>`, a number or a pair `(H, W)`. PyTorch's
/// `nn.AdaptiveMaxPool2d`.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Pool: [3, 4, 1] -> [1, 2, 1] { AdaptiveMaxPool2d<(1, 2)> } }
/// let y = Pool::zeros().forward(&Tensor3::from_fn(|[row, col, _]| (4 * row + col) as f32));
/// assert_eq!(y, Tensor3::from([[[9.0], [11.0]]]));
/// ```
pub struct AdaptiveMaxPool2d<const H: usize, const W: usize = H>;

/// The largest elements of `L` windows of nearly equal size that cover the sequence: `[length,
/// channels]` becomes `[L, channels]`.
///
/// In a network: `AdaptiveMaxPool1d<output_size>`. PyTorch's `nn.AdaptiveMaxPool1d`; the windows
/// are those of [`AdaptiveMaxPool2d`].
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Pool: [5, 1] -> [1, 1] { AdaptiveMaxPool1d<1> } }
/// let y = Pool::zeros().forward(&Tensor2::from([[1.0], [4.0], [2.0], [3.0], [0.0]]));
/// assert_eq!(y, Tensor2::from([[4.0]]));
/// ```
pub struct AdaptiveMaxPool1d<const L: usize>;

/// The largest number of positions in a window. The cache stores a position as a number of the
/// network, and `f32` represents all whole numbers up to here.
const MAX_POSITIONS: usize = 1 << 24;

/// Returns `inferred`, or a mistake if the positions in a window cannot be numbered.
const fn with_numbered_positions(inferred: Inferred, plane: &Plane) -> Inferred {
    let positions = sizes::product(&[plane.rows.widest(), plane.cols.widest()]);
    if !inferred.is_fine() || positions <= MAX_POSITIONS {
        return inferred;
    }

    Inferred::wrong(
        Sentence::new("has windows of more than ")
            .number(MAX_POSITIONS)
            .text(" places; pool in two steps"),
        inferred.output(),
    )
}

/// Implements a layer by its generic arguments, its shape rule, and its axes over an input that
/// fits.
macro_rules! max_pool {
    ($name:ident<$($size:ident),*>, |$dims:ident| $inferred:expr, $plane:expr) => {
        impl<In: Shape, $(const $size: usize),*> ShapeRule<In> for $name<$($size),*> {
            const OUTPUT: Inferred = {
                let $dims = In::DIMS;
                let inferred = $inferred;
                if !inferred.is_fine() || $dims.is_unknown() {
                    inferred
                } else {
                    let plane = $plane;
                    let inferred = inferred.if_countable(plane.is_countable());
                    with_numbered_positions(inferred, &plane)
                }
            };
        }

        impl<$(const $size: usize),*> $name<$($size),*> {
            const fn plane($dims: Dims) -> Plane {
                $plane
            }
        }

        impl<T: Element, $(const $size: usize),*> Layer<T> for $name<$($size),*> {
            type Config = ();
            type Params = ();
        }

        impl<In: Shape, Out: Shape, T: Element, $(const $size: usize),*> Infer<In, Out, T>
            for $name<$($size),*>
        {
            const ORDER: FeatureOrder = FeatureOrder::Channels;
            const RELU_FUSION: ReluFusion = ReluFusion::Maxima;

            #[cfg(feature = "onnx-export")]
            fn export(_: &(), _: &(), call: Export<'_>) -> Exported {
                export::images::pool(call, &Self::plane(In::DIMS), export::images::Pool::Max)
            }

            #[inline(always)]
            fn forward(call: Forward<'_, Self, In, Out, T>) {
                let Forward { x, y, cx, .. } = call;
                let plane = const { Self::plane(In::DIMS) };
                cx.kernels.max_pool(&plane, flatten(x), flatten_mut(y), None);
            }
        }

        impl<In: Shape, Out: Shape, T: Element, $(const $size: usize),*> Train<In, Out, T>
            for $name<$($size),*>
        {
            const READS_OUTPUT: bool = false;
            /// The position of each output in its window.
            const TRAIN_NEEDS: Needs = Needs::NONE.per_sample::<T>(Out::LEN);

            #[inline(always)]
            fn forward_train(call: ForwardTrain<'_, Self, In, Out, T>) {
                let ForwardTrain { x, y, mut cache, cx, .. } = call;
                let plane = const { Self::plane(In::DIMS) };
                let positions = Some(cache.take(Out::LEN));
                cx.kernels.max_pool(&plane, flatten(x), flatten_mut(y), positions);
            }

            #[inline(always)]
            fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
                let BackwardInput { mut cache, dy, dx, cx, .. } = call;
                let Some(dx) = dx else { return };
                let plane = const { Self::plane(In::DIMS) };
                let positions = cache.take(Out::LEN);
                cx.kernels.max_pool_grad(&plane, positions, flatten(dy), flatten_mut(dx));
            }
        }
    };
}

max_pool! {
    MaxPool2d<KH, KW, SH, SW, PH, PW, DH, DW>,
    |dims| infer_from_windows(dims, Self::WINDOWS),
    windows_over(dims, Self::WINDOWS)
}

impl<
    const KH: usize,
    const KW: usize,
    const SH: usize,
    const SW: usize,
    const PH: usize,
    const PW: usize,
    const DH: usize,
    const DW: usize,
> MaxPool2d<KH, KW, SH, SW, PH, PW, DH, DW>
{
    const WINDOWS: [Windows; 2] = [
        Windows {
            kernel: KH,
            stride: SH,
            pad: PH,
            dilation: DH,
        },
        Windows {
            kernel: KW,
            stride: SW,
            pad: PW,
            dilation: DW,
        },
    ];
}

max_pool! {
    MaxPool1d<K, S, P, D>,
    |dims| infer_from_windows(dims, [Windows { kernel: K, stride: S, pad: P, dilation: D }]),
    windows_over(dims, [Windows { kernel: K, stride: S, pad: P, dilation: D }])
}

max_pool! {
    AdaptiveMaxPool2d<H, W>,
    |dims| infer_adaptive(dims, [H, W]),
    plane(dims, [adaptive(dims.size(0), H), adaptive(dims.size(1), W)])
}

max_pool! {
    AdaptiveMaxPool1d<L>,
    |dims| infer_adaptive(dims, [L]),
    plane(dims, [adaptive(dims.size(0), L)])
}

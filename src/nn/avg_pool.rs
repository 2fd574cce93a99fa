//! Average pooling.

use super::mean_pool::{mean_len, mean_needs, mean_pool};
use super::window::{
    Namesake, Windows, adaptive, infer_adaptive, infer_from_windows, plane, reject_rank, tiles,
    windows_over,
};
use crate::kernels::{Divisor, Kernels, MeanPool, Plane};
use crate::memory::{flatten, flatten_mut};
use crate::network::{BackwardInput, Forward, Infer, Inferred, Layer, Needs, ShapeRule, Train};
use crate::params::FeatureOrder;
use crate::tensor::{Dims, Element, Shape};

/// The average of each window and channel: `[height, width, channels]` becomes
/// `[(height + 2 padding - kernel_size) / stride + 1, .., channels]`, rounded down.
///
/// In a network: `AvgPool2d<kernel_size>`, with the options `Stride` (by default the kernel size),
/// `Pad` (with zeros; at most half of the kernel size) and `ExcludePad`, which does not count the
/// zeros of the padding in the average, as PyTorch's `count_include_pad=False`. Sizes that differ
/// between height and width are pairs: `AvgPool2d<(2, 3), Stride<2, 1>>`.
///
/// PyTorch's `nn.AvgPool2d`.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Pool: [2, 4, 1] -> [1, 2, 1] { AvgPool2d<2> } }
/// let y = Pool::zeros().forward(&Tensor3::from_fn(|[row, col, _]| (4 * row + col) as f32));
/// assert_eq!(y, Tensor3::from([[[2.5], [4.5]]]));
/// ```
pub struct AvgPool2d<
    const KH: usize,
    const KW: usize = KH,
    const SH: usize = KH,
    const SW: usize = KW,
    const PH: usize = 0,
    const PW: usize = PH,
    const COUNT_PAD: bool = true,
>;

/// The average of each window and channel: `[length, channels]` becomes
/// `[(length + 2 padding - kernel_size) / stride + 1, channels]`, rounded down.
///
/// In a network: `AvgPool1d<kernel_size>`, with the options of [`AvgPool2d`]. PyTorch's
/// `nn.AvgPool1d`.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Pool: [4, 1] -> [2, 1] { AvgPool1d<3, Stride<2>, Pad<1>, ExcludePad> } }
/// let y = Pool::zeros().forward(&Tensor2::from([[1.0], [4.0], [2.0], [3.0]]));
/// assert_eq!(y, Tensor2::from([[2.5], [3.0]]));
/// ```
pub struct AvgPool1d<
    const K: usize,
    const S: usize = K,
    const P: usize = 0,
    const COUNT_PAD: bool = true,
>;

/// The averages of `H` by `W` windows of nearly equal size that cover the image: `[height, width,
/// channels]` becomes `[H, W, channels]`. Window `i` of `H` covers the rows from `i height / H`,
/// rounded down, to `(i + 1) height / H`, rounded up.
///
/// In a network: `AdaptiveAvgPool2d<output_size>`, a number or a pair `(H, W)`. PyTorch's
/// `nn.AdaptiveAvgPool2d`.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Pool: [3, 4, 1] -> [1, 2, 1] { AdaptiveAvgPool2d<(1, 2)> } }
/// let y = Pool::zeros().forward(&Tensor3::from_fn(|[row, col, _]| (4 * row + col) as f32));
/// assert_eq!(y, Tensor3::from([[[4.5], [6.5]]]));
/// ```
pub struct AdaptiveAvgPool2d<const H: usize, const W: usize = H>;

/// The averages of `L` windows of nearly equal size that cover the sequence: `[length, channels]`
/// becomes `[L, channels]`.
///
/// In a network: `AdaptiveAvgPool1d<output_size>`. PyTorch's `nn.AdaptiveAvgPool1d`; the windows
/// are those of [`AdaptiveAvgPool2d`].
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Pool: [3, 1] -> [2, 1] { AdaptiveAvgPool1d<2> } }
/// let y = Pool::zeros().forward(&Tensor2::from([[1.0], [4.0], [2.0]]));
/// assert_eq!(y, Tensor2::from([[2.5], [3.0]]));
/// ```
pub struct AdaptiveAvgPool1d<const L: usize>;

/// The average of each channel: `[height, width, channels]` becomes `[channels]`.
///
/// PyTorch's `nn.AdaptiveAvgPool2d(1)`, followed by `nn.Flatten`.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Head: [7, 7, 64] -> [10] { GlobalAvgPool2d, Linear<_, 10> } }
/// assert_eq!(Head::PARAMS, 64 * 10 + 10);
/// ```
pub struct GlobalAvgPool2d;

/// The average of each channel: `[length, channels]` becomes `[channels]`.
///
/// PyTorch's `nn.AdaptiveAvgPool1d(1)`, followed by `nn.Flatten`.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Mean: [3, 2] -> [2] { GlobalAvgPool1d } }
/// let y = Mean::zeros().forward(&Tensor2::from([[1.0, 2.0], [4.0, 0.0], [4.0, -8.0]]));
/// assert_eq!(y, Tensor1::from([3.0, -2.0]));
/// ```
pub struct GlobalAvgPool1d;

mean_pool! {
    [
        const KH: usize, const KW: usize, const SH: usize, const SW: usize,
        const PH: usize, const PW: usize, const COUNT_PAD: bool
    ]
    AvgPool2d<KH, KW, SH, SW, PH, PW, COUNT_PAD>,
    |dims| infer_from_windows(dims, Self::WINDOWS),
    windows_over(dims, Self::WINDOWS),
    divisor(COUNT_PAD),
    transposed: false
}

impl<
    const KH: usize,
    const KW: usize,
    const SH: usize,
    const SW: usize,
    const PH: usize,
    const PW: usize,
    const COUNT_PAD: bool,
> AvgPool2d<KH, KW, SH, SW, PH, PW, COUNT_PAD>
{
    const WINDOWS: [Windows; 2] = [
        Windows {
            kernel: KH,
            stride: SH,
            pad: PH,
            dilation: 1,
        },
        Windows {
            kernel: KW,
            stride: SW,
            pad: PW,
            dilation: 1,
        },
    ];
}

mean_pool! {
    [const K: usize, const S: usize, const P: usize, const COUNT_PAD: bool]
    AvgPool1d<K, S, P, COUNT_PAD>,
    |dims| infer_from_windows(dims, [Windows { kernel: K, stride: S, pad: P, dilation: 1 }]),
    windows_over(dims, [Windows { kernel: K, stride: S, pad: P, dilation: 1 }]),
    divisor(COUNT_PAD),
    transposed: false
}

/// Returns the divisor of a window's sum.
const fn divisor(count_pad: bool) -> Divisor {
    if count_pad {
        Divisor::Kernel
    } else {
        Divisor::Count
    }
}

mean_pool! {
    [const H: usize, const W: usize]
    AdaptiveAvgPool2d<H, W>,
    |dims| infer_adaptive(dims, [H, W]),
    plane(dims, [adaptive(dims.size(0), H), adaptive(dims.size(1), W)]),
    Divisor::Count,
    transposed: false
}

mean_pool! {
    [const L: usize]
    AdaptiveAvgPool1d<L>,
    |dims| infer_adaptive(dims, [L]),
    plane(dims, [adaptive(dims.size(0), L)]),
    Divisor::Count,
    transposed: false
}

mean_pool! {
    []
    GlobalAvgPool2d,
    |dims| infer_global(dims, 2),
    plane(dims, [tiles(dims.size(0), 1), tiles(dims.size(1), 1)]),
    Divisor::Kernel,
    transposed: false
}

mean_pool! {
    []
    GlobalAvgPool1d,
    |dims| infer_global(dims, 1),
    plane(dims, [tiles(dims.size(0), 1)]),
    Divisor::Kernel,
    transposed: false
}

/// The shape rule of an average over all axes but the channels.
pub(super) const fn infer_global(dims: Dims, axes: usize) -> Inferred {
    match reject_rank(dims, axes, Namesake::Exists) {
        Some(mistake) => mistake,
        None => Inferred::shape(Dims::new(&[dims.size(axes)])),
    }
}

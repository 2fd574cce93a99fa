//! Upsampling of images.

use super::mean_pool::{mean_len, mean_needs, mean_pool};
use super::rule::zero_size;
use super::window::{Namesake, of_sizes, plane, reject_rank, tiles};
use crate::kernels::{Axis, Divisor, Kernels, MeanPool, Plane, Reach};
use crate::memory::{flatten, flatten_mut};
use crate::network::{BackwardInput, Forward, Infer, Inferred, Layer, Needs, ShapeRule, Train};
use crate::params::FeatureOrder;
use crate::sizes;
use crate::tensor::{Dims, Element, Shape};

/// Upsampling by the nearest neighbour, which repeats each row and each column:
/// `[height, width, channels]` becomes `[FH height, FW width, channels]`.
///
/// In a network: `Upsample<scale_factor>`, a number or a pair `(FH, FW)`. PyTorch's `nn.Upsample`
/// with `mode="nearest"`, its default.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Larger: [1, 2, 1] -> [1, 4, 1] { Upsample<(1, 2)> } }
/// let y = Larger::zeros().forward(&Tensor3::from([[[3.0], [5.0]]]));
/// assert_eq!(y, Tensor3::from([[[3.0], [3.0], [5.0], [5.0]]]));
/// ```
pub struct Upsample<const FH: usize, const FW: usize = FH>;

/// Upsampling by bilinear interpolation between the centres of the pixels:
/// `[height, width, channels]` becomes `[FH height, FW width, channels]`. Beyond the outermost
/// centres, the pixels of the border are repeated.
///
/// In a network: `UpsampleBilinear<scale_factor>`, a number or a pair `(FH, FW)`. PyTorch's
/// `nn.Upsample` with `mode="bilinear"` and its default `align_corners=False` (which
/// `nn.UpsamplingBilinear2d` sets to true).
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Larger: [1, 2, 1] -> [1, 4, 1] { UpsampleBilinear<(1, 2)> } }
/// let y = Larger::zeros().forward(&Tensor3::from([[[3.0], [5.0]]]));
/// assert_eq!(y, Tensor3::from([[[3.0], [3.5], [4.5], [5.0]]]));
/// ```
pub struct UpsampleBilinear<const FH: usize, const FW: usize = FH>;

// The copies of a pixel are a window of the output; the gradient of the pixel is the window's sum.
mean_pool! {
    [const FH: usize, const FW: usize]
    Upsample<FH, FW>,
    |dims| infer::<FH, FW>(dims),
    plane(dims, [tiles(FH, dims.size(0)), tiles(FW, dims.size(1))]),
    Divisor::One,
    transposed: true
}

mean_pool! {
    [const FH: usize, const FW: usize]
    UpsampleBilinear<FH, FW>,
    |dims| infer::<FH, FW>(dims),
    plane(dims, [linear(FH, dims.size(0)), linear(FW, dims.size(1))]),
    Divisor::One,
    transposed: false
}

/// The shape rule of both layers.
const fn infer<const FH: usize, const FW: usize>(dims: Dims) -> Inferred {
    if FH == 0 || FW == 0 {
        return zero_size("scale_factor", Dims::UNKNOWN);
    }

    if let Some(mistake) = reject_rank(dims, 2, Namesake::Lacks) {
        return mistake;
    }

    let height = sizes::product(&[FH, dims.size(0)]);
    let width = sizes::product(&[FW, dims.size(1)]);
    of_sizes(dims, [height, width])
}

/// Returns an axis of linear interpolation.
const fn linear(factor: usize, input: usize) -> Axis {
    Axis {
        input,
        output: sizes::product(&[factor, input]),
        reach: Reach::Linear { factor },
    }
}

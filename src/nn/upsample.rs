//! Larger images.

use super::mean_pool::mean_pool;
use super::window::{fit_sizes, plane, size_of_zero, tiles};
use crate::kernels::{Axis, Divisor, Kernels, Plane, Reach};
use crate::memory::{flatten, flatten_mut};
use crate::network::{
    ActivationStore, Compute, Context, FeatureOrder, Inferred, Layer, LayerOutputs, ShapeRule,
};
use crate::sizes;
use crate::tensor::{Dims, Element, Shape, Tensor};

/// Repeats each row and each column: `[height, width, channels]` becomes `[FH height, FW width,
/// channels]`.
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
pub struct Upsample<const FH: usize, const FW: usize>;

/// Interpolates between the centres of the pixels: `[height, width, channels]` becomes
/// `[FH height, FW width, channels]`. Pixels beyond the outermost centres are those of the border.
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
pub struct UpsampleBilinear<const FH: usize, const FW: usize>;

// Each pixel's copies are a window whose sum is its gradient.
mean_pool! {
    [const FH: usize, const FW: usize]
    Upsample<FH, FW>,
    |dims| fit::<FH, FW>(dims),
    plane(dims, [tiles(FH, dims.size(0)), tiles(FW, dims.size(1))]),
    Divisor::One,
    transposed: true
}

mean_pool! {
    [const FH: usize, const FW: usize]
    UpsampleBilinear<FH, FW>,
    |dims| fit::<FH, FW>(dims),
    plane(dims, [linear(FH, dims.size(0)), linear(FW, dims.size(1))]),
    Divisor::One,
    transposed: false
}

const fn fit<const FH: usize, const FW: usize>(dims: Dims) -> Inferred {
    if FH == 0 || FW == 0 {
        return size_of_zero("scale_factor");
    }
    fit_sizes(
        dims,
        [
            sizes::product(&[FH, dims.size(0)]),
            sizes::product(&[FW, dims.size(1)]),
        ],
    )
}

const fn linear(factor: usize, input: usize) -> Axis {
    Axis {
        input,
        output: sizes::product(&[factor, input]),
        reach: Reach::Linear { factor },
    }
}

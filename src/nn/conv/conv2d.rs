//! Convolution of images.

use rand::Rng;

use super::shape::ConvRule;
use super::{compute, convolution};
use crate::derive::Parameters;
use crate::memory::{flatten, flatten_mut};
use crate::network::{
    BackwardInput, BackwardParams, Forward, Infer, Inferred, Layer, Needs, ShapeRule, Train,
};
use crate::params::{FeatureOrder, Parameters};
use crate::tensor::{Element, Shape};

/// A convolution of an image `[height, width, channels]`.
///
/// In a network: `Conv2d<in_channels, out_channels, kernel_size>`. An `in_channels` of `_` is
/// inferred from the input. These options may follow the sizes, in any order:
///
/// | option | meaning | default |
/// |---|---|---|
/// | `Stride<2>` | the distance between neighbouring windows | 1 |
/// | `Pad<1>` | the number of zeros on each side of the image | 0 |
/// | `Dilation<2>` | the distance between neighbouring pixels of a window | 1 |
/// | `Groups<4>` | the number of groups of input and output channels, each convolved on its own | 1 |
/// | `NoBias` | no bias | a bias |
///
/// The kernel size is a number or a pair: `(3, 5)` is 3 high and 5 wide. Likewise `Stride<2, 1>`,
/// `Pad<1, 2>` and `Dilation<1, 2>` are vertical first. Each axis of the output has
/// `(size + 2 * pad - dilation * (kernel_size - 1) - 1) / stride + 1` pixels, rounded down.
///
/// A kernel that is 1 high convolves each row of the image on its own. In a
/// [stream](crate::Streaming) the rows are the steps: `[length, width, channels]`.
///
/// Definition and initial values are those of PyTorch's `nn.Conv2d`: weight and bias are uniform
/// between plus and minus `1 / sqrt(fan_in)`, where `fan_in` is
/// `in_channels / groups * kernel height * kernel width`. Images are channels-last, and the weight
/// is stored as `[kernel height][kernel width][in_channels / groups][out_channels]`; weight files
/// have PyTorch's order.
///
/// ```
/// use shapewright::prelude::*;
/// network! {
///     struct Edges: [3, 4, 1] -> [3, 3, 1] { slope: Conv2d<_, 1, (1, 2), NoBias> }
/// }
/// let mut net = Edges::zeros();
/// net.slope.weight = [[[[-1.0]], [[1.0]]]];
/// let image = Tensor3::from([[[0.0], [0.0], [1.0], [1.0]]; 3]);
/// assert_eq!(
///     net.forward(&image),
///     Tensor3::from([[[0.0], [1.0], [0.0]]; 3])
/// );
/// ```
pub struct Conv2d<
    const CI: usize,
    const CO: usize,
    const KH: usize,
    const KW: usize = KH,
    const SH: usize = 1,
    const SW: usize = SH,
    const PH: usize = 0,
    const PW: usize = PH,
    const DH: usize = 1,
    const DW: usize = DH,
    const GROUPS: usize = 1,
    const BIAS: bool = true,
    const EACH: usize = CI,
>;

/// The parameters of a [`Conv2d`] layer, where `CI` is the number of input channels in each group.
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
pub struct Conv2dParams<
    const KH: usize,
    const KW: usize,
    const CI: usize,
    const CO: usize,
    T: Element,
> {
    /// `[kernel height][kernel width][in_channels / groups][out_channels]`
    #[params(axes(3, 2, 0, 1))]
    pub weight: [[[[T; CO]; CI]; KW]; KH],
    /// `[out_channels]`
    pub bias: [T; CO],
}

/// The parameters of a [`Conv2d`] layer with the option `NoBias`.
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
pub struct Conv2dNoBiasParams<
    const KH: usize,
    const KW: usize,
    const CI: usize,
    const CO: usize,
    T: Element,
> {
    /// `[kernel height][kernel width][in_channels / groups][out_channels]`
    #[params(axes(3, 2, 0, 1))]
    pub weight: [[[[T; CO]; CI]; KW]; KH],
}

convolution! {
    Conv2d<CI CO KH KW SH SW PH PW DH DW GROUPS> {
        name: "Conv2d",
        axes: 2,
        in_channels: CI,
        out_channels: CO,
        kernel: [KH, KW],
        stride: [SH, SW],
        pad: [PH, PW],
        dilation: [DH, DW],
        groups: GROUPS,
        causal: false,
        output_pad: None,
    },
    Conv2dParams<KH KW EACH CO> / Conv2dNoBiasParams<KH KW EACH CO>,
    fan_in: KH * KW * EACH,
    forward: conv needs conv_needs,
    backward_input: input_grad needs input_grad_needs,
    images: inputs,
}

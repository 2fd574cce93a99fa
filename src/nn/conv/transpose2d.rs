//! Transposed convolution of images.

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

/// A transposed convolution of an image `[height, width, channels]`, which enlarges it. Each pixel
/// is spread over a window of the output, as in the gradient of a [`Conv2d`](super::Conv2d).
///
/// In a network: `ConvTranspose2d<in_channels, out_channels, kernel_size>`. An `in_channels` of `_`
/// is inferred from the input. The options are those of [`Conv2d`](super::Conv2d), with respect to
/// the output: `Stride<2>` is the distance between the windows of neighbouring pixels, and `Pad<1>`
/// removes pixels on each side. In addition, `OutputPad<1>` adds pixels below and to the right: a
/// `Conv2d` with a stride maps several sizes to the same one, and this chooses among them. Each
/// axis of the output has
/// `(size - 1) * stride - 2 * pad + dilation * (kernel_size - 1) + output_pad + 1` pixels.
///
/// Definition and initial values are those of PyTorch's `nn.ConvTranspose2d`: weight and bias are
/// uniform between plus and minus `1 / sqrt(fan_in)`, where `fan_in` is
/// `out_channels / groups * kernel height * kernel width`. Images are channels-last, and the weight
/// is stored as `[kernel height][kernel width][out_channels / groups][in_channels]`; weight files
/// have PyTorch's order.
///
/// ```
/// use shapewright::prelude::*;
/// network! {
///     struct Double: [1, 2, 1] -> [2, 4, 1] { up: ConvTranspose2d<_, 1, 2, Stride<2>> }
/// }
/// let mut net = Double::zeros();
/// net.up.weight = [[[[1.0]]; 2]; 2];
/// let y = net.forward(&Tensor3::from([[[3.0], [5.0]]]));
/// assert_eq!(y, Tensor3::from([[[3.0], [3.0], [5.0], [5.0]]; 2]));
/// ```
pub struct ConvTranspose2d<
    const CI: usize,
    const CO: usize,
    const KH: usize,
    const KW: usize = KH,
    const SH: usize = 1,
    const SW: usize = SH,
    const PH: usize = 0,
    const PW: usize = PH,
    const OH: usize = 0,
    const OW: usize = OH,
    const DH: usize = 1,
    const DW: usize = DH,
    const GROUPS: usize = 1,
    const BIAS: bool = true,
    const EACH: usize = CO,
>;

/// The parameters of a [`ConvTranspose2d`] layer, where `EACH` is the number of output channels in
/// each group.
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
pub struct ConvTranspose2dParams<
    const KH: usize,
    const KW: usize,
    const EACH: usize,
    const CI: usize,
    const CO: usize,
    T: Element,
> {
    /// `[kernel height][kernel width][out_channels / groups][in_channels]`
    #[params(axes(3, 2, 0, 1))]
    pub weight: [[[[T; CI]; EACH]; KW]; KH],
    /// `[out_channels]`
    pub bias: [T; CO],
}

/// The parameters of a [`ConvTranspose2d`] layer with the option `NoBias`.
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
pub struct ConvTranspose2dNoBiasParams<
    const KH: usize,
    const KW: usize,
    const EACH: usize,
    const CI: usize,
    T: Element,
> {
    /// `[kernel height][kernel width][out_channels / groups][in_channels]`
    #[params(axes(3, 2, 0, 1))]
    pub weight: [[[[T; CI]; EACH]; KW]; KH],
}

convolution! {
    ConvTranspose2d<CI CO KH KW SH SW PH PW OH OW DH DW GROUPS> {
        name: "ConvTranspose2d",
        axes: 2,
        in_channels: CI,
        out_channels: CO,
        kernel: [KH, KW],
        stride: [SH, SW],
        pad: [PH, PW],
        dilation: [DH, DW],
        groups: GROUPS,
        causal: false,
        output_pad: Some([OH, OW]),
    },
    ConvTranspose2dParams<KH KW EACH CI CO> / ConvTranspose2dNoBiasParams<KH KW EACH CI>,
    fan_in: KH * KW * EACH,
    forward: input_grad needs input_grad_needs,
    backward_input: conv needs conv_needs,
    images: gradients,
}

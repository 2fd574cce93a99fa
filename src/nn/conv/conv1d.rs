//! Convolution of sequences.

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

/// A convolution of a sequence `[length, channels]`.
///
/// In a network: `Conv1d<in_channels, out_channels, kernel_size>`. An `in_channels` of `_` is
/// inferred from the input. The options are those of [`Conv2d`](super::Conv2d), with one number
/// each: `Conv1d<_, 16, 5, Stride<2>, Pad<2>>`. The output has the length
/// `(length + 2 * pad - dilation * (kernel_size - 1) - 1) / stride + 1`, rounded down.
///
/// With the option `Causal`, all padding lies before the input, `dilation * (kernel_size - 1)` zeros:
/// an output position reads the same and earlier input positions, and the length stays the same. A
/// network of such layers can be a [stream](crate::Streaming), in which the layer keeps the last
/// inputs (as in WaveNet, van den Oord et al., 2016). PyTorch's programs pad with `F.pad(x, (p, 0))`
/// before an `nn.Conv1d` with the same parameters.
///
/// ```
/// use shapewright::prelude::*;
/// network! {
///     /// The sum of a number and the one two before it.
///     #[stream]
///     struct Comb: [4, 1] -> [4, 1] { taps: Conv1d<_, 1, 2, Dilation<2>, Causal, NoBias> }
/// }
/// let mut net = Comb::zeros();
/// net.taps.weight = [[[1.0]], [[1.0]]];
/// let y = net.forward(&Tensor2::from([[1.0], [2.0], [4.0], [8.0]]));
/// assert_eq!(y, Tensor2::from([[1.0], [2.0], [5.0], [10.0]]));
/// assert_eq!(Comb::RECEPTIVE_FIELD, 3);
/// ```
///
/// Definition and initial values are those of PyTorch's `nn.Conv1d`: weight and bias are uniform
/// between plus and minus `1 / sqrt(in_channels / groups * kernel_size)`. Sequences are
/// channels-last, and the weight is stored as
/// `[kernel_size][in_channels / groups][out_channels]`; weight files have PyTorch's order.
///
/// ```
/// use shapewright::prelude::*;
/// network! {
///     struct Mean: [6, 1] -> [3, 1] { pairs: Conv1d<_, 1, 2, Stride<2>> }
/// }
/// let mut net = Mean::zeros();
/// net.pairs.weight = [[[0.5]], [[0.5]]];
/// let y = net.forward(&Tensor2::from([[0.0], [2.0], [3.0], [5.0], [6.0], [8.0]]));
/// assert_eq!(y, Tensor2::from([[1.0], [4.0], [7.0]]));
/// ```
pub struct Conv1d<
    const CI: usize,
    const CO: usize,
    const K: usize,
    const S: usize = 1,
    const P: usize = 0,
    const D: usize = 1,
    const GROUPS: usize = 1,
    const CAUSAL: bool = false,
    const BIAS: bool = true,
    const EACH: usize = CI,
>;

/// The parameters of a [`Conv1d`] layer, where `CI` is the number of input channels in each group.
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
pub struct Conv1dParams<const K: usize, const CI: usize, const CO: usize, T: Element> {
    /// `[kernel_size][in_channels / groups][out_channels]`
    #[params(axes(2, 1, 0))]
    pub weight: [[[T; CO]; CI]; K],
    /// `[out_channels]`
    pub bias: [T; CO],
}

/// The parameters of a [`Conv1d`] layer with the option `NoBias`.
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
pub struct Conv1dNoBiasParams<const K: usize, const CI: usize, const CO: usize, T: Element> {
    /// `[kernel_size][in_channels / groups][out_channels]`
    #[params(axes(2, 1, 0))]
    pub weight: [[[T; CO]; CI]; K],
}

convolution! {
    Conv1d<CI CO K S P D GROUPS; CAUSAL> {
        name: "Conv1d",
        axes: 1,
        in_channels: CI,
        out_channels: CO,
        kernel: [1, K],
        stride: [1, S],
        pad: [0, P],
        dilation: [1, D],
        groups: GROUPS,
        causal: CAUSAL,
        output_pad: None,
    },
    Conv1dParams<K EACH CO> / Conv1dNoBiasParams<K EACH CO>,
    fan_in: K * EACH,
    forward: conv needs conv_needs,
    backward_input: input_grad needs input_grad_needs,
    images: inputs,
}

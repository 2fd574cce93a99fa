//! Batch normalizations folded into the layers before them.

#[cfg(feature = "alloc")]
use alloc::boxed::Box;
use core::any::Any;
use core::marker::PhantomData;

use super::{
    BatchNormArguments, BatchNormNoAffineParams, BatchNormParams, Conv1dParams, Conv2dParams,
    ConvTranspose2dParams, LinearParams,
};
use crate::network::Network;
use crate::params::{self, Parameters};
use crate::tensor::Element;

/// A network with `#[folded(..)]` on its definition, which has a smaller and faster equivalent for
/// inference.
///
/// In inference, a batch normalization multiplies each feature by a number and adds another.
/// Directly after a `Linear`, `Conv1d`, `Conv2d` or `ConvTranspose2d`, it can be folded into the
/// weight and the bias of that layer: they become `weight * g` and
/// `(bias - running_mean) * g + beta`, where `g` is `gamma / sqrt(running_var + eps)`. PyTorch's
/// `torch.nn.utils.fuse_conv_bn_eval` does the same. Both are computed in `f64`, so that outputs
/// differ only by rounding.
///
/// ```
/// use shapewright::prelude::*;
/// network! {
///     /// Small images to ten classes.
///     #[folded(CnnFolded)]
///     pub struct Cnn: [8, 8, 1] -> [10] {
///         conv: Conv2d<_, 16, 3, Pad<1>, NoBias>,
///         BatchNorm2d<_>,
///         Relu,
///         Residual { Conv2d<_, 16, 3, Pad<1>, NoBias>, BatchNorm2d<_>, Relu },
///         GlobalAvgPool2d,
///         Dropout(0.2),
///         head: Linear<_, 10>,
///     }
/// }
/// let net = Cnn::init(&mut shapewright::rng(0));
/// // .. training ..
/// let folded: Box<CnnFolded> = net.folded();
///
/// let x = Tensor::from_position(|i| i as f32 / 64.0);
/// let (y, same) = (net.forward(&x), folded.forward(&x));
/// assert!(
///     y.iter()
///         .zip(same.iter())
///         .all(|(y, same)| (y - same).abs() < 1e-5)
/// );
/// assert_eq!(folded.conv.bias.len(), 16);
/// assert!(CnnFolded::PARAMS < Cnn::PARAMS);
/// ```
///
/// The folded network is a network like any other: it has files and a `summary()` of its own, and
/// can be embedded in the program with `include_weights!`. Its visibility, documentation and
/// derives are those of the original.
///
/// - **Batch normalizations** are folded if they directly follow one of those layers in the same
///   list, including the lists inside blocks. The layer then has a bias, even with `NoBias`. Any
///   other `BatchNorm1d` or `BatchNorm2d`, for example after `Relu` or after a block, is copied.
/// - **`Dropout` and `Dropout2d`** are omitted, as they do nothing in inference.
/// - **Everything else** is copied. Fields keep their names, and those without a name keep their
///   index.
/// - **Nested networks** with `#[folded(..)]` are folded as well; others are copied.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no folded network",
    label = "write `#[folded(..)]` on its definition, with a name for the folded network"
)]
pub trait Foldable: Network {
    /// The folded network.
    type Folded: Network<Element = Self::Element, Input = Self::Input, Output = Self::Output>;

    /// Sets the folded network's parameters from the current ones.
    fn fold_into(&self, folded: &mut Self::Folded);

    /// Returns the folded network with the current parameters, on the heap.
    #[cfg(feature = "alloc")]
    fn folded(&self) -> Box<Self::Folded> {
        let mut folded = Self::Folded::zeros();
        self.fold_into(&mut folded);
        folded
    }
}

/// Parameters that a batch normalization can be folded into: a weight, followed by a bias.
#[doc(hidden)]
pub trait WeightAndBias<T: Element>: Parameters<T> {
    /// The number of outputs, which is the length of the bias.
    const OUTPUTS: usize;

    /// Returns the output that the number at this position of the weight contributes to.
    fn output_of(position: usize) -> usize {
        position % Self::OUTPUTS
    }
}

impl<T: Element, const I: usize, const O: usize> WeightAndBias<T> for LinearParams<I, O, T> {
    const OUTPUTS: usize = O;
}

impl<T: Element, const K: usize, const CI: usize, const CO: usize> WeightAndBias<T>
    for Conv1dParams<K, CI, CO, T>
{
    const OUTPUTS: usize = CO;
}

impl<T: Element, const KH: usize, const KW: usize, const CI: usize, const CO: usize>
    WeightAndBias<T> for Conv2dParams<KH, KW, CI, CO, T>
{
    const OUTPUTS: usize = CO;
}

impl<
    T: Element,
    const KH: usize,
    const KW: usize,
    const EACH: usize,
    const CI: usize,
    const CO: usize,
> WeightAndBias<T> for ConvTranspose2dParams<KH, KW, EACH, CI, CO, T>
{
    const OUTPUTS: usize = CO;

    /// The weight is `[..][EACH][CI]`, and each group has `EACH` outputs and an equal share of the
    /// inputs.
    fn output_of(position: usize) -> usize {
        let input = position % CI;
        let output_in_group = position / CI % EACH;
        let groups = CO / EACH;
        let group = input / (CI / groups);
        group * EACH + output_in_group
    }
}

/// A batch normalization in inference: `(x - mean) * factor + shift`.
struct AffineMap {
    mean: f64,
    factor: f64,
    shift: f64,
}

/// The parameters of a batch normalization.
#[doc(hidden)]
#[allow(private_interfaces)]
pub trait BatchStatistics<T: Element> {
    /// Returns the scale and the offset of the normalization of a channel.
    fn affine_map(&self, channel: usize, eps: f64) -> AffineMap;
}

/// Widens a number to an `f64`.
fn wide<T: Element>(x: T) -> f64 {
    x.to_f64().unwrap_or(f64::NAN)
}

#[allow(private_interfaces)]
impl<const C: usize, T: Element> BatchStatistics<T> for BatchNormParams<C, T> {
    fn affine_map(&self, channel: usize, eps: f64) -> AffineMap {
        let deviation = crate::float::sqrt(wide(self.running_var[channel]) + eps);
        AffineMap {
            mean: wide(self.running_mean[channel]),
            factor: wide(self.weight[channel]) / deviation,
            shift: wide(self.bias[channel]),
        }
    }
}

#[allow(private_interfaces)]
impl<const C: usize, T: Element> BatchStatistics<T> for BatchNormNoAffineParams<C, T> {
    fn affine_map(&self, channel: usize, eps: f64) -> AffineMap {
        let deviation = crate::float::sqrt(wide(self.running_var[channel]) + eps);
        AffineMap {
            mean: wide(self.running_mean[channel]),
            factor: 1.0 / deviation,
            shift: 0.0,
        }
    }
}

/// Sets `folded` to a layer, with or without a bias, followed by a batch normalization.
#[doc(hidden)]
pub fn fold<T: Element, P: WeightAndBias<T>>(
    layer: &impl Parameters<T>,
    norm: &impl BatchStatistics<T>,
    config: BatchNormArguments,
    folded: &mut P,
) {
    let (weight, bias) = folded.as_mut_slice().split_at_mut(P::LEN - P::OUTPUTS);
    let (old_weight, old_bias) = layer.as_slice().split_at(weight.len());
    let map = |output| norm.affine_map(output, config.eps());

    for (position, (weight, &old)) in weight.iter_mut().zip(old_weight).enumerate() {
        *weight = T::from_f64_lossy(wide(old) * map(P::output_of(position)).factor);
    }

    for (output, bias) in bias.iter_mut().enumerate() {
        let map = map(output);
        let old = old_bias.get(output).map_or(0.0, |&old| wide(old));
        *bias = T::from_f64_lossy((old - map.mean) * map.factor + map.shift);
    }
}

/// Copies the parameters of a layer that is the same in the folded network.
#[doc(hidden)]
pub fn copy<T: Element>(layer: &impl Parameters<T>, folded: &mut impl Parameters<T>) {
    if let Some(folded) = (folded as &mut dyn Any).downcast_mut() {
        return params::copy_parameters(layer, folded);
    }
    let numbers = folded.as_mut_slice();
    numbers.copy_from_slice(params::parameters_in(layer, 0..numbers.len()));
}

/// A layer in a folded network that is not built in: its folded network if it `FOLDS`, otherwise
/// the layer itself.
#[doc(hidden)]
pub struct Nested<const FOLDS: bool, L>(PhantomData<L>);

/// The conversion of such a layer's parameters: from `P` in the original network to `Q` in the
/// folded one.
#[doc(hidden)]
pub trait FoldInto<T, P, Q> {
    fn fold_into(layer: &P, folded: &mut Q);
}

impl<L: Foldable> FoldInto<L::Element, L, L::Folded> for Nested<true, L> {
    fn fold_into(layer: &L, folded: &mut L::Folded) {
        layer.fold_into(folded);
    }
}

impl<T: Element, L, P: Parameters<T>, Q: Parameters<T>> FoldInto<T, P, Q> for Nested<false, L> {
    fn fold_into(layer: &P, folded: &mut Q) {
        copy(layer, folded);
    }
}

//! Batch normalizations folded into the layers before them.

use core::marker::PhantomData;

use super::{
    BatchNormArguments, BatchNormNoAffineParams, BatchNormParams, Conv1dParams, Conv2dParams,
    ConvTranspose2dParams, LinearParams,
};
use crate::network::{Network, Parameters};
use crate::tensor::Element;

/// A network with `#[folded(..)]` on its definition: for inference there is another one, smaller
/// and faster, that gives the same.
///
/// In inference a batch normalization multiplies each feature by a number and adds another.
/// Directly behind a `Linear`, `Conv1d`, `Conv2d` or `ConvTranspose2d` it can be left away if that
/// layer's weight is multiplied and its bias moved instead: `weight * g` and
/// `(bias - running_mean) * g + beta`, where `g` is `gamma / sqrt(running_var + eps)` (as PyTorch's
/// `torch.nn.utils.fuse_conv_bn_eval`). The two are worked out in `f64`, so that outputs differ by
/// rounding alone.
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
/// can be kept in the program with `include_weights!`. Its visibility, documentation and derives
/// are those of the first.
///
/// - **What is folded**: each `BatchNorm1d` or `BatchNorm2d` directly behind one of those layers in
///   the same list, also in lists inside of blocks. The layer then has a bias, also if `NoBias` was
///   written. A batch normalization that stands anywhere else, as behind `Relu` or behind a block,
///   stays.
/// - **`Dropout` and `Dropout2d`** are left away, as they do nothing in inference.
/// - **Everything else** is copied, and fields keep their names: those without one the index that
///   they had.
/// - **Networks nested in it** with `#[folded(..)]` are folded as well; others stay as they are.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no folded network",
    label = "write `#[folded(..)]` on its definition, with a name for the folded network"
)]
pub trait Foldable: Network {
    /// The folded network.
    type Folded: Network<Element = Self::Element, Input = Self::Input, Output = Self::Output>;

    /// The folded network with the parameters that this one has now, on the heap.
    fn folded(&self) -> Box<Self::Folded>;
}

/// A weight and then a bias, which a batch normalization can be folded into.
#[doc(hidden)]
pub trait WeightAndBias<T: Element>: Parameters<T> {
    /// How many outputs there are: the length of the bias.
    const OUTPUTS: usize;

    /// The output that the number at this place of the weight takes part in.
    fn output_of(place: usize) -> usize {
        place % Self::OUTPUTS
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

    /// The weight is `[..][EACH][CI]`, and each group has `EACH` outputs and as large a part of the
    /// inputs.
    fn output_of(place: usize) -> usize {
        let (input, output, groups) = (place % CI, place / CI % EACH, CO / EACH);
        input / (CI / groups) * EACH + output
    }
}

/// What a batch normalization makes of `x` in inference: `(x - mean) * factor + shift`.
struct Line {
    mean: f64,
    factor: f64,
    shift: f64,
}

/// The parameters of a batch normalization.
#[doc(hidden)]
#[allow(private_interfaces)]
pub trait BatchStatistics<T: Element> {
    fn line(&self, channel: usize, eps: f64) -> Line;
}

fn wide<T: Element>(x: T) -> f64 {
    x.to_f64().unwrap_or(f64::NAN)
}

#[allow(private_interfaces)]
impl<const C: usize, T: Element> BatchStatistics<T> for BatchNormParams<C, T> {
    fn line(&self, channel: usize, eps: f64) -> Line {
        let deviation = (wide(self.running_var[channel]) + eps).sqrt();
        Line {
            mean: wide(self.running_mean[channel]),
            factor: wide(self.weight[channel]) / deviation,
            shift: wide(self.bias[channel]),
        }
    }
}

#[allow(private_interfaces)]
impl<const C: usize, T: Element> BatchStatistics<T> for BatchNormNoAffineParams<C, T> {
    fn line(&self, channel: usize, eps: f64) -> Line {
        let deviation = (wide(self.running_var[channel]) + eps).sqrt();
        Line {
            mean: wide(self.running_mean[channel]),
            factor: 1.0 / deviation,
            shift: 0.0,
        }
    }
}

/// Sets `folded` to a layer, with or without bias, and the batch normalization behind it.
#[doc(hidden)]
pub fn fold<T: Element, P: WeightAndBias<T>>(
    layer: &impl Parameters<T>,
    norm: &impl BatchStatistics<T>,
    config: BatchNormArguments,
    folded: &mut P,
) {
    let (weight, bias) = folded.as_mut_slice().split_at_mut(P::LEN - P::OUTPUTS);
    let (own_weight, own_bias) = layer.as_slice().split_at(weight.len());
    let lines: Vec<Line> = (0..P::OUTPUTS)
        .map(|output| norm.line(output, config.eps()))
        .collect();
    for (place, (weight, &own)) in weight.iter_mut().zip(own_weight).enumerate() {
        *weight = T::from_f64_lossy(wide(own) * lines[P::output_of(place)].factor);
    }
    for (output, (bias, line)) in bias.iter_mut().zip(&lines).enumerate() {
        let own = own_bias.get(output).map_or(0.0, |&own| wide(own));
        *bias = T::from_f64_lossy((own - line.mean) * line.factor + line.shift);
    }
}

/// Sets the parameters of a layer that is the same in the folded network.
#[doc(hidden)]
pub fn copy<T: Element>(layer: &impl Parameters<T>, folded: &mut impl Parameters<T>) {
    folded.as_mut_slice().copy_from_slice(layer.as_slice());
}

/// A layer that is not built in, in a folded network: what it folds to if it `FOLDS`, otherwise
/// itself.
#[doc(hidden)]
pub struct Nested<const FOLDS: bool, L>(PhantomData<L>);

/// Sets the parameters `Q` of such a layer to those of the first network, `P`.
#[doc(hidden)]
pub trait FoldInto<T, P, Q> {
    fn fold_into(layer: &P, folded: &mut Q);
}

impl<L: Foldable> FoldInto<L::Element, L, L::Folded> for Nested<true, L> {
    fn fold_into(layer: &L, folded: &mut L::Folded) {
        copy(&*layer.folded(), folded);
    }
}

impl<T: Element, L, P: Parameters<T>, Q: Parameters<T>> FoldInto<T, P, Q> for Nested<false, L> {
    fn fold_into(layer: &P, folded: &mut Q) {
        copy(layer, folded);
    }
}

//! The effect of layers on the order of features, which weight files store as PyTorch does.

use crate::tensor::Dims;

/// The effect of a layer on the order of features, given by
/// [`Infer::ORDER`](crate::ext::Infer::ORDER).
///
/// Images have their channels last here and first in PyTorch. After a `Flatten`, their features
/// therefore have another order there, and so have the parameters with an entry for each of them.
/// Weight files have PyTorch's order: `weights::Loader` and `SaveLoad::save` follow the features
/// through all layers, blocks and nested networks, and need to know the effect of each layer.
///
/// Sequences have the axes `[length, channels]`. In PyTorch they are `[channels, length]` once a
/// layer uses the last axis as channels, and have the same axes as here otherwise.
///
/// A layer with [`Makes`](FeatureOrder::Makes), [`Mixes`](FeatureOrder::Mixes) or
/// [`Depends`](FeatureOrder::Depends) works along the last axis if there are several. In PyTorch
/// this axis was moved there from the front, and may not have been moved back. Files mark that if a
/// result depends on it.
///
/// ```
/// # #[cfg(feature = "safetensors")]
/// # {
/// use shapewright::prelude::*;
/// network! { struct Net: [2, 1, 3] -> [1] { Flatten, Tanh, fc: Linear<_, 1, NoBias> } }
/// let mut net = Net::zeros();
/// net.fc.weight = [[0.0], [1.0], [2.0], [3.0], [4.0], [5.0]];
/// let bytes = net.to_safetensors(&[]);
/// // Two pixels with three channels each; PyTorch has three channels with two pixels each.
/// let file: Vec<f32> = bytes[bytes.len() - 24..]
///     .as_chunks()
///     .0
///     .iter()
///     .map(|&x| f32::from_le_bytes(x))
///     .collect();
/// assert_eq!(file, [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FeatureOrder {
    /// Each output belongs to the input at the same position, for any axes, as in activations.
    /// Parameters with an entry for each feature are marked with `#[params(features)]`.
    ///
    /// Between a tuple of tensors of one shape and one such tensor, each output belongs to the
    /// inputs at the same position. The same holds for several sources of one shape.
    Keeps,
    /// The last axis is the channels, which are the first axis of an image or a sequence in
    /// PyTorch, as in a convolution or a batch normalization. For an input with a single axis it is
    /// the same as [`FeatureOrder::Keeps`].
    ///
    /// A layer that leaves only the channels is of this kind as well, such as the average over all
    /// positions of a sequence, or its last position: there is one output for each channel,
    /// whichever axis is first.
    Channels,
    /// The outputs are new features, as in a dense layer. One axis of a parameter, marked with
    /// `#[params(features)]`, has an entry for each input feature. If `#[params(outputs)]` marks
    /// the axis of the output features, files can have them in another order, as a later
    /// `Reshape` to an image needs.
    Makes,
    /// The outputs depend on the order of the inputs along the last axis, as in `Glu`, which halves
    /// it. After a `Flatten` of images PyTorch computes something else. Files then have a tensor
    /// without elements, `<layer>.channels_last`, so that PyTorch refuses them and this crate
    /// refuses PyTorch's.
    ///
    /// A layer that swaps two axes is of this kind as well: PyTorch's program swaps them too, or
    /// has its channels first and nothing to swap.
    Depends,
    /// Each output depends on all inputs along the last axis, whatever their order, and belongs to
    /// the input at the same position, as in `Softmax`. For an input with a single axis it is the
    /// same as [`FeatureOrder::Keeps`], for others the same as [`FeatureOrder::Depends`].
    Mixes,
    /// Every number stays where it is in memory; only the shape changes.
    View,
    /// Each output depends on all inputs of a sample and belongs to the one at its position, as do
    /// the weights, whose axes are the input's. In files they are in PyTorch's order of those axes:
    /// as the `axes` of the field say where channels are first there, and as they are here
    /// otherwise.
    #[doc(hidden)]
    Whole,
    /// The same over the last axes of several. PyTorch's program has its channels last for it, so
    /// that the weights are in files as they are here. Otherwise it is as [`FeatureOrder::Depends`].
    #[doc(hidden)]
    Trailing,
    /// A network runs over the first axis of the input, and its outputs have several axes: each
    /// step has them in the order of that network.
    #[doc(hidden)]
    Steps,
    /// Its sources lie side by side along the last axis, or are the parts of a tuple.
    #[doc(hidden)]
    Joins,
    /// The output is one of the input's parts.
    #[doc(hidden)]
    Part(usize),
    /// That of the layers inside: a network or a block.
    #[doc(hidden)]
    Layers,
}

impl FeatureOrder {
    /// Returns the effect on an input with these axes; never [`FeatureOrder::Mixes`].
    pub(crate) const fn on(self, input: Dims) -> Self {
        match self {
            FeatureOrder::Mixes if input.sizes().len() == 1 => FeatureOrder::Keeps,
            FeatureOrder::Mixes | FeatureOrder::Trailing => FeatureOrder::Depends,
            order => order,
        }
    }
}

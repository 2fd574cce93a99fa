//! What layers do to the order of features, which weight files have as PyTorch does.

use crate::tensor::Dims;

/// What a layer does to the order of features, as [`Compute::ORDER`](super::Compute::ORDER) says.
///
/// Images have their channels last here and first in PyTorch. Behind a `Flatten`, their features
/// are therefore in another order there, and so are the parameters that have an entry for each of
/// them. Weight files have PyTorch's order: `weights::Loader` and `Network::save` follow the
/// features through all layers, blocks and nested networks, and need to know of each layer what
/// becomes of their order.
///
/// Sequences, `[length, channels]`, are `[channels, length]` in PyTorch once a layer takes their
/// last axis for channels, and as they are here otherwise.
///
/// A layer that [`Makes`](FeatureOrder::Makes), [`Mixes`](FeatureOrder::Mixes) or
/// [`Depends`](FeatureOrder::Depends) works along the last axis, where there are several. In PyTorch
/// it was moved there from the front; that it may not have been moved back is marked in files where
/// a result depends on it.
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
    /// Each output belongs to the input at its place, whatever the axes are, as in activations.
    /// Parameters that have an entry for each feature are marked with `#[params(features)]`.
    ///
    /// From a tuple of tensors of one shape to one of them, or back, each output belongs to the
    /// inputs at its place.
    Keeps,
    /// The last axis are channels, which are the first axis of an image or a sequence in PyTorch,
    /// as for a convolution or a batch normalization. On an input with a single axis it is as
    /// [`FeatureOrder::Keeps`].
    Channels,
    /// The outputs are new features, as those of a dense layer: one axis of a parameter, marked
    /// with `#[params(features)]`, has an entry for each feature that comes in. Where `#[params(outputs)]`
    /// marks the axis of those that come out, they can be put into another order, as an image
    /// made of them by a `Reshape` needs.
    Makes,
    /// The outputs depend on the order of the inputs along the last axis, as those of `Glu`, which
    /// halves it. Behind a `Flatten` of images PyTorch computes something else: files have a
    /// tensor without elements then, `<layer>.channels_last`, so that PyTorch refuses them and
    /// this crate refuses PyTorch's.
    Depends,
    /// Each output depends on all inputs along the last axis, whatever their order, and belongs to
    /// the one at its place, as those of `Softmax`. On an input with a single axis it is as
    /// [`FeatureOrder::Keeps`], on others as [`FeatureOrder::Depends`].
    Mixes,
    /// Every number stays where it is in memory, under another shape.
    View,
    /// Each output depends on all inputs of a sample and belongs to the one at its place, and so do
    /// the weights, whose axes are the input's. In files they are in PyTorch's order of those axes:
    /// as the `axes` of the field say where channels are first there, and as they are here otherwise.
    #[doc(hidden)]
    Whole,
    /// The same over the last axes of several. PyTorch's program has its channels last for it, so
    /// that the weights are in files as they are here. Otherwise it is as [`FeatureOrder::Depends`].
    #[doc(hidden)]
    Trailing,
    /// That of the layers inside: a network or a block.
    #[doc(hidden)]
    Layers,
}

impl FeatureOrder {
    /// What a layer that says this does on an input with these axes.
    pub(super) const fn on(self, input: Dims) -> Self {
        match self {
            FeatureOrder::Mixes if input.sizes().len() == 1 => FeatureOrder::Keeps,
            FeatureOrder::Mixes | FeatureOrder::Trailing => FeatureOrder::Depends,
            order => order,
        }
    }
}

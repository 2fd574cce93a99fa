//! The description of a network: its layers.

#[cfg(feature = "alloc")]
mod table;

use super::network::Network;
use crate::tensor::{Dims, Scalar, Shape};

/// One layer in a [`Summary`].
#[derive(Clone, Copy, Debug)]
pub struct LayerSummary {
    /// The layer as it is written in the definition: `fc: Linear<_, 128>`.
    pub layer: &'static str,
    /// True if its inputs are indices, as those of an [`Embedding`](crate::nn::Embedding) are.
    pub takes_indices: bool,
    /// The shape of its output.
    pub output: Dims,
    /// The number of its parameters.
    pub params: usize,
    /// The index of the first of them in [`Network::params`](super::Network::params).
    pub params_at: usize,
    /// The index, in its list, of the layer whose parameters it has as well, if they are
    /// [tied](crate::network!).
    pub tied_to: Option<usize>,
    /// The number of multiply-adds for one sample.
    pub macs: usize,
    /// The layers inside a block; repeated layers are listed once.
    pub inner: &'static [LayerSummary],
}

/// A description of a network, which prints as a table of its layers.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Small: [4] -> [2] { fc: Linear<_, 8>, Relu, head: Linear<_, 2> } }
/// let summary = Small::summary();
/// assert_eq!(summary.layers[0].params, 40);
/// println!("{summary}");
/// ```
#[derive(Clone, Debug)]
pub struct Summary {
    /// The network's name.
    pub name: &'static str,
    /// The shape of one input.
    pub input: Dims,
    /// The shape of one output.
    pub output: Dims,
    /// The number type, `f32` or `f64`.
    pub element: &'static str,
    /// The layers, in order.
    pub layers: &'static [LayerSummary],
    /// The number of parameters.
    pub params: usize,
    /// The number of multiply-adds of a forward pass of one sample.
    pub macs: usize,
    /// The number of parameters that can be trained: those outside [buffers](crate::ext::Buffer).
    pub trainable_params: usize,
    /// The number of bytes of one trainable parameter.
    pub element_bytes: usize,
    /// The number of bytes of all parameters.
    pub param_bytes: usize,
    /// The bytes per sample during inference: [`Network::WORKSPACE_BYTES`].
    pub workspace_bytes: usize,
    /// The bytes per sample during training: [`Network::TRAIN_WORKSPACE_BYTES`].
    pub train_workspace_bytes: usize,
}

impl Summary {
    pub(super) fn of<N: Network>() -> Self {
        Summary {
            name: N::NAME,
            input: N::Input::DIMS,
            output: N::Output::DIMS,
            element: <N::Element as Scalar>::NAME,
            layers: N::LAYERS,
            params: N::PARAMS,
            trainable_params: N::TRAINABLE_PARAMS,
            macs: N::MACS,
            element_bytes: size_of::<N::Element>(),
            param_bytes: const { N::PARAM_TREE.number_bytes(size_of::<N::Element>()) },
            workspace_bytes: N::WORKSPACE_BYTES,
            train_workspace_bytes: N::TRAIN_WORKSPACE_BYTES,
        }
    }
}

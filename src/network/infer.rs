//! The trait of a layer's computation for inference.

use super::call::{Forward, ForwardInPlace};
use super::layer::{Flow, Layer, OutputKind, ReluFusion};
use super::layer_input::LayerInput;
use super::needs::{Batching, Needs};
use super::shape_rule::ShapeRule;
#[cfg(feature = "onnx-export")]
use crate::export::{Export, Exported};
use crate::params::FeatureOrder;
use crate::tensor::{Element, Shape};

/// The computation of a layer for inference, from the input `In`, a shape or the [`Inputs`](super::Inputs) of several sources, to the shape
/// `Out`.
///
/// A call has a batch or a part of one, as slices of tensors, one for each sample. [`ShapeRule`]
/// has already checked the shapes. The result must not depend on the previous contents of the
/// outputs and of the memory for samples and threads.
///
/// A layer that can be trained implements [`Train`](super::Train) as well. Layers whose outputs
/// overwrite their inputs, such as activations, implement [`InPlace`](super::InPlace) instead of
/// both. The example `custom_layer` has a complete layer with its gradient check.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't compute from `{In}` to `{Out}` with numbers of `{T}`: it does not \
               implement `Infer`",
    label = "not a layer here",
    note = "implement `Infer<In, Out, T>` for each pair of shapes that the layer's `ShapeRule` \
            accepts"
)]
pub trait Infer<In: LayerInput, Out: Shape, T: Element>: Layer<T> + ShapeRule<In> {
    /// The effect on the order of features, which weight files store as PyTorch does.
    const ORDER: FeatureOrder;
    /// The relation of output and input in memory.
    #[doc(hidden)]
    const FLOW: Flow = Flow::Apart;
    /// The meaning of the outputs.
    const OUTPUT_KIND: OutputKind = OutputKind::Values;
    /// The role in the fusion of `Relu` with a neighbouring layer.
    #[doc(hidden)]
    const RELU_FUSION: ReluFusion = ReluFusion::None;
    /// The number of multiply-adds of a forward pass of one sample.
    const MULTIPLY_ADDS: usize = 0;
    /// The number of samples that the layer computes best at a time.
    const BATCHING: Batching = Batching::Auto;
    /// The memory that inference needs in addition to inputs and outputs.
    const NEEDS: Needs = Needs::NONE;

    /// Computes the outputs for inference.
    fn forward(call: Forward<'_, Self, In, Out, T>);

    /// Writes the layer into an ONNX graph, and returns its output there. The default returns the
    /// error of a layer that can't be written. See [`export`](crate::export).
    ///
    /// # Errors
    /// Returns an error if the layer, or one inside it, can't be written.
    #[cfg(feature = "onnx-export")]
    fn export(config: &Self::Config, params: &Self::Params, call: Export<'_>) -> Exported {
        let _ = (config, params);
        Err(call.unsupported())
    }

    /// Calls [`InPlace::forward_in_place`](super::InPlace::forward_in_place) if the layer has
    /// `Flow::InPlace`.
    #[doc(hidden)]
    fn infer_in_place(call: ForwardInPlace<'_, Self::Config, Out, T>) {
        let _ = call;
    }
}

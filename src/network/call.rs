//! The arguments of a layer's functions, one struct for each function.
//!
//! A later version may add fields, such as another class of memory, without a change in any layer:
//! take a call apart with `let Forward { params, x, y, .. } = call`.

use super::activation_store::ActivationStore;
use super::context::Context;
use super::layer::Layer;
use super::layer_input::LayerInput;
use super::layer_outputs::LayerOutputs;
use crate::memory::{Scratch, StateMemory, ThreadMemory};
use crate::tensor::{Element, Shape, Tensor};

/// The arguments of [`Infer::forward`](super::Infer::forward).
#[non_exhaustive]
pub struct Forward<'a, L: Layer<T>, In: LayerInput, Out: Shape, T: Element> {
    /// The constructor arguments.
    pub config: &'a L::Config,
    /// The parameters.
    pub params: &'a L::Params,
    /// The inputs: one tensor for each sample, or the [`Batches`](super::Batches) of several
    /// sources.
    pub x: In::Batch<'a, T>,
    /// The outputs to compute, one tensor for each sample, with arbitrary contents.
    pub y: &'a mut [Tensor<Out, T>],
    /// The memory for each sample that the layer's `NEEDS` name.
    pub scratch: Scratch<'a>,
    /// The memory for each thread that the layer's `NEEDS` name.
    pub thread_memory: ThreadMemory<'a>,
    /// The memory of the stream to which the sample belongs. Outside of streams it is `None`: each
    /// sample is then the first of a stream.
    pub state: Option<StateMemory<'a>>,
    /// The circumstances.
    pub cx: &'a Context<'a, T>,
}

/// The arguments of [`Train::forward_train`](super::Train::forward_train).
#[non_exhaustive]
pub struct ForwardTrain<'a, L: Layer<T>, In: LayerInput, Out: Shape, T: Element> {
    /// The constructor arguments.
    pub config: &'a L::Config,
    /// The parameters.
    pub params: &'a L::Params,
    /// The inputs: one tensor for each sample, or the [`Batches`](super::Batches) of several
    /// sources.
    pub x: In::Batch<'a, T>,
    /// The outputs to compute, one tensor for each sample, with arbitrary contents.
    pub y: &'a mut [Tensor<Out, T>],
    /// The memory for each sample that the layer's `TRAIN_NEEDS` name, kept until backward.
    pub cache: ActivationStore<'a>,
    /// The memory for each thread that the layer's `TRAIN_NEEDS` name.
    pub thread_memory: ThreadMemory<'a>,
    /// The circumstances.
    pub cx: &'a Context<'a, T>,
}

/// The arguments of [`Train::backward_input`](super::Train::backward_input).
#[non_exhaustive]
pub struct BackwardInput<'a, L: Layer<T>, In: LayerInput, Out: Shape, T: Element> {
    /// The constructor arguments.
    pub config: &'a L::Config,
    /// The parameters.
    pub params: &'a L::Params,
    /// The inputs of forward: one tensor for each sample, or the [`Batches`](super::Batches) of
    /// several sources.
    pub x: In::Batch<'a, T>,
    /// The outputs of forward, if the layer reads them.
    pub y: LayerOutputs<'a, Out, T>,
    /// The values that forward has kept.
    pub cache: ActivationStore<'a>,
    /// The gradient of the loss with respect to the outputs. The function may change it into what
    /// [`backward_params`](super::Train::backward_params) will read.
    pub dy: &'a mut [Tensor<Out, T>],
    /// The gradient of the loss with respect to the inputs, which is to be computed; `None` if
    /// nobody needs it. Its contents are arbitrary. For several sources it is
    /// [`Gradients`](super::Gradients).
    pub dx: In::Gradients<'a, T>,
    /// The memory for each thread that the layer's `TRAIN_NEEDS` name.
    pub thread_memory: ThreadMemory<'a>,
    /// The circumstances.
    pub cx: &'a Context<'a, T>,
}

/// The arguments of [`Train::backward_params`](super::Train::backward_params).
#[non_exhaustive]
pub struct BackwardParams<'a, L: Layer<T>, In: LayerInput, Out: Shape, T: Element> {
    /// The constructor arguments.
    pub config: &'a L::Config,
    /// The parameters.
    pub params: &'a L::Params,
    /// The inputs of forward, for the whole batch.
    pub x: In::Batch<'a, T>,
    /// The outputs of forward, if the layer reads them.
    pub y: LayerOutputs<'a, Out, T>,
    /// The values that forward has kept.
    pub cache: ActivationStore<'a>,
    /// The gradient of the loss with respect to the outputs, as
    /// [`backward_input`](super::Train::backward_input) has left it.
    pub dy: &'a [Tensor<Out, T>],
    /// The gradient of the loss with respect to the parameters, to which the function adds.
    pub gradient: &'a mut L::Params,
    /// The memory for each thread that the layer's `TRAIN_NEEDS` name.
    pub thread_memory: ThreadMemory<'a>,
    /// The circumstances.
    pub cx: &'a Context<'a, T>,
}

/// The arguments of [`InPlace::forward_in_place`](super::InPlace::forward_in_place). `C` is the
/// type of the layer's constructor arguments.
#[non_exhaustive]
pub struct ForwardInPlace<'a, C, S: Shape, T: Element> {
    /// The constructor arguments.
    pub config: &'a C,
    /// The inputs, one tensor for each sample, which the outputs replace.
    pub y: &'a mut [Tensor<S, T>],
    /// The circumstances.
    pub cx: &'a Context<'a, T>,
}

/// The arguments of [`InPlace::backward_in_place`](super::InPlace::backward_in_place). `C` is the
/// type of the layer's constructor arguments.
#[non_exhaustive]
pub struct BackwardInPlace<'a, C, S: Shape, T: Element> {
    /// The constructor arguments.
    pub config: &'a C,
    /// The outputs of forward, if the layer reads them.
    pub y: LayerOutputs<'a, S, T>,
    /// The gradient of the loss with respect to the outputs, which that with respect to the inputs
    /// replaces.
    pub dy: &'a mut [Tensor<S, T>],
    /// The circumstances.
    pub cx: &'a Context<'a, T>,
}

//! Traits and types for layers of your own.
//!
//! A layer is a type. [`ShapeRule`] computes the output shape for each input shape that the layer
//! accepts, [`Layer`] names its configuration and parameters, [`Infer`] has its forward pass, and
//! [`Train`] its backward; a layer whose outputs overwrite its inputs implements [`InPlace`] instead
//! of the last two. The example `custom_layer` has a complete layer with its gradient check.
//!
//! Each function of a layer takes one struct, such as [`Forward`]. Its memory comes from the plan of
//! the network, which the layer's [`Needs`] are part of: no layer allocates.

pub use crate::network::{
    ActivationStore, BackwardInPlace, BackwardInput, BackwardParams, Batches, Batching,
    Configuration, Context, FeatureOrder, Forward, ForwardInPlace, ForwardTrain, Gradients, INFER,
    InPlace, Infer, Inferred, Inputs, Layer, LayerInput, LayerOutputs, NamesOutput, Needs,
    OutputKind, Scratch, Sentence, ShapeRule, Sources, StateMemory, ThreadMemory, Train, Visitor,
    VisitorMut,
};
pub use crate::threads::split_mut_with as split_mut;

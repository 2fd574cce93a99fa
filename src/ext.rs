//! Traits and types for layers of your own.
//!
//! A layer is a type. [`ShapeRule`] computes the output shape for each input shape that the layer
//! accepts, [`Layer`] names its configuration and parameters, and [`Compute`] has its forward and
//! backward passes; a layer whose outputs overwrite its inputs implements [`InPlace`] instead. The
//! example `custom_layer` has a complete layer with its gradient check.

pub use crate::network::{
    ActivationStore, Compute, Configuration, Context, FeatureOrder, INFER, InPlace, Inferred,
    Layer, LayerOutputs, NamesOutput, OutputKind, Sentence, ShapeRule, Visitor, VisitorMut,
};

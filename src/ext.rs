//! What a layer of one's own needs.
//!
//! A layer is a type. [`ShapeRule`] says which inputs it takes and what comes out, [`Layer`] names
//! its configuration and parameters, [`Compute`] has its forward and backward passes, or
//! [`InPlace`] if the outputs overwrite the inputs. The example `custom_layer` has a complete one,
//! with its gradient check.

pub use crate::network::{
    ActivationStore, Compute, Configuration, Context, FeatureOrder, INFER, InPlace, Inferred,
    Layer, LayerOutputs, NamesOutput, OutputKind, Sentence, ShapeRule, Visitor, VisitorMut,
};

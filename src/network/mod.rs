//! The machinery behind `network!`: shape inference, the plan of all buffers, forward and backward.

mod activation_store;
pub(crate) mod branch;
#[doc(hidden)]
pub mod emitted;
mod feature_order;
mod flow;
mod inference;
mod layer;
mod layer_outputs;
mod modes;
#[allow(clippy::module_inception)]
mod network;
pub(crate) mod param_tree;
mod parameters;
mod plan;
mod segments;
mod sentence;
mod shape_rule;
mod summary;
mod workspace;

pub use activation_store::ActivationStore;
pub use feature_order::FeatureOrder;
pub use inference::{InputOf, OutputOf};
pub use layer::{Compute, Configuration, Context, InPlace, Layer, OutputKind};
pub(crate) use layer::{Flow, ReluFusion};
pub use layer_outputs::LayerOutputs;
pub use network::Network;
pub use parameters::{Parameters, Visitor, VisitorMut};
pub use sentence::{INFER, Sentence};
pub use shape_rule::{Inferred, NamesOutput, ShapeRule};
pub use summary::{LayerSummary, Summary};
pub use workspace::{Pass, Workspace};

pub use inference::Scratch;
pub(crate) use inference::with_scratch;

//! The machinery behind `network!`: shape inference, the plan of all buffers, forward and backward.

mod activation_store;
pub(crate) mod branch;
mod call;
mod context;
#[cfg(feature = "onnx-export")]
pub(crate) mod export;
pub(crate) mod flow;
#[cfg(feature = "std")]
mod gradient;
mod in_place;
mod infer;
mod inference;
mod inference_workspace;
pub(crate) mod layer;
pub(crate) mod layer_at;
mod layer_input;
mod layer_outputs;
pub(crate) mod lines;
mod modes;
mod needs;
mod nested;
#[allow(clippy::module_inception)]
mod network;
mod param_field;
pub(crate) mod plan;
pub(crate) mod reach;
mod relu;
pub(crate) mod report;
mod segments;
mod sentence;
pub(crate) mod shape_rule;
mod share;
pub(crate) mod stand_in;
mod state;
mod stream;
mod summary;
mod train;
#[cfg(feature = "std")]
mod training_memory;
pub(crate) mod trains;
mod windows;
mod wiring;
#[cfg(feature = "std")]
mod workspace;

pub use activation_store::ActivationStore;
pub(crate) use activation_store::StepStores;
pub use call::{
    BackwardInPlace, BackwardInput, BackwardParams, Forward, ForwardInPlace, ForwardTrain,
};
pub use context::Context;
#[cfg(feature = "std")]
pub use gradient::Gradient;
pub use in_place::InPlace;
pub use infer::Infer;
pub use inference::{InputOf, OutputOf};
pub use inference_workspace::InferenceWorkspace;
pub use layer::{Configuration, Layer, OutputKind};
pub(crate) use layer::{Flow, ReluFusion};
pub(crate) use layer_input::MAX_SOURCES;
pub use layer_input::{Batches, Gradients, Inputs, LayerInput, Sources};
pub use layer_outputs::LayerOutputs;
pub use needs::{Batching, Needs};
pub use network::{Network, Trainable};
pub use reach::Reach;
pub(crate) use relu::{relu, relu_grad};
pub use sentence::{INFER, Sentence, written_size};
pub(crate) use shape_rule::has_unknown;
pub use shape_rule::{Inferred, NamesOutput, ShapeRule};
pub use stand_in::NamedNetwork;
pub use state::State;
pub use stream::{Stream, Streaming};
pub use summary::{LayerSummary, Summary};
pub use train::Train;
#[cfg(feature = "std")]
pub use training_memory::TrainingMemory;
pub(crate) use windows::Windows;
#[cfg(feature = "std")]
pub use workspace::{Pass, Workspace};

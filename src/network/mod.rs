//! Behind `network!`: which shapes fit, where each layer's output lies, forward and backward.

pub(crate) mod branch;
pub(crate) mod contents;
#[doc(hidden)]
pub mod emitted;
mod fit;
mod flow;
mod inference;
mod layer;
mod layer_outputs;
mod modes;
#[allow(clippy::module_inception)]
mod network;
mod order;
mod parameters;
mod plan;
mod segments;
mod sentence;
mod slab;
mod summary;
mod workspace;

pub use fit::{Fit, Fits, NamesOutput};
pub use inference::{InputOf, OutputOf};
pub use layer::{Compute, Configuration, Context, Gives, InPlace, Layer};
pub(crate) use layer::{Flow, WithRelu};
pub use layer_outputs::LayerOutputs;
pub use network::Network;
pub use order::FeatureOrder;
pub use parameters::{Parameters, Visitor, VisitorMut};
pub use sentence::{INFER, Sentence};
pub use slab::Slab;
pub use summary::{LayerSummary, Summary};
pub use workspace::{Pass, Workspace};

pub use inference::Scratch;
pub(crate) use inference::with_scratch;

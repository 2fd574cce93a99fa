//! Parameters: structs of numbers as one flat slice, with the names and positions of their tensors.

mod buffer;
mod feature_order;
#[cfg(feature = "alloc")]
mod heap;
pub(crate) mod param_tree;
mod parameters;
mod same_tensors;
mod views;

pub use buffer::Buffer;
pub use feature_order::FeatureOrder;
#[cfg(feature = "alloc")]
pub(crate) use heap::*;
pub use parameters::{Parameters, Visitor, VisitorMut};
pub(crate) use same_tensors::same_tensors;
pub(crate) use views::*;

//! Training over epochs: batches, validation, early stopping, and a history of it all.

#[cfg(feature = "progress")]
mod bar;
mod error;
mod history;
mod trainer;

pub use error::TrainError;
pub use history::{Epoch, History};
pub use trainer::{Progress, Trainer};

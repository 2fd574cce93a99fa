//! Training over epochs: batches, validation, early stopping, checkpoints, and a history of it all.

#[cfg(feature = "progress")]
mod bar;
mod bytes;
mod checkpoint;
mod error;
mod feed;
mod finite;
mod history;
mod run;
mod settings;
mod step;
mod stop;

pub use error::{CheckpointError, CheckpointErrorKind, NonFinite, TrainError};
pub use history::{Epoch, History};
pub use settings::{Progress, Trainer};
pub use step::Step;
pub use stop::StopHandle;

use crate::network::Network;
use crate::tensor::Tensor;

type Input<N> = Tensor<<N as Network>::Input, <N as Network>::Element>;
type Output<N> = Tensor<<N as Network>::Output, <N as Network>::Element>;

/// Inputs with their targets.
struct Samples<'a, N: Network, G> {
    inputs: &'a [Input<N>],
    targets: &'a [G],
}

impl<N: Network, G> Clone for Samples<'_, N, G> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<N: Network, G> Copy for Samples<'_, N, G> {}

impl<N: Network, G> Samples<'_, N, G> {
    fn check(&self, samples: &'static str) -> Result<(), TrainError> {
        let (inputs, targets) = (self.inputs.len(), self.targets.len());
        match (inputs, targets) {
            (0, 0) => Err(TrainError::Empty { samples }),
            _ if inputs != targets => Err(TrainError::Lengths {
                samples,
                inputs,
                targets,
            }),
            _ => Ok(()),
        }
    }
}

//! Training over epochs: batches, validation, early stopping, checkpoints and a history.

mod batch_source;
mod buckets;
mod checkpoint;
mod codec;
mod create_trainer;
mod cross_validate;
mod error;
mod finite;
mod history;
#[cfg(feature = "progress")]
mod progress_bar;
mod ranks;
mod run;
mod shards;
mod step;
mod stop;
mod trainer;

pub use create_trainer::CreateTrainer;
#[doc(hidden)]
pub use create_trainer::FittingLoss;
pub use cross_validate::{Scores, cross_validate};
pub use error::{CheckpointError, CheckpointErrorKind, NonFinite, TrainError};
pub use history::{Epoch, History};
pub use step::Step;
pub use stop::StopHandle;
pub use trainer::{Progress, Trainer};

use crate::data::{Batches, Dataset, Sample};
use crate::network::Network;
use crate::tensor::Tensor;

type Input<N> = Tensor<<N as Network>::Input, <N as Network>::Element>;
type Output<N> = Tensor<<N as Network>::Output, <N as Network>::Element>;

/// Inputs and their targets.
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
    /// Checks that there are samples, and one target for each input.
    fn check(&self, samples: &'static str) -> Result<(), TrainError> {
        let inputs = self.inputs.len();
        let targets = self.targets.len();

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

/// The samples that a network is trained on.
enum TrainSet<'a, N: Network, G> {
    Samples(Samples<'a, N, G>),
    Dataset(&'a dyn Dataset<Input<N>, G>),
    /// The samples of all shards, of which each has this many.
    Shards(&'a dyn Dataset<Input<N>, G>, usize),
}

impl<N: Network, G> Clone for TrainSet<'_, N, G> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<N: Network, G> Copy for TrainSet<'_, N, G> {}

impl<'a, N: Network, G> TrainSet<'a, N, G> {
    /// Returns the number of samples in an epoch.
    fn epoch_len(&self) -> usize {
        match self {
            TrainSet::Samples(samples) => samples.inputs.len(),
            TrainSet::Dataset(dataset) => dataset.draws().unwrap_or_else(|| dataset.len()),
            TrainSet::Shards(dataset, _) => dataset.len(),
        }
    }

    /// Returns the samples, if they lie in slices.
    fn samples(&self) -> Option<Samples<'a, N, G>> {
        match self {
            TrainSet::Samples(samples) => Some(*samples),
            TrainSet::Dataset(_) | TrainSet::Shards(..) => None,
        }
    }

    /// Returns batches of `size` samples.
    fn batches(&self, size: usize) -> Batches<'a, Input<N>, G>
    where
        G: Sample,
    {
        match self {
            TrainSet::Samples(samples) => Batches::new(samples.inputs, samples.targets, size),
            TrainSet::Dataset(dataset) => Batches::of_any_dataset(*dataset, size),
            TrainSet::Shards(dataset, len) => {
                Batches::of_any_dataset(*dataset, size).in_shards(*len)
            }
        }
    }

    /// Checks that there are samples, and one target for each input.
    fn check(&self) -> Result<(), TrainError> {
        let samples = "training";
        match self {
            TrainSet::Samples(slices) => slices.check(samples),
            TrainSet::Dataset(dataset) if dataset.is_empty() || self.epoch_len() == 0 => {
                Err(TrainError::Empty { samples })
            }
            TrainSet::Shards(dataset, _) if dataset.is_empty() => {
                Err(TrainError::Empty { samples })
            }
            TrainSet::Dataset(_) | TrainSet::Shards(..) => Ok(()),
        }
    }
}

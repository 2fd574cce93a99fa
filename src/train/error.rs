//! Why a training ended early.

use core::fmt;
use std::io;
use std::path::PathBuf;

use crate::limits::RAISE;
use crate::memory::OutOfMemory;
use crate::optim::SettingError;

/// Why a training could not begin or go on. The network is left as the last whole step made it; only running statistics
/// may have taken in batches of the step that was not made.
#[derive(Clone, Debug, PartialEq)]
pub enum TrainError {
    /// There is nothing to train or to validate with.
    Empty {
        /// Which samples are missing: "training" or "validation".
        samples: &'static str,
    },
    /// There are not as many targets as inputs.
    Lengths {
        /// Which samples: "training" or "validation".
        samples: &'static str,
        /// How many inputs there are.
        inputs: usize,
        /// How many targets there are.
        targets: usize,
    },
    /// A setting makes no sense.
    Setting {
        /// What is wrong and what to do.
        reason: &'static str,
    },
    /// A setting of the optimizer is out of its range.
    Optimizer(SettingError),
    /// The loss became NaN or infinite.
    NotFinite {
        /// The epoch, from 1.
        epoch: usize,
        /// The step within the whole training, from 1.
        step: u64,
        /// The first layer whose outputs were not finite; `None` if the outputs were finite and the loss was not.
        layer: Option<&'static str>,
        /// Whether that layer's inputs already came so with the samples.
        inputs: bool,
    },
    /// The norm of a gradient that was to be clipped is NaN or infinite.
    NonFiniteNorm {
        /// The epoch, from 1.
        epoch: usize,
        /// The step within the whole training, from 1.
        step: u64,
        /// NaN or infinity.
        norm: f64,
    },
    /// There is no memory for the gradient or for a batch.
    Memory(OutOfMemory),
    /// A checkpoint can't be read or written.
    Checkpoint(CheckpointError),
}

/// A checkpoint was not read or written. If it was to be read, the network is as it was.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckpointError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub kind: CheckpointErrorKind,
}

/// What is wrong with a checkpoint.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CheckpointErrorKind {
    /// The file can't be read.
    Read {
        /// Why.
        kind: io::ErrorKind,
        /// The same in words.
        message: String,
    },
    /// The file has more bytes than the [`Limits`](crate::Limits) allow.
    TooLarge {
        /// The most bytes.
        limit: u64,
        /// The file's; those so far if it has no size, as a device.
        need: u64,
    },
    /// The file can't be written; one that was there before is as it was.
    Write {
        /// Why.
        kind: io::ErrorKind,
        /// The same in words.
        message: String,
    },
    /// It is no checkpoint, or a damaged one.
    Damaged {
        /// What is wrong.
        what: String,
    },
    /// It has the form of another version of this crate.
    Version {
        /// The form that is read.
        expected: u64,
        /// The file's.
        found: u64,
    },
    /// It is of another training.
    Differs {
        /// What differs: `batch size`, `optimizer`, `fc1.weight`.
        what: String,
        /// What this training has.
        expected: Option<String>,
        /// What the checkpoint has.
        found: Option<String>,
    },
}

impl fmt::Display for TrainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrainError::Empty { samples } => {
                write!(f, "there are no {samples} samples; give at least one")
            }
            TrainError::Lengths { samples, inputs, targets } => write!(
                f,
                "the {samples} samples have {inputs} inputs but {targets} targets; give one target for each input"
            ),
            TrainError::Setting { reason } => f.write_str(reason),
            TrainError::Optimizer(error) => error.fmt(f),
            TrainError::NotFinite { epoch, step, layer, inputs } => {
                write!(f, "the loss is not finite at step {step}, in epoch {epoch}")?;
                match (layer, inputs) {
                    (_, true) => f.write_str(
                        ": the inputs of that batch are not finite; clean the samples before training",
                    ),
                    (Some(layer), _) if layer.contains("Embedding<") => write!(
                        f,
                        ": it began in the outputs of `{layer}`; it gives NaN for a number that is no index of it \
                         (make inputs with `Index`), otherwise a smaller learning rate or clipping the gradient may \
                         help"
                    ),
                    (Some(layer), _) => write!(
                        f,
                        ": it began in the outputs of `{layer}`; a smaller learning rate or clipping the gradient \
                         may help"
                    ),
                    (None, _) => f.write_str(
                        ": the network's outputs are finite, the loss of them is not; if the loss grew before, a \
                         smaller learning rate or clipping the gradient may help; otherwise look at the targets: \
                         some may not be finite, or no sample of the batch has a label",
                    ),
                }
            }
            TrainError::NonFiniteNorm { epoch, step, norm } => write!(
                f,
                "the norm of the gradient is {norm} at step {step}, in epoch {epoch}; a smaller learning rate or \
                 `clip_grad_value` may help"
            ),
            TrainError::Memory(error) => error.fmt(f),
            TrainError::Checkpoint(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for TrainError {}

impl fmt::Display for CheckpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const BEGIN_ANEW: &str = "take a whole copy of it, or begin anew without `resume`";
        let path = self.path.display();
        match &self.kind {
            CheckpointErrorKind::Read { message, .. } => {
                write!(f, "the checkpoint `{path}` can't be read: {message}; {BEGIN_ANEW}")
            }
            CheckpointErrorKind::TooLarge { limit, need } => {
                write!(f, "the checkpoint `{path}` has {need} bytes, but at most {limit} are read; {RAISE}")
            }
            CheckpointErrorKind::Write { kind, message } => {
                let advice = match kind {
                    io::ErrorKind::IsADirectory => "name a file in that folder",
                    io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                        "choose a file that this user may write"
                    }
                    _ => "choose a file in a folder that is there",
                };
                write!(f, "the checkpoint `{path}` can't be written: {message}; {advice}")
            }
            CheckpointErrorKind::Damaged { what } => {
                write!(f, "the checkpoint `{path}` is damaged or no checkpoint: {what}; {BEGIN_ANEW}")
            }
            CheckpointErrorKind::Version { expected, found } => write!(
                f,
                "the checkpoint `{path}` has the form {found}, and this version of shapewright reads the form \
                 {expected}; end that training with the version that began it, or begin anew without `resume`"
            ),
            CheckpointErrorKind::Differs { what, expected, found } => {
                let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "not there".to_owned());
                let (expected, found) = (text(expected), text(found));
                write!(
                    f,
                    "the checkpoint `{path}` is of another training: `{what}` is {found} in it, but {expected} here; \
                     make both alike, name another file, or begin anew without `resume`"
                )
            }
        }
    }
}

impl std::error::Error for CheckpointError {}

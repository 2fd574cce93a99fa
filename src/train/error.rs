//! Errors of trainings.

use core::fmt;
use std::io;
use std::path::PathBuf;

use crate::distributed::CommunicationError;
use crate::limits::RAISE;
use crate::memory::OutOfMemory;
use crate::optim::SettingError;

/// The error of a training that could not begin or continue. The network is as the last complete
/// step left it; only running statistics may include batches of the incomplete step.
///
/// After [`NotFinite`](TrainError::NotFinite) no checkpoint is written; that of an earlier epoch
/// remains.
#[derive(Clone, Debug, PartialEq)]
pub enum TrainError {
    /// There are no samples to train or to validate with.
    Empty {
        /// The samples that are missing: "training" or "validation".
        samples: &'static str,
    },
    /// The numbers of inputs and targets differ.
    Lengths {
        /// The samples: "training" or "validation".
        samples: &'static str,
        /// The number of inputs.
        inputs: usize,
        /// The number of targets.
        targets: usize,
    },
    /// A setting of the trainer or the optimizer is out of its range, or a learning rate that a
    /// schedule or [`adjust`](crate::train::Trainer::adjust) has set.
    Setting(SettingError),
    /// Settings exclude each other.
    Combination {
        /// The mistake and the way out.
        reason: String,
    },
    /// The system has no thread or file descriptor for [`stop_on_ctrl_c`](crate::train::Trainer).
    CtrlC {
        /// The kind of the system's error.
        kind: io::ErrorKind,
        /// The system's error in words.
        message: String,
    },
    /// A number became NaN or infinite. The loss, its gradient and running statistics are checked
    /// in each step; any other number is found in the next step or at the end of the epoch.
    NotFinite {
        /// The epoch, from 1.
        epoch: usize,
        /// The step within the whole training, from 1, in or after which it was found.
        step: u64,
        /// The number, and the cause.
        cause: NonFinite,
    },
    /// The norm of a gradient, which had to be clipped, is NaN or infinite.
    NonFiniteNorm {
        /// The epoch, from 1.
        epoch: usize,
        /// The step within the whole training, from 1.
        step: u64,
        /// NaN or infinity.
        norm: f64,
    },
    /// There is not enough memory for the gradient or for a batch.
    Memory(OutOfMemory),
    /// A checkpoint can't be read or written.
    Checkpoint(CheckpointError),
    /// The ranks of a [distributed](crate::distributed) training can't reach each other.
    Communication(CommunicationError),
    /// Another rank of a distributed training has failed.
    Rank {
        /// That rank.
        rank: usize,
        /// Its error in words.
        message: String,
    },
    /// A rank of a distributed training has another version, another network or other settings than
    /// rank 0, which all ranks report.
    RankDiffers {
        /// The rank that differs.
        rank: usize,
        /// True on the rank that differs.
        is_here: bool,
        /// The setting that differs, such as `version`, `batch size` or `fc1.weight`.
        what: String,
        /// The setting of rank 0.
        expected: String,
        /// The setting of the other rank.
        found: String,
    },
}

/// The number that is NaN or infinite in a training, and the cause.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum NonFinite {
    /// A parameter, already before the first step.
    Initial {
        /// The parameter's name, such as `fc1.weight`.
        name: String,
    },
    /// The inputs of a batch.
    Inputs,
    /// The loss, because inputs are too large.
    LargeInputs {
        /// The size of the largest input.
        largest: f64,
    },
    /// The loss, because the steps have made parameters too large.
    Diverged {
        /// The name of the tensor with the largest parameter.
        name: String,
        /// That parameter's size.
        largest: f64,
        /// The learning rate.
        lr: f64,
    },
    /// The outputs of a layer whose inputs and parameters are finite and not large.
    Layer {
        /// The first such layer.
        layer: &'static str,
        /// The last of the in-place layers that follow it, if there are any. Their outputs have
        /// overwritten its own, so that the cause may be one of them.
        in_place: Option<&'static str>,
    },
    /// The outputs of a layer that takes indices, such as an [`Embedding`](crate::nn::Embedding),
    /// for a number that is none of its indices.
    Index {
        /// The layer.
        layer: &'static str,
    },
    /// The loss of finite outputs.
    Loss,
    /// The gradient of a finite loss with respect to the outputs.
    LossGradient,
    /// A running statistic as a batch measured it. The running mean does not include it.
    Statistic {
        /// The statistic's name, such as `norm.running_var`.
        name: String,
    },
    /// The gradient of a parameter.
    Gradient {
        /// The parameter's name.
        name: String,
    },
    /// A parameter, after a step with a finite gradient.
    Parameter {
        /// The parameter's name.
        name: String,
        /// The learning rate.
        lr: f64,
    },
    /// A value that the optimizer keeps for a parameter.
    Memory {
        /// The parameter's name.
        name: String,
    },
    /// The average of a parameter.
    Average {
        /// The parameter's name.
        name: String,
    },
    /// The loss of the validation samples, because their inputs are too large.
    LargeValidationInputs {
        /// The size of the largest input.
        largest: f64,
    },
    /// The loss of the validation samples.
    ValidationLoss {
        /// True if inputs of these samples are NaN or infinite as well.
        inputs: bool,
    },
}

/// The error of a checkpoint that can't be read or written. After a failed read, the network is
/// unchanged.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckpointError {
    /// The file.
    pub path: PathBuf,
    /// The kind of the error.
    pub kind: CheckpointErrorKind,
}

/// The kinds of errors of checkpoints.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CheckpointErrorKind {
    /// The file can't be read.
    Read {
        /// The kind of the system's error.
        kind: io::ErrorKind,
        /// The system's error in words.
        message: String,
    },
    /// The file has more bytes than the [`Limits`](crate::Limits) allow.
    TooLarge {
        /// The largest size that is allowed, in bytes.
        limit: u64,
        /// The size of the file in bytes. For a file without a size, such as a device, the number
        /// of bytes that were read.
        need: u64,
    },
    /// The file can't be written. A file that was there before is unchanged.
    Write {
        /// The kind of the system's error.
        kind: io::ErrorKind,
        /// The system's error in words.
        message: String,
    },
    /// The file is damaged, or not a checkpoint.
    Damaged {
        /// The damage in words.
        what: String,
    },
    /// The file has the format of another version of this crate.
    Version {
        /// The format that this version reads.
        expected: u64,
        /// The format of the file.
        found: u64,
    },
    /// The checkpoint is of another training.
    Differs {
        /// The setting that differs, such as `batch size`, `optimizer` or `fc1.weight`.
        what: String,
        /// The setting in this training.
        expected: Option<String>,
        /// The setting in the checkpoint.
        found: Option<String>,
    },
}

impl fmt::Display for TrainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrainError::Empty { samples } => {
                write!(f, "there are no {samples} samples; give at least one")
            }
            TrainError::Lengths {
                samples,
                inputs,
                targets,
            } => write!(
                f,
                "the {samples} samples have {inputs} inputs but {targets} targets; give one target \
                 for each input"
            ),
            TrainError::Setting(error) => error.fmt(f),
            TrainError::Combination { reason } => f.write_str(reason),
            TrainError::CtrlC { message, .. } => write!(
                f,
                "nothing can wait for Ctrl-C: {message}; it takes a thread and two file \
                 descriptors: let the program have more of them, or train without `stop_on_ctrl_c`"
            ),
            TrainError::NotFinite { epoch, step, cause } => {
                write!(f, "{cause} (at step {step}, in epoch {epoch})")
            }
            TrainError::NonFiniteNorm { epoch, step, norm } => write!(
                f,
                "the norm of the gradient is {norm} at step {step}, in epoch {epoch}; a smaller \
                 learning rate or `clip_grad_value` may help"
            ),
            TrainError::Memory(error) => error.fmt(f),
            TrainError::Checkpoint(error) => error.fmt(f),
            TrainError::Communication(error) => error.fmt(f),
            TrainError::Rank { rank, message } => {
                write!(f, "rank {rank} has ended the training: {message}")
            }
            TrainError::RankDiffers {
                rank,
                is_here,
                what,
                expected,
                found,
            } => {
                let here = if *is_here { ", which is this one," } else { "" };
                write!(
                    f,
                    "rank {rank}{here} can't take part in the training: `{what}` is {found} there, \
                     but {expected} on rank 0; run the same program with the same arguments on \
                     all ranks"
                )
            }
        }
    }
}

impl core::error::Error for TrainError {}

impl From<OutOfMemory> for TrainError {
    fn from(error: OutOfMemory) -> Self {
        TrainError::Memory(error)
    }
}

impl From<CommunicationError> for TrainError {
    fn from(error: CommunicationError) -> Self {
        TrainError::Communication(error)
    }
}

impl fmt::Display for NonFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SLOWER: &str = "a smaller learning rate or clipping the gradient may help";

        match self {
            NonFinite::Initial { name } => write!(
                f,
                "the parameter `{name}` is not finite before the training begins; initialize or \
                 load the network anew"
            ),
            NonFinite::Inputs => f.write_str(
                "the loss is not finite: the inputs of the batch are not finite; clean the samples \
                 before training",
            ),
            NonFinite::LargeInputs { largest } => write!(
                f,
                "the loss is not finite: inputs of the batch are as large as {largest:e}; clean \
                 the samples, or scale them to about 1"
            ),
            NonFinite::Diverged { name, largest, lr } => write!(
                f,
                "the loss is not finite: the training has made `{name}` as large as {largest:e}, \
                 with a learning rate of {lr}; {SLOWER}"
            ),
            NonFinite::Index { layer } => write!(
                f,
                "the loss is not finite: it began in the outputs of `{layer}`; it gives NaN for a \
                 number that is no index of it (make inputs with `Index`)"
            ),
            NonFinite::Layer { layer, in_place } => {
                write!(
                    f,
                    "the loss is not finite: it began in the outputs of `{layer}`"
                )?;
                in_place.map_or(Ok(()), |later| write!(f, " or up to `{later}` after it"))?;
                write!(f, "; {SLOWER}")
            }
            NonFinite::Loss => write!(
                f,
                "the loss is not finite, though the network's outputs are; look at the targets: \
                 some may not be finite or too large, or no sample of the step has a label of a \
                 class with a weight; if the loss grew before, {SLOWER}"
            ),
            NonFinite::LossGradient => f.write_str(
                "the loss is finite, but not its gradient with respect to the outputs; look at the \
                 loss, where it divides or takes a root",
            ),
            NonFinite::Statistic { name } => write!(
                f,
                "the statistic `{name}` would not be finite any more: values of the batch are too \
                 large for it; clean the samples, or scale them to about 1"
            ),
            NonFinite::Gradient { name } => write!(
                f,
                "the gradient of `{name}` is not finite, though the loss is; a smaller learning \
                 rate or `clip_grad_value` may help, or samples that are scaled to about 1"
            ),
            NonFinite::Parameter { name, lr } => write!(
                f,
                "the optimizer's steps have made the parameter `{name}` infinite or NaN, with a \
                 learning rate of {lr}; {SLOWER}"
            ),
            NonFinite::Memory { name } => write!(
                f,
                "what the optimizer remembers of the gradient of `{name}` is not finite any more: \
                 the gradient is too large to be squared; {SLOWER}"
            ),
            NonFinite::Average { name } => write!(
                f,
                "the average of the parameter `{name}` is not finite: the parameter is too large; \
                 {SLOWER}"
            ),
            NonFinite::LargeValidationInputs { largest } => write!(
                f,
                "the loss of the validation samples is not finite: their inputs are as large as \
                 {largest:e}; clean the samples, or scale them to about 1"
            ),
            NonFinite::ValidationLoss { inputs: true } => f.write_str(
                "the loss of the validation samples is not finite: their inputs are not finite; \
                 clean them before training",
            ),
            NonFinite::ValidationLoss { inputs: false } => write!(
                f,
                "the loss of the validation samples is not finite; look at their targets: some may \
                 not be finite, or none has a label of a class with a weight; {SLOWER}"
            ),
        }
    }
}

impl fmt::Display for CheckpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const BEGIN_ANEW: &str = "take a whole copy of it, or begin anew without `resume`";

        let path = self.path.display();
        match &self.kind {
            CheckpointErrorKind::Read { message, .. } => {
                write!(
                    f,
                    "the checkpoint `{path}` can't be read: {message}; {BEGIN_ANEW}"
                )
            }
            CheckpointErrorKind::TooLarge { limit, need } => {
                write!(
                    f,
                    "the checkpoint `{path}` has {need} bytes, but at most {limit} are read; \
                     {RAISE}"
                )
            }
            CheckpointErrorKind::Write { kind, message } => {
                let advice = match kind {
                    io::ErrorKind::IsADirectory => "name a file in that folder",
                    io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                        "choose a file that this user may write"
                    }
                    _ => "choose a file in a folder that is there",
                };
                write!(
                    f,
                    "the checkpoint `{path}` can't be written: {message}; {advice}"
                )
            }
            CheckpointErrorKind::Damaged { what } => {
                write!(
                    f,
                    "the checkpoint `{path}` is damaged or no checkpoint: {what}; {BEGIN_ANEW}"
                )
            }
            CheckpointErrorKind::Version { expected, found } => write!(
                f,
                "the checkpoint `{path}` has the form {found}, and this version of shapewright \
                 reads the form {expected}; end that training with the version that began it, or \
                 begin anew without `resume`"
            ),
            CheckpointErrorKind::Differs {
                what,
                expected,
                found,
            } => {
                let text = |value: &Option<String>| {
                    value.clone().unwrap_or_else(|| "not there".to_owned())
                };
                let expected = text(expected);
                let found = text(found);
                write!(
                    f,
                    "the checkpoint `{path}` is of another training: `{what}` is {found} in it, \
                     but {expected} here; make both alike, name another file, or begin anew \
                     without `resume`"
                )
            }
        }
    }
}

impl core::error::Error for CheckpointError {}

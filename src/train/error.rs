//! Why a training ended early.

use core::fmt;

/// Why a training could not begin or go on. The network is left as the last whole step made it.
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
                        ": the network's outputs are finite, the loss of them is not; look at the targets",
                    ),
                }
            }
        }
    }
}

impl std::error::Error for TrainError {}

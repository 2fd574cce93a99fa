//! The errors of beam search.

use core::error::Error;
use core::fmt;

use crate::setting_error::SettingError;

/// The error of a [`BeamSearch`](super::BeamSearch).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum BeamError {
    /// A setting is out of its range.
    Setting(SettingError),
    /// A log-probability is NaN, or was not set.
    NotANumber {
        /// The number of tokens before it.
        position: usize,
        /// The index of its token.
        index: usize,
    },
    /// A number is above 0, so that it is not a log-probability.
    NotALogProbability {
        /// The number.
        value: f64,
        /// The number of tokens before it.
        position: usize,
        /// The index of its token.
        index: usize,
    },
}

impl fmt::Display for BeamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BeamError::Setting(error) => error.fmt(f),
            BeamError::NotANumber { position, index } => write!(
                f,
                "the log-probability of token {index} at position {position} is NaN, or the step \
                 did not set it"
            ),
            BeamError::NotALogProbability {
                value,
                position,
                index,
            } => write!(
                f,
                "the log-probability of token {index} at position {position} is {value}, but the \
                 logarithm of a probability is at most 0; take `log_softmax` of logits"
            ),
        }
    }
}

impl Error for BeamError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            BeamError::Setting(error) => Some(error),
            _ => None,
        }
    }
}

impl From<SettingError> for BeamError {
    fn from(error: SettingError) -> Self {
        BeamError::Setting(error)
    }
}

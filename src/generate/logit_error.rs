//! The error of logits that no token can be chosen from.

use core::error::Error;
use core::fmt;

/// The error of logits that no token can be chosen from. Minus infinity is no mistake: it excludes
/// a token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogitError {
    /// A logit is NaN.
    NotANumber {
        /// The index of its token.
        index: usize,
    },
    /// A logit is plus infinity, so that there are no probabilities.
    Infinite {
        /// The index of its token.
        index: usize,
    },
    /// All logits are minus infinity, or there are none.
    NoneLeft,
}

impl fmt::Display for LogitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LogitError::NotANumber { index } => write!(
                f,
                "the logit of token {index} is NaN; see whether the training diverged"
            ),
            LogitError::Infinite { index } => write!(
                f,
                "the logit of token {index} is infinite, which gives no probabilities; see whether \
                 the training diverged"
            ),
            LogitError::NoneLeft => f.write_str(
                "all tokens are excluded, as their logits are minus infinity; leave at least one",
            ),
        }
    }
}

impl Error for LogitError {}

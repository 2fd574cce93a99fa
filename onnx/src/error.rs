//! What a file has that is not translated, in one sentence.

use std::fmt;

/// The reason for which a file is not translated: it is damaged, or has something that is not
/// supported. The sentence names the node, its operator and its inputs, and a way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(String);

impl Error {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Error(sentence.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// The result of what can fail.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// Returns an error with a formatted sentence.
macro_rules! fail {
    ($($text:tt)*) => {
        return Err($crate::error::Error::new(format!($($text)*)))
    };
}
pub(crate) use fail;

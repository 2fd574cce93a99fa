//! The error of a network that can't be written.

use core::error::Error;
use core::fmt;
use std::io;
use std::path::PathBuf;

/// The error of a network that can't be written as an ONNX file.
#[derive(Debug)]
#[non_exhaustive]
pub enum ExportError {
    /// A layer does not say how it is written.
    Unsupported {
        /// The layer as it is written in the definition.
        layer: String,
        /// The name of its parameters.
        name: String,
    },
    /// The file would have more than 2 GiB, which ONNX files may not have without external data.
    TooLarge {
        /// The number of bytes.
        bytes: usize,
    },
    /// The file can't be written.
    Write {
        /// Its path.
        path: PathBuf,
        /// The error of the system.
        error: io::Error,
    },
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExportError::Unsupported { layer, name } => {
                write!(f, "`{layer}`")?;
                if !name.is_empty() {
                    write!(f, ", whose name is `{name}`,")?;
                }
                write!(
                    f,
                    " can't be written as ONNX with these options; leave it out, or, if it is your \
                     own, implement `export` in its `Infer` (`export_in_place` in its `InPlace`)"
                )
            }
            ExportError::TooLarge { bytes } => write!(
                f,
                "the ONNX file would have {bytes} bytes, and may have at most 2147483647; write the \
                 network in parts"
            ),
            ExportError::Write { path, error } => {
                write!(f, "{} was not written: {error}", path.display())
            }
        }
    }
}

impl Error for ExportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ExportError::Write { error, .. } => Some(error),
            _ => None,
        }
    }
}

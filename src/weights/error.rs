//! Errors of weight files.

use core::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::difference::{DifferenceKind, other_form_of};
use crate::limits::RAISE;
use crate::network::Sentence;

/// The error for weights that were not loaded. The network is unchanged.
///
/// ```
/// # fn main() -> Result<(), shapewright::weights::LoadError> {
/// use shapewright::prelude::*;
/// use shapewright::weights::Loader;
/// network! { struct Small: [2] -> [3] { fc: Linear<_, 3> } }
/// network! { struct Other: [2] -> [4] { fc: Linear<_, 4, NoBias>, } }
/// let bytes = Other::zeros().to_safetensors(&[]);
/// let error = Small::zeros().load_from(&Loader::from_bytes(&bytes)?).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "the weights do not fit the network, which stays as it was; in the shapes of files, which are PyTorch's:\n\
///      - `fc.bias` is missing; the network takes [3]\n\
///      - `fc.weight` has the shape [4, 2], but the network takes [3, 2]\n\
///      Names can be changed with `Loader::rename`, and tensors left out with `Loader::only`."
/// );
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct LoadError {
    /// The path of the file; `None` if the weights came from memory.
    pub path: Option<PathBuf>,
    /// The reason.
    pub kind: LoadErrorKind,
}

/// The reason of a [`LoadError`].
#[derive(Debug)]
#[non_exhaustive]
pub enum LoadErrorKind {
    /// The file can't be read.
    Read(io::Error),
    /// The file has more bytes than the [`Limits`](crate::Limits) allow.
    TooLarge {
        /// The largest number of bytes.
        limit: u64,
        /// The file's number of bytes; the number read so far if it has no size, as a device.
        need: u64,
    },
    /// The file is damaged or no safetensors file, with the mistake and its byte.
    Damaged(String),
    /// Another version of this crate wrote the file, and its files have another form.
    Version {
        /// The form that this version of the crate reads and writes.
        expected: &'static str,
        /// The form of the file.
        found: String,
    },
    /// The tensors are not those of the network: all differences, sorted by name.
    Differs(Vec<Difference>),
    /// [`Loader::only`](super::Loader::only) returned false for every tensor.
    Nothing,
}

/// The difference between a tensor of the network and the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The tensor's name in the network.
    pub name: String,
    /// The difference.
    pub kind: DifferenceKind,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.tell(Sentence::new(""), &self.name).as_str())
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = Of(self.path.as_deref());

        match &self.kind {
            LoadErrorKind::Read(error) => write!(f, "the weights{of} can't be read: {error}"),
            LoadErrorKind::TooLarge { limit, need } => {
                write!(
                    f,
                    "the weights{of} have {need} bytes, but at most {limit} are read; {RAISE}"
                )
            }
            LoadErrorKind::Damaged(what) => {
                write!(
                    f,
                    "the weights{of} are damaged or no safetensors file: {what}; write them anew"
                )
            }
            LoadErrorKind::Version { expected: _, found } => {
                let sentence = other_form_of(Sentence::new(""), found);
                write!(
                    f,
                    "the weights{of} can't be read: the file {}",
                    sentence.as_str()
                )
            }
            LoadErrorKind::Nothing => {
                write!(
                    f,
                    "of the weights{of} nothing was loaded: `Loader::only` is false for every tensor of the network"
                )
            }
            LoadErrorKind::Differs(differences) => {
                writeln!(
                    f,
                    "the weights{of} do not fit the network, which stays as it was; in the shapes of files, which are \
                     PyTorch's:"
                )?;
                for difference in differences {
                    writeln!(f, "- {difference}")?;
                }
                f.write_str(
                    "Names can be changed with `Loader::rename`, and tensors left out with `Loader::only`.",
                )
            }
        }
    }
}

/// Displays " of `mlp.safetensors`", or nothing without a path.
struct Of<'a>(Option<&'a Path>);

impl fmt::Display for Of<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .map_or(Ok(()), |path| write!(f, " of `{}`", path.display()))
    }
}

impl std::error::Error for LoadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            LoadErrorKind::Read(error) => Some(error),
            _ => None,
        }
    }
}

/// The error for weights that were not saved. An existing file is unchanged.
#[derive(Debug)]
pub struct SaveError {
    /// The path of the file.
    pub path: PathBuf,
    /// The reason.
    pub error: io::Error,
}

impl fmt::Display for SaveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the weights can't be written to `{}`: {}",
            self.path.display(),
            self.error
        )
    }
}

impl std::error::Error for SaveError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

//! Errors of weight files.

use core::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::difference::{DifferenceKind, other_form_of};
use super::half::Half;
use super::name_patterns::PatternError;
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
///      Names can be changed with `Loader::rename` and `rename_patterns`, and tensors left out with `only`, \
///      `allow_missing` and `allow_unused`."
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
    /// Reading failed after some numbers had been set, because of the disk or because the file became
    /// shorter at that moment: other than after all other errors, the network has numbers of both.
    Interrupted {
        /// The tensor's name in the network.
        tensor: String,
        /// The error.
        error: io::Error,
    },
    /// The header of the file, or an index, has more bytes than the [`Limits`](crate::Limits) allow; so
    /// has the whole content of something else than a file, as a device.
    TooLarge {
        /// The largest number of bytes.
        limit: u64,
        /// The number of bytes; the number read so far of something without a size.
        need: u64,
    },
    /// The file is damaged or no safetensors file, with the mistake and its byte.
    Damaged(String),
    /// The index of several files is damaged, or does not fit the files, with the mistake.
    Index(String),
    /// The patterns of [`Loader::rename_patterns`](super::Loader::rename_patterns) have mistakes.
    Patterns(Vec<PatternError>),
    /// Another version of this crate wrote the file, and its files have another form.
    Version {
        /// The form that this version of the crate reads and writes.
        expected: &'static str,
        /// The form of the file.
        found: String,
    },
    /// The tensors are not those of the network: all differences, sorted by name.
    Differs(Vec<Difference>),
    /// [`Loader::only`](super::Loader::only) returned false for every tensor, or all were missing that
    /// [may be](super::Loader::allow_missing).
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

/// The number of differences that an error writes out.
const MOST_LINES: usize = 100;

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = Of(self.path.as_deref());

        match &self.kind {
            LoadErrorKind::Read(error) => write!(f, "the weights{of} can't be read: {error}"),
            LoadErrorKind::Interrupted { tensor, error } => write!(
                f,
                "the weights{of} can't be read from `{tensor}` on: {error}; the network has only some of them, so load \
                 all of it again"
            ),
            LoadErrorKind::Index(what) => {
                write!(f, "the index{of} does not lead to the weights: {what}")
            }
            LoadErrorKind::Patterns(errors) => {
                write!(f, "the names of the weights{of} were not changed:")?;
                errors.iter().try_for_each(|error| write!(f, "\n- {error}"))
            }
            LoadErrorKind::TooLarge { limit, need } => {
                write!(
                    f,
                    "the weights{of} need {need} bytes, but at most {limit} are read; {RAISE}"
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
                    "of the weights{of} nothing was loaded: none of the network's tensors for which `Loader::only` is \
                     true is in the file"
                )
            }
            LoadErrorKind::Differs(differences) => {
                writeln!(
                    f,
                    "the weights{of} do not fit the network, which stays as it was; in the shapes of files, which are \
                     PyTorch's:"
                )?;
                for difference in differences.iter().take(MOST_LINES) {
                    writeln!(f, "- {difference}")?;
                }
                if let Some(more) = differences.len().checked_sub(MOST_LINES)
                    && more > 0
                {
                    writeln!(f, "- and {more} more")?;
                }
                f.write_str(
                    "Names can be changed with `Loader::rename` and `rename_patterns`, and tensors left out with `only`, \
                     `allow_missing` and `allow_unused`.",
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
            LoadErrorKind::Read(error) | LoadErrorKind::Interrupted { error, .. } => Some(error),
            _ => None,
        }
    }
}

/// The error for weights that were not saved. An existing file is unchanged.
#[derive(Debug)]
pub struct SaveError {
    /// The path of the file; `None` if the file was not to be written yet.
    pub path: Option<PathBuf>,
    /// The reason.
    pub kind: SaveErrorKind,
}

/// The reason of a [`SaveError`].
#[derive(Debug)]
#[non_exhaustive]
pub enum SaveErrorKind {
    /// The file can't be written.
    Write(io::Error),
    /// A finite number would become infinite in the type that was asked for.
    TooLarge {
        /// The tensor's name in the file.
        tensor: String,
        /// The position of the first such number in the tensor as the file has it, counted from 0.
        position: usize,
        /// The number.
        value: f64,
        /// The type of the numbers in the file.
        half: Half,
    },
}

impl fmt::Display for SaveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the weights ")?;
        match &self.kind {
            SaveErrorKind::Write(error) => {
                f.write_str("can't be written")?;
                if let Some(path) = &self.path {
                    write!(f, " to `{}`", path.display())?;
                }
                write!(f, ": {error}")
            }
            SaveErrorKind::TooLarge {
                tensor,
                position,
                value,
                half,
            } => {
                f.write_str("were not saved")?;
                if let Some(path) = &self.path {
                    write!(f, " to `{}`", path.display())?;
                }
                write!(
                    f,
                    ": `{tensor}` has {value} at position {position}, which is beyond the largest {half:?}, {}; ",
                    half.max()
                )?;
                f.write_str(match half {
                    Half::F16 => "save them as BF16, or in the type of the network",
                    Half::BF16 => "save them in the type of the network",
                })
            }
        }
    }
}

impl std::error::Error for SaveError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            SaveErrorKind::Write(error) => Some(error),
            SaveErrorKind::TooLarge { .. } => None,
        }
    }
}

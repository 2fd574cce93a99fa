//! What can be wrong with a file.

use core::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::header::FORM;
use super::layout::Named;
use super::numbers::Dtype;
use super::order::Doubt;
use crate::limits::RAISE;
use crate::network::Sentence;
use crate::network::param_tree::{Axes, TensorLayout};

/// Weights were not loaded. The network is as it was.
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
    /// The file, if it was one.
    pub path: Option<PathBuf>,
    /// What is wrong.
    pub kind: LoadErrorKind,
}

/// What is wrong with a file of weights.
#[derive(Debug)]
#[non_exhaustive]
pub enum LoadErrorKind {
    /// The file can't be read.
    Read(io::Error),
    /// The file has more bytes than the [`Limits`](crate::Limits) allow.
    TooLarge {
        /// The most bytes.
        limit: u64,
        /// The file's; those so far if it has no size, as a device.
        need: u64,
    },
    /// It is no safetensors file, or a damaged one: what is wrong, and at which byte.
    Damaged(String),
    /// Another version of this crate wrote it, whose files have another form.
    Version {
        /// The form of files that this version of the crate reads and writes.
        expected: &'static str,
        /// The file's.
        found: String,
    },
    /// The tensors are not those of the network: all differences, sorted by name.
    Differs(Vec<Difference>),
    /// [`Loader::only`](super::Loader::only) says no to every tensor.
    Nothing,
}

/// What is wrong with one tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The tensor's name, as the network calls it.
    pub name: String,
    /// What is wrong.
    pub kind: DifferenceKind,
}

/// What is wrong with a tensor. Shapes are those of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DifferenceKind {
    /// The network has it, the file has not.
    Missing {
        /// The network's.
        expected: Axes,
    },
    /// The file has it, the network has not.
    Unknown {
        /// The file's.
        found: Axes,
    },
    /// It has another shape.
    Shape {
        /// The network's.
        expected: Axes,
        /// The file's.
        found: Axes,
    },
    /// Its numbers are of a type that is not read.
    Type {
        /// The file's.
        found: &'static str,
    },
    /// Several tensors of the file have this name.
    Twice,
    /// The file lacks the mark of a layer that computes something else in PyTorch, or may do so, so
    /// that its weights may be PyTorch's.
    Order {
        /// The layer, as it is written.
        layer: &'static str,
        /// What is different, or not known, and what to do: the end of a sentence.
        why: &'static str,
    },
}

impl Named {
    /// The file does not have it.
    pub(super) const fn missing(&self) -> DifferenceKind {
        match self.differs {
            Some((layer, doubt)) => DifferenceKind::Order {
                layer,
                why: doubt.why(),
            },
            None => DifferenceKind::Missing {
                expected: self.tensor.file_sizes(),
            },
        }
    }

    /// What is wrong if the file has it, with this shape and type.
    pub(super) const fn differs_from(&self, found: Axes, dtype: Dtype) -> Option<DifferenceKind> {
        if self.differs.is_none() {
            return DifferenceKind::between(&self.tensor.layout, found, dtype);
        }
        let expected = Axes::EMPTY;
        if expected.same(&found) {
            None
        } else {
            Some(DifferenceKind::Shape { expected, found })
        }
    }
}

impl Doubt {
    /// What follows "the result of `Layer`".
    const fn why(self) -> &'static str {
        match self {
            Doubt::Depends => {
                "depends on the order of its inputs, which is another one in PyTorch, where images have their \
                 channels first; put it before `Flatten`, or a `Linear` before it"
            }
            Doubt::Moved => {
                "depends on the order in which its inputs were flattened: before, a layer worked along the last \
                 axis, which is the first one in PyTorch, so that it was moved there, and no file says whether it was \
                 moved back; if it was, leave this name out with `Loader::only`"
            }
            Doubt::Viewed => {
                "depends on which features are along its last axis, and flattened images, with their channels first \
                 in PyTorch, have others there; leave the `Flatten` before `Reshape` away, or put a `Linear` between"
            }
            Doubt::Given => {
                "depends on the order of the network's inputs, of which it makes an image or a sequence: channels \
                 are last here and first in PyTorch; let it take the image itself, or give it inputs in that order \
                 and leave this name out with `Loader::only`"
            }
            Doubt::SquareFirst => {
                "depends on the order of the axes of its weights, which have equal sizes, so that no file says \
                 whether channels are first there; they are read with channels first; if they are so, leave this \
                 name out with `Loader::only`"
            }
            Doubt::SquareLast => {
                "depends on the order of the axes of its weights, which have equal sizes, so that no file says \
                 whether channels are first there; they are read with channels last; if they are so, leave this \
                 name out with `Loader::only`"
            }
        }
    }
}

impl DifferenceKind {
    /// What is wrong with a tensor that both have.
    pub(super) const fn between(tensor: &TensorLayout, found: Axes, dtype: Dtype) -> Option<Self> {
        let expected = tensor.file_sizes();
        if !expected.same(&found) {
            Some(DifferenceKind::Shape { expected, found })
        } else if !dtype.is_read(tensor.statistic) {
            Some(DifferenceKind::Type {
                found: dtype.name(),
            })
        } else {
            None
        }
    }

    /// A sentence about the tensor of this name, after `sentence`.
    pub(super) const fn tell(&self, sentence: Sentence, name: &str) -> Sentence {
        let sentence = sentence.text("`").text(name);
        match self {
            DifferenceKind::Missing { expected } => sentence
                .text("` is missing; the network takes ")
                .sizes(expected.sizes()),
            DifferenceKind::Unknown { found } => sentence
                .text("`, ")
                .sizes(found.sizes())
                .text(", is none of the network's"),
            DifferenceKind::Shape { expected, found } => {
                let sentence = sentence
                    .text("` has the shape ")
                    .sizes(found.sizes())
                    .text(", but the network takes ")
                    .sizes(expected.sizes());
                if found.same(&expected.reversed()) {
                    sentence.text("; the file has it transposed")
                } else {
                    sentence
                }
            }
            DifferenceKind::Type { found } => sentence
                .text("` is of ")
                .text(found)
                .text("; convert it to F32, F64, F16 or BF16"),
            DifferenceKind::Order { layer, why } => sentence
                .text("` is missing, which is in files of this crate alone: the result of `")
                .text(layer)
                .text("` ")
                .text(why),
            DifferenceKind::Twice => {
                sentence.text("` is there more than once; give each tensor its own name")
            }
        }
    }
}

/// What is said of a file of another form.
pub(super) const fn other_form_of(sentence: Sentence, found: &str) -> Sentence {
    sentence
        .text("has the form ")
        .text(found)
        .text(" of this crate's weight files, but this version reads ")
        .text(FORM.1)
        .text("; read it with the version that wrote it")
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

/// " of `mlp.safetensors`", or nothing.
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

/// Weights were not saved. A file that was there before is as it was.
#[derive(Debug)]
pub struct SaveError {
    /// The file that was to be written.
    pub path: PathBuf,
    /// Why that failed.
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

//! The loader of weights.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::difference::DifferenceKind;
use super::error::{Difference, LoadError, LoadErrorKind};
use super::escape::unescape;
use super::header::{Damage, FORM, Header, Item};
use super::layout::Named;
use super::numbers::{Dtype, read};
use crate::limits::{self, TooLarge, WholeError};
use crate::memory;
use crate::params::param_tree::{Axes, join};
use crate::params::{self, Parameters};
use crate::tensor::Element;

/// A safetensors file to be loaded into networks, in parts and under other names.
///
/// If a file has exactly the tensors of a network, [`SaveLoad::load`](super::SaveLoad::load) is
/// enough.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use shapewright::prelude::*;
/// use shapewright::weights::Loader;
///
/// network! { struct Encoder: [4] -> [8] { fc: Linear<_, 8>, Tanh } }
/// network! { struct Old: [4] -> [3] { body: Encoder, head: Linear<_, 3> } }
/// network! { struct New: [4] -> [5] { encoder: Encoder, head: Linear<_, 5> } }
/// let old = Old::init(&mut shapewright::rng(1));
/// let file = old.to_safetensors(&[]);
///
/// // Everything except the head, which is new.
/// let mut new = New::init(&mut shapewright::rng(2));
/// let loader = Loader::from_bytes(&file)?
///     .rename(|name| name.replacen("body.", "encoder.", 1))
///     .only(|name| name.starts_with("encoder."));
/// new.load_from(&loader)?;
/// assert_eq!(new.encoder.params(), old.body.params());
///
/// // The same, into the nested network itself. `None` omits a tensor.
/// let loader =
///     Loader::from_bytes(&file)?.rename(|name| name.strip_prefix("body.").map(str::to_owned));
/// new.encoder.load_from(&loader)?;
/// # Ok(())
/// # }
/// ```
pub struct Loader<'a> {
    bytes: Cow<'a, [u8]>,
    path: Option<PathBuf>,
    metadata: BTreeMap<String, String>,
    tensors: BTreeMap<String, Stored>,
    /// Names that several tensors have after [`Loader::rename`].
    twice: Vec<String>,
    only: Option<Only<'a>>,
    /// The prefix of the names of all tensors, without the point.
    part: String,
}

/// The predicate of [`Loader::only`], over names.
type Only<'a> = Box<dyn Fn(&str) -> bool + 'a>;

/// A tensor and the range of its bytes in the file.
#[derive(Clone)]
struct Stored {
    dtype: Dtype,
    sizes: Axes,
    bytes: Range<usize>,
}

impl Loader<'static> {
    /// Reads a file.
    ///
    /// # Errors
    /// Returns an error if it can't be read, is damaged or no safetensors file, or is larger than
    /// the [`Limits`](crate::Limits) allow.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, LoadError> {
        let path = path.as_ref();
        let kind = match limits::read_whole(path) {
            Ok(bytes) => return Loader::new(bytes.into(), Some(path.to_owned())),
            Err(WholeError::Io(error)) => LoadErrorKind::Read(error),
            Err(WholeError::TooLarge(TooLarge { limit, need })) => {
                LoadErrorKind::TooLarge { limit, need }
            }
        };
        Err(LoadError {
            path: Some(path.to_owned()),
            kind,
        })
    }
}

impl<'a> Loader<'a> {
    /// Reads the bytes of a file, which need no alignment.
    ///
    /// # Errors
    /// Returns an error if they are damaged or no safetensors file.
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, LoadError> {
        Loader::new(bytes.into(), None)
    }

    fn new(bytes: Cow<'a, [u8]>, path: Option<PathBuf>) -> Result<Self, LoadError> {
        let kind = match read_header(&bytes) {
            Ok(HeaderContents {
                form: Some(found), ..
            }) => LoadErrorKind::Version {
                expected: FORM.1,
                found,
            },
            Ok(HeaderContents {
                tensors, metadata, ..
            }) => {
                return Ok(Loader {
                    bytes,
                    path,
                    metadata,
                    tensors,
                    twice: Vec::new(),
                    only: None,
                    part: String::new(),
                });
            }
            Err(damage) => LoadErrorKind::Damaged(damage.to_string()),
        };

        Err(LoadError { path, kind })
    }

    /// Returns the metadata of the file: keys and values, without the version number of this
    /// crate's files.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// Returns an iterator over the tensors, sorted by name: name, type of the numbers, and shape,
    /// as they are in the file.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &'static str, &[usize])> {
        self.tensors
            .iter()
            .map(|(name, tensor)| (name.as_str(), tensor.dtype.name(), tensor.sizes.sizes()))
    }

    /// Maps the name of each tensor in the file to its name in the network; `None` omits the
    /// tensor.
    pub fn rename<N: Into<Option<String>>>(mut self, mut name: impl FnMut(&str) -> N) -> Self {
        for (old, tensor) in std::mem::take(&mut self.tensors) {
            if let Some(new) = name(&old).into()
                && self.tensors.insert(new.clone(), tensor).is_some()
            {
                self.twice.push(new);
            }
        }
        self
    }

    /// Gives tensors other sizes, with as many elements in the same order, as PyTorch's `view` does:
    /// `sizes` returns them for a name, as it is after [`Loader::rename`], and the sizes in the file;
    /// `None` keeps those.
    ///
    /// A layer may have the numbers of another one under another shape, such as a [`Linear`] those of
    /// a convolution over one position, or a [`Conv2d`] with a kernel 1 high those of a `Conv1d`. Sizes
    /// with another number of elements change nothing, so that loading says what does not fit.
    ///
    /// [`Linear`]: crate::nn::Linear
    /// [`Conv2d`]: crate::nn::Conv2d
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use shapewright::prelude::*;
    /// use shapewright::weights::Loader;
    ///
    /// network! { struct Old: [9, 4] -> [9, 3] { conv: Conv1d<_, 3, 1> } }
    /// network! { struct New: [9, 4] -> [9, 3] { conv: Linear<_, 3> } }
    /// let old = Old::init(&mut shapewright::rng(1));
    /// let file = old.to_safetensors(&[]);
    ///
    /// let loader = Loader::from_bytes(&file)?.reshape(|_, sizes| match *sizes {
    ///     [outputs, inputs, 1] => Some(vec![outputs, inputs]),
    ///     _ => None,
    /// });
    /// let new: Box<New> = loader.load()?;
    /// assert_eq!(new.conv.weight, old.conv.weight[0]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn reshape(mut self, mut sizes: impl FnMut(&str, &[usize]) -> Option<Vec<usize>>) -> Self {
        for (name, tensor) in &mut self.tensors {
            let Some(new) = sizes(name, tensor.sizes.sizes()) else {
                continue;
            };
            let axes = new
                .into_iter()
                .try_fold(Axes::NONE, |axes, size| axes.and(size));
            if let Some(axes) = axes
                && axes.len() == tensor.sizes.len()
            {
                tensor.sizes = axes;
            }
        }
        self
    }

    /// Restricts loading to the tensors for which `takes` returns true, both in the file and in the
    /// network: all others are unchanged in the network. The names are the network's.
    pub fn only(mut self, takes: impl Fn(&str) -> bool + 'a) -> Self {
        self.only = Some(Box::new(takes));
        self
    }

    /// Returns the part that [`Saver::part`](super::Saver::part) added under this name: the tensors
    /// whose names begin with it and a point.
    pub fn part(&self, name: &str) -> Loader<'_> {
        let part = if self.part.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.part)
        };
        let inside = |name: &str| {
            name.strip_prefix(&part)
                .is_some_and(|rest| rest.starts_with('.'))
        };

        let tensors = self.tensors.iter().filter(|(name, _)| inside(name));
        let tensors = tensors
            .map(|(name, tensor)| (name.clone(), tensor.clone()))
            .collect();
        let twice = self.twice.iter().filter(|name| inside(name));
        let twice = twice.cloned().collect();
        let only = self.only.as_ref();
        let only = only.map(|only| Box::new(move |name: &str| only(name)) as Only<'_>);

        Loader {
            bytes: Cow::Borrowed(&self.bytes),
            path: self.path.clone(),
            metadata: self.metadata.clone(),
            tensors,
            twice,
            only,
            part,
        }
    }

    /// Returns a new network, scaler or other [`Parameters`], with the file's numbers; tensors that
    /// [`Loader::only`] excludes are zero.
    ///
    /// # Errors
    /// Returns an error if the file does not fit, with all differences.
    pub fn load<T: Element, P: Parameters<T>>(&self) -> Result<Box<P>, LoadError> {
        let mut loaded = params::zeroed_parameters();
        self.load_into(&mut *loaded)?;
        Ok(loaded)
    }

    /// Checks everything, then sets the parameters.
    pub(crate) fn load_into<T: Element, P: Parameters<T>>(
        &self,
        params: &mut P,
    ) -> Result<(), LoadError> {
        let expected = P::PARAM_TREE.listed();
        let matched = self.matches::<T>(&expected).map_err(|kind| LoadError {
            path: self.path.clone(),
            kind,
        })?;

        let size = size_of::<T>();
        let numbers = memory::bytes_mut(params.as_mut_slice());
        for (named, stored) in matched {
            // A mark has no numbers.
            if named.differs.is_none() {
                let len = named.tensor.layout.bytes(size);
                let numbers = &mut numbers[named.first * size..][..len];
                let bytes = &self.bytes[stored.bytes.clone()];
                read::<T>(numbers, &named.tensor, stored.dtype, bytes);
            }
        }
        Ok(())
    }

    /// Finds the file's tensor for each of the network's, or all that differs.
    fn matches<'n, T: Element>(
        &self,
        expected: &'n [Named],
    ) -> Result<Vec<(&'n Named, &Stored)>, LoadErrorKind> {
        let takes = |name: &str| self.only.as_ref().is_none_or(|only| only(name));
        let mut remaining: BTreeMap<&str, &Stored> = self
            .tensors
            .iter()
            .filter(|(name, _)| takes(name))
            .map(|(name, stored)| (name.as_str(), stored))
            .collect();
        let mut matched = Vec::new();
        let mut differences = Vec::new();

        for named in expected {
            let name = join(&self.part, named.name.as_str());
            if !takes(&name) {
                continue;
            }
            let kind = match remaining.remove(name.as_str()) {
                None => Some(named.missing()),
                Some(stored) => {
                    matched.push((named, stored));
                    let bytes = &self.bytes[stored.bytes.clone()];
                    named.differs_from::<T>(stored.sizes, stored.dtype, bytes)
                }
            };
            differences.extend(kind.map(|kind| Difference { name, kind }));
        }

        differences.extend(remaining.iter().map(|(name, stored)| Difference {
            name: (*name).to_owned(),
            kind: DifferenceKind::Unknown {
                found: stored.sizes,
            },
        }));
        let twice = self.twice.iter().filter(|name| takes(name));
        differences.extend(twice.map(|name| Difference {
            name: name.clone(),
            kind: DifferenceKind::Twice,
        }));
        differences.sort_by(|a, b| a.name.cmp(&b.name));

        if !differences.is_empty() {
            Err(LoadErrorKind::Differs(differences))
        } else if matched.is_empty() && self.only.is_some() {
            Err(LoadErrorKind::Nothing)
        } else {
            Ok(matched)
        }
    }
}

/// The contents of a header.
#[derive(Default)]
struct HeaderContents {
    tensors: BTreeMap<String, Stored>,
    metadata: BTreeMap<String, String>,
    /// The form of the file, if it is another version's.
    form: Option<String>,
}

/// Reads the header, with the checks that are too expensive for constants: escapes in names,
/// duplicate names, and tensors that overlap.
fn read_header(bytes: &[u8]) -> Result<HeaderContents, Damage> {
    let mut header = Header::new(bytes)?;
    let mut contents = HeaderContents::default();
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    let plain = |json, at| {
        unescape(json).ok_or(Damage {
            what: "a text with a wrong escape",
            at,
        })
    };

    loop {
        match header.next()? {
            Item::End => break,
            Item::Metadata(key, value) => {
                let key = plain(key, at)?;
                let value = plain(value, at)?;
                contents.metadata.insert(key, value);
            }
            Item::Form(form) => contents.form = Some(plain(form, at)?),
            Item::Tensor(entry) => {
                at = entry.at;
                let bytes = entry.begin..entry.end;
                if !bytes.is_empty() {
                    ranges.push(bytes.clone());
                }

                let name = plain(entry.name, at)?;
                let stored = Stored {
                    dtype: entry.dtype,
                    sizes: entry.sizes,
                    bytes,
                };
                if contents.tensors.insert(name, stored).is_some() {
                    return Err(Damage {
                        what: "two tensors have the same name",
                        at,
                    });
                }
            }
        }
    }

    // The lengths add up to that of the data: without overlap there are no gaps.
    ranges.sort_by_key(|range| range.start);
    if ranges.windows(2).any(|pair| pair[0].end != pair[1].start) {
        return Err(Damage {
            what: "two tensors overlap",
            at,
        });
    }
    Ok(contents)
}

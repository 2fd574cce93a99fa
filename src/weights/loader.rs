//! Reading weights into networks.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::error::{Difference, DifferenceKind, LoadError, LoadErrorKind};
use super::header::{Damage, Entry, FORM, Header, Item, unescape};
use super::numbers::{Dtype, read};
use crate::limits::{self, TooLarge, WholeError};
use crate::memory;
use crate::network::Parameters;
use crate::network::param_tree::{Axes, join};
use crate::tensor::Element;

/// A safetensors file on its way into networks. [`Network::load`](crate::Network::load) is enough
/// if the file has what the network has, no more and no less; this takes parts, under other names.
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
/// // Everything but the head, which is a new one.
/// let mut new = New::init(&mut shapewright::rng(2));
/// let loader = Loader::from_bytes(&file)?
///     .rename(|name| name.replacen("body.", "encoder.", 1))
///     .only(|name| name.starts_with("encoder."));
/// new.load_from(&loader)?;
/// assert_eq!(new.encoder.params(), old.body.params());
///
/// // The same into the nested network, which is a network itself. `None` leaves a tensor out.
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
    /// What stands before the names of what is loaded.
    part: String,
}

/// Whether a tensor of this name takes part.
type Only<'a> = Box<dyn Fn(&str) -> bool + 'a>;

/// A tensor and the place of its bytes.
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
    /// If it can't be read, is damaged or no safetensors file, or is larger than the
    /// [`Limits`](crate::Limits) allow.
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
    /// Takes the bytes of a file, which may lie at any address.
    ///
    /// # Errors
    /// If they are damaged or no safetensors file.
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, LoadError> {
        Loader::new(bytes.into(), None)
    }

    fn new(bytes: Cow<'a, [u8]>, path: Option<PathBuf>) -> Result<Self, LoadError> {
        let kind = match contents(&bytes) {
            Ok(ParamTree {
                form: Some(found), ..
            }) => LoadErrorKind::Version {
                expected: FORM.1,
                found,
            },
            Ok(ParamTree {
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

    /// What was written beside the weights: keys and values, without the number that this crate's
    /// files have of their form.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// The tensors, sorted by name: name, type of the numbers, and shape, as they are in the file.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &'static str, &[usize])> {
        self.tensors
            .iter()
            .map(|(name, tensor)| (name.as_str(), tensor.dtype.name(), tensor.sizes.sizes()))
    }

    /// Gives each tensor of the file the name that it has in the network; `None` leaves it out.
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

    /// Takes the tensors with these names alone, of the file and of the network: others stay as
    /// they are in the network. The names are the network's.
    pub fn only(mut self, takes: impl Fn(&str) -> bool + 'a) -> Self {
        self.only = Some(Box::new(takes));
        self
    }

    /// What [`Saver::part`](super::Saver::part) added under this name: the tensors whose names
    /// begin with it and a point.
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
        Loader {
            bytes: Cow::Borrowed(&self.bytes),
            path: self.path.clone(),
            metadata: self.metadata.clone(),
            tensors: tensors
                .map(|(name, tensor)| (name.clone(), tensor.clone()))
                .collect(),
            twice: self
                .twice
                .iter()
                .filter(|name| inside(name))
                .cloned()
                .collect(),
            only: self
                .only
                .as_ref()
                .map(|only| Box::new(move |name: &str| only(name)) as Only<'_>),
            part,
        }
    }

    /// A new network, scaler or other [`Parameters`], with the file's numbers; what
    /// [`Loader::only`] leaves out is zero.
    ///
    /// # Errors
    /// If the file does not fit, with all that differs.
    pub fn load<T: Element, P: Parameters<T>>(&self) -> Result<Box<P>, LoadError> {
        let mut loaded = memory::zeroed_parameters();
        self.load_into(&mut *loaded)?;
        Ok(loaded)
    }

    /// Checks everything, then sets the parameters.
    pub(crate) fn load_into<T: Element, P: Parameters<T>>(
        &self,
        params: &mut P,
    ) -> Result<(), LoadError> {
        let takes = |name: &str| self.only.as_ref().is_none_or(|only| only(name));
        let mut left: BTreeMap<&str, &Stored> =
            self.tensors.iter().map(|(k, v)| (k.as_str(), v)).collect();
        left.retain(|name, _| takes(name));
        let (mut places, mut differences) = (Vec::new(), Vec::new());
        let expected = P::PARAM_TREE.listed();
        for named in &expected {
            let name = join(&self.part, named.name.as_str());
            if !takes(&name) {
                continue;
            }
            let kind = match left.remove(name.as_str()) {
                None => Some(named.missing()),
                Some(stored) => {
                    places.push((named, stored));
                    named.differs_from(stored.sizes, stored.dtype)
                }
            };
            differences.extend(kind.map(|kind| Difference { name, kind }));
        }
        differences.extend(left.iter().map(|(name, stored)| Difference {
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
        let kind = if !differences.is_empty() {
            LoadErrorKind::Differs(differences)
        } else if places.is_empty() && self.only.is_some() {
            LoadErrorKind::Nothing
        } else {
            let numbers = params.as_mut_slice();
            for (named, stored) in places
                .into_iter()
                .filter(|(named, _)| named.differs.is_none())
            {
                let numbers = &mut numbers[named.first..][..named.len()];
                read(
                    numbers,
                    &named.tensor,
                    stored.dtype,
                    &self.bytes[stored.bytes.clone()],
                );
            }
            return Ok(());
        };
        Err(LoadError {
            path: self.path.clone(),
            kind,
        })
    }
}

/// What a header says.
#[derive(Default)]
struct ParamTree {
    tensors: BTreeMap<String, Stored>,
    metadata: BTreeMap<String, String>,
    /// That of another version of this crate.
    form: Option<String>,
}

/// The header, checked also for what constants leave out: names without escapes, none of them
/// twice, and no two tensors over the same bytes.
fn contents(bytes: &[u8]) -> Result<ParamTree, Damage> {
    let mut header = Header::new(bytes)?;
    let mut found = ParamTree::default();
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
                let (key, value) = (plain(key, at)?, plain(value, at)?);
                found.metadata.insert(key, value);
            }
            Item::Form(form) => found.form = Some(plain(form, at)?),
            Item::Tensor(Entry {
                name,
                dtype,
                sizes,
                begin,
                end,
                at: here,
            }) => {
                let range = begin..end;
                at = here;
                if !range.is_empty() {
                    ranges.push(range.clone());
                }
                if found
                    .tensors
                    .insert(
                        plain(name, at)?,
                        Stored {
                            dtype,
                            sizes,
                            bytes: range,
                        },
                    )
                    .is_some()
                {
                    return Err(Damage {
                        what: "two tensors have the same name",
                        at,
                    });
                }
            }
        }
    }
    // Together they are as long as the data: without overlap there are no holes.
    ranges.sort_by_key(|range| range.start);
    if ranges.windows(2).any(|pair| pair[0].end != pair[1].start) {
        return Err(Damage {
            what: "two tensors overlap",
            at,
        });
    }
    Ok(found)
}

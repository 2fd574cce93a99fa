//! The bytes of a safetensors file, in memory or in an open file.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::error::{LoadError, LoadErrorKind};
use super::escape::unescape;
use super::header::{FORM, Header, Item, LENGTH, header_length, too_short};
use super::json::Damage;
use super::numbers::Dtype;
use crate::limits::{Budget, TooLarge, WholeError, read_whole};
use crate::params::param_tree::Axes;

/// The number of bytes that are read from a file at a time: whole numbers of each type.
const CHUNK: usize = 1 << 16;

/// The place of a file's bytes.
pub(super) enum Source<'a> {
    Memory(Cow<'a, [u8]>),
    /// The header has been read; the numbers are read when they are wanted.
    File {
        path: PathBuf,
        file: File,
        len: u64,
    },
}

/// A tensor of a file, or several one behind another.
#[derive(Clone)]
pub(super) struct Stored {
    /// The name in the file.
    pub name: String,
    pub dtype: Dtype,
    /// The sizes, as [`Loader`](super::Loader) gives them.
    pub sizes: Axes,
    /// True if the file has the two axes in the other order.
    pub transposed: bool,
    /// The places of its bytes, in order.
    pub places: Vec<Place>,
}

/// A range of bytes in a file.
#[derive(Clone)]
pub(super) struct Place {
    /// The index of the file.
    pub file: usize,
    pub bytes: Range<usize>,
}

/// The contents of a header.
#[derive(Default)]
pub(super) struct Contents {
    pub tensors: BTreeMap<String, Stored>,
    pub metadata: BTreeMap<String, String>,
}

impl From<WholeError> for LoadErrorKind {
    fn from(error: WholeError) -> Self {
        match error {
            WholeError::Io(error) => LoadErrorKind::Read(error),
            WholeError::TooLarge(error) => error.into(),
        }
    }
}

impl From<TooLarge> for LoadErrorKind {
    fn from(TooLarge { limit, need }: TooLarge) -> Self {
        LoadErrorKind::TooLarge { limit, need }
    }
}

impl From<io::Error> for LoadErrorKind {
    fn from(error: io::Error) -> Self {
        LoadErrorKind::Read(error)
    }
}

impl From<Damage> for LoadErrorKind {
    fn from(damage: Damage) -> Self {
        LoadErrorKind::Damaged(damage.to_string())
    }
}

impl Source<'static> {
    /// Opens a file, and reads its header. Something else than a file, such as a pipe, is read to its
    /// end.
    pub fn open(path: &Path) -> Result<(Self, Contents), LoadError> {
        Source::try_open(path).map_err(|kind| LoadError {
            path: Some(path.to_owned()),
            kind,
        })
    }

    fn try_open(path: &Path) -> Result<(Self, Contents), LoadErrorKind> {
        // A pipe can be opened once.
        if !fs::metadata(path)?.is_file() {
            return Source::in_memory(read_whole(path)?.into());
        }

        let mut file = File::open(path)?;
        let len = file.metadata()?.len();
        let budget = Budget::of_size(len);
        let Some(rest) = len.checked_sub(LENGTH as u64) else {
            return Err(too_short(len as usize).into());
        };
        let mut first = [0; LENGTH];
        file.read_exact(&mut first)?;
        let length = header_length(&first, rest)?;
        budget.check(length as u64)?;

        let mut text = Vec::new();
        text.try_reserve_exact(length)
            .map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        text.resize(length, 0);
        file.read_exact(&mut text)?;
        let Ok(data_len) = usize::try_from(rest - length as u64) else {
            let error = io::Error::other("it has more bytes than this processor has addresses");
            return Err(error.into());
        };

        let contents = Contents::of(Header::of_text(&text, data_len)?)?;
        let path = path.to_owned();
        Ok((Source::File { path, file, len }, contents))
    }
}

impl<'a> Source<'a> {
    /// Reads the header of a file in memory.
    pub fn in_memory(bytes: Cow<'a, [u8]>) -> Result<(Self, Contents), LoadErrorKind> {
        let contents = Contents::of(Header::new(&bytes)?)?;
        Ok((Source::Memory(bytes), contents))
    }

    /// Returns the path of an open file.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Source::Memory(_) => None,
            Source::File { path, .. } => Some(path),
        }
    }

    /// Checks that an open file has the length that it had when it was opened.
    pub fn check_len(&self) -> io::Result<()> {
        match self {
            Source::File { file, len, .. } if file.metadata()?.len() != *len => Err(
                io::Error::other("it has another length than when it was opened"),
            ),
            _ => Ok(()),
        }
    }

    /// Calls `f` with the bytes of a tensor, one piece after another; each consists of whole numbers.
    pub fn read(&self, range: Range<usize>, mut f: impl FnMut(&[u8])) -> io::Result<()> {
        let mut file = match self {
            Source::Memory(bytes) => {
                f(&bytes[range]);
                return Ok(());
            }
            Source::File { file, .. } => file,
        };

        file.seek(SeekFrom::Start(range.start as u64))?;
        let mut left = range.len();
        let mut buffer = vec![0; left.min(CHUNK)];
        while left > 0 {
            let chunk = &mut buffer[..left.min(CHUNK)];
            file.read_exact(chunk)?;
            f(chunk);
            left -= chunk.len();
        }
        Ok(())
    }
}

impl Contents {
    /// Reads a header. A file of another form is an error.
    fn of(header: Header<'_>) -> Result<Self, LoadErrorKind> {
        match Contents::read(header)? {
            (_, Some(found)) => Err(LoadErrorKind::Version {
                expected: FORM.1,
                found,
            }),
            (contents, None) => Ok(contents),
        }
    }

    /// Reads a header, with the checks that are too expensive for constants: escapes in names,
    /// duplicate names, and tensors that overlap. Returns the form of the file, too, if it is another
    /// version's.
    fn read(mut header: Header<'_>) -> Result<(Self, Option<String>), Damage> {
        let mut contents = Contents::default();
        let mut other_form = None;
        let mut ranges: Vec<Range<usize>> = Vec::new();
        let mut at = 0;

        loop {
            match header.next()? {
                Item::End => break,
                Item::Metadata(key, value) => {
                    let key = plain(key, at)?;
                    let value = plain(value, at)?;
                    contents.metadata.insert(key, value);
                }
                Item::Form(form) => other_form = Some(plain(form, at)?),
                Item::Tensor(entry) => {
                    at = entry.at;
                    let bytes = entry.begin..entry.end;
                    if !bytes.is_empty() {
                        ranges.push(bytes.clone());
                    }

                    let name = plain(entry.name, at)?;
                    let stored = Stored {
                        name: name.clone(),
                        dtype: entry.dtype,
                        sizes: entry.sizes,
                        transposed: false,
                        places: vec![Place { file: 0, bytes }],
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
        Ok((contents, other_form))
    }
}

/// Replaces the escapes of a text in JSON.
pub(super) fn plain(json: &str, at: usize) -> Result<String, Damage> {
    unescape(json).ok_or(Damage {
        what: "a text with a wrong escape",
        at,
    })
}

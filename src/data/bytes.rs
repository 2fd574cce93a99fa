//! Reads the bytes of a file whose head declares their number. Too few or too many are an error
//! with their place.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::{Place, ReadError, ReadErrorKind};
#[cfg(feature = "images")]
use crate::limits::WholeError;
use crate::limits::{Budget, RAISE, TooLarge};

/// The advice for a file that was cut or damaged.
pub(super) const COPY_AGAIN: &str = "copy or download the file again";

/// A file while it is read from front to back.
pub(super) struct Bytes<'a, R> {
    pub path: &'a Path,
    source: R,
    /// The position of the next byte.
    pub at: u64,
    budget: Budget,
    /// The bytes of memory that each byte becomes.
    weight: u64,
    /// The file is packed and its size is known: there may be many more bytes than it has.
    packed: bool,
}

impl<'a, R: Read> Bytes<'a, R> {
    /// A file each of whose bytes becomes `weight` bytes of memory: its own, and those of the
    /// numbers made of it.
    pub fn new(path: &'a Path, source: R, budget: Budget, weight: u64) -> Self {
        Bytes {
            path,
            source,
            at: 0,
            budget,
            weight,
            packed: false,
        }
    }

    /// Refuses a size beyond the limit before anything is unpacked.
    pub fn packed(self, packed: bool) -> Self {
        Bytes { packed, ..self }
    }

    /// Sets the number of bytes in memory that each further byte becomes.
    #[cfg(feature = "npy")]
    pub fn set_weight(&mut self, weight: u64) {
        self.weight = weight;
    }

    /// Reads the next `len` bytes. Memory grows with the bytes that are there, not with the size
    /// that the file declares.
    pub fn exactly(&mut self, len: u64, what: &str) -> Result<Vec<u8>, ReadError> {
        if self.packed {
            self.check(len, len, what)?;
        }
        let bytes = self.gather(len, what)?;
        if bytes.len() as u64 == len {
            return Ok(bytes);
        }

        let start = self.at - bytes.len() as u64;
        let expected = format!("{len} bytes for {what} from byte {start}");
        let found = format!("the end of the file after {} of them", bytes.len());
        Err(self.error(ReadErrorKind::Length, self.at, expected, found, COPY_AGAIN))
    }

    /// Checks that the file ends here.
    pub fn end(&mut self, after: &str) -> Result<(), ReadError> {
        let at = self.at;
        if self.up_to(1)?.is_empty() {
            return Ok(());
        }

        let expected = format!("the end of the file after {after}");
        Err(self.error(
            ReadErrorKind::Length,
            at,
            expected,
            "more bytes".into(),
            COPY_AGAIN,
        ))
    }

    /// Reads the next `len` bytes, or fewer at the end of the file.
    pub fn up_to(&mut self, len: u64) -> Result<Vec<u8>, ReadError> {
        self.gather(len, "the bytes so far")
    }

    fn gather(&mut self, len: u64, what: &str) -> Result<Vec<u8>, ReadError> {
        // If this much can't be reserved, it can't be read either, and reading returns the error.
        let mut bytes = Vec::new();
        let likely = len
            .min(self.budget.size())
            .min(self.budget.limit() / self.weight);
        let _ = bytes.try_reserve_exact(usize::try_from(likely).unwrap_or(0));

        while (bytes.len() as u64) < len {
            // One byte more than the limit allows. The limit grows with the bytes of a source of
            // unknown size.
            let most = (self.budget.limit() / self.weight).saturating_add(1);
            let piece = most.min(len) - bytes.len() as u64;

            let came = (&mut self.source).take(piece).read_to_end(&mut bytes);
            let came = came.map_err(|error| unread(self.path, error))? as u64;
            self.at += came;
            if came < piece {
                break;
            }
            self.check(bytes.len() as u64, len, what)?;
        }
        Ok(bytes)
    }

    /// Checks that `bytes` of the `wanted` bytes are within the limit.
    fn check(&self, bytes: u64, wanted: u64, what: &str) -> Result<(), ReadError> {
        self.budget
            .check(bytes.saturating_mul(self.weight))
            .map_err(|mut error| {
                if wanted < u64::MAX {
                    error.need = wanted.saturating_mul(self.weight);
                }
                too_large(self.path, Place::Byte(self.at), what, error)
            })
    }

    pub fn error(
        &self,
        kind: ReadErrorKind,
        at: u64,
        expected: String,
        found: String,
        advice: &str,
    ) -> ReadError {
        ReadError::new(self.path, kind, Place::Byte(at), expected, found, advice)
    }
}

/// Returns the error for missing bytes.
fn unread(path: &Path, error: io::Error) -> ReadError {
    if !is_damage(&error) {
        return ReadError::io(path, error);
    }
    ReadError::new(
        path,
        ReadErrorKind::Format,
        Place::File,
        "packed data without damage",
        error.to_string(),
        COPY_AGAIN,
    )
    .with_source(error)
}

/// Returns the error for data that takes more memory than the limit.
pub(super) fn too_large(path: &Path, place: Place, what: &str, error: TooLarge) -> ReadError {
    let found = format!("{} for {what}", error.need);
    ReadError::new(
        path,
        ReadErrorKind::Limit,
        place,
        error.expected(),
        found,
        RAISE,
    )
}

/// The error for a whole file that was not read.
#[cfg(feature = "images")]
pub(super) fn unread_whole(path: &Path, error: WholeError) -> ReadError {
    match error {
        WholeError::Io(error) => ReadError::io(path, error),
        WholeError::TooLarge(error) => too_large(path, Place::File, "its bytes", error),
    }
}

/// Opens a file, with the memory that it may take.
pub(super) fn open(path: &Path) -> Result<(File, Budget), ReadError> {
    let open = || -> io::Result<(File, Budget)> {
        let file = File::open(path)?;
        let budget = Budget::of_file(&file)?;
        Ok((file, budget))
    };
    open().map_err(|error| ReadError::io(path, error))
}

/// Returns whether an error comes from unpacking, not from reading.
fn is_damage(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof)
}

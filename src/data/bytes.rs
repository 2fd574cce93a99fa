//! Reading bytes that a file's head announces: what is missing or too much is an error with its place.

use std::io::{self, Read};
use std::path::Path;

use super::{Place, ReadError, ReadErrorKind};

/// The advice for a file that was cut or damaged.
pub(super) const COPY_AGAIN: &str = "copy or download the file again";

/// A file while it is read from front to back.
pub(super) struct Bytes<'a, R> {
    pub path: &'a Path,
    source: R,
    /// The position of the next byte.
    pub at: u64,
}

impl<'a, R: Read> Bytes<'a, R> {
    pub fn new(path: &'a Path, source: R) -> Self {
        Bytes { path, source, at: 0 }
    }

    /// The next `len` bytes. Memory grows with what is there, not with what the file says.
    pub fn exactly(&mut self, len: u64, what: &str) -> Result<Vec<u8>, ReadError> {
        let bytes = self.up_to(len)?;
        if bytes.len() as u64 == len {
            return Ok(bytes);
        }
        let start = self.at - bytes.len() as u64;
        let expected = format!("{len} bytes for {what} from byte {start}");
        let found = format!("the end of the file after {} of them", bytes.len());
        Err(self.error(ReadErrorKind::Length, self.at, expected, found, COPY_AGAIN))
    }

    /// Nothing more.
    pub fn end(&mut self, after: &str) -> Result<(), ReadError> {
        let at = self.at;
        if self.up_to(1)?.is_empty() {
            return Ok(());
        }
        let expected = format!("the end of the file after {after}");
        Err(self.error(ReadErrorKind::Length, at, expected, "more bytes".into(), COPY_AGAIN))
    }

    /// The next `len` bytes, or fewer at the end of the file.
    pub fn up_to(&mut self, len: u64) -> Result<Vec<u8>, ReadError> {
        let mut bytes = Vec::new();
        match (&mut self.source).take(len).read_to_end(&mut bytes) {
            Ok(count) => self.at += count as u64,
            Err(error) if is_damage(&error) => {
                let (kind, place, found) = (ReadErrorKind::Format, Place::File, error.to_string());
                let expected = "packed data without damage";
                return Err(
                    ReadError::new(self.path, kind, place, expected, found, COPY_AGAIN).with_source(error)
                );
            }
            Err(error) => return Err(ReadError::io(self.path, error)),
        }
        Ok(bytes)
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

/// Whether unpacking failed, rather than reading.
fn is_damage(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof)
}

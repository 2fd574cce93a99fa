//! The errors of all readers of files.

use core::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// The error of a file that cannot be used: its place, what was expected, what was found, and what
/// to do.
///
/// ```
/// use shapewright::loss::Label;
/// use shapewright::data::{ReadErrorKind, idx};
/// let error = idx::labels::<10>("no-such-file").unwrap_err();
/// assert_eq!(error.kind, ReadErrorKind::Io);
/// assert!(
///     error
///         .to_string()
///         .starts_with("no-such-file: expected a file that can be read, but found "),
///     "{error}"
/// );
/// ```
#[derive(Debug)]
pub struct ReadError {
    /// The file or folder.
    pub path: PathBuf,
    /// The kind of mistake, for programs that handle them in different ways.
    pub kind: ReadErrorKind,
    /// The place in the file.
    pub place: Place,
    /// The content that was expected.
    pub expected: Box<str>,
    /// The content that was found.
    pub found: Box<str>,
    /// The way out.
    pub advice: Box<str>,
    /// The error of the operating system or of a decoder.
    source: Option<io::Error>,
}

/// Kinds of mistakes in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReadErrorKind {
    /// The file is not there or cannot be read.
    Io,
    /// It is a file of another format, or damaged.
    Format,
    /// It ends too early or is too long.
    Length,
    /// Its sizes are not those of the tensors or of the network.
    Shape,
    /// It holds another type of numbers.
    Type,
    /// A value is not one that is allowed, such as a label that is no class.
    Value,
    /// It can be read with a feature of this crate that is not switched on.
    Feature,
    /// It takes more memory than the [`Limits`](crate::Limits) let it.
    Limit,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// The file as a whole.
    File,
    /// A byte, counted from 0; in the unpacked content if the file is packed.
    Byte(u64),
    /// A line of text, counted from 1.
    Line(u64),
    /// A field of a table: its line, counted from 1, and the name of its column.
    Cell {
        /// The line, counted from 1.
        line: u64,
        /// The column's name.
        column: Box<str>,
    },
}

impl ReadError {
    pub(crate) fn new(
        path: &Path,
        kind: ReadErrorKind,
        place: Place,
        expected: impl Into<Box<str>>,
        found: impl Into<Box<str>>,
        advice: impl Into<Box<str>>,
    ) -> Self {
        ReadError {
            path: path.to_owned(),
            kind,
            place,
            expected: expected.into(),
            found: found.into(),
            advice: advice.into(),
            source: None,
        }
    }

    /// Creates the error for a file that the operating system does not give.
    pub(crate) fn io(path: &Path, error: io::Error) -> Self {
        let advice = match error.kind() {
            io::ErrorKind::NotFound => {
                "check the path; a relative one begins at the current folder"
            }
            io::ErrorKind::PermissionDenied => "allow this user to read it",
            _ => "check the file and its disk",
        };
        Self::new(
            path,
            ReadErrorKind::Io,
            Place::File,
            "a file that can be read",
            error.to_string(),
            advice,
        )
        .with_source(error)
    }

    pub(crate) fn with_source(mut self, source: io::Error) -> Self {
        self.source = Some(source);
        self
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File => f.write_str("the whole file"),
            Place::Byte(byte) => write!(f, "byte {byte}"),
            Place::Line(line) => write!(f, "line {line}"),
            Place::Cell { line, column } => write!(f, "line {line}, column `{column}`"),
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path.display())?;
        if self.place != Place::File {
            write!(f, "{}: ", self.place)?;
        }
        write!(
            f,
            "expected {}, but found {}; {}",
            self.expected, self.found, self.advice
        )
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}

/// The mistakes in one table or one folder, in their order, up to the bound that the reader was
/// given.
#[derive(Debug)]
pub struct ReadErrors {
    /// The mistakes; at least one.
    pub errors: Vec<ReadError>,
    /// Reading stopped at the bound: there may be more.
    pub more: bool,
}

impl fmt::Display for ReadErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.errors.iter().enumerate() {
            write!(f, "{}{error}", if i == 0 { "" } else { "\n" })?;
        }
        if self.more {
            f.write_str("\nreading stopped here; there may be more mistakes")
        } else {
            Ok(())
        }
    }
}

impl std::error::Error for ReadErrors {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.errors.first().map(|error| error as _)
    }
}

impl From<ReadError> for ReadErrors {
    fn from(error: ReadError) -> Self {
        ReadErrors {
            errors: vec![error],
            more: false,
        }
    }
}

/// Text of a file for an error, shortened if it is long, with control characters made visible.
pub(super) fn quoted(text: &str) -> String {
    const MOST: usize = 40;
    let mut quoted = String::from("`");
    for c in text.chars().take(MOST) {
        if c.is_control() {
            quoted.extend(c.escape_debug())
        } else {
            quoted.push(c)
        }
    }
    quoted
        + if text.chars().nth(MOST).is_some() {
            "..`"
        } else {
            "`"
        }
}

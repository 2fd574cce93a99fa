//! Bounds on the memory for reading a file.

use core::cell::Cell;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::rc::Rc;

/// A bound on the memory that readers allocate for one file, so that a small file cannot claim all
/// memory.
///
/// Readers of images, sound, IDX files, NumPy's files, CIFAR-10, tables, vocabularies, weights and
/// checkpoints compare the size that a file declares with the bound before they decode it, and stop
/// if it decodes to more than it declared. By default, each file may take 256 MiB, or 64 times the
/// file's size if that is more: enough for every uncompressed file, and for most compressed ones.
/// The error names the limit and the memory that the file needs.
///
/// ```
/// use shapewright::Limits;
/// use shapewright::data::{ReadErrorKind, idx};
/// use shapewright::prelude::*;
/// let file = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 9, 9, 9, 9];
/// let read = || idx::images_from::<shapewright::tensor::Rank2<1, 2>, u8>("tiny.idx", &file[..]);
/// let error = Limits::new().max_bytes(20).within(read).unwrap_err();
/// assert_eq!(error.kind, ReadErrorKind::Limit);
/// assert_eq!(Limits::new().max_bytes(1 << 34).within(read)?.len(), 2);
/// # Ok::<(), shapewright::data::ReadError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// The program's own bound; `None` for the default.
    max_bytes: Option<u64>,
}

thread_local! {
    static CURRENT: Cell<Limits> = const { Cell::new(Limits::new()) };
}

impl Limits {
    /// The memory in bytes that any file may take by default.
    const DEFAULT_BYTES: u64 = 1 << 28;
    /// The memory that a file may take by default, as a multiple of its size.
    const DEFAULT_FACTOR: u64 = 64;

    /// Returns the default bounds.
    pub const fn new() -> Self {
        Limits { max_bytes: None }
    }

    /// Sets the largest number of bytes of memory that one file may take, whatever its size: its
    /// content and the tensors made of it; for a table, also the bytes of one line.
    pub const fn max_bytes(self, max_bytes: u64) -> Self {
        Limits {
            max_bytes: Some(max_bytes),
        }
    }

    /// Calls a function in which all readers on this thread keep to these bounds.
    pub fn within<R>(self, read: impl FnOnce() -> R) -> R {
        /// Restores the previous bounds, also after a panic.
        struct Before(Limits);

        impl Drop for Before {
            fn drop(&mut self) {
                CURRENT.set(self.0);
            }
        }

        let _before = Before(CURRENT.replace(self));
        read()
    }
}

/// The memory that one file may take, from the limits and its size.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    limits: Limits,
    /// The size of the file in bytes, or the number of bytes read so far.
    size: Rc<Cell<u64>>,
}

/// The advice in the error for a file that needs too much memory.
pub(crate) const RAISE: &str =
    "if you trust the file, read it within `Limits::new().max_bytes(..).within(..)`";

/// The error for a file that needs more memory than it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLarge {
    pub limit: u64,
    pub need: u64,
}

impl Budget {
    /// Returns the budget of a file of `size` bytes.
    pub fn of_size(size: u64) -> Self {
        Budget {
            limits: CURRENT.get(),
            size: Rc::new(Cell::new(size)),
        }
    }

    /// Returns the budget of an open file. A file that is not a regular file has no size.
    pub fn of_file(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self::of_size(if metadata.is_file() {
            metadata.len()
        } else {
            0
        }))
    }

    /// Returns the budget of a source whose size becomes known while it is read.
    pub fn counting<R: Read>(source: R) -> (Counted<R>, Self) {
        let budget = Self::of_size(0);
        (
            Counted {
                source,
                size: budget.size.clone(),
            },
            budget,
        )
    }

    /// Returns the size of the file in bytes; if it has no size, the number of bytes read so far.
    pub fn size(&self) -> u64 {
        self.size.get()
    }

    /// Returns the largest number of bytes of memory.
    pub fn limit(&self) -> u64 {
        self.limits.max_bytes.unwrap_or_else(|| {
            let by_size = self.size.get().saturating_mul(Limits::DEFAULT_FACTOR);
            by_size.max(Limits::DEFAULT_BYTES)
        })
    }

    /// Checks that `need` bytes of memory are within the limit.
    pub fn check(&self, need: u64) -> Result<(), TooLarge> {
        let limit = self.limit();
        if need <= limit {
            Ok(())
        } else {
            Err(TooLarge { limit, need })
        }
    }

    /// Like [`Budget::check`], for memory whose size the program has chosen: only the program's own
    /// limit counts.
    #[cfg(feature = "csv")]
    pub fn check_own(&self, need: u64) -> Result<(), TooLarge> {
        match self.limits.max_bytes {
            Some(limit) if need > limit => Err(TooLarge { limit, need }),
            _ => Ok(()),
        }
    }
}

impl TooLarge {
    /// Returns the words for "expected" in a reader's error.
    pub fn expected(self) -> String {
        format!(
            "at most {} bytes of memory to be needed for a file",
            self.limit
        )
    }
}

/// A reader that counts its bytes.
pub(crate) struct Counted<R> {
    source: R,
    size: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.size.set(self.size.get() + count as u64);
        Ok(count)
    }
}

/// The error of [`read_whole`].
pub(crate) enum WholeError {
    Io(io::Error),
    TooLarge(TooLarge),
}

impl From<std::collections::TryReserveError> for WholeError {
    fn from(_: std::collections::TryReserveError) -> Self {
        WholeError::Io(io::ErrorKind::OutOfMemory.into())
    }
}

impl From<io::Error> for WholeError {
    fn from(error: io::Error) -> Self {
        WholeError::Io(error)
    }
}

impl From<TooLarge> for WholeError {
    fn from(error: TooLarge) -> Self {
        WholeError::TooLarge(error)
    }
}

/// Reads a whole file. A file without a size, such as a device, must end within the limit.
pub(crate) fn read_whole(path: &Path) -> Result<Vec<u8>, WholeError> {
    /// The number of bytes between two checks of the limit, for files without a size.
    const CHUNK: u64 = 1 << 24;

    let mut file = File::open(path)?;
    let budget = Budget::of_file(&file)?;
    let size = budget.size.get();
    budget.check(size)?;

    let mut bytes = Vec::new();
    bytes.try_reserve_exact(usize::try_from(size).unwrap_or(usize::MAX))?;
    loop {
        let count = (&mut file).take(size.max(CHUNK)).read_to_end(&mut bytes)?;
        if count == 0 {
            return Ok(bytes);
        }
        budget.check(bytes.len() as u64)?;
    }
}

//! How much memory a file may take when it is read.

use core::cell::Cell;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::rc::Rc;

/// A bound on the memory that readers take for one file, so that a small file cannot claim all
/// there is.
///
/// Readers of images, IDX files, NumPy's files, CIFAR-10, tables, weights and checkpoints compare
/// what a file announces with the bound before they decode it, and stop where more comes out of it
/// than it announced. Without a bound of its own, a program lets each file take 256 MiB, or 64
/// times the file's size if that is more; that is enough for every file that is not packed, and for
/// most that are. The error names the limit and what the file needs.
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
    /// The program's own bound.
    max_bytes: Option<u64>,
}

thread_local! {
    static CURRENT: Cell<Limits> = const { Cell::new(Limits::new()) };
}

impl Limits {
    /// What any file may take if the program says nothing else.
    const MOST: u64 = 1 << 28;
    /// How many times its own size a file may take if the program says nothing else.
    const TIMES: u64 = 64;

    /// The bounds that hold if nothing else is said.
    pub const fn new() -> Self {
        Limits { max_bytes: None }
    }

    /// The most bytes of memory that one file may take, whatever its size: its content and the
    /// tensors made of it; of a table, also those of one line.
    pub const fn max_bytes(self, max_bytes: u64) -> Self {
        Limits {
            max_bytes: Some(max_bytes),
        }
    }

    /// Runs a function in which all readers keep to these bounds, on this thread and until it
    /// returns.
    pub fn within<R>(self, read: impl FnOnce() -> R) -> R {
        /// Puts back what was there before, also after a panic.
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

/// The memory that one file may take.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    limits: Limits,
    /// The bytes of the file, or those that have come so far.
    size: Rc<Cell<u64>>,
}

/// What to do about a file that is refused for its memory.
pub(crate) const RAISE: &str =
    "if you trust the file, read it within `Limits::new().max_bytes(..).within(..)`";

/// More memory than a file may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLarge {
    pub limit: u64,
    pub need: u64,
}

impl Budget {
    /// That of a file of this many bytes.
    pub fn of_size(size: u64) -> Self {
        Budget {
            limits: CURRENT.get(),
            size: Rc::new(Cell::new(size)),
        }
    }

    /// That of a file on disk. What is no regular file has no size.
    pub fn of_file(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self::of_size(if metadata.is_file() {
            metadata.len()
        } else {
            0
        }))
    }

    /// That of a source whose size shows while it is read.
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

    /// The bytes of the file; those that have come so far if it has no size.
    pub fn size(&self) -> u64 {
        self.size.get()
    }

    /// The most bytes of memory.
    pub fn limit(&self) -> u64 {
        let usual = || Limits::MOST.max(self.size.get().saturating_mul(Limits::TIMES));
        self.limits.max_bytes.unwrap_or_else(usual)
    }

    /// Whether so many bytes of memory are within the limit.
    pub fn check(&self, need: u64) -> Result<(), TooLarge> {
        let limit = self.limit();
        if need <= limit {
            Ok(())
        } else {
            Err(TooLarge { limit, need })
        }
    }

    /// The same for memory whose size the program has chosen, so that only a limit of its own
    /// counts.
    #[cfg(feature = "csv")]
    pub fn check_own(&self, need: u64) -> Result<(), TooLarge> {
        match self.limits.max_bytes {
            Some(limit) if need > limit => Err(TooLarge { limit, need }),
            _ => Ok(()),
        }
    }
}

impl TooLarge {
    /// What a reader's error says was expected.
    pub fn expected(self) -> String {
        format!(
            "at most {} bytes of memory to be needed for a file",
            self.limit
        )
    }
}

/// A source that counts the bytes that come.
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

/// Why a whole file was not read.
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

/// Reads a whole file. What has no size, such as a device, ends within the limit.
pub(crate) fn read_whole(path: &Path) -> Result<Vec<u8>, WholeError> {
    const PIECE: u64 = 1 << 24;
    let mut file = File::open(path)?;
    let budget = Budget::of_file(&file)?;
    let size = budget.size.get();
    budget.check(size)?;

    let mut bytes = Vec::new();
    bytes.try_reserve_exact(usize::try_from(size).unwrap_or(usize::MAX))?;
    loop {
        let came = (&mut file).take(size.max(PIECE)).read_to_end(&mut bytes)?;
        if came == 0 {
            return Ok(bytes);
        }
        budget.check(bytes.len() as u64)?;
    }
}

//! Several arrays in one file: a ZIP archive of `.npy` files.

use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::super::bytes::COPY_AGAIN;
use super::super::read_error::quoted;
use super::{
    AtomicFile, Label, NpyNumber, Place, ReadError, ReadErrorKind, Shape, Source, Tensor, axes,
    batch, named,
};
use crate::limits::Budget;

/// An `.npz` file, as `numpy.savez` and `numpy.savez_compressed` write it.
///
/// Errors of an array have its name behind the file's: `data.npz/images.npy`.
pub struct Npz<R = BufReader<File>> {
    path: PathBuf,
    archive: ZipArchive<R>,
    /// The bytes of the whole file.
    size: u64,
}

impl Npz {
    /// Opens a file and reads which arrays it has.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read or is no ZIP archive.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ReadError> {
        Npz::from_reader(path.as_ref(), super::open(path.as_ref())?.bytes)
    }
}

impl<R: Read + Seek> Npz<R> {
    /// Opens a file as [`Npz::open`] does, from any source; the path is for errors.
    ///
    /// # Errors
    /// Returns the errors of [`Npz::open`].
    pub fn from_reader(path: impl AsRef<Path>, mut source: R) -> Result<Self, ReadError> {
        let path = path.as_ref().to_owned();
        let size = source
            .seek(SeekFrom::End(0))
            .map_err(|error| ReadError::io(&path, error))?;
        let archive = ZipArchive::new(source).map_err(|error| damaged(&path, error))?;
        Ok(Npz {
            path,
            archive,
            size,
        })
    }

    /// Returns the names of the arrays, without `.npy`, in the order of the file. Other files of the
    /// archive are omitted.
    pub fn names(&self) -> Vec<String> {
        let names = self.archive.file_names_raw().map(String::from_utf8_lossy);
        names
            .filter_map(|name| name.strip_suffix(".npy").map(str::to_owned))
            .collect()
    }

    /// Reads an array of the tensor's shape.
    ///
    /// # Errors
    /// Returns an error if there is no array of this name, or for the reasons of
    /// [`read`](super::read).
    pub fn read<S: Shape, T: NpyNumber>(
        &mut self,
        name: &str,
    ) -> Result<Box<Tensor<S, T>>, ReadError> {
        self.array(name, |path, source| super::read_in(path, source))
    }

    /// Reads an array of the shape `[count, ..]`, where `..` is the tensors' shape.
    ///
    /// # Errors
    /// Returns the errors of [`Npz::read`].
    pub fn read_many<S: Shape, T: NpyNumber>(
        &mut self,
        name: &str,
    ) -> Result<Vec<Tensor<S, T>>, ReadError> {
        self.array(name, |path, source| super::read_many_in(path, source))
    }

    /// Reads labels: an array of the shape `[count]` of any integer type.
    ///
    /// # Errors
    /// Returns the errors of [`Npz::read`], and an error if a number is no class.
    pub fn read_labels<const CLASSES: usize>(
        &mut self,
        name: &str,
    ) -> Result<Vec<Label<CLASSES>>, ReadError> {
        self.read_labels_counted_from(name, 0)
    }

    /// Reads the labels of an array whose first class has the number `first`.
    ///
    /// # Errors
    /// Returns the errors of [`Npz::read_labels`]; a label below `first` is no class.
    pub fn read_labels_counted_from<const CLASSES: usize>(
        &mut self,
        name: &str,
        first: i64,
    ) -> Result<Vec<Label<CLASSES>>, ReadError> {
        self.array(name, |path, source| {
            super::read_labels_in(path, source, first)
        })
    }

    fn array<A>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Path, Source<&mut dyn Read>) -> Result<A, ReadError>,
    ) -> Result<A, ReadError> {
        let file = format!("{name}.npy");
        if self.archive.index_for_name(&file).is_none() {
            let names = self
                .names()
                .iter()
                .map(|name| quoted(name))
                .collect::<Vec<_>>();
            let found = if names.is_empty() {
                "no arrays".into()
            } else {
                names.join(", ")
            };
            return Err(ReadError::new(
                &self.path,
                ReadErrorKind::Value,
                Place::File,
                format!("an array with the name `{name}`"),
                found,
                "ask for one of these",
            ));
        }

        let path = self.path.join(&file);
        let mut source = self
            .archive
            .by_name(&file)
            .map_err(|error| damaged(&path, error))?;

        // The size that an archive declares for an array may be wrong, but there are no more bytes
        // than the file has.
        let budget = Budget::of_size(source.compressed_size().min(self.size));
        read(
            &path,
            Source {
                bytes: &mut source,
                budget,
                packed: true,
            },
        )
    }
}

impl<R> fmt::Debug for Npz<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Npz")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// The error for an archive that cannot be read.
fn damaged(path: &Path, error: ZipError) -> ReadError {
    match error {
        ZipError::Io(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
            ReadError::io(path, error)
        }
        error => ReadError::new(
            path,
            ReadErrorKind::Format,
            Place::File,
            "a ZIP archive of .npy files",
            error.to_string(),
            COPY_AGAIN,
        ),
    }
}

/// Writes an `.npz` file, uncompressed as `numpy.savez` does.
///
/// The file is in its place when [`NpzWriter::finish`] has returned. Without it, a file that was
/// there before stays.
pub struct NpzWriter {
    path: PathBuf,
    /// The names of the arrays so far.
    names: Vec<String>,
    /// Dropped before the archive, which ends its file when it is dropped, and prints errors.
    _abandons: Abandons,
    archive: ZipWriter<Target>,
}

/// Makes a [`Target`] accept bytes without writing them, when this is dropped.
struct Abandons(Arc<AtomicBool>);

impl Drop for Abandons {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A file that accepts everything after the first error, which its writer has then returned, and
/// that has an error again when it is finished.
struct Target {
    file: AtomicFile,
    abandoned: Arc<AtomicBool>,
    position: u64,
    /// The largest position so far.
    len: u64,
}

impl Target {
    /// Ends the file, if all that was written is there.
    fn finish(self) -> io::Result<()> {
        if self.is_abandoned() {
            return Err(io::Error::other("an array before could not be written"));
        }
        self.file.finish()
    }

    fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
    }

    /// Notes an error after which the file is not whole.
    fn checked<A>(&self, result: io::Result<A>) -> io::Result<A> {
        result.inspect_err(|error| {
            if error.kind() != io::ErrorKind::Interrupted {
                self.abandoned.store(true, Ordering::Relaxed);
            }
        })
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = bytes.len();
        if !self.is_abandoned() {
            let result = self.file.write(bytes);
            written = self.checked(result)?;
        }
        self.position += written as u64;
        self.len = self.len.max(self.position);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.is_abandoned() {
            return Ok(());
        }
        let result = self.file.flush();
        self.checked(result)
    }
}

impl Seek for Target {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
            SeekFrom::End(offset) => self.len.checked_add_signed(offset),
        };
        let position = position.ok_or(io::ErrorKind::InvalidInput)?;
        if !self.is_abandoned() {
            let result = self.file.seek(SeekFrom::Start(position));
            self.checked(result)?;
        }
        self.position = position;
        Ok(position)
    }
}

impl NpzWriter {
    /// Begins a file.
    ///
    /// # Errors
    /// Returns an error if no file can be made there.
    pub fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref().to_owned();
        let file = AtomicFile::create(&path).map_err(|error| named(&path, error))?;
        let abandoned = Arc::new(AtomicBool::new(false));
        let archive = ZipWriter::new(Target {
            file,
            abandoned: Arc::clone(&abandoned),
            position: 0,
            len: 0,
        });
        Ok(NpzWriter {
            path,
            names: Vec::new(),
            _abandons: Abandons(abandoned),
            archive,
        })
    }

    /// Adds an array of the tensor's shape.
    ///
    /// # Errors
    /// Returns an error if there is one of this name already, or the file cannot be written.
    pub fn add<S: Shape, T: NpyNumber>(
        &mut self,
        name: &str,
        tensor: &Tensor<S, T>,
    ) -> io::Result<()> {
        self.array(name, axes::<S>().sizes(), tensor.as_slice())
    }

    /// Adds an array of the shape `[count, ..]`, where `..` is the tensors' shape.
    ///
    /// # Errors
    /// Returns the errors of [`NpzWriter::add`].
    pub fn add_many<S: Shape, T: NpyNumber>(
        &mut self,
        name: &str,
        tensors: &[Tensor<S, T>],
    ) -> io::Result<()> {
        self.array(
            name,
            &batch(tensors.len(), axes::<S>().sizes()),
            Tensor::flatten(tensors),
        )
    }

    fn array<T: NpyNumber>(
        &mut self,
        name: &str,
        shape: &[usize],
        numbers: &[T],
    ) -> io::Result<()> {
        let written = self.entry(name, shape, numbers);
        written.map_err(|error| named(&self.path, error))
    }

    fn entry<T: NpyNumber>(
        &mut self,
        name: &str,
        shape: &[usize],
        numbers: &[T],
    ) -> io::Result<()> {
        if self.names.iter().any(|other| other == name) {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                format!("there is an array `{name}` already; give each a name of its own"),
            ));
        }
        self.names.push(name.to_owned());

        // Sizes beyond 4 GB need another form of entry.
        let large = size_of_val(numbers) >= 1 << 31;
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .large_file(large);
        self.archive.start_file(format!("{name}.npy"), options)?;
        super::write_to(&mut self.archive, shape, numbers)
    }

    /// Ends the file and moves it to its place.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written, or an array before could not be. An array whose
    /// name was refused is simply not in it.
    pub fn finish(self) -> io::Result<()> {
        let written = self
            .archive
            .finish()
            .map_err(io::Error::from)
            .and_then(Target::finish);
        written.map_err(|error| named(&self.path, error))
    }
}

impl fmt::Debug for NpzWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NpzWriter")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

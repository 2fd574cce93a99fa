//! Files that are there whole or not at all. The errors do not name the file; callers do, each in a sentence of its own.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

/// A file that is written beside its place and moved there at the end. Until then, what was there stays.
pub(crate) struct Beside {
    place: PathBuf,
    beside: PathBuf,
    /// Closed before the file is moved or removed.
    file: Option<BufWriter<File>>,
    moved: bool,
}

impl Beside {
    /// Begins a file beside its place.
    pub fn create(place: &Path) -> io::Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = place.file_name().ok_or(io::ErrorKind::IsADirectory)?;
        let (beside, file) = loop {
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let mut beside = std::ffi::OsString::from(".");
            beside.push(name);
            beside.push(format!(".{}-{number}.tmp", process::id()));
            let beside = place.with_file_name(beside);
            match File::create_new(&beside) {
                Ok(file) => break (beside, file),
                // Left by a process that was killed and had the same number, as in containers all have.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        };
        Ok(Beside { place: place.to_owned(), beside, file: Some(BufWriter::new(file)), moved: false })
    }

    /// Moves the file to its place when everything is on the disk.
    pub fn finish(mut self) -> io::Result<()> {
        let written = self.file().and_then(|file| file.flush().and_then(|()| file.get_ref().sync_all()));
        self.file = None;
        let moved = written.and_then(|()| fs::rename(&self.beside, &self.place));
        self.moved = moved.is_ok();
        moved
    }

    fn file(&mut self) -> io::Result<&mut BufWriter<File>> {
        self.file.as_mut().ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }
}

/// Writes a whole file.
pub(crate) fn write(place: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = Beside::create(place)?;
    file.write_all(bytes)?;
    file.finish()
}

/// The same error with the file's name.
pub(crate) fn named(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{} cannot be written: {error}", path.display()))
}

impl Write for Beside {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file()?.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.file()?.flush()
    }
}

impl Seek for Beside {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file()?.seek(to)
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if !self.moved {
            self.file = None;
            // Nobody can be told, and the file does no harm.
            let _ = fs::remove_file(&self.beside);
        }
    }
}

//! Files that are replaced atomically. The errors do not name the file; callers do, each in a
//! sentence of its own.
//!
//! The bytes go to a temporary file in the same folder, which is renamed at the end. The names of
//! temporary files are predictable, so that the next process that writes the same file finds those
//! that a killed process left behind. A lock, which ends with its process, tells these from files
//! that are still being written.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufWriter, Cursor, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The largest number of processes and threads that can write one file at a time; the last one
/// wins.
const MAX_WRITERS: usize = 64;
/// The number of writers whose abandoned files are looked for and removed.
const CLEANED_WRITERS: usize = 8;

/// A file that is written under a temporary name and renamed at the end. Until then, the old file
/// stays.
pub(crate) struct AtomicFile {
    path: PathBuf,
    sink: Sink,
}

/// The destination of the bytes until the file is complete.
enum Sink {
    /// A temporary file. On Windows, it is closed before it is renamed or removed.
    Temporary {
        path: PathBuf,
        file: Option<BufWriter<File>>,
        renamed: bool,
    },
    /// Memory, for a pipe, a device or another open file, which can't be replaced: it receives all
    /// bytes at the end.
    Memory(Cursor<Vec<u8>>),
}

impl AtomicFile {
    /// Begins to write a file. If the path is a symbolic link, the file that it points to is
    /// replaced and the link stays.
    pub fn create(path: &Path) -> io::Result<Self> {
        let Target {
            path,
            old,
            is_stream,
        } = Target::of(path)?;
        if is_stream {
            return Ok(AtomicFile {
                path,
                sink: Sink::Memory(Cursor::default()),
            });
        }

        let (temporary, file) = create_temporary(&path, old.is_some())?;
        let kept = old.map_or(Ok(()), |old| keep_mode(&file, &old));

        // Made before an error is returned, so that its drop removes the temporary file.
        let atomic = AtomicFile {
            path,
            sink: Sink::Temporary {
                path: temporary,
                file: Some(BufWriter::new(file)),
                renamed: false,
            },
        };
        kept.map(|()| atomic)
    }

    /// Renames the file when all bytes are on the disk.
    pub fn finish(mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::Memory(bytes) => {
                let mut file = OpenOptions::new().append(true).open(&self.path)?;
                file.write_all(bytes.get_ref())?;
                file.flush()
            }
            Sink::Temporary {
                path,
                file,
                renamed,
            } => {
                let writer = file.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
                writer.flush()?;
                writer.get_ref().sync_all()?;

                // Other systems keep the lock until nobody can take the file for an abandoned one.
                if cfg!(windows) {
                    *file = None;
                }
                fs::rename(path, &self.path)?;
                *renamed = true;
                Ok(())
            }
        }
    }

    /// Returns the open file or the memory that receives the bytes.
    fn writer(&mut self) -> io::Result<&mut dyn WriteSeek> {
        match &mut self.sink {
            Sink::Temporary { file, .. } => Ok(file.as_mut().ok_or(io::ErrorKind::BrokenPipe)?),
            Sink::Memory(bytes) => Ok(bytes),
        }
    }
}

/// A writer whose position can be set.
trait WriteSeek: Write + Seek {}

impl<W: Write + Seek> WriteSeek for W {}

/// Writes a whole file.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes)?;
    file.finish()
}

/// Returns the same error with the file's name.
pub(crate) fn named(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        format!("{} cannot be written: {error}", path.display()),
    )
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer()?.flush()
    }
}

impl Seek for AtomicFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.writer()?.seek(to)
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if let Sink::Temporary {
            path,
            file,
            renamed: false,
        } = &mut self.sink
        {
            // Discards the buffer, which the drop of the writer would flush.
            let locked = file.take().map(|writer| writer.into_parts().0);

            // An error has no receiver here, and the file does no harm.
            if cfg!(windows) {
                drop(locked);
                let _ = fs::remove_file(path);
            } else {
                let _ = fs::remove_file(path);
                drop(locked);
            }
        }
    }
}

/// The destination of a file.
struct Target {
    /// The path, after all symbolic links are followed.
    path: PathBuf,
    /// The metadata of the existing file.
    old: Option<Metadata>,
    /// True if the existing file receives the bytes and is not replaced.
    is_stream: bool,
}

impl Target {
    /// Returns the destination, or the errors that can be known before anything is written: the
    /// path is a folder, or the file may not be written.
    fn of(path: &Path) -> io::Result<Self> {
        let last = path.as_os_str().as_encoded_bytes().last();
        if last.is_some_and(|&last| std::path::is_separator(char::from(last))) {
            return Err(io::ErrorKind::IsADirectory.into());
        }

        let old = match fs::metadata(path) {
            Ok(old) if old.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(old) => Some(old),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };

        let mut target = Target {
            path: path.to_owned(),
            is_stream: false,
            old,
        };
        if target.old.as_ref().is_some_and(|old| !old.is_file()) {
            target.is_stream = true;
            return Ok(target);
        }

        for _ in 0..MAX_LINKS {
            let Ok(link) = fs::read_link(&target.path) else {
                // A file that may not be written is not replaced, either.
                if target.old.is_some() {
                    OpenOptions::new().write(true).open(&target.path)?;
                }
                return Ok(target);
            };

            let folder = target.path.parent().unwrap_or(Path::new(""));
            if has_open_files(folder) {
                target.is_stream = true;
                return Ok(target);
            }
            target.path = folder.join(link);
        }
        Err(io::Error::other("too many symbolic links"))
    }
}

/// The largest number of links that are followed, as on Linux.
const MAX_LINKS: usize = 40;

/// Returns whether the links in a folder stand for the open files of a process: `/dev/stdout`
/// points to `/proc/self/fd/1`. An open file can't be replaced, as its process would still write to
/// the old one.
fn has_open_files(folder: &Path) -> bool {
    let folder = fs::canonicalize(folder).unwrap_or_default();
    cfg!(unix) && (folder.starts_with("/proc") || folder.starts_with("/dev/fd"))
}

/// Creates the temporary file of a path and takes its lock. If it is private, only its owner may
/// read it.
fn create_temporary(path: &Path, private: bool) -> io::Result<(PathBuf, File)> {
    /// Writers that remove abandoned files may hold the lock for a moment.
    const TRIES: usize = 100;

    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if private {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    #[cfg(not(unix))]
    let _ = private;

    for writer in 0..MAX_WRITERS {
        let temporary = temporary_path(path, writer)?;
        for _ in 0..TRIES {
            match options.open(&temporary) {
                Ok(file) if take_lock(&file, &temporary) => {
                    for other in (0..CLEANED_WRITERS).filter(|&other| other != writer) {
                        remove_abandoned(&temporary_path(path, other)?);
                    }
                    return Ok((temporary, file));
                }
                // Another writer took it for an abandoned file.
                Ok(_) => {}
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                Err(_) if remove_abandoned(&temporary) => {}
                // Another writer has this name.
                Err(_) => break,
            }
        }
    }

    Err(io::Error::other(
        "too many processes or threads write this file at the same time",
    ))
}

/// Returns the path of a writer's temporary file.
fn temporary_path(path: &Path, writer: usize) -> io::Result<PathBuf> {
    /// The longest name that is used whole: file names have at most 255 bytes, and the suffix needs
    /// some of them.
    const MAX_NAME: usize = 220;

    let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?;
    let mut temporary = OsString::from(".");
    if name.len() <= MAX_NAME {
        temporary.push(name);
    } else {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let start: String = name.to_string_lossy().chars().take(MAX_NAME / 8).collect();
        temporary.push(format!("{start}-{:016x}", hasher.finish()));
    }
    temporary.push(format!(".{writer}.tmp"));
    Ok(path.with_file_name(temporary))
}

/// Takes the lock of a file that was created just now, and returns whether the file is still there:
/// before the lock, another writer may have taken it for an abandoned one and removed it.
fn take_lock(file: &File, path: &Path) -> bool {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => false,
        // Without support for locks, no file is taken for an abandoned one.
        Ok(()) | Err(TryLockError::Error(_)) => is_at(file, path),
    }
}

/// Removes the file of a process that was killed, and returns whether the path is free now.
fn remove_abandoned(path: &Path) -> bool {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => return false,
        Err(error) => return error.kind() == io::ErrorKind::NotFound,
    }

    let Ok(file) = OpenOptions::new().write(true).open(path) else {
        return false;
    };
    // Its writer has the lock, or notices before the first byte that the file is gone.
    file.try_lock().is_ok() && is_at(&file, path) && fs::remove_file(path).is_ok()
}

/// Returns whether the path leads to this open file.
fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(own), Ok(there)) = (file.metadata(), fs::symlink_metadata(path)) else {
        return false;
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        (own.dev(), own.ino()) == (there.dev(), there.ino())
    }
    #[cfg(not(unix))]
    {
        own.created().ok() == there.created().ok()
    }
}

/// Gives a file the mode of the file that it replaces, and its owner and group as far as the system
/// allows.
#[cfg(unix)]
fn keep_mode(file: &File, old: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};

    let new = file.metadata()?;
    let mut mode = old.mode() & 0o777;

    if new.uid() != old.uid() {
        let _ = fchown(file, Some(old.uid()), None);
    }
    if new.gid() != old.gid() && fchown(file, None, Some(old.gid())).is_err() {
        // The permissions of the old group are not for another group.
        mode &= 0o707;
    }

    file.set_permissions(fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn keep_mode(_: &File, _: &Metadata) -> io::Result<()> {
    Ok(())
}

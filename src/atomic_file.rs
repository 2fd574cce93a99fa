//! Files that are there whole or not at all. The errors do not name the file; callers do, each in a
//! sentence of its own.
//!
//! A file is written temporary its place, in the same folder, and moved there at the end. The name
//! temporary is always the same, so that what a process leaves that is killed is found by the next one
//! that writes this file: a lock, which ends with its process, tells what is left from what is
//! still being written.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufWriter, Cursor, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// How many processes and threads can write one file at a time; the last one wins.
const MOST_WRITERS: usize = 64;
/// Of so many of them, what they left is removed.
const MOST_LEFT: usize = 8;

/// A file that is written temporary its place and moved there at the end. Until then, what was there
/// stays.
pub(crate) struct AtomicFile {
    place: PathBuf,
    to: To,
}

enum To {
    /// A regular file. It is closed before it is moved or removed where systems want it so.
    File {
        temporary: PathBuf,
        file: Option<BufWriter<File>>,
        moved: bool,
    },
    /// A pipe, a device or another open file, which can't be replaced: it gets all bytes at the
    /// end.
    Through(Cursor<Vec<u8>>),
}

impl AtomicFile {
    /// Begins a file temporary its place. A symbolic link stays one: its place is where it leads to.
    pub fn create(place: &Path) -> io::Result<Self> {
        let Target {
            place,
            old,
            through,
        } = Target::of(place)?;
        if through {
            return Ok(AtomicFile {
                place,
                to: To::Through(Cursor::default()),
            });
        }

        let (temporary, file) = temporary(&place, old.is_some())?;
        let kept = old.map_or(Ok(()), |old| keep_mode(&file, &old));
        let made = AtomicFile {
            place,
            to: To::File {
                temporary,
                file: Some(BufWriter::new(file)),
                moved: false,
            },
        };
        kept.map(|()| made)
    }

    /// Moves the file to its place when everything is on the disk.
    pub fn finish(mut self) -> io::Result<()> {
        match &mut self.to {
            To::Through(bytes) => {
                let mut file = OpenOptions::new().append(true).open(&self.place)?;
                file.write_all(bytes.get_ref())?;
                file.flush()
            }
            To::File {
                temporary,
                file,
                moved,
            } => {
                let written = file.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
                written
                    .flush()
                    .and_then(|()| written.get_ref().sync_all())?;
                // Elsewhere the lock is kept until nobody can take the file for one that was left.
                if cfg!(windows) {
                    *file = None;
                }
                fs::rename(temporary, &self.place)?;
                *moved = true;
                Ok(())
            }
        }
    }
}

/// Writes a whole file.
pub(crate) fn write(place: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = AtomicFile::create(place)?;
    file.write_all(bytes)?;
    file.finish()
}

/// The same error with the file's name.
pub(crate) fn named(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        format!("{} cannot be written: {error}", path.display()),
    )
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.to {
            To::File { file, .. } => file.as_mut().ok_or(io::ErrorKind::BrokenPipe)?.write(bytes),
            To::Through(content) => content.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.to {
            To::File { file, .. } => file.as_mut().ok_or(io::ErrorKind::BrokenPipe)?.flush(),
            To::Through(_) => Ok(()),
        }
    }
}

impl Seek for AtomicFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match &mut self.to {
            To::File { file, .. } => file.as_mut().ok_or(io::ErrorKind::BrokenPipe)?.seek(to),
            To::Through(content) => content.seek(to),
        }
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if let To::File {
            temporary,
            file,
            moved: false,
        } = &mut self.to
        {
            // What is in the buffer is not to be written any more.
            let held = file.take().map(|file| file.into_parts().0);
            if cfg!(windows) {
                drop(held);
                let _ = fs::remove_file(temporary);
            } else {
                // Nobody can be told, and the file does no harm.
                let _ = fs::remove_file(temporary);
                drop(held);
            }
        }
    }
}

/// Where a file is to be written.
struct Target {
    /// Behind all links.
    place: PathBuf,
    /// What is there.
    old: Option<Metadata>,
    /// Whether it gets the bytes, rather than being replaced.
    through: bool,
}

impl Target {
    /// Finds out what can be known before anything is written: that the place is a folder, or may
    /// not be written.
    fn of(place: &Path) -> io::Result<Self> {
        let ends = place.as_os_str().as_encoded_bytes().last();
        if ends.is_some_and(|&end| std::path::is_separator(char::from(end))) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let old = match fs::metadata(place) {
            Ok(old) if old.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(old) => Some(old),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };

        let mut target = Target {
            place: place.to_owned(),
            through: false,
            old,
        };
        if target.old.as_ref().is_some_and(|old| !old.is_file()) {
            target.through = true;
            return Ok(target);
        }
        for _ in 0..MOST_LINKS {
            let Ok(to) = fs::read_link(&target.place) else {
                // A file that may not be written is not replaced, either.
                if target.old.is_some() {
                    OpenOptions::new().write(true).open(&target.place)?;
                }
                return Ok(target);
            };
            let folder = target.place.parent().unwrap_or(Path::new(""));
            if is_of_open_files(folder) {
                target.through = true;
                return Ok(target);
            }
            target.place = folder.join(to);
        }
        Err(io::Error::other("too many symbolic links"))
    }
}

/// How many links are followed; as many as Linux does.
const MOST_LINKS: usize = 40;

/// Whether the links in a folder stand for the open files of a process: `/dev/stdout` leads to
/// `/proc/self/fd/1`. What is open goes on being written to, so that it can't be replaced.
fn is_of_open_files(folder: &Path) -> bool {
    let folder = fs::canonicalize(folder).unwrap_or_default();
    cfg!(unix) && (folder.starts_with("/proc") || folder.starts_with("/dev/fd"))
}

/// Makes the file temporary a place and takes its lock. Where only its owner may read what is there,
/// so it is temporary.
fn temporary(place: &Path, private: bool) -> io::Result<(PathBuf, File)> {
    /// Others that remove what was left may be in the way for a moment.
    const TRIES: usize = 100;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if private {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    #[cfg(not(unix))]
    let _ = private;

    for writer in 0..MOST_WRITERS {
        let temporary = temporary_path(place, writer)?;
        for _ in 0..TRIES {
            match options.open(&temporary) {
                Ok(file) if is_held(&file, &temporary) => {
                    for other in (0..MOST_LEFT).filter(|&other| other != writer) {
                        remove_left(&self::temporary_path(place, other)?);
                    }
                    return Ok((temporary, file));
                }
                Ok(_) => {}
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                Err(_) if remove_left(&temporary) => {}
                Err(_) => break,
            }
        }
    }
    Err(io::Error::other(
        "too many processes or threads write this file at the same time",
    ))
}

/// The name temporary a place.
fn temporary_path(place: &Path, writer: usize) -> io::Result<PathBuf> {
    /// The end of the name has room within the 255 bytes that names may have.
    const MOST: usize = 220;
    let name = place.file_name().ok_or(io::ErrorKind::IsADirectory)?;
    let mut temporary = OsString::from(".");
    if name.len() <= MOST {
        temporary.push(name);
    } else {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let start: String = name.to_string_lossy().chars().take(MOST / 8).collect();
        temporary.push(format!("{start}-{:016x}", hasher.finish()));
    }
    temporary.push(format!(".{writer}.tmp"));
    Ok(place.with_file_name(temporary))
}

/// Takes the lock of a file that was made just now. Between the two, it may have been taken for one
/// that was left.
fn is_held(file: &File, path: &Path) -> bool {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => false,
        // Where there are no locks, nothing is taken for left.
        Ok(()) | Err(TryLockError::Error(_)) => is_at(file, path),
    }
}

/// Removes what a process left that was killed; whether the place is free now.
fn remove_left(path: &Path) -> bool {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => return false,
        Err(error) => return error.kind() == io::ErrorKind::NotFound,
    }
    let Ok(file) = OpenOptions::new().write(true).open(path) else {
        return false;
    };
    // Who writes it has the lock, or sees that it is gone before writing.
    file.try_lock().is_ok() && is_at(&file, path) && fs::remove_file(path).is_ok()
}

/// Whether the file with this name is this one.
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

/// Gives a file the mode of the one that it replaces, and its owner and group as far as that is
/// allowed.
#[cfg(unix)]
fn keep_mode(file: &File, old: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};

    let new = file.metadata()?;
    let mut mode = old.mode() & 0o777;
    if new.uid() != old.uid() {
        let _ = fchown(file, Some(old.uid()), None);
    }
    if new.gid() != old.gid() && fchown(file, None, Some(old.gid())).is_err() {
        // What the old group may is not for another one.
        mode &= 0o707;
    }
    file.set_permissions(fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn keep_mode(_: &File, _: &Metadata) -> io::Result<()> {
    Ok(())
}

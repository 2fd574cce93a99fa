//! Saving files: through links and pipes, with the mode that they had, and without traces of killed
//! processes.
#![cfg(feature = "npy")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::common::folder;
use shapewright::data::npy::{self, NpzWriter};
use shapewright::prelude::*;
use shapewright::{tensor::Rank1, train::History};

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<_> = names
        .map(|name| name.into_string().expect("a name"))
        .collect();
    names.sort();
    names
}

fn save(path: &Path, number: f32) {
    npy::write(path, &Tensor1::from([number])).expect("a file");
}

#[track_caller]
fn has(path: &Path, number: f32) {
    assert_eq!(
        npy::read::<Rank1<1>, f32>(path).expect("a file").as_slice(),
        [number]
    );
}

#[cfg(unix)]
#[test]
fn links_stay_links() {
    use std::os::unix::fs::symlink;
    let folder = folder("saving-links");
    let here = folder.join("here");
    let there = folder.join("there");
    fs::create_dir(&here)
        .and_then(|()| fs::create_dir(&there))
        .expect("folders");
    save(&there.join("real.npy"), 1.0);
    symlink("../there/real.npy", here.join("one.npy")).expect("a link");
    symlink("one.npy", here.join("two.npy")).expect("a link");
    symlink("../there/new.npy", here.join("dangling.npy")).expect("a link");
    symlink(&here, folder.join("folder")).expect("a link");

    for (link, real) in [
        ("here/one.npy", "real"),
        ("folder/two.npy", "real"),
        ("here/dangling.npy", "new"),
    ] {
        save(&folder.join(link), 2.0);
        assert!(
            fs::symlink_metadata(folder.join(link))
                .expect("a link")
                .is_symlink(),
            "{link}"
        );
        has(&there.join(format!("{real}.npy")), 2.0);
        save(&there.join("real.npy"), 1.0);
    }
    assert_eq!(
        (names(&here).len(), names(&there)),
        (3, vec!["new.npy".into(), "real.npy".into()])
    );

    symlink("loop.npy", here.join("loop.npy")).expect("a link");
    assert!(npy::write(here.join("loop.npy"), &Tensor1::from([1.0f32])).is_err());
    symlink(&there, here.join("to-a-folder")).expect("a link");
    assert!(npy::write(here.join("to-a-folder"), &Tensor1::from([1.0f32])).is_err());
    symlink("none/x.npy", here.join("nowhere.npy")).expect("a link");
    assert!(npy::write(here.join("nowhere.npy"), &Tensor1::from([1.0f32])).is_err());
}

#[cfg(unix)]
#[test]
fn pipes_get_the_bytes() {
    use std::os::unix::fs::FileTypeExt;
    let folder = folder("saving-pipes");
    let pipe = folder.join("pipe");
    if !Command::new("mkfifo")
        .arg(&pipe)
        .status()
        .is_ok_and(|status| status.success())
    {
        println!("skipped: there is no `mkfifo`");
        return;
    }
    let file = folder.join("file");
    let read = || {
        let pipe = pipe.clone();
        std::thread::spawn(move || fs::read(pipe).expect("a pipe"))
    };

    let reading = read();
    save(&pipe, 3.0);
    save(&file, 3.0);
    assert_eq!(
        reading.join().expect("a thread"),
        fs::read(&file).expect("a file")
    );
    // An archive, whose writer seeks.
    let archive = |path: &Path| {
        let mut writer = NpzWriter::create(path).expect("a file");
        writer
            .add("x", &Tensor1::from([1.5f32, 2.5]))
            .expect("an array");
        writer.finish().expect("a file");
    };
    let reading = read();
    archive(&pipe);
    archive(&file);
    let bytes = reading.join().expect("a thread");
    assert_eq!(bytes.len(), fs::read(&file).expect("a file").len());
    let mut npz = npy::Npz::from_reader("pipe", std::io::Cursor::new(bytes)).expect("an archive");
    assert_eq!(
        npz.read::<Rank1<2>, f32>("x").expect("an array").as_slice(),
        [1.5, 2.5]
    );

    assert!(fs::metadata(&pipe).expect("a pipe").file_type().is_fifo());
    assert_eq!(names(&folder), ["file", "pipe"]);
}

#[cfg(target_os = "linux")]
#[test]
fn open_files_are_written_to() {
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::MetadataExt;
    let folder = folder("saving-open");
    let path = folder.join("out.txt");
    let mut open = fs::File::create(&path).expect("a file");
    open.write_all(b"before\n").expect("a file");
    let inode = open.metadata().expect("a file").ino();
    let history = History::default();
    history
        .save(format!("/proc/self/fd/{}", open.as_raw_fd()))
        .expect("an open file");
    assert_eq!(fs::metadata(&path).expect("a file").ino(), inode);
    assert_eq!(
        fs::read_to_string(&path).expect("a file"),
        format!("before\n{}", history.to_csv())
    );
    assert_eq!(names(&folder).len(), 1);
}

#[cfg(unix)]
#[test]
fn modes_are_kept() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder("saving-modes");
    let path = folder.join("x.npy");
    let mode = |path: &Path| fs::metadata(path).expect("a file").permissions().mode() & 0o7777;

    for kept in [0o600, 0o640, 0o644, 0o660, 0o755, 0o200] {
        save(&path, 1.0);
        fs::set_permissions(&path, fs::Permissions::from_mode(kept)).expect("a file");
        let mut writer = NpzWriter::create(&path).expect("a file");

        let beside = names(&folder)
            .into_iter()
            .find(|name| name != "x.npy")
            .expect("a file beside");
        assert_eq!(
            mode(&folder.join(beside)),
            kept,
            "{kept:o}, while it is written"
        );

        writer.add("x", &Tensor1::from([1.5f32])).expect("an array");
        writer.finish().expect("a file");
        assert_eq!(mode(&path), kept, "{kept:o}");
        fs::remove_file(&path).expect("the file");
    }

    // A new file has the mode that new files have.
    save(&path, 1.0);
    fs::write(folder.join("other"), "").expect("a file");
    assert_eq!(mode(&path), mode(&folder.join("other")));
}

#[test]
fn places_that_can_not_be_written_are_found_at_once() {
    let folder = folder("saving-places");
    fs::create_dir(folder.join("taken")).expect("a folder");
    for place in ["taken", "taken/", "new/", "none/x", "taken/..", "."] {
        let error = NpzWriter::create(folder.join(place)).expect_err(place);
        let named = format!("{} cannot be written: ", folder.join(place).display());
        assert!(error.to_string().starts_with(&named), "{error}");
    }
    assert!(NpzWriter::create("").is_err());
    assert_eq!(names(&folder), ["taken"]);
}

#[test]
fn names_can_be_as_long_as_systems_let_them() {
    let folder = folder("saving-names");
    let long = "ä".repeat(125);
    let one = folder.join(format!("{long}1.npy"));
    let two = folder.join(format!("{long}2.npy"));
    let writer = NpzWriter::create(&one).expect("a file");
    save(&two, 2.0);
    drop(writer);
    save(&one, 1.0);
    has(&one, 1.0);
    has(&two, 2.0);
    assert_eq!(names(&folder).len(), 2);
}

#[test]
fn many_threads_write_one_file() {
    let folder = folder("saving-threads");
    let path = folder.join("x.npy");
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let path = &path;
            scope.spawn(move || {
                for _ in 0..20 {
                    save(path, thread as f32);
                    assert!(npy::read::<Rank1<1>, f32>(path).expect("a whole file")[0] < 8.0);
                }
            });
        }
    });
    assert_eq!(names(&folder), ["x.npy"]);
}

/// A process that has begun a file: this program with the name of one test.
struct Writer(Child);

impl Writer {
    const PLACE: &str = "SHAPEWRIGHT_TEST_PLACE";

    fn start(place: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args([
            "--exact",
            "saving::files_of_killed_processes_are_removed",
            "--nocapture",
            "--test-threads=1",
        ]);
        command
            .env(Self::PLACE, place)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());

        let mut child = command.spawn().expect("a process");
        let lines = BufReader::new(child.stdout.as_mut().expect("its output")).lines();
        let begun = lines
            .map(|line| line.expect("a line"))
            .any(|line| line.ends_with("begun"));
        assert!(begun, "the process has begun its file");

        Writer(child)
    }

    /// Runs the process.
    fn run(place: PathBuf) {
        let mut writer = NpzWriter::create(place).expect("a file");
        writer
            .add("x", &Tensor1::<50_000>::ones())
            .expect("an array");
        println!("begun");
        std::io::stdin().read_exact(&mut [0]).expect("a byte");
        writer.finish().expect("a file");
    }

    fn kill(mut self) {
        self.0
            .kill()
            .and_then(|()| self.0.wait())
            .expect("a process");
    }

    fn finish(mut self) {
        self.0
            .stdin
            .take()
            .expect("its input")
            .write_all(b"!")
            .expect("a byte");
        assert!(self.0.wait().expect("a process").success());
    }
}

#[test]
fn files_of_killed_processes_are_removed() {
    if let Some(place) = std::env::var_os(Writer::PLACE) {
        return Writer::run(place.into());
    }
    let folder = folder("saving-killed");
    let path = folder.join("x.npy");
    save(&folder.join("other.npy"), 1.0);

    // The file of a living process is not removed, and is complete in the end.
    let writer = Writer::start(&path);
    save(&path, 1.0);
    assert_eq!(names(&folder).len(), 3);
    writer.finish();
    assert_eq!(
        npy::Npz::open(&path)
            .expect("the archive of the other process")
            .names(),
        ["x"]
    );
    assert_eq!(names(&folder), ["other.npy", "x.npy"]);

    // Killed processes one after another, and several at a time.
    for _ in 0..2 {
        Writer::start(&path).kill();
        assert_eq!(names(&folder).len(), 3, "they do not become more");
    }
    let both = [Writer::start(&path), Writer::start(&path)];
    assert_eq!(names(&folder).len(), 4);
    both.into_iter().for_each(Writer::kill);
    save(&folder.join("other.npy"), 2.0);
    assert_eq!(
        names(&folder).len(),
        4,
        "the next one of the same file removes them"
    );
    save(&path, 3.0);
    has(&path, 3.0);
    assert_eq!(names(&folder), ["other.npy", "x.npy"]);

    // A folder with such a name is left alone.
    fs::create_dir(folder.join(".x.npy.0.tmp")).expect("a folder");
    save(&path, 4.0);
    assert_eq!(names(&folder), [".x.npy.0.tmp", "other.npy", "x.npy"]);
}

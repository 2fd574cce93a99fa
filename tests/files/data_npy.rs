//! NumPy's files: those of NumPy are read, written ones equal NumPy's, and malformed ones are
//! refused.
#![cfg(feature = "npy")]

use std::fmt::Debug;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use crate::common::folder;
use proptest::prelude::*;
use shapewright::data::npy::{self, NpyNumber, Npz, NpzWriter};
use shapewright::data::{Place, ReadError, ReadErrorKind};
use shapewright::prelude::*;
use shapewright::tensor::{Rank0, Rank1, Rank2, Rank3};

/// Returns the path of a file that NumPy wrote.
fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/reference/npy")
        .join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    fs::read(file(name)).expect("a file that NumPy wrote")
}

/// Returns the numbers that tests/reference/make_npy.py writes.
fn numbers<T: NpyNumber>(number: impl Fn(usize) -> T) -> Tensor3<2, 3, 4, T> {
    Tensor3::from_fn(|[a, b, c]| number(100 * a + 10 * b + c))
}

#[test]
fn arrays_of_every_kind_are_read() {
    type Whole = Rank3<2, 3, 4>;

    let float = numbers(|n| n as f32 + 0.5);
    for name in ["f32.npy", "f32_fortran.npy", "version_2.npy"] {
        assert_eq!(
            *npy::read::<Whole, f32>(file(name)).expect(name),
            float,
            "{name}"
        );
        let many: Vec<Tensor2<3, 4>> = npy::read_many(file(name)).expect(name);
        assert_eq!(Tensor::flatten(&many), float.as_slice(), "{name}");
    }

    assert_eq!(
        *npy::read::<Whole, f64>(file("f64_big.npy")).expect("f64"),
        numbers(|n| n as f64 + 0.1)
    );
    let integers = numbers(|n| n as i16 - 100);
    assert_eq!(
        *npy::read::<Whole, i16>(file("i16_big_fortran.npy")).expect("i16"),
        integers
    );
    assert_eq!(
        *npy::read::<Whole, u8>(file("u8.npy")).expect("u8"),
        numbers(|n| n as u8)
    );
    assert_eq!(
        *npy::read::<Whole, bool>(file("bool.npy")).expect("bool"),
        numbers(|n| n % 2 == 1)
    );

    assert_eq!(
        *npy::read::<Rank0, f64>(file("scalar.npy")).expect("a scalar"),
        Tensor0::from(2.5)
    );
    assert!(
        npy::read_many::<Rank1<3>, f32>(file("empty.npy"))
            .expect("nothing")
            .is_empty()
    );
}

#[test]
fn labels_are_read_from_every_integer_type() {
    let labels = npy::read_labels::<3>(file("i64.npy")).expect("labels");
    assert_eq!(labels, Label::from_numbers(&[2u8, 0, 1]).expect("labels"));
    let labels = npy::read_labels::<301>(file("u16_big.npy")).expect("labels");
    assert_eq!(labels[2].index(), 300);
    let error = npy::read_labels::<3>(file("u16_big.npy")).expect_err("300");
    assert_eq!(
        (error.kind, &error.place, &*error.found),
        (
            ReadErrorKind::Value,
            &Place::Byte(132),
            "label 300 at position 2"
        )
    );
    fn both<T: NpyNumber>(folder: &Path, one: T, two: T) {
        let path = folder.join("labels.npy");
        npy::write(&path, &Tensor1::from([one, two])).expect("a file");
        let labels = npy::read_labels::<128>(&path).expect("labels");
        assert_eq!(
            labels,
            Label::from_numbers(&[1u8, 127]).expect("labels"),
            "{}",
            T::NAME
        );
    }
    let folder = folder("npy-labels");
    both(&folder, 1i8, 127);
    both(&folder, 1i16, 127);
    both(&folder, 1i32, 127);
    both(&folder, 1u8, 127);
    both(&folder, 1u32, 127);
    both(&folder, 1u64, 127);
    npy::write(folder.join("negative.npy"), &Tensor1::from([0i8, -1])).expect("a file");
    let error = npy::read_labels::<3>(folder.join("negative.npy")).expect_err("-1");
    assert_eq!(&*error.found, "label -1 at position 1");
    assert!(
        error
            .advice
            .starts_with("the file's labels are -1 to 0: leave out samples"),
        "{error}"
    );

    npy::write(folder.join("letters.npy"), &Tensor1::from([26i64, 1, 3])).expect("a file");
    let error = npy::read_labels::<26>(folder.join("letters.npy")).expect_err("26");
    let advice = "the file's labels are 1 to 26: if the first class is 1, read them with `read_labels_counted_from(.., 1)`";
    assert_eq!(&*error.advice, advice);
    let labels =
        npy::read_labels_counted_from::<26>(folder.join("letters.npy"), 1).expect("labels");
    assert_eq!(labels, Label::from_numbers(&[25u8, 0, 2]).expect("labels"));
    npy::write(folder.join("far.npy"), &Tensor1::from([i64::MIN, i64::MAX])).expect("a file");
    assert!(npy::read_labels_counted_from::<26>(folder.join("far.npy"), i64::MIN).is_err());
    let mut writer = NpzWriter::create(folder.join("letters.npz")).expect("a file");
    writer
        .add("y", &Tensor1::from([26i64, 1, 3]))
        .expect("an array");
    writer.finish().expect("a file");
    let mut npz = Npz::open(folder.join("letters.npz")).expect("an archive");
    assert_eq!(
        npz.read_labels_counted_from::<26>("y", 1).expect("labels"),
        labels
    );
}

#[test]
fn files_are_written_as_numpy_writes_them() {
    let folder = folder("npy-written");
    let path = folder.join("a.npy");
    let written = || fs::read(&path).expect("a file");

    npy::write(&path, &numbers(|n| n as f32 + 0.5)).expect("a file");
    assert_eq!(written(), bytes("f32.npy"));

    let many: Vec<Tensor2<3, 4, u8>> = npy::read_many(file("u8.npy")).expect("u8");
    npy::write_many(&path, &many).expect("a file");
    assert_eq!(written(), bytes("u8.npy"));

    npy::write(&path, &numbers(|n| n % 2 == 1)).expect("a file");
    assert_eq!(written(), bytes("bool.npy"));
    npy::write(&path, &Tensor0::from(2.5f64)).expect("a file");
    assert_eq!(written(), bytes("scalar.npy"));
    npy::write_many::<Rank1<3>, f32>(&path, &[]).expect("a file");
    assert_eq!(written(), bytes("empty.npy"));
    npy::write(&path, &Tensor1::from([2i64, 0, 1])).expect("a file");
    assert_eq!(written(), bytes("i64.npy"));

    assert_eq!(
        fs::read_dir(&folder).expect("a folder").count(),
        1,
        "nothing is left beside"
    );
}

#[test]
fn archives_are_read_and_written() {
    for name in ["some.npz", "packed.npz"] {
        let mut npz = Npz::open(file(name)).expect(name);
        assert_eq!(npz.names(), ["f32", "i64", "f16"]);
        assert_eq!(
            *npz.read::<Rank3<2, 3, 4>, f32>("f32").expect(name),
            numbers(|n| n as f32 + 0.5)
        );
        assert_eq!(
            npz.read_many::<Rank2<3, 4>, f32>("f32").expect(name).len(),
            2
        );
        assert_eq!(npz.read_labels::<3>("i64").expect(name)[0].index(), 2);

        let error = npz.read::<Rank1<1>, f32>("f16").expect_err("f16");
        assert_eq!(
            (error.kind, &error.path),
            (ReadErrorKind::Type, &file(name).join("f16.npy"))
        );
        let text = format!(
            "{}: expected an array with the name `f64`, but found `f32`, `i64`, `f16`; ask for one of these",
            file(name).display()
        );
        is(
            npz.read::<Rank1<1>, f32>("f64"),
            ReadErrorKind::Value,
            Place::File,
            &text,
        );
    }

    let folder = folder("npz-written");
    let path = folder.join("a.npz");
    let mut writer = NpzWriter::create(&path).expect("a file");
    writer
        .add("x", &Tensor1::from([1.5f32, 2.5]))
        .expect("an array");
    writer
        .add_many("y", &[Tensor1::from([1i32]), Tensor1::from([2])])
        .expect("an array");

    let error = writer.add("x", &Tensor0::from(1.0f32)).expect_err("twice");
    assert!(
        error
            .to_string()
            .starts_with(&format!("{} cannot be written: ", path.display())),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .ends_with("there is an array `x` already; give each a name of its own"),
        "{error}"
    );
    assert!(!path.exists());

    writer.finish().expect("a file");
    let mut npz = Npz::open(&path).expect("an archive");
    assert_eq!(npz.names(), ["x", "y"]);
    assert_eq!(
        *npz.read::<_, f32>("x").expect("x"),
        Tensor1::from([1.5, 2.5])
    );
    assert_eq!(
        npz.read_many::<_, i32>("y").expect("y"),
        [Tensor1::from([1]), Tensor1::from([2])]
    );

    // A file that is no array is none of the names.
    let mut other = fs::read(&path).expect("bytes");
    for at in 0..other.len() - 5 {
        if other[at..].starts_with(b"y.npy") {
            other[at..at + 5].copy_from_slice(b"y.txt");
        }
    }
    let mut npz = Npz::from_reader("o.npz", Cursor::new(other)).expect("an archive");
    assert_eq!(npz.names(), ["x"]);
    let error = npz.read::<Rank1<2>, f32>("y.txt").expect_err("a text");
    assert_eq!(&*error.found, "`x`");

    // A writer that is dropped unfinished leaves the file before, and no other one.
    let mut writer = NpzWriter::create(&path).expect("a file");
    writer.add("z", &Tensor1::from([1.5f32])).expect("an array");
    drop(writer);
    assert_eq!(Npz::open(&path).expect("an archive").names(), ["x", "y"]);
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 1);
}

/// A child process in which no file can be larger than a few kilobytes, as on a full disk: the
/// errors are returned, and nothing is printed.
#[cfg(unix)]
#[test]
fn a_writer_on_a_full_disk_prints_nothing() {
    const FOLDER: &str = "SHAPEWRIGHT_TEST_FULL_DISK";
    let Some(folder) = std::env::var_os(FOLDER) else {
        let folder = folder("npz-full");
        let child = std::process::Command::new("sh")
            .args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$@\"", "sh"])
            .arg(std::env::current_exe().expect("the program of this test"))
            .args([
                "--exact",
                "data_npy::a_writer_on_a_full_disk_prints_nothing",
                "--nocapture",
            ])
            .env(FOLDER, &folder)
            .output()
            .expect("a shell");
        let errors = String::from_utf8_lossy(&child.stderr);
        assert!(child.status.success() && errors.is_empty(), "{errors}");
        assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 0);
        return;
    };

    let large = Tensor::<Rank1<50_000>>::zeros_boxed();
    let create = |name: &str| NpzWriter::create(Path::new(&folder).join(name)).expect("a file");
    // Dropped behind an error, finished behind one, and neither.
    let mut writer = create("dropped.npz");
    writer
        .add("x", &Tensor1::from([1.5_f32]))
        .expect("an array");
    assert!(writer.add("large", &*large).is_err());
    drop(writer);

    let mut writer = create("finished.npz");
    assert!(writer.add("large", &*large).is_err());
    let error = writer.finish().expect_err("a file without its array");
    assert!(error.to_string().contains("cannot be written: "), "{error}");

    let mut writer = create("many.npz");
    let some = Tensor::<Rank1<900>>::zeros_boxed();
    let added = (0..40).map(|i| writer.add(&i.to_string(), &*some));
    let failed = added.filter(Result::is_err).count();
    assert!(failed > 0 && writer.finish().is_err());

    // The end of the archive, which is written behind the last array, is what fails at some of
    // these sizes.
    for n in (800..1100).step_by(4) {
        let mut writer = create("unfinished.npz");
        let _ = writer.add_many("x", &vec![Tensor0::from(1.5_f32); n]);
        drop(writer);
    }
}

/// Asserts the whole error.
#[track_caller]
fn is<T: Debug>(result: Result<T, ReadError>, kind: ReadErrorKind, place: Place, text: &str) {
    let error = result.expect_err("a malformed file");
    assert_eq!((error.kind, &error.place), (kind, &place), "{error}");
    assert_eq!(error.to_string(), text);
}

fn one(bytes: impl AsRef<[u8]>) -> Result<Box<Tensor3<2, 3, 4>>, ReadError> {
    npy::read_from("a.npy", bytes.as_ref())
}

#[test]
fn other_shapes_are_refused() {
    let advice =
        "make the tensors' shape that of the file, or `reshape` the array before it is saved";
    let text = format!("a.npy: byte 60: expected the shape [6, 4], but found [2, 3, 4]; {advice}");
    let found = npy::read_from::<Rank2<6, 4>, f32>("a.npy", &bytes("f32.npy")[..]);
    is(found, ReadErrorKind::Shape, Place::Byte(60), &text);
    let text =
        format!("a.npy: byte 60: expected the shape [count, 4, 3], but found [2, 3, 4]; {advice}");
    let found = npy::read_many_from::<Rank2<4, 3>, f32>("a.npy", &bytes("f32.npy")[..]);
    is(found, ReadErrorKind::Shape, Place::Byte(60), &text);
    let text = format!("a.npy: byte 60: expected the shape [count], but found []; {advice}");
    let found = npy::read_many_from::<Rank0, f64>("a.npy", &bytes("scalar.npy")[..]);
    is(found, ReadErrorKind::Shape, Place::Byte(60), &text);
}

#[test]
fn other_types_are_refused() {
    let advice =
        "read it into tensors of that type, or convert it with `astype` before it is saved";

    for (name, found) in [
        ("f64_big", "float64, big-endian"),
        ("u8", "uint8"),
        ("bool", "bool"),
        ("i64", "int64"),
        ("f16", "float16"),
        ("complex", "complex128"),
        ("text", "the type `<U3`"),
    ] {
        let text = format!("a.npy: byte 20: expected float32, but found {found}; {advice}");
        is(
            one(bytes(&format!("{name}.npy"))),
            ReadErrorKind::Type,
            Place::Byte(20),
            &text,
        );
    }

    let text = format!("a.npy: byte 20: expected integers, but found float32; {advice}");
    let found = npy::read_labels_from::<3>("a.npy", &bytes("f32.npy")[..]);
    is(found, ReadErrorKind::Type, Place::Byte(20), &text);

    let text = "a.npy: byte 20: expected the head {'descr': '<f4', 'fortran_order': False, 'shape': (..)}, with values like \
                these, but found `[('a', '<i4'), ('b', '<f8')], 'fortran_o..`; \
                write the file with `numpy.save`, as plain numbers of one type";
    is(
        one(bytes("structured.npy")),
        ReadErrorKind::Format,
        Place::Byte(20),
        text,
    );
}

#[test]
fn other_formats_are_refused() {
    let text = "a.npy: byte 0: expected the magic number of .npy, but found [50, 4b, 03, 04, 2d, 00]; \
                write the file with `numpy.save`; an .npz file is opened with `Npz`";
    is(
        one(bytes("some.npz")),
        ReadErrorKind::Format,
        Place::Byte(0),
        text,
    );

    let text = "a.npy: byte 6: expected version 1, 2 or 3 of the format, but found 9; copy or download the file again";
    is(
        one(b"\x93NUMPY\x09\x00"),
        ReadErrorKind::Format,
        Place::Byte(6),
        text,
    );

    let error = Npz::open(file("f32.npy")).expect_err("no archive");
    assert_eq!(
        (error.kind, &*error.expected),
        (ReadErrorKind::Format, "a ZIP archive of .npy files")
    );
    assert_eq!(
        Npz::open("no-such.npz").expect_err("no file").kind,
        ReadErrorKind::Io
    );
    assert_eq!(
        npy::read::<Rank0, f32>("no-such.npy")
            .expect_err("no file")
            .kind,
        ReadErrorKind::Io
    );
}

/// Returns a file of version 1 with this header.
fn with_head(head: &str, numbers: &[u8]) -> Vec<u8> {
    [
        b"\x93NUMPY\x01\x00",
        &(head.len() as u16).to_le_bytes()[..],
        head.as_bytes(),
        numbers,
    ]
    .concat()
}

#[test]
fn heads_are_read_as_python_does() {
    for head in [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n",
        "{\"shape\":(2L,),\"fortran_order\":True,\"descr\":\"<f4\"}",
        " { 'fortran_order' : False , 'descr' : '<f4', 'shape' : ( 2 , ) } ",
    ] {
        let read = npy::read_from::<Rank1<2>, f32>("", &with_head(head, &[0; 8])[..]);
        assert_eq!(*read.expect(head), Tensor1::from([0.0, 0.0]));
    }

    for (head, at) in [
        ("", 0),
        ("{", 1),
        ("[]", 0),
        ("{'descr': '<f4', 'fortran_order': False}", 40),
        ("{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}", 34),
        (
            "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}",
            51,
        ),
        (
            "{'descr': '<f4', 'fortran_order': False, 'shape': (2 3)}",
            53,
        ),
        (
            "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
            51,
        ),
        (
            "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} x",
            56,
        ),
        (
            "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'more': 1}",
            64,
        ),
        ("{'descr': '<f4' 'shape': (2,)}", 16),
    ] {
        let error =
            npy::read_from::<Rank1<2>, f32>("", &with_head(head, &[0; 8])[..]).expect_err(head);
        assert_eq!(
            (error.kind, error.place),
            (ReadErrorKind::Format, Place::Byte(10 + at)),
            "{head}"
        );
    }
}

#[test]
fn files_that_were_cut_or_go_on_are_refused() {
    let whole = bytes("f32.npy");
    for len in 0..whole.len() {
        let error = one(&whole[..len]).expect_err("cut");
        assert_eq!(
            (error.kind, error.place),
            (ReadErrorKind::Length, Place::Byte(len as u64))
        );
    }

    let text = "a.npy: byte 130: expected 96 bytes for the numbers of the shape [2, 3, 4] from byte 128, but found the end of \
                the file after 2 of them; copy or download the file again";
    is(
        one(&whole[..130]),
        ReadErrorKind::Length,
        Place::Byte(130),
        text,
    );

    let text = "a.npy: byte 224: expected the end of the file after the numbers of the shape [2, 3, 4], but found more bytes; \
                copy or download the file again";
    is(
        one([&whole[..], &[0]].concat()),
        ReadErrorKind::Length,
        Place::Byte(224),
        text,
    );

    let huge = with_head(
        "{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 9)}",
        &[0; 8],
    );
    let error = npy::read_many_from::<Rank1<9>, f32>("", &huge[..]).expect_err("huge");
    assert_eq!(error.kind, ReadErrorKind::Length);
}

#[test]
fn damaged_archives_are_refused() {
    let npz = |bytes: &[u8]| {
        let mut npz = Npz::from_reader("a.npz", Cursor::new(bytes.to_vec()))?;
        npz.read::<Rank3<2, 3, 4>, f32>("f32")
    };

    for name in ["some.npz", "packed.npz"] {
        let whole = bytes(name);
        assert!(npz(&whole).is_ok());
        for len in (0..whole.len()).step_by(7) {
            assert_eq!(
                npz(&whole[..len]).expect_err("cut").kind,
                ReadErrorKind::Format,
                "{name} {len}"
            );
        }
    }

    // The checksum is compared.
    let mut damaged = bytes("some.npz");
    let at = damaged
        .windows(4)
        .position(|bytes| bytes == 0.5f32.to_le_bytes())
        .expect("the first number");
    damaged[at] ^= 1;

    let error = npz(&damaged).expect_err("damaged");
    assert_eq!(
        (error.kind, &*error.expected),
        (ReadErrorKind::Format, "packed data without damage")
    );
}

#[test]
fn files_that_cannot_be_written_are_named() {
    let folder = folder("npy-unwritable");
    let path = folder.join("none/a.npy");

    let error = npy::write(&path, &Tensor0::from(1.0f32)).expect_err("no folder");
    assert!(
        error
            .to_string()
            .starts_with(&format!("{} cannot be written: ", path.display())),
        "{error}"
    );

    // A folder in the place of the file stays, and no other file is left.
    let taken = folder.join("taken");
    fs::create_dir(&taken).expect("a folder");
    let error = npy::write(&taken, &Tensor0::from(1.0f32)).expect_err("a folder");
    assert!(
        error
            .to_string()
            .starts_with(&format!("{} cannot be written: ", taken.display())),
        "{error}"
    );
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 1);

    assert!(npy::write("", &Tensor0::from(1.0f32)).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_refused(
        start in prop::sample::select(vec![
            &b""[..], b"\x93NUMPY\x01\x00\x40\x00", b"\x93NUMPY\x01\x00\x20\x00{'descr': '<f", b"PK\x05\x06",
        ]),
        rest in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(&b"{}'\":,()L0123 descrshape"[..])], 0..96),
    ) {
        let bytes = [start, &rest].concat();
        let _ = one(&bytes);
        let _ = npy::read_labels_from::<10>("", &bytes[..]);
        let _ = Npz::from_reader("", Cursor::new(bytes));
    }

    #[test]
    fn changed_bytes_are_read_or_refused(name in prop::sample::select(vec!["packed.npz", "some.npz", "f32.npy"]), at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let mut bytes = bytes(name);
        let at = at.index(bytes.len());
        bytes[at] = to;
        let _ = one(&bytes);
        if let Ok(mut npz) = Npz::from_reader("", Cursor::new(bytes)) {
            let _ = (npz.read::<Rank3<2, 3, 4>, f32>("f32"), npz.read_labels::<3>("i64"), npz.names());
        }
    }

    #[test]
    fn written_values_are_read_back(numbers in prop::collection::vec(any::<[f64; 6]>(), 0..9)) {
        let folder = std::env::temp_dir();
        let path = folder.join(format!("shapewright-round-trip-{}.npy", std::process::id()));
        let tensors: Vec<_> = numbers.iter().map(|x| Tensor1::from(*x)).collect();
        npy::write_many(&path, &tensors).expect("a file");
        let read = npy::read_many::<Rank1<6>, f64>(&path);
        fs::remove_file(&path).expect("the file");
        prop_assert_eq!(crate::common::bits(Tensor::flatten(&read.expect("an array"))), crate::common::bits(Tensor::flatten(&tensors)));
    }
}

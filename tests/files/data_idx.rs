//! IDX files and MNIST's folder: their contents, and the errors of malformed files.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::folder;
use proptest::prelude::*;
use shapewright::data::idx::{self, Mnist};
use shapewright::data::{Place, ReadError, ReadErrorKind};
use shapewright::prelude::*;
use shapewright::tensor::{Rank1, Rank3};

/// Returns an IDX file of bytes.
fn file(sizes: &[u32], elements: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, sizes.len() as u8];
    sizes
        .iter()
        .for_each(|size| file.extend(size.to_be_bytes()));
    file.extend(elements);
    file
}

fn images(bytes: &[u8]) -> Result<Vec<Tensor3<2, 3, 1>>, ReadError> {
    idx::images_from("some.idx", bytes)
}

/// Asserts the whole error.
#[track_caller]
fn is<T: std::fmt::Debug>(
    result: Result<T, ReadError>,
    kind: ReadErrorKind,
    place: Place,
    text: &str,
) {
    let error = result.expect_err("a malformed file");
    assert_eq!((error.kind, &error.place), (kind, &place), "{error}");
    assert_eq!(error.to_string(), text);
}

#[test]
fn images_take_every_shape_of_their_pixels() {
    let pixels: Vec<u8> = (0..12).map(|i| 20 * i).collect();
    let file = file(&[2, 2, 3], &pixels);
    let scaled: Vec<f32> = pixels.iter().map(|&byte| byte as f32 / 255.0).collect();
    let read = images(&file).expect("images");
    assert_eq!(read.len(), 2);
    assert_eq!(Tensor::flatten(&read), scaled);
    assert_eq!(read[1][[1, 0, 0]], 180.0 / 255.0);
    let bytes: Vec<Tensor2<2, 3, u8>> = idx::images_from("", &file[..]).expect("images");
    assert_eq!(Tensor::flatten(&bytes), pixels);
    let flat: Vec<Tensor1<6, f64>> = idx::images_from("", &file[..]).expect("images");
    assert_eq!(flat[0][5], 100.0 / 255.0);
    assert!(
        images(&self::file(&[0, 2, 3], &[]))
            .expect("no images")
            .is_empty()
    );
}

#[test]
fn labels_are_checked() {
    let read = idx::labels_from::<3>("", &file(&[4], &[2, 0, 1, 2])[..]).expect("labels");
    assert_eq!(read, Label::from_numbers(&[2u8, 0, 1, 2]).expect("labels"));
    let text = "l.idx: byte 10: expected labels of 3 classes, from 0, but found label 3 at position 2; \
                the file's labels are 0 to 9: choose 10 classes";
    let read = idx::labels_from::<3>("l.idx", &file(&[4], &[2, 0, 3, 9])[..]);
    is(read, ReadErrorKind::Value, Place::Byte(10), text);
    let text = "l.idx: byte 4: expected labels, which have the sizes [count], but found the sizes [1, 1]; \
                read images with `idx::images`";
    is(
        idx::labels_from::<3>("l.idx", &file(&[1, 1], &[0])[..]),
        ReadErrorKind::Shape,
        Place::Byte(4),
        text,
    );
}

#[test]
fn labels_are_counted_from_any_number() {
    let path = folder("idx-counted").join("letters-idx1-ubyte");
    let letters: Vec<u8> = (1..=26).rev().collect();
    fs::write(&path, file(&[26], &letters)).expect("a file");
    let name = path.display();
    // Labels of 27 classes would be read, without a sample of the first class.
    let text = format!(
        "{name}: byte 8: expected labels of 26 classes, from 0, but found label 26 at position 0; the file's labels are 1 \
         to 26: if the first class is 1, read them with `labels_counted_from(.., 1)`"
    );
    is(
        idx::labels::<26>(&path),
        ReadErrorKind::Value,
        Place::Byte(8),
        &text,
    );
    let read = idx::labels_counted_from::<26>(&path, 1).expect("labels");
    assert_eq!(
        read.iter().map(|label| label.index()).collect::<Vec<_>>(),
        (0..26).rev().collect::<Vec<_>>()
    );

    let text = format!(
        "{name}: byte 8: expected labels of 20 classes, from 0, but found label 26 at position 0; the file's labels are 1 \
         to 26: choose 27 classes, or, if the first class is 1, 26 of them with `labels_counted_from(.., 1)`"
    );
    is(
        idx::labels::<20>(&path),
        ReadErrorKind::Value,
        Place::Byte(8),
        &text,
    );
    let text = format!(
        "{name}: byte 33: expected labels of 26 classes, from 2, but found label 1 at position 25; the file's labels are 1 \
         to 26: count them from 1"
    );
    is(
        idx::labels_counted_from::<26>(&path, 2),
        ReadErrorKind::Value,
        Place::Byte(33),
        &text,
    );
    // Nothing shows that 27 classes, counted from 0, are wrong.
    assert!(idx::labels::<27>(&path).is_ok());
}

#[test]
fn other_formats_are_refused() {
    use ReadErrorKind::{Format, Type};
    let text = "some.idx: byte 0: expected the magic number 00 00 08 and a number of axes, but found [50, 4b, 03, 04]; \
                check that this is an IDX file";
    is(
        images(b"PK\x03\x04 and so on"),
        Format,
        Place::Byte(0),
        text,
    );
    let text = "some.idx: byte 0: expected the magic number 00 00 08 and a number of axes, but found [00, 00, 08, 00]; \
                check that this is an IDX file";
    is(images(&[0, 0, 8, 0]), Format, Place::Byte(0), text);
    let text = "some.idx: byte 2: expected elements of type 0x08, but found 0x0d; \
                write it with unsigned bytes (type 0x08)";
    is(images(&[0, 0, 13, 3, 0, 0]), Type, Place::Byte(2), text);
}

#[test]
fn other_sizes_are_refused() {
    use ReadErrorKind::Shape;

    for sizes in [
        &[2, 3, 2][..],
        &[2, 6],
        &[2, 2, 3, 1, 1],
        &[2, 2, 3, 2],
        &[1, 1, 6],
        &[1, 0, 3],
    ] {
        let text = format!(
            "some.idx: byte 4: expected images of the shape [2, 3, 1], but found the sizes {sizes:?}; make the tensors' \
             shape that of the file: [height, width, 1], [height, width] or [height * width]"
        );
        is(images(&file(sizes, &[0; 64])), Shape, Place::Byte(4), &text);
    }

    let text = "some.idx: byte 4: expected images, but found the sizes [2]; read labels with `idx::labels`";
    is(images(&file(&[2], &[0, 0])), Shape, Place::Byte(4), text);

    // Sizes whose product is that of the tensor only after an overflow.
    let overflow = idx::images_from::<Rank1<0>, u8>("", &file(&[1, 1 << 31, 1 << 31, 4], &[])[..]);
    assert_eq!(overflow.expect_err("too large").kind, Shape);
}

#[test]
fn files_that_were_cut_say_where_they_end() {
    let whole = file(&[2, 2, 3], &[7; 12]);
    for len in 0..whole.len() {
        let error = images(&whole[..len]).expect_err("cut");
        assert_eq!(
            (error.kind, error.place),
            (ReadErrorKind::Length, Place::Byte(len as u64))
        );
    }

    let text = "some.idx: byte 2: expected 4 bytes for the magic number from byte 0, but found the end of the file \
                after 2 of them; copy or download the file again";
    is(
        images(&whole[..2]),
        ReadErrorKind::Length,
        Place::Byte(2),
        text,
    );

    let text = "some.idx: byte 20: expected 12 bytes for the elements of the sizes [2, 2, 3] from byte 16, but \
                found the end of the file after 4 of them; copy or download the file again";
    is(
        images(&whole[..20]),
        ReadErrorKind::Length,
        Place::Byte(20),
        text,
    );

    // No memory is reserved for sizes before the data is there: this would be 24 GB.
    is(
        images(&file(&[u32::MAX, 2, 3], &[])),
        ReadErrorKind::Length,
        Place::Byte(16),
        "some.idx: byte 16: expected 25769803770 bytes for the elements of the sizes [4294967295, 2, 3] from \
         byte 16, but found the end of the file after 0 of them; copy or download the file again",
    );
}

#[test]
fn files_that_go_on_are_refused() {
    let text = "some.idx: byte 22: expected the end of the file after the elements of the sizes [1, 2, 3], but found more bytes; \
                copy or download the file again";
    is(
        images(&file(&[1, 2, 3], &[0; 7])),
        ReadErrorKind::Length,
        Place::Byte(22),
        text,
    );
}

#[cfg(feature = "gzip")]
fn gzipped(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(bytes)
        .and_then(|()| gzip.finish())
        .expect("memory")
}

#[cfg(feature = "gzip")]
#[test]
fn gzipped_files_are_read_and_their_damage_found() {
    let packed = gzipped(&file(&[2, 2, 3], &[51; 12]));
    assert_eq!(images(&packed).expect("images")[1].as_slice(), [0.2; 6]);

    for len in 2..packed.len() {
        let error = images(&packed[..len]).expect_err("cut");
        assert_eq!(error.kind, ReadErrorKind::Format, "{len}: {error}");
        assert!(
            error
                .to_string()
                .starts_with("some.idx: expected packed data without damage, but found "),
            "{error}"
        );
    }

    // The checksum at the end is compared.
    let mut damaged = packed.clone();
    let checksum = damaged.len() - 8;
    damaged[checksum] ^= 1;
    assert_eq!(
        images(&damaged).expect_err("damaged").kind,
        ReadErrorKind::Format
    );

    let error =
        images(&gzipped(&file(&[2, 2, 3], &[51; 11]))).expect_err("cut before it was packed");
    assert_eq!(
        (error.kind, error.place),
        (ReadErrorKind::Length, Place::Byte(27))
    );
}

#[cfg(not(feature = "gzip"))]
#[test]
fn gzipped_files_name_the_feature() {
    let text = "some.idx: byte 0: expected an IDX file, but found a gzipped file; switch on the feature `gzip` of \
                shapewright, or unpack the file with `gunzip`";
    is(
        images(&[0x1f, 0x8b, 8, 0]),
        ReadErrorKind::Feature,
        Place::Byte(0),
        text,
    );
}

/// Writes a small set with MNIST's names.
fn write_mnist(folder: &Path, names: [&str; 4]) -> [PathBuf; 4] {
    let contents = [
        file(&[3, 28, 28], &[255; 3 * 784]),
        file(&[3], &[1, 2, 3]),
        file(&[2, 28, 28], &[0; 2 * 784]),
        file(&[2], &[9, 0]),
    ];
    let paths = names.map(|name| folder.join(name));
    paths
        .iter()
        .zip(contents)
        .for_each(|(path, content)| fs::write(path, content).expect("a file"));
    paths
}

const USUAL: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

#[test]
fn the_folder_of_mnist_is_read_in_both_namings() {
    let dotted = [
        "train-images.idx3-ubyte",
        "train-labels.idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels.idx1-ubyte",
    ];

    for (name, names) in [("usual", USUAL), ("dotted", dotted)] {
        let folder = folder(&format!("mnist-{name}"));
        write_mnist(&folder, names);

        let data: Mnist = Mnist::read(&folder).expect("the four files");
        assert_eq!((data.train_images.len(), data.test_images.len()), (3, 2));
        assert_eq!(
            (data.train_images[2].sum(), data.test_images[0].sum()),
            (784.0, 0.0)
        );
        assert_eq!(
            (data.train_labels[0].index(), data.test_labels[0].index()),
            (1, 9)
        );

        let bytes = Mnist::<Rank1<784>, u8>::read(&folder).expect("the four files");
        assert_eq!(bytes.train_images[0][783], 255);
    }
}

#[test]
fn missing_files_of_mnist_are_named() {
    let folder = folder("mnist-missing");
    let paths = write_mnist(&folder, USUAL);
    fs::remove_file(&paths[1])
        .and_then(|()| fs::remove_file(&paths[2]))
        .expect("files");
    let error = Mnist::<Rank3<28, 28, 1>>::read(&folder).expect_err("two are missing");
    assert_eq!((error.kind, &error.path), (ReadErrorKind::Io, &folder));
    let missing = "`train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte`";
    assert_eq!(&*error.found, format!("a folder without {missing}"));
    assert!(
        error
            .advice
            .starts_with(&format!("put {missing} into {}", folder.display())),
        "{error}"
    );
    assert_eq!(error.advice.contains(".gz"), cfg!(feature = "gzip"));

    let error = Mnist::<Rank3<28, 28, 1>>::read(folder.join("none")).expect_err("no folder");
    assert_eq!(&*error.found, "nothing there");
    assert!(
        USUAL.iter().all(|name| error.advice.contains(name)),
        "{error}"
    );
    let error = Mnist::<Rank3<28, 28, 1>>::read(&paths[0]).expect_err("no folder");
    assert_eq!(&*error.found, "a file");
    assert!(
        error
            .advice
            .starts_with("give the folder that has `train-images-idx3-ubyte`"),
        "{error}"
    );
}

#[test]
fn images_and_labels_of_mnist_are_counted() {
    let folder = folder("mnist-counts");
    let paths = write_mnist(&folder, USUAL);
    fs::write(&paths[3], file(&[1], &[9])).expect("a file");
    let error = Mnist::<Rank3<28, 28, 1>>::read(&folder).expect_err("a label is missing");
    assert_eq!(
        (error.kind, &error.path),
        (ReadErrorKind::Length, &paths[3])
    );
    let expected = format!("2 labels, one for each image of {}", paths[2].display());
    assert_eq!((&*error.expected, &*error.found), (&*expected, "1 labels"));
}

#[test]
fn the_real_mnist_is_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/mnist");
    if !cfg!(feature = "gzip") || !folder.is_dir() {
        println!(
            "skipped: needs the feature `gzip` and the files of MNIST in {}",
            folder.display()
        );
        return;
    }

    let data = Mnist::<Rank1<784>, u8>::read(&folder).expect("MNIST");
    assert_eq!(
        (data.train_images.len(), data.test_images.len()),
        (60_000, 10_000)
    );

    // The mean of the training pixels is known: 0.1307 of 255.
    let sum: u64 = Tensor::flatten(&data.train_images)
        .iter()
        .map(|&byte| u64::from(byte))
        .sum();
    assert!((sum as f64 / (60_000.0 * 784.0 * 255.0) - 0.1307).abs() < 5e-5);

    assert_eq!(
        data.train_labels[..5]
            .iter()
            .map(|label| label.index())
            .collect::<Vec<_>>(),
        [5, 0, 4, 1, 9]
    );

    let mut counts = [0; 10];
    data.test_labels
        .iter()
        .for_each(|label| counts[label.index()] += 1);
    assert_eq!(
        counts,
        [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_refused(
        start in prop::sample::select(vec![vec![], vec![0, 0, 8], vec![0, 0, 8, 3, 0, 0, 0], vec![0x1f, 0x8b, 8]]),
        rest in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let bytes = [start, rest].concat();
        let _ = images(&bytes);
        let _ = idx::labels_from::<10>("", &bytes[..]);
    }

    #[test]
    fn written_values_are_read_back(count in 0..9usize, seed in any::<u64>()) {
        let pixels: Vec<Tensor2<3, 2, u8>> =
            (0..count).map(|i| Tensor::from_position(|j| (seed >> (8 * ((i + j) % 8))) as u8)).collect();
        let bytes = file(&[count as u32, 3, 2], Tensor::flatten(&pixels));
        prop_assert_eq!(idx::images_from("", &bytes[..]).expect("images"), pixels);
    }
}

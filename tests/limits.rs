//! The memory of metrics and of readers of files: it grows with the data and stays within the
//! limits.
#![cfg(all(
    feature = "csv",
    feature = "gzip",
    feature = "images",
    feature = "npy",
    feature = "safetensors"
))]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use common::folder;
use flate2::Compression;
use flate2::write::GzEncoder;
use shapewright::data::cifar::{self, Cifar10};
use shapewright::data::csv::{Csv, CsvValues};
use shapewright::data::images::{self, Images, Size};
use shapewright::data::npy::{self, Npz};
use shapewright::data::{ReadError, ReadErrorKind, idx};
use shapewright::prelude::*;
use shapewright::weights::{LoadErrorKind, Loader, Saver};
use shapewright::{
    Limits,
    tensor::{Rank1, Rank2},
    train::{CheckpointErrorKind, TrainError},
};

thread_local! {
    /// The number of bytes that this thread holds, and the largest such number so far.
    static NOW: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

struct Counting;

fn count(bytes: isize) {
    let now = NOW.get() + bytes;
    NOW.set(now);
    MOST.set(MOST.get().max(now));
}

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        // SAFETY: as the caller promises.
        unsafe { System.realloc(memory, layout, size) }
    }
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Returns the result of a call and the largest number of bytes that it holds at a time, beyond
/// those before it.
fn most<R>(call: impl FnOnce() -> R) -> (R, isize) {
    let before = NOW.get();
    MOST.set(before);
    let result = call();
    (result, MOST.get() - before)
}

const MIB: isize = 1 << 20;

/// Asserts that a reader refuses a file because of its memory, and that it takes at most `within`
/// bytes to find out.
#[track_caller]
fn refused<T>(within: isize, read: impl FnOnce() -> Result<T, ReadError>) -> ReadError {
    let (result, most) = most(read);
    let Err(error) = result else {
        panic!("read with {most} bytes")
    };
    assert_eq!(error.kind, ReadErrorKind::Limit, "{error}");
    assert!(most <= within, "{most} bytes until {error}");
    error
}

/// Returns `start` and many zeros, compressed.
fn packed_zeros(start: &[u8], zeros: usize) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(start).expect("memory");
    std::io::copy(&mut std::io::repeat(0).take(zeros as u64), &mut gzip).expect("memory");
    gzip.finish().expect("memory")
}

#[test]
fn packed_files_are_refused_before_they_fill_the_memory() {
    let folder = folder("limits-packed");
    let head = |count: u32| {
        [
            &[0, 0, 8, 3][..],
            &count.to_be_bytes(),
            &[0, 0, 0, 28, 0, 0, 0, 28],
        ]
        .concat()
    };
    let path = folder.join("zeros.gz");
    // Of a file, only the head is read.
    fs::write(&path, packed_zeros(&head(400_000), 784)).expect("a file");
    let error = refused(MIB, || idx::images::<Rank2<28, 28>, f32>(&path));
    let text = format!(
        "{}: byte 16: expected at most 268435456 bytes of memory to be needed for a file, but found 1568000000 for the \
         elements of the sizes [400000, 28, 28]; if you trust the file, read it within \
         `Limits::new().max_bytes(..).within(..)`",
        path.display()
    );
    assert_eq!(error.to_string(), text);
    // A source without a size is read up to the limit.
    let bytes = packed_zeros(&head(10_000), 7_840_000);
    assert!(bytes.len() < 50_000, "{} bytes", bytes.len());
    let limits = Limits::new().max_bytes(10 << 20);
    refused(20 * MIB, || {
        limits.within(|| idx::images_from::<Rank2<28, 28>, f32>("x", &bytes[..]))
    });
    // The announced size may be wrong: here there are fewer bytes.
    let small = packed_zeros(&head(400_000), 784);
    let error = idx::images_from::<Rank2<28, 28>, f32>("x", &small[..]).expect_err("cut");
    assert_eq!(error.kind, ReadErrorKind::Length);

    // With a higher limit, the file is read.
    fs::write(&path, &bytes).expect("a file");
    let read = || idx::images::<Rank2<28, 28>, u8>(&path);
    refused(MIB, || limits.within(read));
    assert_eq!(
        Limits::new()
            .max_bytes(16 << 20)
            .within(read)
            .expect("images")
            .len(),
        10_000
    );
    assert_eq!(read().expect("images").len(), 10_000);
    // Each byte of a label becomes four bytes in memory.
    let head = [&[0, 0, 8, 1][..], &(100_000_000_u32).to_be_bytes()].concat();
    fs::write(&path, packed_zeros(&head, 100)).expect("a file");
    refused(MIB, || idx::labels::<10>(&path));
}

#[test]
fn packed_arrays_are_refused_before_they_fill_the_memory() {
    let folder = folder("limits-npz");
    let path = folder.join("zeros.npz");
    let mut zip = zip::ZipWriter::new(fs::File::create(&path).expect("a file"));
    for (name, shape, descr, zeros) in [
        ("x", "(50000000, 4)", "<f4", 1000_u64),
        ("y", "(4000000,)", "|u1", 4_000_000),
    ] {
        let method = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Deflated);
        zip.start_file(format!("{name}.npy"), method.compression_level(Some(1)))
            .expect("an array");
        let head = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}}}");
        zip.write_all(b"\x93NUMPY\x01\x00").expect("a file");
        zip.write_all(&(head.len() as u16).to_le_bytes())
            .expect("a file");
        zip.write_all(head.as_bytes()).expect("a file");
        std::io::copy(&mut std::io::repeat(0).take(zeros), &mut zip).expect("a file");
    }
    zip.finish().expect("a file");
    assert!(fs::metadata(&path).expect("a file").len() < 50_000);

    let mut npz = Npz::open(&path).expect("an archive");
    let error = refused(MIB, || npz.read_many::<Rank1<4>, f32>("x"));
    assert!(
        error
            .to_string()
            .contains("1600000000 for the numbers of the shape [50000000, 4]"),
        "{error}"
    );
    // Each byte becomes a label.
    let few = Limits::new().max_bytes(10_000_000);
    refused(MIB, || few.within(|| npz.read_labels::<10>("y")));
    assert_eq!(npz.read_labels::<10>("y").expect("labels").len(), 4_000_000);
}

/// A part of a PNG with its length and checksum.
fn chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(kind);
    crc.update(content);
    [
        &(content.len() as u32).to_be_bytes()[..],
        kind,
        content,
        &crc.sum().to_be_bytes(),
    ]
    .concat()
}

/// Returns a small PNG file that claims to be large.
fn png(width: u32, height: u32) -> Vec<u8> {
    let head = [
        &width.to_be_bytes()[..],
        &height.to_be_bytes(),
        &[8, 2, 0, 0, 0],
    ]
    .concat();
    let pixels = [0x78, 0x9c, 0x63, 0x60, 0x60, 0x60, 0, 0, 0, 4, 0, 1];
    let (start, end) = (b"\x89PNG\r\n\x1a\n", chunk(b"IEND", &[]));
    [
        &start[..],
        &chunk(b"IHDR", &head),
        &chunk(b"IDAT", &pixels),
        &end,
    ]
    .concat()
}

/// Returns a small JPEG file that claims to be large.
fn jpeg(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(8, 8)
        .write_to(&mut bytes, image::ImageFormat::Jpeg)
        .expect("a picture");
    let mut bytes = bytes.into_inner();
    let at = bytes
        .windows(2)
        .position(|pair| pair == [0xff, 0xc0])
        .expect("the start of a frame");
    bytes[at + 5..at + 7].copy_from_slice(&height.to_be_bytes());
    bytes[at + 7..at + 9].copy_from_slice(&width.to_be_bytes());
    bytes
}

#[test]
fn small_files_of_large_pictures_are_refused_by_their_head() {
    let folder = folder("limits-pictures");
    let class = folder.join("a");
    fs::create_dir(&class).expect("a folder");
    for (name, bytes) in [
        ("x.png", png(13_000, 13_000)),
        ("x.png", png(1 << 31, 1)),
        ("x.png", png(1, (1 << 31) - 1)),
        ("x.jpg", jpeg(13_000, 13_000)),
        ("x.jpg", jpeg(65_500, 65_500)),
    ] {
        let path = class.join(name);
        fs::write(&path, &bytes).expect("a file");
        let small = (bytes.len() as isize) * 8 + MIB;
        for size in [Size::Exact, Size::Resize] {
            let (read, most) = most(|| images::read::<8, 8, 3, f32>(&path, size));
            let error = read.expect_err("a large picture");
            assert!(most < small, "{most} bytes, {size:?}: {error}");
            let shape = size == Size::Exact && error.kind == ReadErrorKind::Shape;
            assert!(
                shape || matches!(error.kind, ReadErrorKind::Limit | ReadErrorKind::Format),
                "{error}"
            );
        }
        let read = Images::<8, 8, 3, 1>::read(&folder, Size::Resize).expect_err("a large picture");
        assert_eq!(read.errors.len(), 1);
        fs::remove_file(&path).expect("the file");
    }

    let path = class.join("x.png");
    fs::write(&path, png(13_000, 13_000)).expect("a file");
    let error = refused(MIB, || images::read::<8, 8, 3, f32>(&path, Size::Resize));
    let text = "expected at most 268435456 bytes of memory to be needed for a file, but found 508664000 for a picture of \
                the height 13000 and the width 13000; if you trust the file, read it within \
                `Limits::new().max_bytes(..).within(..)`";
    assert_eq!(error.to_string(), format!("{}: {text}", path.display()));
    // A small picture that is wide, and that resizing makes high on the way.
    image::GrayImage::new(1000, 1)
        .save(&path)
        .expect("a picture");
    let read = || images::read::<100, 1, 1, u8>(&path, Size::Resize);
    refused(MIB / 4, || Limits::new().max_bytes(1 << 20).within(read));
    assert!(read().is_ok());
}

network! { struct Net: [2] -> [1] { Linear<_, 1> } }

#[test]
fn every_reader_keeps_to_a_limit_of_the_program() {
    let folder = folder("limits-every");
    let path = folder.join("file");
    let few = Limits::new().max_bytes(1000);
    let most_enough = Limits::new().max_bytes(1 << 24);

    let records = [0; 3073].repeat(400);
    refused(MIB / 4, || {
        few.within(|| cifar::batch_from::<f32>("x", &records[..]))
    });
    for name in (1..=5)
        .map(|i| format!("data_batch_{i}.bin"))
        .chain(["test_batch.bin".into()])
    {
        fs::write(folder.join(name), &records).expect("a file");
    }
    refused(MIB / 4, || few.within(|| Cifar10::<f32>::read(&folder)));
    assert_eq!(
        most_enough
            .within(|| Cifar10::<f32>::read(&folder))
            .expect("images")
            .test_images
            .len(),
        400
    );

    npy::write_many(&path, &vec![Tensor1::<1000>::ones(); 600]).expect("a file");
    refused(MIB / 4, || {
        few.within(|| npy::read_many::<Rank1<1000>, f32>(&path))
    });
    assert_eq!(
        most_enough
            .within(|| npy::read_many::<Rank1<1000>, f32>(&path))
            .expect("an array")
            .len(),
        600
    );

    let text = format!("y,a\n{}", "1,2\n".repeat(1000));
    let read = || -> Result<CsvValues<1, 1>, _> {
        Csv::new().read_values_from("x", text.as_bytes(), ["y"])
    };
    assert_eq!(
        few.within(read).expect_err("too many").errors[0].kind,
        ReadErrorKind::Limit
    );
    assert_eq!(most_enough.within(read).expect("rows").x.len(), 1000);

    let net = Net::init(&mut shapewright::rng(0));
    fs::write(&path, net.to_safetensors(&[("text", &"x".repeat(2000))])).expect("a file");
    let error = few.within(|| Loader::open(&path)).err().expect("too large");
    assert!(
        matches!(
            error.kind,
            LoadErrorKind::TooLarge {
                limit: 1000,
                need: 2000..
            }
        ),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .contains("bytes, but at most 1000 are read; if you trust the file"),
        "{error}"
    );
    assert!(most_enough.within(|| Loader::open(&path)).is_ok());

    // A training with a long history.
    let path = folder.join("run.checkpoint");
    let x = [[0.0, 1.0], [1.0, 0.0]].map(Tensor1::from);
    let y = [[0.0], [1.0]].map(Tensor1::from);
    let trainer = |epochs| {
        Net::trainer(Sgd::new(0.1), Mse)
            .epochs(epochs)
            .checkpoint(&path)
            .checkpoint_every(99)
    };
    trainer(50)
        .fit(&mut Net::zeros(), &x, &y)
        .expect("a training");
    let again = || trainer(51).resume(true).fit(&mut Net::zeros(), &x, &y);
    let Err(TrainError::Checkpoint(error)) = few.within(again) else {
        panic!("read")
    };
    assert!(
        matches!(
            error.kind,
            CheckpointErrorKind::TooLarge { limit: 1000, .. }
        ),
        "{error}"
    );
    assert_eq!(
        most_enough.within(again).expect("a training").epochs.len(),
        51
    );
}

/// Loading a part of a file takes the parameters, the header and a small buffer, whether numbers are
/// copied, transposed or converted.
#[test]
fn weights_are_read_in_small_pieces() {
    network! { struct Large: [1000] -> [1000] { a: Linear<_, 1000>, b: Linear<_, 1000> } }
    network! { struct Double: [1000] -> [1000] as f64 { a: Linear<_, 1000>, b: Linear<_, 1000> } }
    let folder = folder("limits-weights");
    let path = folder.join("net.safetensors");
    let net = Large::init(&mut shapewright::rng(0));
    let saver = Saver::new().part("double", &*Double::init(&mut shapewright::rng(1)));
    saver.part("net", &*net).save(&path).expect("a file");

    let len = fs::metadata(&path).expect("the file").len() as isize;
    let own = size_of::<Large>() as isize;
    assert!(len > 3 * own);
    for part in ["net", "double"] {
        let (loaded, most) = most(|| Loader::open(&path)?.part(part).load::<f32, Large>());
        assert!(loaded.is_ok());
        assert!(
            most < own + MIB / 4,
            "{most} bytes for {own} bytes of weights"
        );
    }
    let few = Limits::new().max_bytes(100_000);
    assert!(few.within(|| Loader::open(&path)).is_ok());
}

#[cfg(unix)]
#[test]
fn devices_without_end_are_refused() {
    let zero = Path::new("/dev/zero");
    let few = Limits::new().max_bytes(1 << 20);
    let error = few.within(|| Loader::open(zero)).err().expect("no end");
    assert!(
        matches!(error.kind, LoadErrorKind::TooLarge { .. }),
        "{error}"
    );
    refused(64 * MIB, || {
        few.within(|| cifar::batch_from::<u8>(zero, fs::File::open(zero).expect("a device")))
    });
    let read = || Csv::new().read_values::<1, 1, f32>(zero, ["y"]);
    assert_eq!(
        few.within(read).expect_err("no end").errors[0].kind,
        ReadErrorKind::Limit
    );
}

#[test]
fn limits_end_with_their_call() {
    let read = || cifar::batch_from::<u8>("x", &[0; 3073][..]);
    let few = Limits::new().max_bytes(10);
    assert!(
        few.within(|| Limits::new().max_bytes(10_000).within(read))
            .is_ok()
    );
    let panicked = std::panic::catch_unwind(|| few.within(|| panic!("on the way")));
    assert!(panicked.is_err());
    assert!(read().is_ok(), "a panic leaves no limit behind");
}

/// Runs on a thread whose stack is smaller than one row of scores.
fn on_a_small_stack(run: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new()
        .stack_size(256 << 10)
        .spawn(run)
        .expect("a thread");
    thread.join().expect("enough stack");
}

/// 100 labels of `N` classes, of which every third is predicted wrong.
fn labels<const N: usize>() -> (Vec<Label<N>>, Vec<Label<N>>) {
    let label = |class: usize| Label::<N>::new(class % N).expect("a class");
    let labels: Vec<_> = (0..100).map(|i| label(i % 40 * (N / 41))).collect();
    let predictions = labels
        .iter()
        .enumerate()
        .map(|(i, one)| label(one.index() + usize::from(i % 3 == 0)));
    (predictions.collect(), labels)
}

/// The metrics of classes, with the value that each has for [`labels`].
fn measure_labels<const N: usize>() {
    use shapewright::metrics::{
        Average, BalancedAccuracy, ConfusionMatrix, F1, MatthewsCorrelation, MeanIou, Precision,
        Recall,
    };
    let (predictions, labels) = labels::<N>();
    let of = |mut metric: Box<dyn Measures<Label<N>, Label<N>>>| {
        metric.update(&predictions, &labels);
        metric.value().expect("samples")
    };
    let recalls = (0..40).map(|class| {
        let of_class = (0..100).filter(|i| i % 40 == class);
        let right = of_class.clone().filter(|i| i % 3 > 0).count();
        right as f64 / of_class.count() as f64
    });
    let recall = recalls.sum::<f64>() / 40.0;
    let averages = [
        Average::Macro,
        Average::Micro,
        Average::Weighted,
        Average::Class(N - 1),
    ];
    for average in averages {
        let macro_averaged = average == Average::Macro;
        for (value, most) in [
            (of(Box::new(Precision::<N>::new(average))), 1.0),
            (
                of(Box::new(Recall::<N>::new(average))),
                if macro_averaged { recall } else { 1.0 },
            ),
            (of(Box::new(F1::<N>::new(average))), 1.0),
        ] {
            assert!((0.0..=most).contains(&value), "{average:?}: {value}");
        }
    }
    assert!((of(Box::new(BalancedAccuracy::<N>::new())) - recall).abs() < 1e-15);
    assert_eq!(of(Box::new(Recall::<N>::new(Average::Micro))), 0.66);
    assert!((0.6..0.7).contains(&of(Box::new(MatthewsCorrelation::<N>::new()))));
    assert!(of(Box::new(MeanIou::<N>::new())) < recall);

    let mut matrix = ConfusionMatrix::<N>::of_predictions(&predictions, &labels);
    matrix.merge(&matrix.clone());
    assert_eq!(
        (matrix.total(), matrix.correct(), matrix.support().len()),
        (200, 132, N)
    );
    assert!((matrix.balanced_accuracy().expect("samples") - recall).abs() < 1e-15);
    assert_eq!(
        matrix.f1(Average::Macro).expect("samples"),
        of(Box::new(F1::<N>::new(Average::Macro)))
    );
    assert_eq!(matrix.nonzero().map(|(.., count)| count).sum::<u64>(), 200);
    assert_eq!(matrix.count(labels[0], predictions[0]), 2);
}

#[test]
fn metrics_take_memory_for_labels_and_classes_and_not_for_their_square() {
    on_a_small_stack(|| {
        for (run, classes) in [
            (measure_labels::<1000> as fn(), 1000),
            (measure_labels::<1025>, 1025),
            (measure_labels::<10_000>, 10_000),
            (measure_labels::<100_000>, 100_000),
        ] {
            let (_, most) = most(run);

            // Two dense matrices of up to 1024 classes.
            let dense = if classes <= 1024 {
                16 * classes * classes
            } else {
                0
            };

            assert!(
                most < 100 * classes + dense + MIB / 4,
                "{most} bytes for {classes} classes"
            );
        }
    });
}

#[test]
fn metrics_of_scores_take_no_row_of_them_on_the_stack() {
    use shapewright::metrics::{
        Accuracy, Average, ConfusionMatrix, F1, LogLoss, Outputs, RocAucOneVsRest, TopKAccuracy,
    };
    const N: usize = 100_000;

    on_a_small_stack(|| {
        let mut scores = Tensor1::<N>::zeros_boxed();
        scores[N - 1] = 3.0;
        let outputs = std::slice::from_ref(&*scores);
        let label = [Label::<N>::new(N - 1).expect("a class")];

        let ((), most) = most(|| {
            let mut metrics: [Box<dyn Measures<Tensor1<N>, Label<N>>>; 5] = [
                Box::new(Accuracy::<N>::new()),
                Box::new(TopKAccuracy::<N>::new(2)),
                Box::new(LogLoss::<N>::new(Outputs::Logits)),
                Box::new(F1::<N>::new(Average::Micro)),
                Box::new(RocAucOneVsRest::<N>::new(Outputs::Logits)),
            ];

            metrics
                .iter_mut()
                .for_each(|metric| metric.update(outputs, &label));
            let values: Vec<_> = metrics.iter().map(|metric| metric.value()).collect();

            let log_loss = (3.0_f64.exp() + (N - 1) as f64).ln() - 3.0;
            assert_eq!(
                (&values[0], &values[1], &values[3]),
                (&Ok(1.0), &Ok(1.0), &Ok(1.0))
            );
            assert!((values[2].as_ref().expect("a sample") - log_loss).abs() < 1e-9);
            assert!(values[4].is_err(), "most classes have no sample");
            assert_eq!(
                ConfusionMatrix::<N>::of(outputs, &label).accuracy(),
                Ok(1.0)
            );
        });

        assert!(most < 80 * N as isize, "{most} bytes");
    });
}

#[test]
fn large_and_small_matrices_are_the_same() {
    use shapewright::metrics::{ConfusionMatrix, Normalize};
    const N: usize = 1025;

    let (predictions, labels) = labels::<N>();
    let mut matrix = ConfusionMatrix::<N>::of_predictions(&predictions, &labels);

    let mut counts = vec![vec![0_u64; N]; N];
    for (prediction, label) in predictions.iter().zip(&labels) {
        counts[label.index()][prediction.index()] += 1;
    }
    assert!(
        matrix
            .counts()
            .iter()
            .zip(&counts)
            .all(|(row, expected)| row == expected.as_slice())
    );

    let shares = matrix.normalized(Normalize::All);
    assert_eq!(
        shares[labels[0].index()][predictions[0].index()],
        matrix.count(labels[0], predictions[0]) as f64 / 100.0
    );

    // What was laid out follows.
    matrix.add(labels[1], labels[0]);
    assert_eq!(
        matrix.counts()[labels[0].index()][labels[1].index()],
        counts[labels[0].index()][labels[1].index()] + 1
    );

    matrix.reset();
    assert_eq!(matrix, ConfusionMatrix::new());
    assert_eq!(matrix.counts().as_flattened().iter().sum::<u64>(), 0);
}

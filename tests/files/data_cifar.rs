//! CIFAR-10's files: their contents, and the errors of malformed ones.

use std::fs;

use crate::common::folder;
use shapewright::data::cifar::{self, Cifar10};
use shapewright::data::{Place, ReadErrorKind};

/// Returns a record whose bytes depend on channel, row and column.
fn record(label: u8) -> Vec<u8> {
    let mut record = vec![label];
    for channel in 0..3 {
        record.extend(
            (0..32u8).flat_map(|row| (0..32).map(move |column| byte(channel, row, column))),
        );
    }
    record
}

fn byte(channel: u8, row: u8, column: u8) -> u8 {
    80 * channel + 2 * row + column / 16
}

#[test]
fn planes_become_channels() {
    let file = [record(3), record(9)].concat();
    let (images, labels) = cifar::batch_from::<u8>("", &file[..]).expect("two records");
    assert_eq!(
        labels.iter().map(|label| label.index()).collect::<Vec<_>>(),
        [3, 9]
    );
    assert_eq!(images.len(), 2);

    for (channel, row, column) in [(0, 0, 0), (0, 31, 31), (1, 5, 20), (2, 17, 3), (2, 0, 31)] {
        let at = [usize::from(row), usize::from(column), usize::from(channel)];
        assert_eq!(images[1][at], byte(channel, row, column), "{at:?}");
    }

    let (scaled, _) = cifar::batch_from::<f32>("", &file[..]).expect("two records");
    assert_eq!(scaled[0][[31, 31, 2]], 223.0 / 255.0);

    assert!(
        cifar::batch_from::<f32>("", &[][..])
            .expect("no records")
            .0
            .is_empty()
    );
}

#[test]
fn malformed_files_are_refused() {
    let file = [record(3), record(10)].concat();
    let error = cifar::batch_from::<u8>("some.bin", &file[..]).expect_err("no class");
    assert_eq!(
        (error.kind, &error.place),
        (ReadErrorKind::Value, &Place::Byte(3073))
    );
    let text = "some.bin: byte 3073: expected labels of 10 classes, from 0, but found label 10 of record 1; take \
                CIFAR-10's binary version; CIFAR-100 has two labels in a record";
    assert_eq!(error.to_string(), text);
    let error = cifar::batch_from::<u8>("some.bin", &file[..3075]).expect_err("cut");
    assert_eq!(
        (error.kind, &error.place),
        (ReadErrorKind::Length, &Place::Byte(3075))
    );
    let text = "some.bin: byte 3075: expected records of 3073 bytes, a label and an image, but found the end of the file \
                after 2 bytes of one; take CIFAR-10's binary version, and copy or download the file again";
    assert_eq!(error.to_string(), text);
}

#[test]
fn the_folder_is_read_in_order() {
    let folder = folder("cifar");
    for number in 1..=5u8 {
        let file = record(number).repeat(usize::from(number));
        fs::write(folder.join(format!("data_batch_{number}.bin")), file).expect("a file");
    }

    let error = Cifar10::<f32>::read(&folder).expect_err("no test images");
    assert_eq!(
        (error.kind, error.path),
        (ReadErrorKind::Io, folder.join("test_batch.bin"))
    );

    // A download that fails at once leaves an empty file.
    fs::write(folder.join("test_batch.bin"), "").expect("a file");
    let error = Cifar10::<f32>::read(&folder).expect_err("no test images");
    assert_eq!(
        (error.kind, &*error.found),
        (ReadErrorKind::Length, "an empty file")
    );

    fs::write(folder.join("test_batch.bin"), record(0)).expect("a file");
    let data: Cifar10 = Cifar10::read(&folder).expect("the six files");
    let labels: Vec<_> = data
        .train_labels
        .iter()
        .map(|label| label.index())
        .collect();
    assert_eq!(labels, [1, 2, 2, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5]);
    assert_eq!(
        (
            data.train_images.len(),
            data.test_images.len(),
            data.test_labels[0].index()
        ),
        (15, 1, 0)
    );
}

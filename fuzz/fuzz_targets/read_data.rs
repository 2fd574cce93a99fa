//! Reads arbitrary bytes as a file of data: IDX, CIFAR-10, NumPy's `.npy` and `.npz`, CSV, WAV, a
//! vocabulary. No reader may panic, and errors must have a text.
//!
//! ```sh
//! fuzz/run 60
//! ```

#![no_main]

use core::fmt::Display;
use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use shapewright::data::audio::Wav;
use shapewright::data::cifar;
use shapewright::data::csv::{Csv, CsvClasses, CsvValues};
use shapewright::data::idx;
use shapewright::data::npy::{self, Npz};
use shapewright::data::text::Vocabulary;
use shapewright::tensor::Rank2;

/// Checks that an error has a text.
fn says<T, E: Display>(result: Result<T, E>) {
    if let Err(error) = result {
        assert!(!error.to_string().is_empty());
    }
}

/// Settings of a reader of tables, also those that it refuses.
fn csv(settings: u8) -> Csv {
    let delimiters = [b',', b';', b'\t', b' ', 0xc3, b'"'];
    Csv::new()
        .delimiter(delimiters[usize::from(settings / 2) % delimiters.len()])
        .quotes(settings.is_multiple_of(2))
}

// The first byte selects the reader and the settings of tables.
fuzz_target!(|bytes: &[u8]| {
    let Some((reader, bytes)) = bytes.split_first() else {
        return;
    };
    match reader % 11 {
        0 => says(idx::images_from::<Rank2<3, 2>, f32>("x", bytes)),
        1 => says(idx::labels_from::<5>("x", bytes)),
        2 => says(npy::read_from::<Rank2<3, 2>, f32>("x", bytes)),
        3 => says(npy::read_many_from::<Rank2<3, 2>, f64>("x", bytes)),
        4 => says(npy::read_labels_from::<5>("x", bytes)),
        5 => match Npz::from_reader("x", Cursor::new(bytes)) {
            Ok(mut file) => {
                for name in file.names() {
                    says(file.read_many::<Rank2<3, 2>, f32>(&name));
                }
            }
            error => says(error),
        },
        6 => says(cifar::batch_from::<f32>("x", bytes)),
        7 => {
            let classes: Result<CsvClasses<2, 3>, _> =
                csv(reader / 11).read_classes_from("x", bytes, "c");
            says(classes);
        }
        8 => says(Wav::read_from("x", bytes)),
        9 => says(Vocabulary::<5>::read_from("x", bytes)),
        _ => {
            let values: Result<CsvValues<2, 1>, _> = csv(reader / 11)
                .columns(["a", "b", "c"])
                .read_values_from("x", bytes, ["b"]);
            says(values);
        }
    }
});

//! CIFAR-10 in its binary version: records of one byte for the class and 3072 for the image.
//!
//! ```no_run
//! use shapewright::data::cifar::{CLASSES, Cifar10};
//! let data: Cifar10 = Cifar10::read("data/cifar-10-batches-bin")?;
//! println!(
//!     "the first image is a {}",
//!     CLASSES[data.train_labels[0].index()]
//! );
//! # Ok::<(), shapewright::data::ReadError>(())
//! ```
//!
//! Source: A. Krizhevsky, *The CIFAR-10 dataset*, section "Binary version". The files have the red,
//! the green and the blue plane of an image one after the other; the tensors have the three values
//! of a pixel together, `[32, 32, 3]`.

use std::io::{BufReader, Read};
use std::path::Path;

use super::bytes::{self, Bytes, COPY_AGAIN};
use super::{Pixel, Place, ReadError, ReadErrorKind};
use crate::limits::Budget;
use crate::loss::Label;
use crate::memory;
use crate::tensor::Tensor3;

/// The names of the ten classes.
pub const CLASSES: [&str; 10] = [
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
];

/// The name of the file with images for testing.
const TEST: &str = "test_batch.bin";
const SIDE: usize = 32;
const CHANNELS: usize = 3;
const PLANE: usize = SIDE * SIDE;
const RECORD: usize = 1 + CHANNELS * PLANE;

/// The images of a file with their labels.
pub type Batch<T> = (Vec<Tensor3<SIDE, SIDE, CHANNELS, T>>, Vec<Label<10>>);

/// CIFAR-10: ten classes of colour images of 32 by 32 pixels.
///
/// Numbers are 0 to 1 as `f32` or `f64`, bytes as `u8`: see [`Pixel`].
#[derive(Debug, PartialEq)]
pub struct Cifar10<T: Pixel = f32> {
    /// The images for training, `[height, width, channels]`; 50,000 in the whole set.
    pub train_images: Vec<Tensor3<SIDE, SIDE, CHANNELS, T>>,
    /// Their classes.
    pub train_labels: Vec<Label<10>>,
    /// The images for testing; 10,000 in the whole set.
    pub test_images: Vec<Tensor3<SIDE, SIDE, CHANNELS, T>>,
    /// Their classes.
    pub test_labels: Vec<Label<10>>,
}

impl<T: Pixel> Clone for Cifar10<T> {
    fn clone(&self) -> Self {
        Cifar10 {
            train_images: memory::to_vec(&self.train_images),
            train_labels: self.train_labels.clone(),
            test_images: memory::to_vec(&self.test_images),
            test_labels: self.test_labels.clone(),
        }
    }
}

impl<T: Pixel> Cifar10<T> {
    /// Reads the six files of a folder: `data_batch_1.bin` to `data_batch_5.bin` and
    /// `test_batch.bin`.
    ///
    /// # Errors
    /// Returns an error if a file is missing, empty or cannot be read ([`batch_from`]).
    pub fn read(folder: impl AsRef<Path>) -> Result<Self, ReadError> {
        let folder = folder.as_ref();
        let mut train_images = Vec::new();
        let mut train_labels = Vec::new();
        for number in 1..=5 {
            let (mut images, labels) = batch(&folder.join(format!("data_batch_{number}.bin")))?;
            train_images.append(&mut images);
            train_labels.extend(labels);
        }

        let (test_images, test_labels) = batch(&folder.join(TEST))?;
        Ok(Cifar10 {
            train_images,
            train_labels,
            test_images,
            test_labels,
        })
    }
}

/// Reads a file of the folder, which has at least one image.
fn batch<T: Pixel>(path: &Path) -> Result<Batch<T>, ReadError> {
    let (file, budget) = bytes::open(path)?;
    let batch = batch_in(path, file, budget)?;
    if batch.1.is_empty() {
        return Err(ReadError::new(
            path,
            ReadErrorKind::Length,
            Place::File,
            "images",
            "an empty file",
            COPY_AGAIN,
        ));
    }
    Ok(batch)
}

/// Reads the images and labels of one of the files from any source; the path is for the error.
///
/// # Errors
/// Returns an error if it cannot be read, ends within a record, holds a label that is no class, or
/// takes more memory than the [`Limits`](crate::Limits) let it.
pub fn batch_from<T: Pixel>(
    path: impl AsRef<Path>,
    source: impl Read,
) -> Result<Batch<T>, ReadError> {
    let (source, budget) = Budget::counting(source);
    batch_in(path.as_ref(), source, budget)
}

fn batch_in<T: Pixel>(
    path: &Path,
    source: impl Read,
    budget: Budget,
) -> Result<Batch<T>, ReadError> {
    let weight = 1 + size_of::<T>() as u64;
    let bytes = Bytes::new(path, BufReader::new(source), budget, weight).up_to(u64::MAX)?;
    let records = bytes.chunks_exact(RECORD);
    if !records.remainder().is_empty() {
        let begin = bytes.len() - records.remainder().len();
        return Err(ReadError::new(
            path,
            ReadErrorKind::Length,
            Place::Byte(bytes.len() as u64),
            format!("records of {RECORD} bytes, a label and an image"),
            format!(
                "the end of the file after {} bytes of one",
                bytes.len() - begin
            ),
            "take CIFAR-10's binary version, and copy or download the file again",
        ));
    }

    let numbers: Vec<u8> = records.clone().map(|record| record[0]).collect();
    let labels = Label::from_numbers(&numbers).map_err(|error| {
        let record = error.position.unwrap_or(0);
        ReadError::new(
            path,
            ReadErrorKind::Value,
            Place::Byte((record * RECORD) as u64),
            "labels of 10 classes, from 0",
            format!("label {} of record {record}", error.class),
            "take CIFAR-10's binary version; CIFAR-100 has two labels in a record",
        )
    })?;

    // A file has an image plane by plane, a tensor pixel by pixel.
    let mut images: Vec<Tensor3<SIDE, SIDE, CHANNELS, T>> = memory::zeroed_tensors(labels.len());
    for (image, record) in images.iter_mut().zip(records) {
        for (channel, plane) in record[1..].chunks_exact(PLANE).enumerate() {
            for (pixel, &byte) in image.as_mut_slice().chunks_exact_mut(CHANNELS).zip(plane) {
                pixel[channel] = T::from_byte(byte);
            }
        }
    }

    Ok((images, labels))
}

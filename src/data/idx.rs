//! IDX, the format of MNIST and of the sets that took its place: a magic number, sizes, bytes.
//!
//! ```no_run
//! use shapewright::data::idx::Mnist;
//! let data: Mnist = Mnist::read("data/mnist")?;
//! println!(
//!     "{} images to train on, {} to test on",
//!     data.train_images.len(),
//!     data.test_images.len()
//! );
//! # Ok::<(), shapewright::data::ReadError>(())
//! ```
//!
//! Source: Y. LeCun, C. Cortes, C. Burges, *The MNIST database of handwritten digits*, section
//! "File formats". Gzipped files are read with the feature `gzip`; which they are is seen by their
//! first bytes, not by their names.

use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::bytes::{self, Bytes};
use super::{Pixel, Place, ReadError, ReadErrorKind, labels};
use crate::limits::Budget;
use crate::loss::Label;
use crate::memory;
use crate::tensor::{Rank3, Shape, Tensor};

/// The third byte of the magic number: unsigned bytes.
const UNSIGNED_BYTES: u8 = 8;

/// Reads the images of an IDX file of bytes, one tensor each.
///
/// The file's sizes are `[count, height, width]` or have further axes. The tensors have the same
/// axes (`Tensor2<28, 28>`), the same with one channel (`Tensor3<28, 28, 1>`), or all elements on
/// one axis (`Tensor1<784>`). Numbers are 0 to 1 as `f32` or `f64`, bytes as `u8`: see [`Pixel`].
///
/// # Errors
/// Returns an error if the file cannot be read, is no IDX file of bytes, has other sizes than the
/// tensors, is longer or shorter than its sizes say, or takes more memory than the
/// [`Limits`](crate::Limits) let it.
pub fn images<S: Shape, T: Pixel>(path: impl AsRef<Path>) -> Result<Vec<Tensor<S, T>>, ReadError> {
    let path = path.as_ref();
    let (mut file, budget) = bytes::open(path)?;
    images_in(path, &mut file, budget)
}

/// Like [`images`], from any source; the path is for the error.
///
/// # Errors
/// Returns the errors of [`images`].
pub fn images_from<S: Shape, T: Pixel>(
    path: impl AsRef<Path>,
    source: impl Read,
) -> Result<Vec<Tensor<S, T>>, ReadError> {
    let (mut source, budget) = Budget::counting(source);
    images_in(path.as_ref(), &mut source, budget)
}

fn images_in<S: Shape, T: Pixel>(
    path: &Path,
    source: &mut dyn Read,
    budget: Budget,
) -> Result<Vec<Tensor<S, T>>, ReadError> {
    let weight = 1 + size_of::<T>() as u64;
    let file = Idx::read(path, source, budget, weight, &|sizes| {
        image_sizes::<S>(sizes)
    })?;
    let mut images = memory::zeroed_tensors(file.sizes[0]);
    for (pixel, &byte) in memory::flatten_mut(&mut images).iter_mut().zip(&file.bytes) {
        *pixel = T::from_byte(byte);
    }
    Ok(images)
}

/// Reads the labels of an IDX file of bytes with the sizes `[count]`.
///
/// # Errors
/// Returns an error if the file cannot be read, is no IDX file of bytes, has another number of
/// axes, is longer or shorter than its size says, or holds a label that is no class.
pub fn labels<const CLASSES: usize>(
    path: impl AsRef<Path>,
) -> Result<Vec<Label<CLASSES>>, ReadError> {
    labels_counted_from(path, 0)
}

/// Like [`labels`], from any source; the path is for the error.
///
/// # Errors
/// Returns the errors of [`labels`].
pub fn labels_from<const CLASSES: usize>(
    path: impl AsRef<Path>,
    source: impl Read,
) -> Result<Vec<Label<CLASSES>>, ReadError> {
    let (mut source, budget) = Budget::counting(source);
    labels_in(path.as_ref(), &mut source, budget, 0)
}

/// Reads the labels of a file whose first class has the number `first`: 1 in EMNIST's letters,
/// whose 26 classes are 1 to 26.
///
/// # Errors
/// Returns the errors of [`labels`]; a label below `first` is no class.
pub fn labels_counted_from<const CLASSES: usize>(
    path: impl AsRef<Path>,
    first: u8,
) -> Result<Vec<Label<CLASSES>>, ReadError> {
    let path = path.as_ref();
    let (mut file, budget) = bytes::open(path)?;
    labels_in(path, &mut file, budget, first)
}

fn labels_in<const CLASSES: usize>(
    path: &Path,
    source: &mut dyn Read,
    budget: Budget,
    first: u8,
) -> Result<Vec<Label<CLASSES>>, ReadError> {
    let wanted = |sizes: &[usize]| match sizes {
        [_] => None,
        _ => Some((
            "labels, which have the sizes [count]".into(),
            "read images with `idx::images`",
        )),
    };
    let weight = 1 + size_of::<Label<CLASSES>>() as u64;
    let file = Idx::read(path, source, budget, weight, &wanted)?;
    let numbers = file.bytes.iter().map(|&byte| i128::from(byte));
    let at = |position| file.start + position as u64;
    labels::labels(path, numbers, first.into(), "labels_counted_from", at)
}

/// MNIST, or a set with the same files such as Fashion-MNIST: ten classes of grey images of 28 by
/// 28 pixels.
///
/// The images can have another shape of as many elements, and another number type:
/// `Mnist::<Rank1<784>, u8>::read(..)`.
#[derive(Debug, PartialEq)]
pub struct Mnist<S: Shape = Rank3<28, 28, 1>, T: Pixel = f32> {
    /// The images for training; 60,000 in MNIST.
    pub train_images: Vec<Tensor<S, T>>,
    /// Their classes.
    pub train_labels: Vec<Label<10>>,
    /// The images for testing; 10,000 in MNIST.
    pub test_images: Vec<Tensor<S, T>>,
    /// Their classes.
    pub test_labels: Vec<Label<10>>,
}

impl<S: Shape, T: Pixel> Clone for Mnist<S, T> {
    fn clone(&self) -> Self {
        Mnist {
            train_images: memory::to_vec(&self.train_images),
            train_labels: self.train_labels.clone(),
            test_images: memory::to_vec(&self.test_images),
            test_labels: self.test_labels.clone(),
        }
    }
}

impl<S: Shape, T: Pixel> Mnist<S, T> {
    /// Reads the four files of a folder: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`,
    /// `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`, also written with a dot
    /// (`train-images.idx3-ubyte`), each plain or, with the feature `gzip`, with `.gz` at the
    /// end.
    ///
    /// # Errors
    /// Returns an error if files are missing (the error names all of them), cannot be read
    /// ([`images`], [`labels`]), or do not have as many labels as images.
    pub fn read(folder: impl AsRef<Path>) -> Result<Self, ReadError> {
        let folder = folder.as_ref();

        let names = [
            ("train-images", 3),
            ("train-labels", 1),
            ("t10k-images", 3),
            ("t10k-labels", 1),
        ];
        let found = names.map(|(name, axes)| usual_file(folder, name, axes));
        let [
            Some(train_images),
            Some(train_labels),
            Some(test_images),
            Some(test_labels),
        ] = &found
        else {
            return Err(missing_files(folder, &names, &found));
        };

        let (train_images, train_labels) = pair(train_images, train_labels)?;
        let (test_images, test_labels) = pair(test_images, test_labels)?;
        Ok(Mnist {
            train_images,
            train_labels,
            test_images,
            test_labels,
        })
    }
}

/// Finds a file with one of its usual names.
fn usual_file(folder: &Path, name: &str, axes: u8) -> Option<PathBuf> {
    let names = ["", ".gz"]
        .iter()
        .flat_map(|end| ["-", "."].map(|dot| format!("{name}{dot}idx{axes}-ubyte{end}")));
    names
        .map(|name| folder.join(name))
        .find(|path| path.is_file())
}

/// The error for a folder that lacks some of the files.
fn missing_files(
    folder: &Path,
    names: &[(&str, u8); 4],
    found: &[Option<PathBuf>; 4],
) -> ReadError {
    let missing = names.iter().zip(found).filter(|(_, found)| found.is_none());
    let missing: Vec<_> = missing
        .map(|((name, axes), _)| format!("`{name}-idx{axes}-ubyte`"))
        .collect();
    let missing = missing.join(", ");

    let gz = if cfg!(feature = "gzip") {
        ", plain or with `.gz` at the end"
    } else {
        ", unpacked"
    };
    let put = format!(
        "put {missing} into {}{gz} (`.idx` for `-idx` is fine)",
        folder.display()
    );

    let (found, advice) = if folder.is_dir() {
        (format!("a folder without {missing}"), put)
    } else if folder.exists() {
        (
            "a file".to_owned(),
            format!("give the folder that has {missing}{gz}"),
        )
    } else {
        ("nothing there".to_owned(), put)
    };
    ReadError::new(
        folder,
        ReadErrorKind::Io,
        Place::File,
        "a folder with the four files of MNIST",
        found,
        advice,
    )
}

/// Images with their labels.
type Pair<S, T> = (Vec<Tensor<S, T>>, Vec<Label<10>>);

/// Reads both files; they must have as many labels as images.
fn pair<S: Shape, T: Pixel>(
    images_path: &Path,
    labels_path: &Path,
) -> Result<Pair<S, T>, ReadError> {
    let images = images(images_path)?;
    let labels = labels(labels_path)?;
    if images.len() == labels.len() {
        return Ok((images, labels));
    }

    Err(ReadError::new(
        labels_path,
        ReadErrorKind::Length,
        Place::Byte(4),
        format!(
            "{} labels, one for each image of {}",
            images.len(),
            images_path.display()
        ),
        format!("{} labels", labels.len()),
        "take both files from the same set",
    ))
}

/// The content of a well-formed file.
struct Idx {
    /// The sizes of the axes; at least one.
    sizes: Vec<usize>,
    /// The elements, as many as the sizes say.
    bytes: Vec<u8>,
    /// The position of the first element in the file.
    start: u64,
}

/// Returns what was expected and what to do, if the sizes are not the wanted ones.
type Wanted<'a> = &'a dyn Fn(&[usize]) -> Option<(String, &'static str)>;

/// Returns what was expected and what to do, unless images of these sizes fill tensors of the
/// shape.
fn image_sizes<S: Shape>(sizes: &[usize]) -> Option<(String, &'static str)> {
    let shape = S::DIMS.sizes();
    let same = |image: &[usize]| {
        let flat = || {
            Some(S::LEN)
                == image
                    .iter()
                    .try_fold(1usize, |product, &size| product.checked_mul(size))
        };
        shape == image || shape.split_last() == Some((&1, image)) || (shape.len() == 1 && flat())
    };

    match sizes {
        [_, image @ ..] if !image.is_empty() && same(image) => None,
        [_] => Some(("images".into(), "read labels with `idx::labels`")),
        _ => Some((
            format!("images of the shape {}", S::DIMS),
            "make the tensors' shape that of the file: [height, width, 1], [height, width] or [height * width]",
        )),
    }
}

impl Idx {
    /// Reads the whole file; sizes that are not wanted are an error before the elements are read.
    fn read(
        path: &Path,
        source: &mut dyn Read,
        budget: Budget,
        weight: u64,
        wanted: Wanted<'_>,
    ) -> Result<Self, ReadError> {
        let known = budget.size() > 0;
        let (source, packed) = unpacked(path, BufReader::new(source))?;
        let mut file = Bytes::new(path, source, budget, weight).packed(packed && known);

        let axes = Self::axes(&mut file)?;
        let sizes = file.exactly(4 * u64::from(axes), "the sizes of the axes")?;
        let sizes = sizes
            .chunks_exact(4)
            .map(|size| u32::from_be_bytes([size[0], size[1], size[2], size[3]]));
        let sizes: Vec<usize> = sizes.map(|size| size as usize).collect();
        if let Some((expected, advice)) = wanted(&sizes) {
            return Err(file.error(
                ReadErrorKind::Shape,
                4,
                expected,
                format!("the sizes {sizes:?}"),
                advice,
            ));
        }

        // A product that does not fit in a number is larger than any file.
        let len = sizes
            .iter()
            .fold(1u64, |product, &size| product.saturating_mul(size as u64));
        let start = file.at;
        let bytes = file.exactly(len, &format!("the elements of the sizes {sizes:?}"))?;
        file.end(&format!("the elements of the sizes {sizes:?}"))?;
        Ok(Idx {
            sizes,
            bytes,
            start,
        })
    }

    /// Reads the magic number, whose last byte is the number of axes.
    fn axes<R: Read>(file: &mut Bytes<'_, R>) -> Result<u8, ReadError> {
        let magic = file.exactly(4, "the magic number")?;
        match magic[..] {
            [0, 0, UNSIGNED_BYTES, axes] if axes > 0 => Ok(axes),
            [0, 0, kind @ 9..=14, _] => Err(file.error(
                ReadErrorKind::Type,
                2,
                "elements of type 0x08".into(),
                format!("{kind:#04x}"),
                "write it with unsigned bytes (type 0x08)",
            )),
            _ => Err(file.error(
                ReadErrorKind::Format,
                0,
                "the magic number 00 00 08 and a number of axes".into(),
                format!("{magic:02x?}"),
                "check that this is an IDX file",
            )),
        }
    }
}

/// Returns the content of a file that may be gzipped, and whether it is.
fn unpacked<'a>(
    path: &Path,
    mut source: impl BufRead + 'a,
) -> Result<(Box<dyn Read + 'a>, bool), ReadError> {
    const GZIP: [u8; 2] = [0x1f, 0x8b];
    let start = Bytes::new(path, &mut source, Budget::of_size(2), 1).up_to(2)?;
    let packed = start == GZIP;
    let source = io::Cursor::new(start).chain(source);
    if !packed {
        return Ok((Box::new(source), false));
    }

    #[cfg(feature = "gzip")]
    return Ok((Box::new(flate2::bufread::MultiGzDecoder::new(source)), true));
    #[cfg(not(feature = "gzip"))]
    Err(ReadError::new(
        path,
        ReadErrorKind::Feature,
        Place::Byte(0),
        "an IDX file",
        "a gzipped file",
        "switch on the feature `gzip` of shapewright, or unpack the file with `gunzip`",
    ))
}

//! NumPy's `.npy`, one array in a file, and `.npz`, several of them by name.
//!
//! ```
//! use shapewright::data::npy::{self, Npz, NpzWriter};
//! use shapewright::prelude::*;
//! # let folder = std::env::temp_dir().join(format!("shapewright-npy-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! let images = vec![Tensor2::<2, 3>::ones(); 5];
//! npy::write_many(folder.join("images.npy"), &images)?;
//! let again: Vec<Tensor2<2, 3>> = npy::read_many(folder.join("images.npy"))?;
//! assert_eq!(again, images);
//!
//! let mut writer = NpzWriter::create(folder.join("both.npz"))?;
//! writer.add_many("images", &images)?;
//! writer.add("mean", &Tensor2::<2, 3>::ones())?;
//! writer.finish()?;
//! let mut both = Npz::open(folder.join("both.npz"))?;
//! let mean: Box<Tensor2<2, 3>> = both.read("mean")?;
//! assert_eq!(mean.sum(), 6.0);
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Types must be the same: a file of `float64`, NumPy's default, is read into tensors of `f64`.
//! Both orders of bytes and both orders of axes are read; written files are little-endian and in C
//! order. Files are there whole or not at all; see [files](crate#files).
//!
//! Source: NumPy Enhancement Proposal 1, *A Simple File Format for NumPy Arrays*.

mod header;
mod npz;
mod number;

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use super::bytes::{self, Bytes};
use super::read_error::quoted;
use super::{Place, ReadError, ReadErrorKind, labels};
use crate::atomic_file::{AtomicFile, named};
use crate::limits::Budget;
use crate::loss::Label;
use crate::memory;
use crate::tensor::{Dims, Shape, Tensor};
use header::Header;
pub use npz::{Npz, NpzWriter};
pub use number::NpyNumber;

/// Reads an array of the tensor's shape.
///
/// # Errors
/// Returns an error if the file cannot be read, is not in the format, is cut or too long, has
/// another shape or type, or takes more memory than the [`Limits`](crate::Limits) let it.
pub fn read<S: Shape, T: NpyNumber>(
    path: impl AsRef<Path>,
) -> Result<Box<Tensor<S, T>>, ReadError> {
    read_in(path.as_ref(), open(path.as_ref())?)
}

/// Like [`read`], from any source; the path is for the error.
///
/// # Errors
/// Returns the errors of [`read`].
pub fn read_from<S: Shape, T: NpyNumber>(
    path: impl AsRef<Path>,
    source: impl Read,
) -> Result<Box<Tensor<S, T>>, ReadError> {
    read_in(path.as_ref(), Source::stream(source))
}

pub(super) fn read_in<S: Shape, T: NpyNumber>(
    path: &Path,
    source: Source<impl Read>,
) -> Result<Box<Tensor<S, T>>, ReadError> {
    let array = Array::read(
        path,
        source,
        &Wanted::One(axes::<S>()),
        &[T::DESCR],
        size_of::<T>(),
    )?;
    let mut tensor = Tensor::zeros_boxed();
    array.copy_to(tensor.as_mut_slice());
    Ok(tensor)
}

/// Reads an array of the shape `[count, ..]`, where `..` is the tensors' shape.
///
/// # Errors
/// Returns the errors of [`read`].
pub fn read_many<S: Shape, T: NpyNumber>(
    path: impl AsRef<Path>,
) -> Result<Vec<Tensor<S, T>>, ReadError> {
    read_many_in(path.as_ref(), open(path.as_ref())?)
}

/// Like [`read_many`], from any source; the path is for the error.
///
/// # Errors
/// Returns the errors of [`read`].
pub fn read_many_from<S: Shape, T: NpyNumber>(
    path: impl AsRef<Path>,
    source: impl Read,
) -> Result<Vec<Tensor<S, T>>, ReadError> {
    read_many_in(path.as_ref(), Source::stream(source))
}

pub(super) fn read_many_in<S: Shape, T: NpyNumber>(
    path: &Path,
    source: Source<impl Read>,
) -> Result<Vec<Tensor<S, T>>, ReadError> {
    let array = Array::read(
        path,
        source,
        &Wanted::Many(axes::<S>()),
        &[T::DESCR],
        size_of::<T>(),
    )?;
    let mut tensors = memory::zeroed_tensors(array.shape[0]);
    array.copy_to(memory::flatten_mut(&mut tensors));
    Ok(tensors)
}

/// Reads labels: an array of the shape `[count]` of any integer type.
///
/// # Errors
/// Returns the errors of [`read`], and an error if a number is no class.
pub fn read_labels<const CLASSES: usize>(
    path: impl AsRef<Path>,
) -> Result<Vec<Label<CLASSES>>, ReadError> {
    read_labels_counted_from(path, 0)
}

/// Like [`read_labels`], from any source; the path is for the error.
///
/// # Errors
/// Returns the errors of [`read_labels`].
pub fn read_labels_from<const CLASSES: usize>(
    path: impl AsRef<Path>,
    source: impl Read,
) -> Result<Vec<Label<CLASSES>>, ReadError> {
    read_labels_in(path.as_ref(), Source::stream(source), 0)
}

/// Reads the labels of a file whose first class has the number `first`.
///
/// # Errors
/// Returns the errors of [`read_labels`]; a label below `first` is no class.
pub fn read_labels_counted_from<const CLASSES: usize>(
    path: impl AsRef<Path>,
    first: i64,
) -> Result<Vec<Label<CLASSES>>, ReadError> {
    read_labels_in(path.as_ref(), open(path.as_ref())?, first)
}

pub(super) fn read_labels_in<const CLASSES: usize>(
    path: &Path,
    source: Source<impl Read>,
    first: i64,
) -> Result<Vec<Label<CLASSES>>, ReadError> {
    let integers = ["i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1"];
    let label = size_of::<Label<CLASSES>>();

    let array = Array::read(
        path,
        source,
        &Wanted::Many(Dims::new(&[])),
        &integers,
        label,
    )?;

    let at = |position: usize| array.start + (position * array.size) as u64;
    labels::labels(
        path,
        array.integers(),
        first.into(),
        "read_labels_counted_from",
        at,
    )
}

/// Writes an array of the tensor's shape.
///
/// # Errors
/// Returns an error if the file cannot be written; a file that was there before stays.
pub fn write<S: Shape, T: NpyNumber>(
    path: impl AsRef<Path>,
    tensor: &Tensor<S, T>,
) -> io::Result<()> {
    write_array(path.as_ref(), axes::<S>().sizes(), tensor.as_slice())
}

/// Writes an array of the shape `[count, ..]`, where `..` is the tensors' shape.
///
/// # Errors
/// Returns the errors of [`write()`].
pub fn write_many<S: Shape, T: NpyNumber>(
    path: impl AsRef<Path>,
    tensors: &[Tensor<S, T>],
) -> io::Result<()> {
    write_array(
        path.as_ref(),
        &batch(tensors.len(), axes::<S>().sizes()),
        Tensor::flatten(tensors),
    )
}

fn write_array<T: NpyNumber>(path: &Path, shape: &[usize], numbers: &[T]) -> io::Result<()> {
    let written = AtomicFile::create(path).and_then(|mut file| {
        write_to(&mut file, shape, numbers)?;
        file.finish()
    });
    written.map_err(|error| named(path, error))
}

fn write_to<T: NpyNumber>(to: &mut impl Write, shape: &[usize], numbers: &[T]) -> io::Result<()> {
    let order = if size_of::<T>() == 1 { '|' } else { '<' };
    let mut bytes = Header::bytes(&format!("{order}{}", T::DESCR), shape);
    for some in numbers.chunks(4096) {
        some.iter().for_each(|number| number.append(&mut bytes));
        to.write_all(&bytes)?;
        bytes.clear();
    }
    // The head of an array without numbers.
    to.write_all(&bytes)
}

/// The shape of an array of tensors.
fn batch(count: usize, sizes: &[usize]) -> Vec<usize> {
    [&[count], sizes].concat()
}

/// The dims of a shape that arrays can have.
const fn axes<S: Shape>() -> Dims {
    const {
        assert!(
            S::DIMS.rank().is_some(),
            "arrays have axes: read and write the parts of a tuple one by one"
        )
    };
    S::DIMS
}

/// Bytes of an array, and the memory that they may take.
pub(super) struct Source<R> {
    bytes: R,
    budget: Budget,
    /// True if the file is compressed, so that it may hold more bytes than its size.
    packed: bool,
}

impl<R: Read> Source<R> {
    fn stream(source: R) -> Source<impl Read> {
        let (bytes, budget) = Budget::counting(source);
        Source {
            bytes,
            budget,
            packed: false,
        }
    }
}

fn open(path: &Path) -> Result<Source<BufReader<File>>, ReadError> {
    let (file, budget) = bytes::open(path)?;
    Ok(Source {
        bytes: BufReader::new(file),
        budget,
        packed: false,
    })
}

/// The shape that an array should have.
enum Wanted {
    One(Dims),
    /// An axis of any size, and these.
    Many(Dims),
}

impl Wanted {
    fn takes(&self, shape: &[usize]) -> bool {
        match self {
            Wanted::One(dims) => shape == dims.sizes(),
            Wanted::Many(dims) => shape
                .split_first()
                .is_some_and(|(_, rest)| rest == dims.sizes()),
        }
    }

    fn sentence(&self) -> String {
        match self {
            Wanted::One(dims) => format!("the shape {dims}"),
            Wanted::Many(dims) => {
                let sizes = dims.sizes().iter().map(|size| format!(", {size}"));
                format!("the shape [count{}]", sizes.collect::<String>())
            }
        }
    }
}

/// An array as it is in its file.
struct Array {
    shape: Vec<usize>,
    fortran: bool,
    /// The bytes of the numbers, in little-endian order.
    bytes: Vec<u8>,
    /// The type without the order of bytes, and the bytes of a number.
    descr: String,
    size: usize,
    /// The position of the first number in the file.
    start: u64,
}

impl Array {
    /// Reads the whole file. Another type or shape than the wanted one is an error before the
    /// numbers are read. Each number takes `becomes` bytes in the end.
    fn read(
        path: &Path,
        source: Source<impl Read>,
        wanted: &Wanted,
        types: &[&str],
        becomes: usize,
    ) -> Result<Self, ReadError> {
        let mut file = Bytes::new(path, source.bytes, source.budget, 1).packed(source.packed);
        let Header {
            descr,
            fortran,
            shape,
            descr_at,
            shape_at,
        } = Header::read(&mut file)?;

        let (big, descr_only) = match descr.split_at_checked(1) {
            Some((order @ ("<" | ">" | "|" | "="), rest)) => (order == ">", rest),
            _ => (false, ""),
        };
        if !types.contains(&descr_only) {
            return Err(file.error(
                ReadErrorKind::Type,
                descr_at,
                if let [one] = types {
                    number::name(one)
                } else {
                    "integers".into()
                },
                if descr_only.is_empty() {
                    format!("the type {} without a byte order", quoted(&descr))
                } else {
                    number::name(&descr)
                },
                "read it into tensors of that type, or convert it with `astype` before it is saved",
            ));
        }
        if !wanted.takes(&shape) {
            return Err(file.error(
                ReadErrorKind::Shape,
                shape_at,
                wanted.sentence(),
                format!("{shape:?}"),
                "make the tensors' shape that of the file, or `reshape` the array before it is saved",
            ));
        }

        // The types that are wanted have one digit.
        let size = usize::from(descr_only.as_bytes()[1] - b'0');
        // A product that does not fit in a number is larger than any file.
        let len = shape.iter().fold(size as u64, |product, &size| {
            product.saturating_mul(size as u64)
        });
        let start = file.at;
        file.set_weight(1 + becomes.div_ceil(size) as u64);
        let what = format!("the numbers of the shape {shape:?}");

        let mut bytes = file.exactly(len, &what)?;
        file.end(&what)?;
        if big {
            bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
        }
        Ok(Array {
            shape,
            fortran,
            bytes,
            descr: descr_only.to_owned(),
            size,
            start,
        })
    }

    /// Copies the numbers in C order.
    fn copy_to<T: NpyNumber>(&self, numbers: &mut [T]) {
        let number =
            |position: usize| T::from_bytes(&self.bytes[position * self.size..][..self.size]);
        for (position, to) in numbers.iter_mut().enumerate() {
            *to = number(if self.fortran {
                self.fortran_position(position)
            } else {
                position
            });
        }
    }

    /// The place of the number that would be at a position in C order.
    fn fortran_position(&self, mut position: usize) -> usize {
        self.shape
            .iter()
            .rev()
            .fold((0, self.bytes.len() / self.size), |(at, stride), &size| {
                let stride = stride / size;
                let index = position % size;
                position /= size;
                (at + index * stride, stride)
            })
            .0
    }

    /// Returns the numbers of an array of any integer type.
    fn integers(&self) -> impl Iterator<Item = i128> + Clone {
        let number: fn(&[u8]) -> i128 = match &*self.descr {
            "i1" => |bytes| i8::from_bytes(bytes).into(),
            "i2" => |bytes| i16::from_bytes(bytes).into(),
            "i4" => |bytes| i32::from_bytes(bytes).into(),
            "i8" => |bytes| i64::from_bytes(bytes).into(),
            "u1" => |bytes| u8::from_bytes(bytes).into(),
            "u2" => |bytes| u16::from_bytes(bytes).into(),
            "u4" => |bytes| u32::from_bytes(bytes).into(),
            _ => |bytes| u64::from_bytes(bytes).into(),
        };
        self.bytes.chunks_exact(self.size).map(number)
    }
}

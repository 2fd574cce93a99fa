//! Pictures in one folder per class, as PNG or JPEG.
//!
//! ```no_run
//! use shapewright::data::images::{Images, Size};
//! // pets/cat/1.png, pets/cat/2.jpg, .. pets/dog/1.png, ..
//! let pets: Images<64, 64, 3, 2> = Images::read("pets", Size::Resize)?;
//! assert_eq!(pets.classes, ["cat", "dog"]);
//! println!(
//!     "{} pictures, the first is a {}",
//!     pets.images.len(),
//!     pets.classes[pets.labels[0].index()]
//! );
//! # Ok::<(), shapewright::data::ReadErrors>(())
//! ```
//!
//! Pictures that a program already has, such as those of the crate `image` 0.25, become tensors
//! with the numbers that [`Images`] would read, and tensors become pictures:
//!
//! ```
//! use image::{DynamicImage, GrayImage, RgbImage};
//! use shapewright::data::images::{self, Size};
//! use shapewright::prelude::*;
//!
//! let photo = RgbImage::from_pixel(2, 4, image::Rgb([255, 0, 51]));
//! let x: Tensor3<4, 2, 3> = (&photo).try_into()?;
//! assert_eq!(x.as_array()[3][1], [1.0, 0.0, 0.2]);
//! assert_eq!(RgbImage::from(&x), photo);
//!
//! // On the heap, of another size, in grey:
//! let photo = DynamicImage::from(photo);
//! let small: Box<Tensor3<2, 1, 1>> = images::to_tensor(&photo, Size::Resize)?;
//! assert_eq!(GrayImage::from(&*small).dimensions(), (1, 2));
//!
//! let error = Tensor3::<2, 4, 3>::try_from(&photo).unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "a tensor of shape [2, 4, 3] takes a picture of the height 2 and the width 4, but one of the \
//!      height 4 and the width 2 came; take a tensor of its size, or resize it with \
//!      `images::to_tensor(&picture, Size::Resize)`"
//! );
//! # Ok::<(), shapewright::data::images::PictureSizeError>(())
//! ```

mod convert;

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader};

use super::{Pixel, Place, ReadError, ReadErrorKind, ReadErrors, bytes};
use crate::limits::{self, Budget, RAISE};
use crate::loss::Label;
use crate::memory;
use crate::tensor::{Tensor, Tensor3};
pub use convert::{PictureSizeError, to_tensor};

/// The number of errors after which reading stops.
const MOST_ERRORS: usize = 20;
/// The endings of the names of files that are read.
const ENDS: [&str; 3] = ["png", "jpg", "jpeg"];

/// Pictures of height `H` and width `W` with `C` channels, and their classes, of which there are
/// `N`.
///
/// One channel is grey, three are red, green and blue. As `f32` or `f64` they are from 0 to 1, as
/// `u8` bytes: see [`Pixel`]. Grey is made of colours by the weights of Rec. 709 (0.2126, 0.7152,
/// 0.0722). Transparency is dropped, 16 bits are rounded to 8, and the orientation that a camera
/// noted is ignored.
#[derive(Debug, PartialEq)]
pub struct Images<const H: usize, const W: usize, const C: usize, const N: usize, T: Pixel = f32> {
    /// The pictures, class after class, in the order of their names.
    pub images: Vec<Tensor3<H, W, C, T>>,
    /// The class of each.
    pub labels: Vec<Label<N>>,
    /// The names of the classes: of their folders, sorted.
    pub classes: Vec<String>,
    /// The file of each picture.
    pub paths: Vec<PathBuf>,
}

impl<const H: usize, const W: usize, const C: usize, const N: usize, T: Pixel> Clone
    for Images<H, W, C, N, T>
{
    fn clone(&self) -> Self {
        Images {
            images: memory::to_vec(&self.images),
            labels: self.labels.clone(),
            classes: self.classes.clone(),
            paths: self.paths.clone(),
        }
    }
}

/// The treatment of pictures of another size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// They are an error.
    Exact,
    /// They are stretched to the size, with bilinear weights that cover all pixels when it is
    /// smaller.
    Resize,
}

impl<const H: usize, const W: usize, const C: usize, const N: usize, T: Pixel>
    Images<H, W, C, N, T>
{
    /// Reads the pictures in the folders of a folder. Files next to these folders are ignored, and so
    /// is everything whose name begins with a dot.
    ///
    /// # Errors
    /// Returns an error if there are not `N` folders or one of them is empty, and for each file that cannot be read, is no
    /// regular file (a pipe), is no PNG or JPEG, was cut off, has another size without
    /// [`Size::Resize`], or takes more memory than the [`Limits`](crate::Limits) let it; reading
    /// stops after 20 of them.
    pub fn read(folder: impl AsRef<Path>, size: Size) -> Result<Self, ReadErrors> {
        let folder = folder.as_ref();
        let (folders, classes) = class_folders(folder, N)?;
        let mut paths = Vec::new();
        let mut labels = Vec::new();
        for (class, folder) in folders.iter().enumerate() {
            let files = entries(folder)?;
            if files.is_empty() {
                return Err(ReadErrors::from(ReadError::new(
                    folder,
                    ReadErrorKind::Length,
                    Place::File,
                    "pictures of a class",
                    "none",
                    "put some into the folder, or remove it and change the number of classes",
                )));
            }
            labels.extend(
                files
                    .iter()
                    .map(|_| Label::new(class).expect("there are N classes")),
            );
            paths.extend(files);
        }

        let mut images = memory::zeroed_tensors(paths.len());
        let mut errors = Vec::new();
        for (path, image) in paths.iter().zip(&mut images) {
            errors.extend(fill(path, size, image).err());
            if errors.len() == MOST_ERRORS {
                return Err(ReadErrors { errors, more: true });
            }
        }

        if errors.is_empty() {
            return Ok(Images {
                images,
                labels,
                classes,
                paths,
            });
        }
        Err(ReadErrors {
            errors,
            more: false,
        })
    }
}

/// Reads one picture; see [`Images`] for its numbers.
///
/// # Errors
/// Returns an error if the file cannot be read, is no regular file (a pipe), is no PNG or JPEG, was
/// cut off, has another size without [`Size::Resize`], or takes more memory than the
/// [`Limits`](crate::Limits) let it.
pub fn read<const H: usize, const W: usize, const C: usize, T: Pixel>(
    path: impl AsRef<Path>,
    size: Size,
) -> Result<Box<Tensor3<H, W, C, T>>, ReadError> {
    let mut image = Tensor::zeros_boxed();
    fill(path.as_ref(), size, &mut image)?;
    Ok(image)
}

/// Finds the folders of the classes, sorted, and their names.
fn class_folders(folder: &Path, wanted: usize) -> Result<(Vec<PathBuf>, Vec<String>), ReadError> {
    let mut folders = entries(folder)?;
    folders.retain(|path| path.is_dir());
    let name = |path: &PathBuf| {
        path.file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    };
    let names: Vec<String> = folders.iter().map(name).collect();
    if names.len() == wanted {
        return Ok((folders, names));
    }

    let some = names
        .iter()
        .take(10)
        .map(|name| format!("{name:?}"))
        .collect::<Vec<_>>()
        .join(", ");
    let found = match names.len() {
        0 => "none".into(),
        count => format!("{count}: {some}{}", if count > 10 { ", .." } else { "" }),
    };
    Err(ReadError::new(
        folder,
        ReadErrorKind::Shape,
        Place::File,
        format!("{wanted} folders, one for each class"),
        found,
        "put the pictures of each class into a folder of its own, or change the number of classes",
    ))
}

/// Lists the content of a folder, sorted by name.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let paths =
        fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    let mut paths: Vec<PathBuf> = paths.map_err(|error| ReadError::io(folder, error))?;
    paths.retain(|path| {
        !path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
    });
    paths.sort();
    Ok(paths)
}

/// Reads a picture into a tensor.
fn fill<const H: usize, const W: usize, const C: usize, T: Pixel>(
    path: &Path,
    size: Size,
    to: &mut Tensor3<H, W, C, T>,
) -> Result<(), ReadError> {
    convert::check_sizes::<H, W, C>();
    let image = decode(path, size, H, W)?;
    convert::fill(&convert::resized(&image, H, W), to);
    Ok(())
}

/// Decodes a picture as its file has it, if it is to become one of this height and width.
fn decode(path: &Path, size: Size, height: usize, width: usize) -> Result<DynamicImage, ReadError> {
    check_file(path)?;
    let bytes = limits::read_whole(path).map_err(|error| bytes::unread_whole(path, error))?;
    let budget = Budget::of_size(bytes.len() as u64);

    // The content decides about the format, as names are often wrong.
    let mut reader = ImageReader::new(Cursor::new(&bytes[..]));
    if let Ok(format) = ImageFormat::from_path(path) {
        reader.set_format(format);
    }
    let mut reader = reader
        .with_guessed_format()
        .map_err(|error| ReadError::io(path, error))?;
    let mut decoders = image::Limits::no_limits();
    decoders.max_alloc = Some(budget.limit());
    reader.limits(decoders);
    let jpeg = reader.format() == Some(ImageFormat::Jpeg);
    let cut = match reader.format() {
        Some(ImageFormat::Jpeg) if !has_end(&bytes) => {
            Some("a JPEG that ends before its end-of-image marker")
        }
        Some(ImageFormat::Png) if !has_last_chunk(&bytes) => {
            Some("a PNG that ends before the end of its last chunk")
        }
        _ => None,
    };

    // So far only the head has been read.
    let decoder = reader
        .into_decoder()
        .map_err(|error| undecoded(path, error))?;
    let found = decoder.dimensions();
    if size == Size::Exact && (found.1 as usize, found.0 as usize) != (height, width) {
        return Err(ReadError::new(
            path,
            ReadErrorKind::Shape,
            Place::File,
            format!("a height of {height} and a width of {width}"),
            format!("{} and {}", found.1, found.0),
            "bring all pictures to one size, or read them with `Size::Resize`",
        ));
    }
    budget
        .check(need(&decoder, jpeg, height))
        .map_err(|error| {
            let what = format!(
                "a picture of the height {} and the width {}",
                found.1, found.0
            );
            bytes::too_large(path, Place::File, &what, error)
        })?;

    let image = DynamicImage::from_decoder(decoder);
    if let Some(found) = cut {
        let advice = "copy or download the file again, or leave it out";
        return Err(no_picture(path, found.into(), advice));
    }
    image.map_err(|error| undecoded(path, error))
}

/// Checks that a path leads to a regular file whose ending is one of a picture. A pipe or a device
/// among the pictures must not be opened: reading it waits for a writer, or never ends.
fn check_file(path: &Path) -> Result<(), ReadError> {
    let metadata = fs::metadata(path).map_err(|error| ReadError::io(path, error))?;

    let end = path
        .extension()
        .map(|end| end.to_string_lossy().to_lowercase())
        .unwrap_or_default();
    let found = if metadata.is_dir() {
        "a folder".into()
    } else if !metadata.is_file() {
        "a pipe, a socket or a device".into()
    } else if !ENDS.contains(&&*end) {
        format!("a name that ends in {end:?}")
    } else {
        return Ok(());
    };
    let advice = "move it to another place, or convert it";
    Err(no_picture(path, found, advice))
}

/// The bytes of memory that decoding takes, and stretching to a height.
fn need(decoder: &impl ImageDecoder, jpeg: bool, height: usize) -> u64 {
    // A progressive JPEG's pixels are made from numbers of two bytes, which are there in addition.
    let decoded = decoder
        .total_bytes()
        .saturating_mul(if jpeg { 3 } else { 1 });
    // An image as wide as the file's and as high as the tensor's, of four `f32` per pixel.
    let between = u64::from(decoder.dimensions().0).saturating_mul(16 * height as u64);
    decoded.saturating_add(between)
}

fn no_picture(path: &Path, found: String, advice: &str) -> ReadError {
    ReadError::new(
        path,
        ReadErrorKind::Format,
        Place::File,
        "a PNG or JPEG file",
        found,
        advice,
    )
}

/// Returns the error of a decoder as a [`ReadError`].
fn undecoded(path: &Path, error: ImageError) -> ReadError {
    // Their sentences have several lines.
    let found = error
        .to_string()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");

    if matches!(error, ImageError::Limits(_)) {
        let expected = "a picture that can be decoded within the limit of memory";
        return ReadError::new(
            path,
            ReadErrorKind::Limit,
            Place::File,
            expected,
            found,
            RAISE,
        );
    }
    no_picture(path, found, "save the picture again, or leave it out")
}

/// Returns whether a JPEG reaches its end-of-image marker. The decoder fills the missing part of a
/// truncated file with grey.
fn has_end(jpeg: &[u8]) -> bool {
    const START: u8 = 0xd8;
    const END: u8 = 0xd9;

    let mut rest = jpeg;
    // The data of the pixels may hold a byte of 255 and markers between its parts, which are
    // skipped.
    let is_marker = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0 | 1 | 0xd0..=0xd7 | 0xff);

    while let Some(at) = rest.windows(2).position(is_marker) {
        let marker = rest[at + 1];
        rest = &rest[at + 2..];
        match rest.first_chunk() {
            _ if marker == END => return true,
            _ if marker == START => {}
            // A segment, which may have a whole JPEG in it: a small preview.
            Some(&length) => {
                rest = rest
                    .get(usize::from(u16::from_be_bytes(length))..)
                    .unwrap_or_default()
            }
            None => return false,
        }
    }
    false
}

/// Returns whether a PNG has all of its last chunk. The decoder stops behind the last pixel.
fn has_last_chunk(png: &[u8]) -> bool {
    const SIGNATURE: usize = 8;
    /// The length, the type and the checksum of a chunk.
    const FRAME: usize = 12;
    /// The chunk that ends a PNG, which has no data: its type and checksum.
    const END: [u8; 8] = [b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60, 0x82];

    let mut rest = png.get(SIGNATURE..).unwrap_or_default();
    while let Some((length, chunk)) = rest.split_first_chunk() {
        if chunk.starts_with(b"IEND") {
            return chunk.starts_with(&END);
        }
        let behind = (u32::from_be_bytes(*length) as usize).saturating_add(FRAME);
        rest = rest.get(behind..).unwrap_or_default();
    }
    false
}

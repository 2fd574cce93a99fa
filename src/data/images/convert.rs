//! Tensors from and to the pictures of the crate `image`.

use std::borrow::Cow;
use std::fmt;

use image::imageops::FilterType;
use image::{DynamicImage, GrayImage, RgbImage};

use super::Size;
use crate::data::Pixel;
use crate::tensor::{Tensor, Tensor3};

/// Converts a picture to a tensor on the heap; see [`Images`](super::Images) for its numbers.
///
/// For small pictures there is `Tensor3::try_from(&picture)` as well, from a [`DynamicImage`], an
/// [`RgbImage`] (3 channels) or a [`GrayImage`] (1 channel), which must have the tensor's size.
///
/// # Errors
/// Returns an error if the picture has another size without [`Size::Resize`], or no pixels.
pub fn to_tensor<const H: usize, const W: usize, const C: usize, T: Pixel>(
    picture: &DynamicImage,
    size: Size,
) -> Result<Box<Tensor3<H, W, C, T>>, PictureSizeError> {
    check_sizes::<H, W, C>();
    let found = (picture.height(), picture.width());
    if size == Size::Exact || found.0 == 0 || found.1 == 0 {
        PictureSizeError::check::<H, W, C>(found)?;
    }

    let mut tensor = Tensor::zeros_boxed();
    fill(&resized(picture, H, W), &mut tensor);
    Ok(tensor)
}

/// Refuses sizes that no picture has, with a compile error.
pub(super) const fn check_sizes<const H: usize, const W: usize, const C: usize>() {
    const {
        assert!(
            C == 1 || C == 3,
            "pictures have 1 channel (grey) or 3 (red, green, blue)"
        );
        assert!(H > 0 && W > 0, "pictures have a height and a width");
        assert!(
            H <= u32::MAX as usize && W <= u32::MAX as usize,
            "the height and the width of a picture are at most 4294967295"
        );
    }
}

/// Returns the picture in this size.
pub(super) fn resized(
    picture: &DynamicImage,
    height: usize,
    width: usize,
) -> Cow<'_, DynamicImage> {
    if (picture.height() as usize, picture.width() as usize) == (height, width) {
        Cow::Borrowed(picture)
    } else {
        Cow::Owned(picture.resize_exact(width as u32, height as u32, FilterType::Triangle))
    }
}

/// Copies a picture of the tensor's size.
pub(super) fn fill<const H: usize, const W: usize, const C: usize, T: Pixel>(
    picture: &DynamicImage,
    to: &mut Tensor3<H, W, C, T>,
) {
    match (C, picture) {
        (1, DynamicImage::ImageLuma8(grey)) => copy(grey, to),
        (3, DynamicImage::ImageRgb8(rgb)) => copy(rgb, to),
        (1, _) => copy(&picture.to_luma8(), to),
        _ => copy(&picture.to_rgb8(), to),
    }
}

/// Copies the bytes of a picture, one for each element of the tensor.
fn copy<const H: usize, const W: usize, const C: usize, T: Pixel>(
    bytes: &[u8],
    to: &mut Tensor3<H, W, C, T>,
) {
    for (pixel, &byte) in to.iter_mut().zip(bytes) {
        *pixel = T::from_byte(byte);
    }
}

/// Copies a picture of the tensor's size. For large pictures there is [`to_tensor`].
impl<const H: usize, const W: usize, const C: usize, T: Pixel> TryFrom<&DynamicImage>
    for Tensor3<H, W, C, T>
{
    type Error = PictureSizeError;

    fn try_from(picture: &DynamicImage) -> Result<Self, PictureSizeError> {
        check_sizes::<H, W, C>();
        PictureSizeError::check::<H, W, C>((picture.height(), picture.width()))?;
        let mut tensor = Tensor::zeros();
        fill(picture, &mut tensor);
        Ok(tensor)
    }
}

macro_rules! pictures {
    ($($(#[$doc:meta])* $picture:ident of $channels:literal;)*) => { $(
        /// Copies a picture of the tensor's size. For large pictures there is [`to_tensor`].
        impl<const H: usize, const W: usize, T: Pixel> TryFrom<&$picture>
            for Tensor3<H, W, $channels, T>
        {
            type Error = PictureSizeError;

            fn try_from(picture: &$picture) -> Result<Self, PictureSizeError> {
                check_sizes::<H, W, $channels>();
                PictureSizeError::check::<H, W, $channels>((picture.height(), picture.width()))?;
                let mut tensor = Tensor::zeros();
                copy(picture, &mut tensor);
                Ok(tensor)
            }
        }

        /// Copies a tensor to a picture, with [`Pixel::to_byte`].
        impl<const H: usize, const W: usize, T: Pixel> From<&Tensor3<H, W, $channels, T>>
            for $picture
        {
            fn from(tensor: &Tensor3<H, W, $channels, T>) -> $picture {
                check_sizes::<H, W, $channels>();
                let bytes = tensor.iter().map(|pixel| pixel.to_byte()).collect();
                let picture = $picture::from_raw(W as u32, H as u32, bytes);
                picture.expect("a byte for each number")
            }
        }

        /// Copies a tensor to a picture, with [`Pixel::to_byte`].
        impl<const H: usize, const W: usize, T: Pixel> From<&Tensor3<H, W, $channels, T>>
            for DynamicImage
        {
            fn from(tensor: &Tensor3<H, W, $channels, T>) -> DynamicImage {
                $picture::from(tensor).into()
            }
        }
    )* };
}
pictures! {
    GrayImage of 1;
    RgbImage of 3;
}

/// The error for a picture that does not have the size of a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PictureSizeError {
    /// The shape of the tensor: height, width and channels.
    pub expected: [usize; 3],
    /// The height and the width of the picture.
    pub found: (u32, u32),
}

impl PictureSizeError {
    fn check<const H: usize, const W: usize, const C: usize>(
        found: (u32, u32),
    ) -> Result<(), PictureSizeError> {
        if (found.0 as usize, found.1 as usize) == (H, W) {
            return Ok(());
        }
        Err(PictureSizeError {
            expected: [H, W, C],
            found,
        })
    }
}

impl fmt::Display for PictureSizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [height, width, _] = self.expected;
        let (found_height, found_width) = self.found;
        write!(
            f,
            "a tensor of shape {:?} takes a picture of the height {height} and the width {width}, \
             but one of the height {found_height} and the width {found_width} came; ",
            self.expected
        )?;
        if found_height == 0 || found_width == 0 {
            f.write_str("leave it out, as it has no pixels")
        } else {
            f.write_str(
                "take a tensor of its size, or resize it with `images::to_tensor(&picture, \
                 Size::Resize)`",
            )
        }
    }
}

impl std::error::Error for PictureSizeError {}

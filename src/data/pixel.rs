//! Bytes of images as numbers.

use crate::tensor::Scalar;

/// A number that a pixel of an image becomes: 0 to 1 as `f32` or `f64`, or the byte itself as `u8`.
#[diagnostic::on_unimplemented(
    message = "a pixel can't be read as `{Self}`",
    label = "not a number type of pixels",
    note = "pixels are 0 to 1 as `f32` or `f64`, or the bytes themselves as `u8`"
)]
pub trait Pixel: Scalar {
    /// Converts a byte.
    ///
    /// ```
    /// use shapewright::data::Pixel;
    /// assert_eq!(
    ///     (f32::from_byte(255), f64::from_byte(51), u8::from_byte(7)),
    ///     (1.0, 0.2, 7)
    /// );
    /// ```
    fn from_byte(byte: u8) -> Self;

    /// Converts to the nearest byte. Numbers below 0 become 0, those above 1 become 255, and NaN
    /// becomes 0.
    ///
    /// ```
    /// use shapewright::data::Pixel;
    /// assert_eq!((0.2_f32.to_byte(), 1.5_f64.to_byte(), 7_u8.to_byte()), (51, 255, 7));
    /// ```
    fn to_byte(self) -> u8;
}

impl Pixel for f32 {
    fn from_byte(byte: u8) -> f32 {
        f32::from(byte) / 255.0
    }

    fn to_byte(self) -> u8 {
        // The cast saturates.
        (self * 255.0).round() as u8
    }
}

impl Pixel for f64 {
    fn from_byte(byte: u8) -> f64 {
        f64::from(byte) / 255.0
    }

    fn to_byte(self) -> u8 {
        // The cast saturates.
        (self * 255.0).round() as u8
    }
}

impl Pixel for u8 {
    fn from_byte(byte: u8) -> u8 {
        byte
    }

    fn to_byte(self) -> u8 {
        self
    }
}

//! Pixels to draw on, and PNG files of them.

use core::convert::Infallible;
use std::path::Path;

use plotters::prelude::DrawingBackend;
use plotters::style::text_anchor::Pos;
use plotters::style::{FontTransform, RGBColor};
use plotters_backend::{BackendColor, BackendTextStyle, DrawingErrorKind};

use super::PlotError;
use super::text;

/// The most pixels of a picture: more would take half a gigabyte.
const MOST_PIXELS: u64 = 1 << 27;

/// Rows of red, green and blue.
pub(super) struct Canvas {
    width: u32,
    height: u32,
    bytes: Vec<u8>,
}

impl Canvas {
    /// Creates a white canvas; the path is for the error.
    pub fn new(path: &Path, (width, height): (u32, u32)) -> Result<Self, PlotError> {
        let pixels = u64::from(width) * u64::from(height);
        if pixels > MOST_PIXELS {
            return Err(PlotError::TooLarge {
                path: path.to_owned(),
                width: u64::from(width),
                height: u64::from(height),
            });
        }
        Ok(Canvas {
            width,
            height,
            bytes: vec![255; 3 * pixels as usize],
        })
    }

    /// Returns the bytes of a PNG file.
    pub fn to_png(&self) -> Result<Vec<u8>, PlotError> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, self.width, self.height);
        encoder.set_color(png::ColorType::Rgb);
        let written = encoder.write_header().and_then(|mut writer| {
            writer.write_image_data(&self.bytes)?;
            writer.finish()
        });
        written.map_err(|error| PlotError::Drawing {
            reason: error.to_string(),
        })?;
        Ok(file)
    }

    /// Returns the three bytes of a pixel; `None` outside.
    pub fn pixel(&mut self, (x, y): (i32, i32)) -> Option<&mut [u8; 3]> {
        let x = u32::try_from(x).ok()?;
        let y = u32::try_from(y).ok()?;
        let at = 3 * (u64::from(y) * u64::from(self.width) + u64::from(x)) as usize;
        if x < self.width {
            self.bytes.get_mut(at..)?.first_chunk_mut()
        } else {
            None
        }
    }

    /// Writes letters of `em` pixels.
    pub fn text(&mut self, text: &str, em: f32, colour: RGBColor, anchor: Pos, at: (i32, i32)) {
        self.letters(
            text,
            em,
            (colour.0, colour.1, colour.2),
            anchor,
            &FontTransform::None,
            at,
        );
    }

    fn letters(
        &mut self,
        text: &str,
        em: f32,
        rgb: (u8, u8, u8),
        anchor: Pos,
        transform: &FontTransform,
        at: (i32, i32),
    ) {
        text::cover(text, em, anchor, transform, |x, y, part| {
            self.mix(
                (at.0 + x, at.1 + y),
                BackendColor {
                    alpha: f64::from(part),
                    rgb,
                },
            );
        });
    }

    fn mix(&mut self, at: (i32, i32), colour: BackendColor) {
        let (red, green, blue) = colour.rgb;
        let Some(pixel) = self.pixel(at) else { return };
        for (byte, new) in pixel.iter_mut().zip([red, green, blue]) {
            let old = f64::from(*byte);
            *byte = (old + colour.alpha.clamp(0.0, 1.0) * (f64::from(new) - old)).round() as u8;
        }
    }
}

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

impl DrawingBackend for &mut Canvas {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        (self.width, self.height)
    }
    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }
    fn present(&mut self) -> Drawn {
        Ok(())
    }
    fn draw_pixel(&mut self, at: (i32, i32), colour: BackendColor) -> Drawn {
        self.mix(at, colour);
        Ok(())
    }
    // The crate has its own letters in every build. Those of `plotters` would be the system's if
    // another crate enables its feature `ttf`.
    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, at: (i32, i32)) -> Drawn {
        let BackendColor { rgb, .. } = style.color();
        self.letters(
            text,
            text::em(style.size()),
            rgb,
            style.anchor(),
            &style.transform(),
            at,
        );
        Ok(())
    }
    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        text: &str,
        style: &S,
    ) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        Ok(text::size(text, style))
    }
}

//! Images side by side.

use core::fmt;
use std::path::Path;

use plotters::style::RGBColor;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::canvas::Canvas;
use super::{GREEN, INK, PlotError, VERMILLION, ending, save, text};
use crate::tensor::{Element, Tensor3};

/// Pixels of the letters of captions and of the title.
const CAPTION: f32 = 16.0;
const TITLE: f32 = 22.0;
/// Pixels between cells and around all of them.
const GAP: usize = 8;
/// The colour of NaN, which is seen.
const NAN: [u8; 3] = [255, 0, 255];

/// The text under an image. A text alone is dark: `"seven".into()`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caption {
    text: String,
    colour: Option<[u8; 3]>,
}

impl Caption {
    /// Creates a text in a colour: red, green and blue, from 0 to 255.
    pub fn coloured(text: impl fmt::Display, colour: [u8; 3]) -> Self {
        Caption {
            text: text.to_string(),
            colour: Some(colour),
        }
    }

    /// Creates a green text, for a right answer.
    pub fn right(text: impl fmt::Display) -> Self {
        Caption::coloured(text, [GREEN.0, GREEN.1, GREEN.2])
    }

    /// Creates a red text, for a wrong answer.
    pub fn wrong(text: impl fmt::Display) -> Self {
        Caption::coloured(text, [VERMILLION.0, VERMILLION.1, VERMILLION.2])
    }
}

impl From<&str> for Caption {
    fn from(text: &str) -> Self {
        Caption {
            text: text.to_owned(),
            colour: None,
        }
    }
}

impl From<String> for Caption {
    fn from(text: String) -> Self {
        Caption { text, colour: None }
    }
}

/// The values that are black and white.
#[derive(Clone, Copy, Debug)]
enum Range {
    Given(f32, f32),
    /// Each image's least and largest value.
    Each,
}

#[derive(Clone, Debug)]
struct Cell {
    /// Height, width, channels.
    sizes: [usize; 3],
    values: Vec<f32>,
    caption: Caption,
}

/// Images side by side, row after row, each with a caption under it, as a PNG file.
///
/// Each number of an image becomes a square of exactly [`scale`](ImageGrid::scale) by `scale`
/// pixels of one colour. Images may differ in size; each lies at the top left of its cell, and all
/// cells are as large as the largest image. NaN is magenta.
///
/// ```
/// use shapewright::plots::{Caption, ImageGrid};
/// use shapewright::prelude::*;
/// # let folder = std::env::temp_dir().join(format!("shapewright-grid-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// let digits = vec![Tensor3::<8, 8, 1>::zeros(); 40];
/// let mut grid = ImageGrid::new().title("digits").columns(10).scale(6);
/// for (i, digit) in digits.iter().enumerate() {
///     grid.add(digit, if i % 2 == 0 { Caption::right(i) } else { Caption::wrong(format!("{i}, not 0")) });
/// }
/// grid.save(folder.join("digits.png"))?;
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ImageGrid {
    cells: Vec<Cell>,
    columns: usize,
    scale: usize,
    range: Range,
    title: String,
}

impl Default for ImageGrid {
    fn default() -> Self {
        Self::new()
    }
}

/// A picture: one channel (grey) or three (red, green, blue).
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no picture: its channels, the last axis, are neither 1 (grey) nor 3 (red, \
               green, blue)",
    label = "not 1 or 3 channels"
)]
pub trait Coloured {}

impl<const H: usize, const W: usize, T: Element> Coloured for Tensor3<H, W, 1, T> {}
impl<const H: usize, const W: usize, T: Element> Coloured for Tensor3<H, W, 3, T> {}

impl ImageGrid {
    /// Creates a grid without images, with 8 columns, 4 pixels for each number, and values from 0
    /// (black) to 1 (white).
    pub fn new() -> Self {
        ImageGrid {
            cells: Vec::new(),
            columns: 8,
            scale: 4,
            range: Range::Given(0.0, 1.0),
            title: String::new(),
        }
    }

    /// Sets the number of images in a row; at least 1.
    pub fn columns(self, columns: usize) -> Self {
        ImageGrid {
            columns: columns.max(1),
            ..self
        }
    }

    /// Sets the width and height of each number in pixels; at least 1.
    pub fn scale(self, scale: usize) -> Self {
        ImageGrid {
            scale: scale.max(1),
            ..self
        }
    }

    /// Sets the value that is black, or without a colour, and the one that is white, or the full
    /// colour. Values outside are clamped.
    pub fn range(self, low: f32, high: f32) -> Self {
        ImageGrid {
            range: Range::Given(low, high),
            ..self
        }
    }

    /// Takes the least finite value of each image for black and its largest for white.
    pub fn range_of_each(self) -> Self {
        ImageGrid {
            range: Range::Each,
            ..self
        }
    }

    /// Sets a line above the images.
    pub fn title(self, title: impl Into<String>) -> Self {
        ImageGrid {
            title: title.into(),
            ..self
        }
    }

    /// Adds an image: height, width and channels, 1 (grey) or 3 (red, green, blue). Another number
    /// of channels is a compile error.
    ///
    /// ```compile_fail
    /// use shapewright::{Tensor3, plots::ImageGrid};
    /// ImageGrid::new().add(&Tensor3::<8, 8, 2>::zeros(), "two channels");
    /// ```
    pub fn add<const H: usize, const W: usize, const C: usize, T: Element>(
        &mut self,
        image: &Tensor3<H, W, C, T>,
        caption: impl Into<Caption>,
    ) -> &mut Self
    where
        Tensor3<H, W, C, T>: Coloured,
    {
        const { assert!(H > 0 && W > 0, "images have a height and a width") };

        let values = image
            .iter()
            .map(|x| x.to_f32().unwrap_or(f32::NAN))
            .collect();
        self.cells.push(Cell {
            sizes: [H, W, C],
            values,
            caption: caption.into(),
        });
        self
    }

    /// Adds an image whose numbers lie row after row, the channels of a pixel side by side.
    ///
    /// # Errors
    /// Returns an error if there are not `height * width * channels` numbers, or none, or if the
    /// channels are neither 1 nor 3.
    pub fn add_slice(
        &mut self,
        values: &[f32],
        [height, width, channels]: [usize; 3],
        caption: impl Into<Caption>,
    ) -> Result<&mut Self, PlotError> {
        let sizes = [height, width, channels];
        let expected = height
            .checked_mul(width)
            .and_then(|pixels| pixels.checked_mul(channels));
        if !matches!(channels, 1 | 3) || values.is_empty() || expected != Some(values.len()) {
            return Err(PlotError::Pixels {
                sizes,
                found: values.len(),
            });
        }

        self.cells.push(Cell {
            sizes,
            values: values.to_vec(),
            caption: caption.into(),
        });
        Ok(self)
    }

    /// Returns the number of images.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Returns whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Writes the picture to a file whose name ends in `.png`.
    ///
    /// # Errors
    /// Returns an error if the name has another ending, if there are no images, if the range is
    /// empty, if the picture would be too large, or if the file can't be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), PlotError> {
        let path = path.as_ref();
        self.check(path)?;

        let layout = Layout::of(self);
        let mut canvas = Canvas::new(path, layout.size(self, path)?)?;
        canvas.text(
            &self.title,
            TITLE,
            INK,
            Pos::new(HPos::Left, VPos::Top),
            (GAP as i32, GAP as i32),
        );
        for (i, cell) in self.cells.iter().enumerate() {
            let x = GAP + i % self.columns * (layout.cell.0 + GAP);
            let y = layout.top + i / self.columns * (layout.cell.1 + GAP);
            self.paint(cell, (x, y), &mut canvas);

            let colour = cell
                .caption
                .colour
                .map_or(INK, |[red, green, blue]| RGBColor(red, green, blue));
            let below = y + layout.image.1 + GAP / 2;
            let middle = x + layout.cell.0 / 2;
            canvas.text(
                &cell.caption.text,
                CAPTION,
                colour,
                Pos::new(HPos::Center, VPos::Top),
                (middle as i32, below as i32),
            );
        }

        save(path, &canvas.to_png()?)
    }

    /// Checks that there is something to draw, and that it can be drawn into this file.
    fn check(&self, path: &Path) -> Result<(), PlotError> {
        if ending(path) != "png" {
            return Err(PlotError::Ending {
                path: path.to_owned(),
                possible: &["png"],
            });
        }
        if self.is_empty() {
            return Err(PlotError::Empty {
                reason: "the grid has no images, so there is nothing to draw; add some first",
            });
        }
        if let Range::Given(low, high) = self.range
            && !(low < high && low.is_finite() && high.is_finite())
        {
            return Err(PlotError::Range { low, high });
        }
        Ok(())
    }

    /// Paints an image.
    fn paint(&self, cell: &Cell, (left, top): (usize, usize), canvas: &mut Canvas) {
        let (low, high) = match self.range {
            Range::Given(low, high) => (low, high),
            Range::Each => {
                let finite = cell.values.iter().copied().filter(|x| x.is_finite());
                finite.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), x| {
                    (low.min(x), high.max(x))
                })
            }
        };

        let [_, width, channels] = cell.sizes;
        for (i, pixel) in cell.values.chunks(channels).enumerate() {
            let colour = if pixel.iter().any(|x| x.is_nan()) {
                NAN
            } else {
                core::array::from_fn(|channel| byte(pixel[channel.min(channels - 1)], low, high))
            };

            let x = left + i % width * self.scale;
            let y = top + i / width * self.scale;
            for at in (0..self.scale * self.scale).map(|i| (x + i % self.scale, y + i / self.scale))
            {
                if let Some(pixel) = canvas.pixel((at.0 as i32, at.1 as i32)) {
                    *pixel = colour;
                }
            }
        }
    }
}

/// Returns the grey, from 0 to 255, of a value between `low` and `high`; an image of one value is
/// black.
fn byte(x: f32, low: f32, high: f32) -> u8 {
    // In f64, so that no range of f32 overflows. The cast clamps values outside, and makes 0 / 0
    // black.
    let [x, low, high] = [x, low, high].map(f64::from);
    ((x - low) / (high - low) * 255.0).round() as u8
}

/// The sizes of a cell and of its parts in pixels, as width and height.
struct Layout {
    image: (usize, usize),
    cell: (usize, usize),
    /// The beginning of the first row.
    top: usize,
}

impl Layout {
    fn of(grid: &ImageGrid) -> Self {
        let largest = |axis: usize| {
            grid.cells
                .iter()
                .map(|cell| cell.sizes[axis])
                .max()
                .unwrap_or(0)
        };
        let image = (
            largest(1).saturating_mul(grid.scale),
            largest(0).saturating_mul(grid.scale),
        );

        let captions = grid
            .cells
            .iter()
            .map(|cell| text::width(&cell.caption.text, CAPTION).ceil() as usize);
        let widest = captions.max().unwrap_or(0);
        let line = if widest == 0 {
            0
        } else {
            GAP / 2 + (1.2 * CAPTION) as usize
        };
        let cell = (image.0.max(widest), image.1.saturating_add(line));

        let top = GAP
            + if grid.title.is_empty() {
                0
            } else {
                (1.5 * TITLE) as usize
            };
        Layout { image, cell, top }
    }

    /// The size of the whole picture.
    fn size(&self, grid: &ImageGrid, path: &Path) -> Result<(u32, u32), PlotError> {
        let columns = grid.columns.min(grid.cells.len());
        let rows = grid.cells.len().div_ceil(grid.columns);
        let along = |count: usize, size: usize| {
            (size as u64)
                .saturating_add(GAP as u64)
                .saturating_mul(count as u64)
        };

        let title = text::width(&grid.title, TITLE).ceil() as u64 + GAP as u64;
        let width = along(columns, self.cell.0)
            .max(title)
            .saturating_add(GAP as u64);
        let height = along(rows, self.cell.1).saturating_add(self.top as u64);
        match (u32::try_from(width), u32::try_from(height)) {
            (Ok(width), Ok(height)) => Ok((width, height)),
            _ => Err(PlotError::TooLarge {
                path: path.to_owned(),
                width,
                height,
            }),
        }
    }
}

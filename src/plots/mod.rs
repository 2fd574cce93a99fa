//! Pictures: learning curves, confusion matrices, charts, and grids of images.
//!
//! ```
//! use shapewright::plots::{Caption, ImageGrid};
//! use shapewright::prelude::*;
//! # let folder = std::env::temp_dir().join(format!("shapewright-plots-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! network! { struct Line: [1] -> [1] { Linear<_, 1> } }
//! let x: Vec<_> = (0..100).map(|i| Tensor1::from([i as f32 / 100.0])).collect();
//! let mut net = Line::init(&mut shapewright::rng(0));
//! let history = Line::trainer(Adam::new(0.01), Mse).epochs(5).validate(&x, &x).fit(&mut net, &x, &x)?;
//! history.draw(folder.join("curve.svg"))?;
//!
//! let mut grid = ImageGrid::new().columns(2).scale(4);
//! grid.add(&Tensor3::<8, 8, 1>::full(0.5), Caption::right("grey"));
//! grid.add(&Tensor3::<8, 8, 3>::zeros(), Caption::wrong("white, not black"));
//! grid.save(folder.join("grid.png"))?;
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | | draws | as |
//! |---|---|---|
//! | [`History::draw`](crate::train::History::draw) | losses and metrics over the epochs | PNG, SVG |
//! | [`ConfusionMatrix::draw`](crate::metrics::ConfusionMatrix::draw) | which class was taken for which | PNG, SVG |
//! | [`Chart`] | lines and bands over numbers, such as a series and its forecast | PNG, SVG |
//! | [`ImageGrid`] | images side by side, with captions, pixel for pixel | PNG |
//!
//! The ending of the file's name decides about the format. Files are there whole or not at all; see
//! [files](crate#files). PNGs need no font of the system: the letters of the Latin, Greek and
//! Cyrillic scripts come with the crate (Roboto, Apache License 2.0), and others are boxes. In
//! SVGs, the viewer draws the letters.

mod canvas;
mod chart;
mod confusion;
mod curve;
mod error;
mod grid;
mod svg;
mod text;

pub use chart::Chart;
pub use error::PlotError;
pub use grid::{Caption, ImageGrid};

use std::path::Path;

use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::prelude::DrawingBackend;
use plotters::style::RGBColor;

use crate::atomic_file;
use canvas::Canvas;
use svg::Svg;

/// Colours that colour-blind people can tell apart (Okabe and Ito 2008), and greys.
const BLUE: RGBColor = RGBColor(0, 114, 178);
const VERMILLION: RGBColor = RGBColor(213, 94, 0);
const GREEN: RGBColor = RGBColor(0, 158, 115);
const PURPLE: RGBColor = RGBColor(204, 121, 167);
const ORANGE: RGBColor = RGBColor(230, 159, 0);
const SKY: RGBColor = RGBColor(86, 180, 233);
const WHITE: RGBColor = RGBColor(255, 255, 255);
const INK: RGBColor = RGBColor(40, 40, 40);
const GREY: RGBColor = RGBColor(120, 120, 120);
const PALE: RGBColor = RGBColor(225, 225, 225);

type DrawError<B> = DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>;

/// Something to draw in any format.
trait Picture {
    /// Returns width and height in pixels.
    fn size(&self) -> (u32, u32);

    /// Draws it on a white area of that size.
    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Result<(), DrawError<B>>;
}

/// The end of a file's name, in small letters.
fn ending(path: &Path) -> String {
    path.extension()
        .map(|end| end.to_string_lossy().to_lowercase())
        .unwrap_or_default()
}

/// Draws a picture into a file, in the format that its name says.
fn write(path: &Path, picture: &impl Picture) -> Result<(), PlotError> {
    const POSSIBLE: &[&str] = &["png", "svg"];

    let size = picture.size();
    let bytes = match &*ending(path) {
        "png" => {
            let mut canvas = Canvas::new(path, size)?;
            draw(&mut canvas, picture)?;
            canvas.to_png()?
        }
        "svg" => {
            let mut text = String::new();
            draw(Svg::new(&mut text, size), picture)?;
            text.into_bytes()
        }
        _ => {
            return Err(PlotError::Ending {
                path: path.to_owned(),
                possible: POSSIBLE,
            });
        }
    };

    save(path, &bytes)
}

fn draw<B: DrawingBackend>(backend: B, picture: &impl Picture) -> Result<(), PlotError> {
    let area = backend.into_drawing_area();
    let drawn = area
        .fill(&WHITE)
        .and_then(|()| picture.draw(&area))
        .and_then(|()| area.present());
    drawn.map_err(|error| PlotError::Drawing {
        reason: error.to_string(),
    })
}

/// Writes a file that is there whole or not at all.
fn save(path: &Path, bytes: &[u8]) -> Result<(), PlotError> {
    atomic_file::write(path, bytes).map_err(|error| PlotError::Write {
        path: path.to_owned(),
        error,
    })
}

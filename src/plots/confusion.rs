//! Confusion matrices.

use std::path::Path;

use plotters::coord::Shift;
use plotters::drawing::DrawingArea;
use plotters::prelude::{Color, DrawingBackend, RGBColor, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontTransform, TextStyle};

use super::{BLUE, DrawError, INK, PALE, Picture, PlotError, WHITE, text, write};
use crate::metrics::{ConfusionMatrix, NamedConfusionMatrix};

/// Pixels of letters, and the least that can be read.
const EM: f32 = 26.0;
const LEAST_EM: f32 = 11.0;
/// The pixels of all cells together, of the largest cell and of the smallest.
const CELLS: usize = 1200;
const LARGEST: usize = 96;
const SMALLEST: usize = 2;
/// The largest number of classes for which cells of 0 are drawn as well, with their number. The
/// cells of more classes have no room for numbers, and those of 0 look like the background.
const ALL_CELLS: usize = 128;
/// The longest name, in pixels.
const LONGEST: f32 = 400.0;
const MARGIN: i32 = 24;

impl<const N: usize> ConfusionMatrix<N> {
    /// Draws the matrix: a row for each class that samples are of, a column for each class that is
    /// predicted, each cell with its count and, by its colour, its share of the row. The file's
    /// name ends in `.png` or `.svg`. With many classes the cells become smaller, and the
    /// numbers go first.
    ///
    /// [`named`](ConfusionMatrix::named) gives the classes names.
    ///
    /// ```
    /// use shapewright::metrics::ConfusionMatrix;
    /// use shapewright::prelude::*;
    /// # let folder = std::env::temp_dir().join(format!("shapewright-confusion-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// let labels = Label::<2>::from_numbers(&[0_u8, 1, 1])?;
    /// let predictions = Label::from_numbers(&[0_u8, 1, 0])?;
    /// let matrix = ConfusionMatrix::of_predictions(&predictions, &labels);
    /// matrix.draw(folder.join("confusion.png"))?;
    /// matrix.named(&["cat", "dog"]).draw(folder.join("confusion.svg"))?;
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error if the file's name has another ending, if there are no samples, or if the
    /// file can't be written.
    pub fn draw(&self, path: impl AsRef<Path>) -> Result<(), PlotError> {
        draw(
            self,
            (0..N).map(|class| class.to_string()).collect(),
            path.as_ref(),
        )
    }
}

impl<const N: usize> NamedConfusionMatrix<'_, N> {
    /// Draws the matrix as [`ConfusionMatrix::draw`] does, with the classes' names.
    ///
    /// # Errors
    /// Returns the errors of [`ConfusionMatrix::draw`].
    pub fn draw(&self, path: impl AsRef<Path>) -> Result<(), PlotError> {
        draw(
            self.matrix,
            self.names.iter().map(|&name| name.to_owned()).collect(),
            path.as_ref(),
        )
    }
}

fn draw<const N: usize>(
    matrix: &ConfusionMatrix<N>,
    names: Vec<String>,
    path: &Path,
) -> Result<(), PlotError> {
    let Ok(accuracy) = matrix.accuracy() else {
        return Err(PlotError::Empty {
            reason: "the confusion matrix has no samples, so there is nothing to draw; update it first",
        });
    };

    let title = format!(
        "{} samples, accuracy {:.2} %",
        matrix.total(),
        100.0 * accuracy
    );
    write(path, &Table::new(title, names, cells(matrix)))
}

/// The count of a label and a prediction.
struct Cell {
    label: usize,
    prediction: usize,
    count: u64,
    /// The count's share of all samples of the label.
    share: f64,
}

/// Returns the cells that are drawn.
fn cells<const N: usize>(matrix: &ConfusionMatrix<N>) -> Vec<Cell> {
    let support = matrix.support();
    let cell = |label: usize, prediction: usize, count: u64| Cell {
        label,
        prediction,
        count,
        share: count as f64 / support[label].max(1) as f64,
    };

    if N <= ALL_CELLS {
        let counts = matrix.counts().as_flattened().iter().enumerate();
        counts
            .map(|(i, &count)| cell(i / N, i % N, count))
            .collect()
    } else {
        let counts = matrix.nonzero();
        counts
            .map(|(label, prediction, count)| cell(label.index(), prediction.index(), count))
            .collect()
    }
}

/// A matrix laid out.
struct Table {
    title: String,
    /// The names of the classes, short enough to be drawn.
    names: Vec<String>,
    cells: Vec<Cell>,
    /// Pixels of a cell.
    cell: i32,
    /// The place of the first cell.
    corner: (i32, i32),
    /// Pixels of the letters in the cells; `None` if they would be too small.
    number_em: Option<f32>,
    /// The names of columns go upwards.
    upright: bool,
    /// Pixels of the letters of names.
    name_em: f32,
    /// The number of classes from one name that is drawn to the next.
    every: usize,
}

impl Table {
    fn new(title: String, names: Vec<String>, cells: Vec<Cell>) -> Self {
        let cell = (CELLS / names.len()).clamp(SMALLEST, LARGEST);
        let name_em = EM.min(0.8 * cell as f32).max(LEAST_EM);
        let every = (1.2 * name_em / cell as f32).ceil() as usize;

        let names: Vec<String> = names
            .iter()
            .map(|name| text::shortened(name, name_em, LONGEST))
            .collect();
        let longest = names
            .iter()
            .map(|name| text::width(name, name_em))
            .fold(0.0, f32::max);
        let upright = longest > 0.9 * (cell * every) as f32;
        let above = if upright { longest } else { name_em };

        let widest = cells
            .iter()
            .map(|cell| text::width(&cell.count.to_string(), EM))
            .fold(0.0, f32::max);
        let number_em = (EM * (0.85 * cell as f32 / widest).min(1.0)).min(0.8 * cell as f32);

        let line = 2 * EM as i32;
        Table {
            corner: (
                MARGIN + line + longest as i32 + 16,
                MARGIN + 2 * line + above as i32 + 16,
            ),
            title,
            names,
            cells,
            cell: cell as i32,
            number_em: Some(number_em).filter(|&em| em >= LEAST_EM),
            upright,
            name_em,
            every,
        }
    }

    fn side(&self) -> i32 {
        self.cell * self.names.len() as i32
    }
}

fn anchored(style: TextStyle<'static>, h: HPos, v: VPos) -> TextStyle<'static> {
    style.pos(Pos::new(h, v))
}

impl Picture for Table {
    fn size(&self) -> (u32, u32) {
        let width = (self.corner.0 + self.side() + MARGIN)
            .max(text::width(&self.title, EM) as i32 + 2 * MARGIN);
        (width as u32, (self.corner.1 + self.side() + MARGIN) as u32)
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Result<(), DrawError<B>> {
        self.draw_titles(area)?;
        self.draw_names(area)?;
        self.draw_cells(area)
    }
}

impl Table {
    /// Draws the title of the picture and those of the axes.
    fn draw_titles<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
    ) -> Result<(), DrawError<B>> {
        let (left, top) = self.corner;
        let side = self.side();
        let large = text::ink(f64::from(EM));
        let title = anchored(large.clone(), HPos::Left, VPos::Top);
        area.draw(&Text::new(&*self.title, (MARGIN, MARGIN), title))?;
        let predicted = anchored(large.clone(), HPos::Center, VPos::Top);
        area.draw(&Text::new(
            "predicted",
            (left + side / 2, MARGIN + 2 * EM as i32),
            predicted,
        ))?;
        let label = anchored(large, HPos::Center, VPos::Top).transform(FontTransform::Rotate270);
        area.draw(&Text::new("label", (MARGIN, top + side / 2), label))
    }

    /// Draws the names of rows and columns.
    fn draw_names<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
    ) -> Result<(), DrawError<B>> {
        let (left, top) = self.corner;
        let cell = self.cell;

        let small = text::ink(f64::from(self.name_em));
        for (class, name) in self.names.iter().enumerate().step_by(self.every) {
            let middle = class as i32 * cell + cell / 2;
            let row = anchored(small.clone(), HPos::Right, VPos::Center);
            area.draw(&Text::new(&**name, (left - 12, top + middle), row))?;
            let column = if self.upright {
                anchored(small.clone(), HPos::Left, VPos::Center)
                    .transform(FontTransform::Rotate270)
            } else {
                anchored(small.clone(), HPos::Center, VPos::Bottom)
            };
            area.draw(&Text::new(&**name, (left + middle, top - 12), column))?;
        }
        Ok(())
    }

    /// Draws the cells, with their numbers if there is room, and a frame around them.
    fn draw_cells<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
    ) -> Result<(), DrawError<B>> {
        let (left, top) = self.corner;
        let side = self.side();
        let cell = self.cell;

        for &Cell {
            label,
            prediction,
            count,
            share,
        } in &self.cells
        {
            let x = prediction as i32 * cell + left;
            let y = label as i32 * cell + top;
            area.draw(&Rectangle::new(
                [(x, y), (x + cell - 1, y + cell - 1)],
                shade(share).filled(),
            ))?;
            if let Some(em) = self.number_em {
                let colour = if share > 0.5 { WHITE } else { INK };
                let style = anchored(
                    text::style(f64::from(em), colour),
                    HPos::Center,
                    VPos::Center,
                );
                area.draw(&Text::new(
                    count.to_string(),
                    (x + cell / 2, y + cell / 2),
                    style,
                ))?;
            }
        }

        area.draw(&Rectangle::new(
            [(left - 1, top - 1), (left + side, top + side)],
            PALE,
        ))
    }
}

/// The colour of a share: white for 0, blue for 1.
fn shade(share: f64) -> RGBColor {
    let mix = |white: u8, blue: u8| {
        (f64::from(white) + share * (f64::from(blue) - f64::from(white))).round() as u8
    };
    RGBColor(
        mix(WHITE.0, BLUE.0),
        mix(WHITE.1, BLUE.1),
        mix(WHITE.2, BLUE.2),
    )
}

//! Learning curves.

use std::path::Path;

use plotters::coord::Shift;
use plotters::drawing::DrawingArea;
use plotters::element::DashedPathElement;
use plotters::prelude::{
    ChartBuilder, Circle, Color, DrawingBackend, PathElement, RGBColor, Rectangle, Text,
};
use plotters::style::ShapeStyle;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{
    BLUE, DrawError, GREEN, GREY, INK, ORANGE, PALE, PURPLE, Picture, PlotError, SKY, VERMILLION,
    WHITE,
};
use super::{text, write};
use crate::train::{Epoch, History};

/// Pixels of the picture: its width, and the height of each panel.
const WIDTH: u32 = 1600;
const HEIGHT: u32 = 600;
/// Pixels of letters.
const EM: f64 = 26.0;
/// Pixels of a dash, and of a line in the legend.
const DASH: i32 = 12;
pub(super) const SAMPLE: i32 = 48;
impl History {
    /// Draws the losses over the epochs and, where there are metrics, a second panel with them
    /// below. The epoch that early stopping went back to is marked. The file's name ends in
    /// `.png` or `.svg`.
    ///
    /// A curve has a gap where a value is missing, not finite, or above 1e100 in magnitude.
    /// The epochs are taken to follow each other from the first one's number. The picture is
    /// 1600 pixels wide and 600 high, 1200 with metrics.
    ///
    /// ```
    /// use shapewright::train::{Epoch, History};
    /// # let folder = std::env::temp_dir().join(format!("shapewright-curve-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// let epoch = |epoch| Epoch {
    ///     epoch,
    ///     steps: epoch as u64,
    ///     loss: 1.0 / epoch as f64,
    ///     validation_loss: None,
    ///     metrics: vec![("accuracy".to_owned(), 1.0 - 0.5 / epoch as f64)],
    ///     seconds: 0.1,
    ///     waiting: 0.0,
    /// };
    /// let history = History { epochs: (1..=9).map(epoch).collect(), ..History::default() };
    /// history.draw(folder.join("curve.png"))?;
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error if the file's name has another ending, if there is no epoch or no finite
    /// loss, or if the file can't be written.
    pub fn draw(&self, path: impl AsRef<Path>) -> Result<(), PlotError> {
        write(path.as_ref(), &Curves::of(self)?)
    }
}

/// The values of something in each epoch.
struct Curve {
    name: String,
    colour: RGBColor,
    values: Vec<Option<f64>>,
}

impl Curve {
    fn new(name: String, colour: RGBColor, values: impl Iterator<Item = Option<f64>>) -> Self {
        let drawable = |value: &f64| value.abs() <= Axis::MOST;
        Curve {
            name,
            colour,
            values: values.map(|value| value.filter(drawable)).collect(),
        }
    }

    /// Returns the curve of a value of each epoch, with gaps where there is none.
    fn over(
        name: &str,
        colour: RGBColor,
        history: &History,
        value: impl Fn(&Epoch) -> Option<f64>,
    ) -> Self {
        Curve::new(name.to_owned(), colour, history.epochs.iter().map(value))
    }

    /// The runs of epochs that have values.
    fn pieces(&self, first: u32, scale: f64) -> Vec<Vec<(u32, f64)>> {
        let points: Vec<_> = (first..)
            .zip(
                self.values
                    .iter()
                    .map(|value| value.map(|value| value / scale)),
            )
            .collect();
        let runs = points
            .split(|(_, value)| value.is_none())
            .filter(|run| !run.is_empty());
        runs.map(|run| {
            run.iter()
                .filter_map(|&(epoch, value)| Some((epoch, value?)))
                .collect()
        })
        .collect()
    }
}

/// Curves that share an axis.
struct Panel {
    name: &'static str,
    curves: Vec<Curve>,
    /// The place of the legend, at the top or at the bottom.
    legend: VPos,
}

struct Curves {
    panels: Vec<Panel>,
    /// The first epoch's number and the last one's.
    epochs: (u32, u32),
    restored: Option<u32>,
}

impl Curves {
    fn of(history: &History) -> Result<Self, PlotError> {
        let Some(first) = history.epochs.first() else {
            return Err(PlotError::Empty {
                reason: "the history has no epochs, so there is nothing to draw; train first",
            });
        };

        let panels = panels(history)?;

        // Far below the numbers of epochs that would overflow.
        let begin = first.epoch.min(1 << 30) as u32;
        let number = |position: usize| begin + position.min(1 << 30) as u32;
        let restored = history
            .epochs
            .iter()
            .position(|epoch| Some(epoch.epoch) == history.restored);
        Ok(Curves {
            panels,
            epochs: (begin, number(history.epochs.len() - 1)),
            restored: restored.map(number),
        })
    }
}

/// The panel of the losses, and that of the metrics if there are some.
fn panels(history: &History) -> Result<Vec<Panel>, PlotError> {
    let mut losses = vec![
        Curve::over("training", BLUE, history, |epoch| Some(epoch.loss)),
        Curve::over("validation", VERMILLION, history, |epoch| {
            epoch.validation_loss
        }),
    ];
    if history
        .epochs
        .iter()
        .all(|epoch| epoch.validation_loss.is_none())
    {
        losses.pop();
    }

    if losses
        .iter()
        .flat_map(|curve| &curve.values)
        .all(Option::is_none)
    {
        return Err(PlotError::Empty {
            reason: "no loss in the history is finite, so there is nothing to draw; look at where it became so",
        });
    }

    let mut panels = vec![Panel {
        name: "loss",
        curves: losses,
        legend: VPos::Top,
    }];
    let metrics = metrics(history);
    if !metrics.is_empty() {
        panels.push(Panel {
            name: "metrics",
            curves: metrics,
            legend: VPos::Bottom,
        });
    }
    Ok(panels)
}

/// The metrics, in the order in which they come; those of one epoch that share a name are numbered,
/// as in its table.
fn metrics(history: &History) -> Vec<Curve> {
    const COLOURS: [RGBColor; 6] = [GREEN, PURPLE, ORANGE, SKY, BLUE, VERMILLION];
    let columns = history.metric_columns(&[]).into_iter();
    columns
        .zip(COLOURS.iter().cycle())
        .map(|((name, values), &colour)| Curve::new(name, colour, values.into_iter()))
        .collect()
}

impl Picture for Curves {
    fn size(&self) -> (u32, u32) {
        (WIDTH, HEIGHT * self.panels.len() as u32)
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Result<(), DrawError<B>> {
        for (panel, area) in self
            .panels
            .iter()
            .zip(area.split_evenly((self.panels.len(), 1)))
        {
            self.draw_panel(panel, &area)?;
        }
        Ok(())
    }
}

impl Curves {
    fn draw_panel<B: DrawingBackend>(
        &self,
        panel: &Panel,
        area: &DrawingArea<B, Shift>,
    ) -> Result<(), DrawError<B>> {
        let axis = Axis::of(
            panel
                .curves
                .iter()
                .flat_map(|curve| curve.values.iter().flatten().copied()),
        );

        // A single epoch is in the middle.
        let (first, last) = self.epochs;
        let epochs = if first == last {
            first.saturating_sub(1)..last + 1
        } else {
            first..last
        };

        let mut chart = ChartBuilder::on(area)
            .margin(20)
            .margin_right(50)
            .x_label_area_size(80)
            .y_label_area_size(130)
            .build_cartesian_2d(epochs, axis.low..axis.high)?;
        chart
            .configure_mesh()
            .x_desc("epoch")
            .y_desc(format!("{}{}", panel.name, axis.unit()))
            .x_labels(16)
            .y_labels(8)
            .y_label_formatter(&|y| format!("{y:.0$}", axis.decimals()))
            // No labels: with 0 as their number, `plotters` would search for their positions for
            // ever.
            .max_light_lines(1)
            .light_line_style(WHITE.mix(0.0))
            .bold_line_style(PALE.stroke_width(2))
            .axis_style(GREY.stroke_width(2))
            .label_style(text::ink(EM))
            .axis_desc_style(text::ink(EM))
            .draw()?;

        // A run of epochs is a line, a single one a point.
        let mut legend = Vec::new();
        for curve in &panel.curves {
            let style = curve.colour.stroke_width(4);
            let pieces = curve.pieces(first, axis.scale);
            let (points, lines): (Vec<_>, Vec<_>) =
                pieces.into_iter().partition(|piece| piece.len() == 1);

            chart.draw_series(
                points
                    .iter()
                    .map(|piece| Circle::new(piece[0], 6, curve.colour.filled())),
            )?;
            chart.draw_series(
                lines
                    .into_iter()
                    .map(|piece| PathElement::new(piece, style)),
            )?;
            legend.push((
                text::shortened(&curve.name, EM as f32, 600.0),
                style,
                SAMPLE,
            ));
        }

        if let Some(epoch) = self.restored {
            let style = INK.stroke_width(3);
            let ends = [(epoch, axis.low), (epoch, axis.high)];
            chart.draw_series([DashedPathElement::new(ends, DASH, DASH, style)])?;
            legend.push((format!("restored: epoch {epoch}"), style, DASH));
        }

        draw_legend(
            &chart.plotting_area().strip_coord_spec(),
            &legend,
            panel.legend,
        )
    }
}

/// Draws names next to pieces of their lines, each dashed or whole, into a right corner.
pub(super) fn draw_legend<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    entries: &[(String, ShapeStyle, i32)],
    corner: VPos,
) -> Result<(), DrawError<B>> {
    const LINE: i32 = 40;
    const ROOM: i32 = 16;

    let widest = entries
        .iter()
        .map(|(name, _, _)| text::width(name, EM as f32))
        .fold(0.0, f32::max);
    // A viewer's own letters may be wider than these.
    let width = (1.1 * widest).ceil() as i32 + SAMPLE + 3 * ROOM;
    let height = LINE * entries.len() as i32 + ROOM;
    let (right, bottom) = area.dim_in_pixel();
    let left = right as i32 - width - ROOM;
    let top = if matches!(corner, VPos::Top) {
        ROOM
    } else {
        bottom as i32 - height - ROOM
    };
    let frame = [(left, top), (left + width, top + height)];
    area.draw(&Rectangle::new(frame, WHITE.mix(0.85).filled()))?;
    area.draw(&Rectangle::new(frame, PALE))?;

    let middles = (top + (LINE + ROOM) / 2..).step_by(LINE as usize);
    for ((name, style, dash), y) in entries.iter().zip(middles) {
        let from = left + ROOM;
        area.draw(&DashedPathElement::new(
            [(from, y), (from + SAMPLE, y)],
            *dash,
            DASH / 2,
            *style,
        ))?;
        let beside = text::ink(EM).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new(&**name, (from + SAMPLE + ROOM, y), beside))?;
    }
    Ok(())
}

/// An axis from `low` to `high` in units of `scale`.
pub(super) struct Axis {
    pub scale: f64,
    pub low: f64,
    pub high: f64,
}

impl Axis {
    /// The largest value that is drawn. Larger ones are omitted as infinite ones are, so that the
    /// axis can be worked out in `f64`.
    pub const MOST: f64 = 1e100;

    /// Creates an axis that ends with the values, unless they are all equal or nearly so.
    pub fn tight(values: impl Iterator<Item = f64> + Clone) -> Axis {
        let axis = Axis::of(values.clone());
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| {
            (low.min(x), high.max(x))
        });
        let [low, high] = [low, high].map(|x| x / axis.scale);
        if high - low >= 1.0 / Self::MOST {
            Axis { low, high, ..axis }
        } else {
            axis
        }
    }

    /// Creates an axis with a little room above and below the values. Very large and very small values are
    /// divided by a power of ten, so that the numbers at the axis stay short.
    pub fn of(values: impl Iterator<Item = f64>) -> Axis {
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| {
            (low.min(x), high.max(x))
        });
        if low > high {
            return Axis {
                scale: 1.0,
                low: 0.0,
                high: 1.0,
            };
        }

        let most = low.abs().max(high.abs());
        let scale = if most < 1.0 / Self::MOST || (1e-2..1e4).contains(&most) {
            1.0
        } else {
            10f64.powf(most.log10().floor())
        };
        let [low, high, most] = [low, high, most].map(|x| x / scale);

        let room = (0.05 * (high - low)).max(5e-3 * most);
        let room = if room < 1.0 / Self::MOST { 0.5 } else { room };
        // Losses and scores that are not negative have no room below 0.
        let bottom = if low >= 0.0 && high > low {
            (low - room).max(0.0)
        } else {
            low - room
        };
        Axis {
            scale,
            low: bottom,
            high: high + room,
        }
    }

    /// The number of digits after the point that tell the numbers at the axis apart.
    pub fn decimals(&self) -> usize {
        // They are at least an eighth of the axis apart, and 1, 2 or 5 times a power of ten.
        let least = (self.high - self.low) / 8.0;
        (-(least / 5.0).log10().floor() - 1.0).max(0.0) as usize
    }

    pub fn unit(&self) -> String {
        if self.scale == 1.0 {
            String::new()
        } else {
            format!(", in {:e}", self.scale)
        }
    }
}

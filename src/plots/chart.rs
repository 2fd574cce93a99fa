//! Charts of lines and bands.

use std::path::Path;

use plotters::coord::Shift;
use plotters::drawing::DrawingArea;
use plotters::element::{PathElement, Polygon};
use plotters::prelude::{ChartBuilder, Color, DrawingBackend, RGBColor};

use super::curve::{Axis, SAMPLE, draw_legend};
use super::{
    BLUE, DrawError, GREEN, GREY, ORANGE, PALE, PURPLE, Picture, PlotError, VERMILLION, WHITE,
};
use super::{text, write};
use plotters::style::text_anchor::VPos;

/// Pixels of the picture, of letters, and of a band in the legend.
const SIZE: (u32, u32) = (1600, 700);
const EM: f64 = 26.0;
const BAND: u32 = 20;
const COLOURS: [RGBColor; 5] = [BLUE, VERMILLION, GREEN, PURPLE, ORANGE];
/// The opacity of a band.
const OPACITY: f64 = 0.25;

/// A chart of lines, and of bands between two values, over numbers: a series and its forecast.
/// matplotlib's `plot` and `fill_between`.
///
/// ```
/// use shapewright::plots::Chart;
/// # let folder = std::env::temp_dir().join(format!("shapewright-chart-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// let years = (2000..2020).map(f64::from);
/// Chart::new("year", "passengers")
///     .line("measured", years.clone().map(|year| (year, year - 1990.0)))
///     .band("80 % of the forecasts", years.map(|year| (year, year - 1995.0, year - 1985.0)))
///     .draw(folder.join("chart.png"))?;
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    x: String,
    y: String,
    series: Vec<Series>,
}

/// A line, or a band between two of them.
#[derive(Clone, Debug, PartialEq)]
struct Series {
    name: String,
    /// The lower and the upper value over each number; of a line, they are equal.
    points: Vec<(f64, f64, f64)>,
    is_band: bool,
}

impl Chart {
    /// Creates a chart without lines, with these names of its axes.
    pub fn new(x: impl Into<String>, y: impl Into<String>) -> Self {
        Chart {
            x: x.into(),
            y: y.into(),
            series: Vec::new(),
        }
    }

    /// Adds a line through points `(x, y)`. It has a gap where a number is not finite, or above
    /// 1e100 in magnitude.
    pub fn line(
        self,
        name: impl Into<String>,
        points: impl IntoIterator<Item = (f64, f64)>,
    ) -> Self {
        let points = points.into_iter().map(|(x, y)| (x, y, y));
        self.with(name.into(), points, false)
    }

    /// Adds a band between two values, of points `(x, low, high)`. It has gaps as a
    /// [line](Chart::line) has.
    pub fn band(
        self,
        name: impl Into<String>,
        points: impl IntoIterator<Item = (f64, f64, f64)>,
    ) -> Self {
        self.with(name.into(), points.into_iter(), true)
    }

    fn with(
        mut self,
        name: String,
        points: impl Iterator<Item = (f64, f64, f64)>,
        is_band: bool,
    ) -> Self {
        let points = points.collect();
        self.series.push(Series {
            name,
            points,
            is_band,
        });
        self
    }

    /// Draws the chart, 1600 pixels wide and 700 high: first the bands, then the lines, each in
    /// the colour of its place among the series. The file's name ends in `.png` or `.svg`.
    ///
    /// # Errors
    /// Returns an error if the file's name has another ending, if there is no point to draw, or if
    /// the file can't be written.
    pub fn draw(&self, path: impl AsRef<Path>) -> Result<(), PlotError> {
        if self.drawable().next().is_none() {
            return Err(PlotError::Empty {
                reason: "the chart has no finite point, so there is nothing to draw; add a line",
            });
        }
        write(path.as_ref(), self)
    }

    /// Returns all points that are drawn.
    fn drawable(&self) -> impl Iterator<Item = (f64, f64, f64)> + Clone {
        let points = self.series.iter().flat_map(|series| &series.points);
        points.copied().filter(is_drawable)
    }
}

/// Returns whether a point can be drawn.
fn is_drawable(&(x, low, high): &(f64, f64, f64)) -> bool {
    [x, low, high]
        .iter()
        .all(|number| number.abs() <= Axis::MOST)
}

impl Picture for Chart {
    fn size(&self) -> (u32, u32) {
        SIZE
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Result<(), DrawError<B>> {
        let across = Axis::tight(self.drawable().map(|(x, _, _)| x));
        let up = Axis::of(self.drawable().flat_map(|(_, low, high)| [low, high]));

        let mut chart = ChartBuilder::on(area)
            .margin(20)
            .margin_right(50)
            .x_label_area_size(80)
            .y_label_area_size(130)
            .build_cartesian_2d(across.low..across.high, up.low..up.high)?;
        chart
            .configure_mesh()
            .x_desc(format!("{}{}", self.x, across.unit()))
            .y_desc(format!("{}{}", self.y, up.unit()))
            .x_labels(12)
            .y_labels(8)
            .x_label_formatter(&|x| format!("{x:.0$}", across.decimals()))
            .y_label_formatter(&|y| format!("{y:.0$}", up.decimals()))
            // Not 0 light lines: `plotters` would search for their positions for ever.
            .max_light_lines(1)
            .light_line_style(WHITE.mix(0.0))
            .bold_line_style(PALE.stroke_width(2))
            .axis_style(GREY.stroke_width(2))
            .label_style(text::ink(EM))
            .axis_desc_style(text::ink(EM))
            .draw()?;

        let coloured = || self.series.iter().zip(COLOURS.iter().cycle());
        let bands = coloured().filter(|(series, _)| series.is_band);
        let lines = coloured().filter(|(series, _)| !series.is_band);
        for (series, colour) in bands.chain(lines) {
            for run in series.points.split(|point| !is_drawable(point)) {
                let at = |&(x, _, _): &(f64, f64, f64), y: f64| (x / across.scale, y / up.scale);
                let lower = run.iter().map(|point| at(point, point.1));
                let upper = run.iter().map(|point| at(point, point.2));
                if series.is_band {
                    let border: Vec<_> = lower.chain(upper.rev()).collect();
                    chart.draw_series([Polygon::new(border, colour.mix(OPACITY).filled())])?;
                } else {
                    let line: Vec<_> = lower.collect();
                    chart.draw_series([PathElement::new(line, colour.stroke_width(4))])?;
                }
            }
        }

        let entry = |(series, colour): (&Series, &RGBColor)| {
            let style = match series.is_band {
                true => colour.mix(OPACITY).stroke_width(BAND),
                false => colour.stroke_width(4),
            };
            (
                text::shortened(&series.name, EM as f32, 600.0),
                style,
                SAMPLE,
            )
        };
        let legend: Vec<_> = coloured().map(entry).collect();
        let room = chart.plotting_area().strip_coord_spec();
        draw_legend(&room, &legend, VPos::Top)
    }
}

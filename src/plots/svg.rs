//! Vector graphics.

use std::io;

use plotters::prelude::{DrawingBackend, SVGBackend};
use plotters_backend::{BackendColor, BackendStyle, BackendTextStyle, DrawingErrorKind};

use super::text;

/// `plotters`' vector graphics with this crate's font in its place, so that texts are measured the
/// same everywhere.
pub(super) struct Svg<'a>(SVGBackend<'a>);

impl<'a> Svg<'a> {
    pub fn new(text: &'a mut String, size: (u32, u32)) -> Self {
        Svg(SVGBackend::with_string(text, size))
    }
}

type Point = (i32, i32);
type Drawn = Result<(), DrawingErrorKind<io::Error>>;

impl DrawingBackend for Svg<'_> {
    type ErrorType = io::Error;

    fn get_size(&self) -> (u32, u32) {
        self.0.get_size()
    }
    fn ensure_prepared(&mut self) -> Drawn {
        self.0.ensure_prepared()
    }
    fn present(&mut self) -> Drawn {
        self.0.present()
    }
    fn draw_pixel(&mut self, at: Point, colour: BackendColor) -> Drawn {
        self.0.draw_pixel(at, colour)
    }
    fn draw_line<S: BackendStyle>(&mut self, from: Point, to: Point, style: &S) -> Drawn {
        self.0.draw_line(from, to, style)
    }
    fn draw_rect<S: BackendStyle>(
        &mut self,
        from: Point,
        to: Point,
        style: &S,
        fill: bool,
    ) -> Drawn {
        self.0.draw_rect(from, to, style, fill)
    }
    fn draw_path<S: BackendStyle, I: IntoIterator<Item = Point>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        self.0.draw_path(path, style)
    }
    fn draw_circle<S: BackendStyle>(
        &mut self,
        centre: Point,
        radius: u32,
        style: &S,
        fill: bool,
    ) -> Drawn {
        self.0.draw_circle(centre, radius, style, fill)
    }
    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = Point>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        self.0.fill_polygon(path, style)
    }
    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, at: Point) -> Drawn {
        self.0.draw_text(&text::printable(text), style, at)
    }
    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        text: &str,
        style: &S,
    ) -> Result<(u32, u32), DrawingErrorKind<io::Error>> {
        Ok(text::size(text, style))
    }
}

//! Letters: the width of a text, and the pixels that it covers.

use std::sync::OnceLock;

use ab_glyph::{Font, FontRef, PxScale, ScaleFont, point};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontFamily, FontTransform, IntoTextStyle, RGBColor, TextStyle};
use plotters_backend::BackendTextStyle;

use super::INK;

/// The name of the font in an SVG.
const FAMILY: &str = "Roboto, sans-serif";
/// The number of units of `plotters`' sizes in an em.
const PER_EM: f64 = 1.24;

fn font() -> &'static FontRef<'static> {
    static FONT: OnceLock<FontRef<'static>> = OnceLock::new();
    let read = || FontRef::try_from_slice(include_bytes!("font/Roboto-subset.ttf"));
    FONT.get_or_init(|| read().expect("the crate's own font is well formed"))
}

/// A style of letters of `pixels` pixels.
pub(super) fn style(pixels: f64, colour: RGBColor) -> TextStyle<'static> {
    let mut style = (FontFamily::Name(FAMILY), pixels * PER_EM).into_text_style(&(0, 0));
    style.color = colour.to_backend_color();
    style
}

/// The usual style: dark.
pub(super) fn ink(pixels: f64) -> TextStyle<'static> {
    style(pixels, INK)
}

/// The pixels of an em in a style.
pub(super) fn em(size: f64) -> f32 {
    (size / PER_EM) as f32
}

/// A text whose line breaks and other control characters have become spaces.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(printable_char).collect()
}

fn printable_char(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}

fn scale(em: f32) -> PxScale {
    let font = font();
    PxScale::from(em * font.height_unscaled() / font.units_per_em().unwrap_or(2048.0))
}

/// The width of a text in pixels.
pub(super) fn width(text: &str, em: f32) -> f32 {
    let font = font().as_scaled(scale(em));
    printable(text)
        .chars()
        .map(|c| font.h_advance(font.glyph_id(c)))
        .sum()
}

/// Width and height of a text in a style.
pub(super) fn size(text: &str, style: &impl BackendTextStyle) -> (u32, u32) {
    let em = em(style.size());
    (width(text, em).ceil() as u32, em.ceil() as u32)
}

/// The text, or as much of its beginning as is not wider, with an ellipsis. Letters that have no room
/// are not looked at.
pub(super) fn shortened(text: &str, em: f32, most: f32) -> String {
    let font = font().as_scaled(scale(em));
    let width_of = |c: char| font.h_advance(font.glyph_id(c));
    let ellipsis = width_of('…');

    let mut whole = String::new();
    // The length of the beginning behind which an ellipsis has room.
    let mut kept = 0;
    let mut width = 0.0;
    for c in text.chars().map(printable_char) {
        width += width_of(c);
        if width > most {
            whole.truncate(kept);
            whole.push('…');
            return whole;
        }
        whole.push(c);
        if width + ellipsis <= most {
            kept = whole.len();
        }
    }
    whole
}

/// Calls `pixel` with each pixel that a text covers and the part of it that is covered, from 0 to 1,
/// where the anchor is at (0, 0).
pub(super) fn cover(
    text: &str,
    em: f32,
    anchor: Pos,
    transform: &FontTransform,
    mut pixel: impl FnMut(i32, i32, f32),
) {
    let font = font();
    let scale = scale(em);
    let scaled = font.as_scaled(scale);
    let mut x = match anchor.h_pos {
        HPos::Left => 0.0,
        HPos::Center => -0.5 * width(text, em).round(),
        HPos::Right => -width(text, em).round(),
    };
    // The base line is at the same parts of an em as in an SVG.
    let y = match anchor.v_pos {
        VPos::Top => 0.76 * em,
        VPos::Center => 0.264 * em,
        VPos::Bottom => -0.264 * em,
    };

    for c in printable(text).chars() {
        let glyph = font.glyph_id(c);
        if let Some(outline) =
            font.outline_glyph(glyph.with_scale_and_position(scale, point(x, y.round())))
        {
            let corner = outline.px_bounds().min;
            outline.draw(|dx, dy, part| {
                let (x, y) =
                    transform.transform(corner.x as i32 + dx as i32, corner.y as i32 + dy as i32);
                pixel(x, y, part);
            });
        }
        x += scaled.h_advance(glyph);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_as_long_as_has_room() {
        assert_eq!(shortened("a\nb", 20.0, 100.0), "a b");
        assert_eq!(shortened("", 20.0, 0.0), "");
        assert_eq!(shortened("abc", 20.0, 0.0), "…");

        // It takes no longer if the text is.
        let short = shortened(&"n".repeat(1000), 20.0, 400.0);
        assert!(width(&short, 20.0) <= 400.0 && width(&format!("n{short}"), 20.0) > 400.0);
        assert_eq!(shortened(&"n".repeat(10_000_000), 20.0, 400.0), short);
    }
}

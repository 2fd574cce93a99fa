//! An image seen through an affine map.

use num_traits::Float;

use super::simd::{Op, Simd};

/// An image of `[height][width][channels]`, and where each pixel of the result looks in it.
#[derive(Clone, Copy)]
pub struct Resample<'a, T> {
    pub from: &'a [T],
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    /// Two rows of `(column, row, 1)`: the column and the row of `from` that the pixel at `(column, row)` shows.
    pub map: [[f64; 3]; 2],
    /// Between four pixels, or the nearest one.
    pub bilinear: bool,
    /// What lies outside of the image.
    pub fill: T,
}

pub(super) struct ResampleOp<'a> {
    pub resample: Resample<'a, f32>,
    pub to: &'a mut [f32],
}

impl Op for ResampleOp<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, _: S) {
        resample(self.resample, self.to);
    }
}

/// The same operations one after the other in every tier, so that the bits agree.
#[inline(always)]
pub(super) fn resample<T: Float>(resample: Resample<'_, T>, to: &mut [T]) {
    let Resample { from, height, width, channels, map, bilinear, fill } = resample;
    let len = height * width * channels;
    assert!(from.len() == len && to.len() == len, "resample: slices of other lengths than the image");
    let [[xx, xy, x1], [yx, yy, y1]] = map;
    // Positions count from one pixel before the image, so that cutting off the fraction rounds down.
    let shift = if bilinear { 1.0 } else { 0.5 };
    let (right, bottom) = if bilinear { (width + 1, height + 1) } else { (width, height) };
    for (row, to) in to.chunks_exact_mut((width * channels).max(1)).enumerate() {
        let (from_x, from_y) = (xy * row as f64 + x1 + shift, yy * row as f64 + y1 + shift);
        for (column, to) in to.chunks_exact_mut(channels.max(1)).enumerate() {
            let (x, y) = (xx * column as f64 + from_x, yx * column as f64 + from_y);
            // NaN is outside as well.
            if !(x >= 0.0 && y >= 0.0 && x < right as f64 && y < bottom as f64) {
                to.fill(fill);
                continue;
            }
            let (left, top) = (x as usize, y as usize);
            if !bilinear {
                to.copy_from_slice(&from[(top * width + left) * channels..][..channels]);
                continue;
            }
            let part = |x: f64| T::from(x).unwrap_or(T::zero());
            let (across, down) = (part(x - left as f64), part(y - top as f64));
            if left > 0 && top > 0 && left < width && top < height {
                let above = &from[((top - 1) * width + left - 1) * channels..][..2 * channels];
                let below = &from[(top * width + left - 1) * channels..][..2 * channels];
                for (c, to) in to.iter_mut().enumerate() {
                    let (a, b) = (above[c], above[c + channels]);
                    *to = between(a, b, below[c], below[c + channels], across, down);
                }
                continue;
            }
            for (c, to) in to.iter_mut().enumerate() {
                // Counted from one pixel before the image: what is before wraps to far behind.
                let pixel = |row: usize, column: usize| {
                    let (row, column) = (row.wrapping_sub(1), column.wrapping_sub(1));
                    if row < height && column < width {
                        from[(row * width + column) * channels + c]
                    } else {
                        fill
                    }
                };
                let (a, b) = (pixel(top, left), pixel(top, left + 1));
                *to = between(a, b, pixel(top + 1, left), pixel(top + 1, left + 1), across, down);
            }
        }
    }
}

/// Between four pixels. Of equal pixels it is exactly that, and at a pixel's middle exactly that pixel.
#[inline(always)]
fn between<T: Float>(a: T, b: T, c: T, d: T, across: T, down: T) -> T {
    let (above, below) = (a + across * (b - a), c + across * (d - c));
    above + down * (below - above)
}

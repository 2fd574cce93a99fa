//! Resampling of images through an affine map.

use num_traits::Float;

use super::simd::{Op, Simd};

/// An image of `[height][width][channels]`, and the point of it that each pixel of the result
/// shows.
#[derive(Clone, Copy)]
pub struct Resample<'a, T> {
    pub from: &'a [T],
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    /// Two rows of `(column, row, 1)`: the column and the row of `from` that the pixel at
    /// `(column, row)` shows.
    pub map: [[f64; 3]; 2],
    /// True to interpolate between four pixels, false to take the nearest one.
    pub bilinear: bool,
    /// The value outside of the image.
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

/// Resamples an image. The operations on each pixel are the same in every tier, so that the bits
/// agree.
#[inline(always)]
pub(super) fn resample<T: Float>(resample: Resample<'_, T>, to: &mut [T]) {
    let Resample {
        height,
        width,
        channels,
        ..
    } = resample;
    let len = height * width * channels;
    assert!(
        resample.from.len() == len && to.len() == len,
        "resample: slices of other lengths than the image"
    );
    assert!(
        height.max(width) < i32::MAX as usize,
        "resample: too large an image"
    );

    // With a constant number of channels, the loop over them is unrolled.
    match channels {
        0 => {}
        1 => with_channels(
            Resample {
                channels: 1,
                ..resample
            },
            to,
        ),
        3 => with_channels(
            Resample {
                channels: 3,
                ..resample
            },
            to,
        ),
        _ => with_channels(resample, to),
    }
}

/// Resamples an image whose number of channels may be a constant after inlining.
#[inline(always)]
fn with_channels<T: Float>(resample: Resample<'_, T>, to: &mut [T]) {
    let Resample {
        from,
        height,
        width,
        channels,
        map,
        bilinear,
        fill,
    } = resample;
    let [[xx, xy, x1], [yx, yy, y1]] = map;

    // Coordinates count from one pixel before the image, so that truncation rounds down.
    let shift = if bilinear { 1.0 } else { 1.5 };
    let right = (width + 1) as f64;
    let bottom = (height + 1) as f64;
    let at = |row: usize, column: usize| (row * width + column) * channels;

    for (row, to) in to.chunks_exact_mut((width * channels).max(1)).enumerate() {
        let from_x = xy * row as f64 + x1 + shift;
        let from_y = yy * row as f64 + y1 + shift;
        for (column, to) in to.chunks_exact_mut(channels).enumerate() {
            let x = xx * column as f64 + from_x;
            let y = yx * column as f64 + from_y;

            // NaN is outside, too.
            if !(x >= 0.0 && y >= 0.0 && x < right && y < bottom) {
                to.fill(fill);
                continue;
            }

            // The pixel above and to the left of the point; before the image it wraps to far
            // behind.
            let whole_x = x as i32;
            let whole_y = y as i32;
            let left = (whole_x as usize).wrapping_sub(1);
            let top = (whole_y as usize).wrapping_sub(1);

            if !bilinear {
                if left < width && top < height {
                    to.copy_from_slice(&from[at(top, left)..][..channels]);
                } else {
                    to.fill(fill);
                }
                continue;
            }

            let fraction = |x: f64| T::from(x).unwrap_or(T::zero());
            let across = fraction(x - f64::from(whole_x));
            let down = fraction(y - f64::from(whole_y));

            if left < width - 1 && top < height - 1 {
                let above = &from[at(top, left)..][..2 * channels];
                let below = &from[at(top + 1, left)..][..2 * channels];
                for (c, to) in to.iter_mut().enumerate() {
                    let a = above[c];
                    let b = above[c + channels];
                    *to = between(a, b, below[c], below[c + channels], across, down);
                }
                continue;
            }

            let right = left.wrapping_add(1);
            let bottom = top.wrapping_add(1);
            for (c, to) in to.iter_mut().enumerate() {
                let pixel = |row: usize, column: usize| {
                    if row < height && column < width {
                        from[at(row, column) + c]
                    } else {
                        fill
                    }
                };
                let a = pixel(top, left);
                let b = pixel(top, right);
                *to = between(
                    a,
                    b,
                    pixel(bottom, left),
                    pixel(bottom, right),
                    across,
                    down,
                );
            }
        }
    }
}

/// Interpolates between four pixels. The result of equal pixels is exactly that pixel, and so is
/// the result at a pixel's center.
#[inline(always)]
fn between<T: Float>(a: T, b: T, c: T, d: T, across: T, down: T) -> T {
    let above = a + across * (b - a);
    let below = c + across * (d - c);
    let y = above + down * (below - above);
    if y.is_finite() {
        return y;
    }

    // A difference may be out of range, and the result not.
    let mean = |a: T, b: T, share: T| a * (T::one() - share) + b * share;
    mean(mean(a, b, across), mean(c, d, across), down)
}

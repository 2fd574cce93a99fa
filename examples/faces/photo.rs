//! A photo, and pieces of it in other sizes.

use image::RgbImage;
use shapewright::prelude::*;
use shapewright::tensor::Rank3;

/// A picture of any size: rows of pixels, each with red, green and blue from 0 to 255.
pub struct Photo {
    pub width: usize,
    pub height: usize,
    pixels: Vec<[f32; 3]>,
}

/// A rectangle of pixels, from the first column and row to before the last.
#[derive(Clone, Copy)]
pub struct Region {
    pub columns: [usize; 2],
    pub rows: [usize; 2],
}

impl Photo {
    pub fn new(image: &RgbImage) -> Self {
        Self {
            width: image.width() as usize,
            height: image.height() as usize,
            pixels: image.pixels().map(|pixel| pixel.0.map(f32::from)).collect(),
        }
    }

    /// The whole picture.
    pub fn region(&self) -> Region {
        Region {
            columns: [0, self.width],
            rows: [0, self.height],
        }
    }

    /// Returns a region in another size. Each pixel is the mean of those that it covers, in part or
    /// wholly: PyTorch's `interpolate(mode="area")`.
    pub fn resized(&self, region: Region, width: usize, height: usize) -> Self {
        let columns = windows(region.columns, width);
        let rows = windows(region.rows, height);
        let mut pixels = Vec::with_capacity(width * height);
        for &[top, bottom] in &rows {
            for &[left, right] in &columns {
                let mut sum = [0.0; 3];
                for row in top..bottom {
                    for pixel in &self.pixels[row * self.width..][left..right] {
                        (0..3).for_each(|colour| sum[colour] += pixel[colour]);
                    }
                }
                let count = ((bottom - top) * (right - left)) as f32;
                pixels.push(sum.map(|sum| sum / count));
            }
        }

        Self {
            width,
            height,
            pixels,
        }
    }

    /// Copies the square whose first row and column these are to a tensor, as the networks take it:
    /// from -1 to 1. What lies outside is 0.
    pub fn copy_square<const SIDE: usize>(
        &self,
        [top, left]: [usize; 2],
        x: &mut Tensor<Rank3<SIDE, SIDE, 3>>,
    ) {
        x.as_mut_slice().fill(0.0);
        let height = SIDE.min(self.height.saturating_sub(top));
        let width = SIDE.min(self.width.saturating_sub(left));
        for row in 0..height {
            for column in 0..width {
                let pixel = self.pixels[(top + row) * self.width + left + column];
                for colour in 0..3 {
                    x[[row, column, colour]] = (pixel[colour] - 127.5) / 128.0;
                }
            }
        }
    }
}

/// Returns the pixels that each of `n` pixels covers.
fn windows([start, end]: [usize; 2], n: usize) -> Vec<[usize; 2]> {
    let len = end - start;
    let window = |i: usize| [start + i * len / n, start + ((i + 1) * len).div_ceil(n)];
    (0..n).map(window).collect()
}

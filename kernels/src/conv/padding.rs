//! Padded images.

use crate::sizes;

/// The extent of the images and outputs that are processed together.
#[derive(Clone, Copy)]
pub(super) struct Together {
    /// The number of elements of both.
    elements: usize,
    /// The smallest number of pixels for which reading a weight is worthwhile.
    fewest_pixels: usize,
}

impl Together {
    /// For sums over samples, whose order depends on it: 256 KiB, so that they stay in the
    /// second-level cache while the weight passes.
    pub const SUMS: Together = Together {
        elements: 1 << 16,
        fewest_pixels: 512,
    };
    /// For outputs: the same, or 4 KiB without the standard library, as memory is scarce there.
    pub const OUTPUTS: Together = if cfg!(feature = "std") {
        Together::SUMS
    } else {
        Together {
            elements: 1 << 10,
            fewest_pixels: 1,
        }
    };
}

/// The part that is read of the plane on which the image lies at `(0, 0)` among zeros.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    pub size: [usize; 2],
    pub channels: usize,
    /// The first row and column that are read, and their numbers.
    pub first: [isize; 2],
    pub extent: [usize; 2],
}

/// The memory of a frame: row after row, image after image.
#[derive(Clone, Copy)]
pub(super) struct View {
    pub data: *const f32,
    /// The distance of rows.
    pub row: usize,
    /// The distance of samples.
    pub sample: usize,
}

impl Frame {
    const fn is_inside(&self) -> bool {
        let mut inside = true;
        let mut axis = 0;
        while axis < 2 {
            let first = self.first[axis];
            let end = first.saturating_add_unsigned(self.extent[axis]);
            inside = inside && first >= 0 && end <= self.size[axis] as isize;
            axis += 1;
        }
        inside
    }

    /// Returns the number of elements of a sample.
    const fn len(&self) -> usize {
        sizes::product(&[self.extent[0], self.extent[1], self.channels])
    }

    /// Returns the number of elements into which some samples are copied.
    pub const fn memory(&self, samples: usize) -> usize {
        if self.is_inside() {
            0
        } else {
            sizes::product(&[samples, self.len()])
        }
    }

    /// Returns the number of samples that are processed together, if each has `pixels` pixels and
    /// `numbers` elements on the other side.
    pub const fn group(&self, together: Together, pixels: usize, numbers: usize) -> usize {
        let fit = together.elements / sizes::sum(&[self.len(), numbers]);
        let fewest = together.fewest_pixels.div_ceil(pixels);
        if fit < fewest { fewest } else { fit }
    }

    /// Returns the number of rows of outputs that are processed together, if they are `width`
    /// pixels wide, `stride` rows of the image apart, and each reads this many rows of the frame.
    pub const fn rows_together(&self, width: usize, stride: usize, rows: usize) -> usize {
        let Together {
            elements,
            fewest_pixels,
        } = Together::OUTPUTS;
        let row = sizes::product(&[self.extent[1], self.channels]);
        let fit = (elements / row).saturating_sub(rows) / stride + 1;
        let fewest = fewest_pixels.div_ceil(width);
        if fit < fewest { fewest } else { fit }
    }

    /// Returns the frames of some images. They are copied to `memory` only if they reach beyond the
    /// images.
    pub fn view(&self, images: &[f32], memory: &mut [f32]) -> View {
        let Frame {
            size: [height, width],
            channels,
            first,
            extent,
        } = *self;
        let len = height * width * channels;
        let image_row = width * channels;

        if self.is_inside() {
            let start = first[0] as usize * image_row + first[1] as usize * channels;
            return View {
                data: images[start..].as_ptr(),
                row: image_row,
                sample: len,
            };
        }

        let row = extent[1] * channels;
        let sample = extent[0] * row;

        let frames = &mut memory[..images.len() / len * sample];
        let left = (first[1].min(0).unsigned_abs() * channels).min(row);
        let skipped = first[1].max(0) as usize * channels;
        let copied = image_row.saturating_sub(skipped).min(row - left);

        for (image, frame) in images
            .chunks_exact(len)
            .zip(frames.chunks_exact_mut(sample))
        {
            for (y, to) in frame.chunks_exact_mut(row).enumerate() {
                let y = first[0] + y as isize;
                if y < 0 || y >= height as isize || copied == 0 {
                    to.fill(0.0);
                    continue;
                }
                to[..left].fill(0.0);
                to[left..left + copied]
                    .copy_from_slice(&image[y as usize * image_row + skipped..][..copied]);
                to[left + copied..].fill(0.0);
            }
        }

        View {
            data: frames.as_ptr(),
            row,
            sample,
        }
    }
}

//! Padded images, and the workspace of convolutions.

use super::implicit_gemm::RowTile;
use crate::kept::Keep;
use crate::{AlignedBuffer, kept};

/// The number of elements of padded images and outputs that are processed together: 256 KiB, so
/// that they stay in the second-level cache while the weight passes.
const GROUP: usize = 1 << 16;

/// The smallest number of pixels for which reading a weight is worthwhile.
const FEWEST_PIXELS: usize = 512;

/// The workspace that a thread keeps from call to call, so that nothing is allocated once the
/// largest layer has run.
#[derive(Default)]
pub(super) struct Memory {
    pub image: AlignedBuffer<f32>,
    pub weight: AlignedBuffer<f32>,
    /// A packed panel of the right-hand matrix.
    pub panel: AlignedBuffer<f32>,
    /// The sums of a run.
    pub run: AlignedBuffer<f32>,
    pub taps: Vec<usize>,
    pub row_tiles: Vec<RowTile>,
    /// Taps with the positions of their weights.
    pub filters: Vec<[usize; 2]>,
}

impl Memory {
    /// Calls `f` with this thread's workspace.
    pub fn with(f: impl FnOnce(&mut Memory)) {
        kept! {
            static MEMORY: Memory = Memory::new();
        }
        let mut memory = MEMORY.take();
        f(&mut memory);
        MEMORY.set(memory);
    }

    const fn new() -> Self {
        Memory {
            image: AlignedBuffer::new(),
            weight: AlignedBuffer::new(),
            panel: AlignedBuffer::new(),
            run: AlignedBuffer::new(),
            taps: Vec::new(),
            row_tiles: Vec::new(),
            filters: Vec::new(),
        }
    }
}

impl Keep for Memory {
    const BUFFERS: usize = 7;

    fn room(&self) -> [usize; 8] {
        let Memory {
            image,
            weight,
            panel,
            run,
            taps,
            row_tiles,
            filters,
        } = self;

        let [image, weight, panel, run] =
            [image, weight, panel, run].map(|buffer| buffer.as_slice().len());
        [
            image,
            weight,
            panel,
            taps.capacity(),
            row_tiles.capacity(),
            filters.capacity(),
            run,
            0,
        ]
    }

    fn make_room(&mut self, room: [usize; 8]) {
        fn grow<T>(list: &mut Vec<T>, room: usize) {
            list.reserve_exact(room.saturating_sub(list.len()));
        }

        self.image.reserve(room[0]);
        self.weight.reserve(room[1]);
        self.panel.reserve(room[2]);
        grow(&mut self.taps, room[3]);
        grow(&mut self.row_tiles, room[4]);
        grow(&mut self.filters, room[5]);
        self.run.reserve(room[6]);
    }
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
    fn is_inside(&self) -> bool {
        (0..2).all(|axis| {
            let first = self.first[axis];
            let end = self.size[axis] as isize;
            first >= 0 && first + self.extent[axis] as isize <= end
        })
    }

    /// Returns the number of samples that are processed together, if each has `pixels` pixels and
    /// `numbers` elements on the other side.
    pub fn group(&self, pixels: usize, numbers: usize) -> usize {
        let fit = GROUP / (self.extent[0] * self.extent[1] * self.channels + numbers);
        fit.max(FEWEST_PIXELS.div_ceil(pixels))
    }

    /// Returns the frames of some images. They are copied only if they reach beyond the images.
    pub fn view(&self, images: &[f32], memory: &mut AlignedBuffer<f32>) -> View {
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

        let frames = memory.reserve(images.len() / len * sample);
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

//! The forward pass: the rows are the output pixels.

use core::ops::Range;

use super::implicit_gemm::{
    From, ImplicitGemm, ImplicitGemmOp, RowTile, Rows, Taps, panel_len, row_tiles,
};
use super::padding::{Frame, Together, View};
use super::{Conv, ConvSizes, depthwise};
use crate::F32Kernels;
use crate::memory::{Memory, buffers, max, min, most_of_tiers};

/// A convolution of any sizes.
pub(super) struct ConvOp<'a>(pub Conv<'a, f32>);

/// The longest span of a tap: a row of the window is one tap up to this number of elements; beyond,
/// each of its columns is one.
const LONGEST_SPAN: usize = 512;

/// The outputs that are processed together: all of some samples, or some rows of one.
struct Group {
    samples: usize,
    rows: usize,
}

impl ConvSizes {
    /// Returns the part of the padded images that some rows of the output read.
    const fn frame(&self, rows: Range<usize>) -> Frame {
        let [height, width] = self.size;
        let pad = self.pad[0];

        // At least one row, even if all are padding.
        let first = (rows.start * self.stride[0]).saturating_sub(pad);
        let first = min(first, height - 1);
        let last = (rows.end - 1) * self.stride[0] + (self.kernel[0] - 1) * self.dilation[0];
        let end = min(max((last + 1).saturating_sub(pad), first + 1), height);

        Frame {
            size: [height, width],
            channels: self.channels,
            first: [first as isize, -(self.pad[1] as isize)],
            extent: [end - first, self.reach(1)],
        }
    }

    const fn group(&self) -> Group {
        let [height, width] = self.out;
        let frame = self.frame(0..height);
        let samples = frame.group(Together::OUTPUTS, height * width, self.output_len());
        let window = (self.kernel[0] - 1) * self.dilation[0] + 1;

        let mut rows = height;
        if samples == 1 && frame.memory(1) > 0 {
            rows = min(rows, frame.rows_together(width, self.stride[0], window));
        }
        Group { samples, rows }
    }

    /// Returns the number of elements of the frames of a group.
    const fn frames_len(&self, samples: usize) -> usize {
        let group = self.group();
        let window = (self.kernel[0] - 1) * self.dilation[0] + 1;
        let reached = min((group.rows - 1) * self.stride[0] + window, self.size[0]);

        let whole = self.frame(0..self.out[0]);
        let extent = [reached, whole.extent[1]];
        Frame { extent, ..whole }.memory(min(group.samples, samples))
    }

    /// Returns the length of the memory for at most `samples` samples.
    pub(super) const fn direct_memory(&self, samples: usize) -> usize {
        let pixels = crate::sizes::product(&[samples, self.out[0], self.out[1]]);
        let n = self.out_channels / self.groups;
        let panel = most_of_tiers!(|tier| panel_len(tier, pixels, n, self.weight_rows()));
        let panel = if self.is_depthwise() { 0 } else { panel };
        buffers(&[self.frames_len(samples), panel])
    }
}

impl ConvOp<'_> {
    /// Computes the convolution, whose channels are `DEPTHWISE` or not.
    #[cfg_attr(not(feature = "std"), inline(never))]
    pub fn run<const DEPTHWISE: bool>(self, kernels: F32Kernels) {
        let ConvOp(Conv {
            sizes,
            whole: _,
            x,
            first_row,
            weight,
            bias,
            y,
            relu,
            memory,
        }) = self;
        let [samples, height] = sizes.check_rows(x.len(), y.len(), first_row);
        sizes.check_weight(weight.len(), bias.map(<[f32]>::len), sizes.out_channels);
        if samples == 0 {
            return;
        }

        let row_len = sizes.out[1] * sizes.out_channels;
        let group = sizes.group();
        let mut memory = Memory::new("ConvSizes::forward_memory", memory);
        let frames = memory.take(sizes.frames_len(samples));
        let panel = memory.rest();

        let groups_of_samples = x
            .chunks(group.samples * sizes.input_len())
            .zip(y.chunks_mut(group.samples * height * row_len));
        for (x, y) in groups_of_samples {
            // Some rows of one sample, or all of several.
            let rows = if group.samples == 1 {
                group.rows.min(height)
            } else {
                height
            };
            let samples = x.len() / sizes.input_len();

            for (band, y) in y.chunks_mut(samples * rows * row_len).enumerate() {
                let first = first_row + band * rows;
                let rows = first..first + y.len() / (samples * row_len);
                let frame = sizes.frame(rows.clone());
                let view = frame.view(x, frames);
                let top = frame.first[0] as usize;
                OutputRows {
                    sizes,
                    samples,
                    rows,
                    a: view.data.wrapping_sub(top * view.row),
                    view,
                    weight,
                    bias,
                    y,
                    relu,
                }
                .run::<DEPTHWISE>(kernels, panel);
            }
        }
    }
}

/// Some rows of the outputs of some samples.
struct OutputRows<'a> {
    sizes: &'a ConvSizes,
    samples: usize,
    rows: Range<usize>,
    /// The position of the first row of the first image, which need not exist.
    a: *const f32,
    view: View,
    weight: &'a [f32],
    bias: Option<&'a [f32]>,
    y: &'a mut [f32],
    relu: bool,
}

impl OutputRows<'_> {
    fn run<const DEPTHWISE: bool>(self, kernels: F32Kernels, panel: &mut [f32]) {
        let OutputRows {
            sizes,
            samples,
            rows,
            a,
            view,
            weight,
            bias,
            y,
            relu,
        } = self;
        let width = sizes.out[1];
        let ci = sizes.channels;
        let co = sizes.out_channels;
        let groups = sizes.groups;
        let [stride_y, stride_x] = sizes.stride;

        let (taps, span) = taps(sizes, view.row);
        let columns = taps.columns;

        // The taps are counted from the first row of the window, which may lie above the image.
        let first = rows.start * stride_y;
        let a = a
            .wrapping_add(first * view.row)
            .wrapping_sub(sizes.pad[0] * view.row);
        let offsets = (0..sizes.kernel[0])
            .map(|ky| (first + ky * sizes.dilation[0]) as isize - sizes.pad[0] as isize);

        let height = rows.len();
        let c = y.as_mut_ptr();
        let tile = |row_tile: Range<usize>, window: Range<usize>| RowTile {
            rows: Rows {
                first: 0,
                count: samples * row_tile.len() * width,
                axes: [row_tile.len(), width],
                a: [view.sample, stride_y * view.row, stride_x * ci],
                c: [height * width * co, width * co, co],
            },
            taps: window.start * columns..window.end * columns,
            a: a.wrapping_add(row_tile.start * stride_y * view.row),
            c: c.wrapping_add(row_tile.start * width * co),
        };

        // Tiles of rows that the same rows of the window reach.
        row_tiles(
            height,
            stride_y,
            offsets,
            sizes.size[0],
            tile,
            |row_tiles| {
                if DEPTHWISE {
                    return kernels.run(depthwise::Forward {
                        row_tiles,
                        taps,
                        filters: Taps::grid(0, sizes.kernel, [sizes.kernel[1] * co, co]),
                        channels: co,
                        weight: weight.as_ptr(),
                        bias: bias.map(<[f32]>::as_ptr),
                        relu,
                    });
                }

                // One product per group of channels.
                let ci = ci / groups;
                let co = co / groups;
                for g in 0..groups {
                    let gemm = ImplicitGemm {
                        row_tiles,
                        first: [g * ci, g * co],
                        taps,
                        span,
                        a_step: 1,
                        b: weight[g * co..].as_ptr(),
                        b_row: sizes.out_channels,
                        n: co,
                        start: bias.map_or(From::Zero, |bias| From::Bias(bias[g * co..].as_ptr())),
                        relu,
                    };
                    kernels.run(ImplicitGemmOp(gemm, panel));
                }
            },
        );
    }
}

/// Returns the offsets of the window's elements, and the span: the number of contiguous elements at
/// each offset.
fn taps(sizes: &ConvSizes, row: usize) -> (Taps, usize) {
    let [kh, kw] = sizes.kernel;
    let [dilation_y, dilation_x] = sizes.dilation;
    let contiguous = sizes.groups == 1 && dilation_x == 1 && kw * sizes.channels <= LONGEST_SPAN;

    let columns = if contiguous { 1 } else { kw };
    let taps = Taps::grid(
        0,
        [kh, columns],
        [dilation_y * row, dilation_x * sizes.channels],
    );
    let span = if contiguous {
        kw * sizes.channels
    } else {
        sizes.channels / sizes.groups
    };
    (taps, span)
}

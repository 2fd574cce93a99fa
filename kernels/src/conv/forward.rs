//! The forward pass: the rows are the output pixels.

use super::implicit_gemm::{From, ImplicitGemm, ImplicitGemmOp, RowTile, Rows, row_tiles};
use super::padding::{Frame, Memory};
use super::{Conv, depthwise};
use crate::F32Kernels;

/// A convolution of any sizes.
pub(super) struct ConvOp<'a>(pub Conv<'a, f32>);

/// The longest span of a tap: a row of the window is one tap up to this number of elements; beyond,
/// each of its columns is one.
const LONGEST_SPAN: usize = 512;

impl ConvOp<'_> {
    pub fn run(self, kernels: F32Kernels) {
        let ConvOp(Conv {
            sizes,
            whole: _,
            x,
            first_row,
            weight,
            bias,
            y,
            relu,
        }) = self;
        let [samples, height] = sizes.check_rows(x.len(), y.len(), first_row);
        sizes.check_weight(weight.len(), bias.map(<[f32]>::len), sizes.out_channels);
        if samples == 0 {
            return;
        }

        let frame = Frame {
            size: sizes.size,
            channels: sizes.channels,
            first: [0, -(sizes.pad[1] as isize)],
            extent: [sizes.size[0], sizes.reach(1)],
        };

        let ci = sizes.channels;
        let co = sizes.out_channels;
        let groups = sizes.groups;
        let width = sizes.out[1];
        let len = y.len() / samples;
        let [stride_y, stride_x] = sizes.stride;
        let group = frame.group(height * width, len);

        Memory::with(|memory| {
            let groups_of_samples = x
                .chunks(group * sizes.input_len())
                .zip(y.chunks_mut(group * len));
            for (x, y) in groups_of_samples {
                let view = frame.view(x, &mut memory.image);
                let span = taps(sizes, view.row, &mut memory.taps);
                let columns = memory.taps.len() / sizes.kernel[0];

                let depthwise = sizes.is_depthwise();
                if depthwise {
                    memory.filters.clear();
                    memory.filters.extend(
                        memory
                            .taps
                            .iter()
                            .enumerate()
                            .map(|(k, &tap)| [tap, k * co]),
                    );
                }

                // The taps are counted from the first row of the window, which may lie above the
                // image.
                let first = first_row * stride_y;
                let a = view
                    .data
                    .wrapping_add(first * view.row)
                    .wrapping_sub(sizes.pad[0] * view.row);
                let offsets = (0..sizes.kernel[0])
                    .map(|ky| (first + ky * sizes.dilation[0]) as isize - sizes.pad[0] as isize);

                // Tiles of rows that the same rows of the window reach.
                let samples = y.len() / len;
                let c = y.as_mut_ptr();
                memory.row_tiles.clear();
                row_tiles(
                    height,
                    stride_y,
                    offsets,
                    sizes.size[0],
                    |row_tile, window| {
                        let rows = Rows {
                            first: 0,
                            count: samples * row_tile.len() * width,
                            axes: [row_tile.len(), width],
                            a: [view.sample, stride_y * view.row, stride_x * ci],
                            c: [height * width * co, width * co, co],
                        };
                        memory.row_tiles.push(RowTile {
                            rows,
                            taps: window.start * columns..window.end * columns,
                            a: a.wrapping_add(row_tile.start * stride_y * view.row),
                            c: c.wrapping_add(row_tile.start * width * co),
                        });
                    },
                );

                let Memory {
                    row_tiles,
                    panel,
                    taps,
                    filters,
                    ..
                } = &mut *memory;

                if depthwise {
                    kernels.run(depthwise::Forward {
                        row_tiles,
                        taps: filters,
                        channels: co,
                        weight: weight.as_ptr(),
                        bias: bias.map(<[f32]>::as_ptr),
                        relu,
                    });
                    continue;
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
            }
        });
    }
}

/// Collects the offsets of the window's elements. Returns the span: the number of contiguous
/// elements at each offset.
fn taps(sizes: &super::ConvSizes, row: usize, taps: &mut Vec<usize>) -> usize {
    let [kh, kw] = sizes.kernel;
    let [dilation_y, dilation_x] = sizes.dilation;
    let contiguous = sizes.groups == 1 && dilation_x == 1 && kw * sizes.channels <= LONGEST_SPAN;

    taps.clear();
    for ky in 0..kh {
        let columns = if contiguous { 1 } else { kw };
        taps.extend(
            (0..columns).map(|kx| ky * dilation_y * row + kx * dilation_x * sizes.channels),
        );
    }

    if contiguous {
        kw * sizes.channels
    } else {
        sizes.channels / sizes.groups
    }
}

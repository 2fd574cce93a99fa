//! The weight gradient: the rows are those of the weight, and the inner index runs over the output
//! pixels.

use super::implicit_gemm::{From, ImplicitGemm, ImplicitGemmOp, RowTile, Rows, Taps, panel_len};
use super::padding::{Frame, Together, View};
use super::{ConvSizes, WeightRows, depthwise};
use crate::F32Kernels;
use crate::memory::{Memory, buffers, min, most_of_tiers};
use crate::reduce::ColumnSumsOp;
use crate::sizes;

/// The gradient of some rows of the weight, and of the bias.
pub(super) struct WeightRowsOp<'a>(pub WeightRows<'a, f32>);

/// Output pixels per run: more than these are summed run after run, each of which is added to the
/// gradient as a whole. A weight is therefore off by at most
/// `(DEPTH + LONG / 256 + pixels / LONG) * eps / 2` times the sum of the magnitudes of its terms.
const LONG: usize = 1 << 16;

impl ConvSizes {
    /// Returns the part of the padded images that the weight gradient reads.
    const fn weight_frame(&self) -> Frame {
        Frame {
            size: self.size,
            channels: self.channels,
            first: [-(self.pad[0] as isize), -(self.pad[1] as isize)],
            extent: [self.reach(0), self.reach(1)],
        }
    }

    const fn weight_group(&self) -> usize {
        let pixels = self.out[0] * self.out[1];
        self.weight_frame()
            .group(Together::SUMS, pixels, self.output_len())
    }

    /// Returns the number of elements of the frames of a group.
    const fn weight_frames_len(&self, samples: usize) -> usize {
        let group = min(self.weight_group(), samples);
        self.weight_frame().memory(group)
    }

    /// Returns the number of elements of a run, if there are several of them in the gradient of
    /// `rows` rows over `samples` samples.
    const fn run_len(&self, samples: usize, rows: usize) -> usize {
        if sizes::product(&[samples, self.out[0], self.out[1]]) > LONG {
            sizes::product(&[rows, self.out_channels])
        } else {
            0
        }
    }

    /// Returns the length of the memory of a part of at most `rows` rows of the gradient, over at
    /// most `samples` samples.
    pub(super) const fn direct_weight_memory(&self, samples: usize, rows: usize) -> usize {
        let pixels = sizes::product(&[samples, self.out[0], self.out[1]]);
        let n = self.out_channels / self.groups;
        let panel = most_of_tiers!(|tier| panel_len(tier, rows, n, pixels));
        let panel = if self.is_depthwise() { 0 } else { panel };

        buffers(&[
            self.weight_frames_len(samples),
            self.run_len(samples, rows),
            panel,
        ])
    }
}

impl WeightRowsOp<'_> {
    pub fn run(self, kernels: F32Kernels) {
        let WeightRowsOp(WeightRows {
            sizes,
            x,
            dy,
            first_row,
            gradient,
            accumulate,
            memory,
        }) = self;
        let samples = sizes.check(x.len(), dy.len());
        if samples == 0 && !accumulate {
            gradient.fill(0.0);
        }
        if samples == 0 {
            return;
        }

        let [height, width] = sizes.out;
        let frame = sizes.weight_frame();
        let group = sizes.weight_group();
        let gradient_rows = gradient.len() / sizes.out_channels;

        let mut memory = Memory::new("ConvSizes::weight_grad_memory", memory);
        let frames = memory.take(sizes.weight_frames_len(samples));
        let run = memory.take(sizes.run_len(samples, gradient_rows));
        let panel = memory.rest();

        let mut sums = Sums {
            gradient,
            run,
            accumulate,
            pixels: 0,
        };

        // Blocks of rows of the outputs, or of a part of a single row, that are no longer than a
        // run.
        let rows = (LONG / width).max(1);
        let columns = width.min(LONG);

        let groups_of_samples = x
            .chunks(group * sizes.input_len())
            .zip(dy.chunks(group * sizes.output_len()));
        for (x, dy) in groups_of_samples {
            let view = frame.view(x, frames);
            let samples = dy.len() / sizes.output_len();
            let all = Taps {
                first: 0,
                columns: height,
                step: [view.sample, sizes.stride[0] * view.row],
                begin: 0,
                len: samples * height,
            };

            for first in (0..all.len).step_by(rows) {
                let taps = Taps {
                    begin: first,
                    len: rows.min(all.len - first),
                    ..all
                };

                for begin in (0..width).step_by(columns) {
                    let columns = columns.min(width - begin);
                    let from = (taps.begin * width + begin) * sizes.out_channels;
                    let dy = &dy[from..][..taps.len * columns * sizes.out_channels];

                    let block = OutputBlock {
                        sizes,
                        view,
                        taps,
                        begin,
                        columns,
                        dy,
                    };
                    let (to, accumulate) = sums.next(taps.len * columns);
                    block.sum(kernels, first_row, to, accumulate, panel);
                }
            }
        }

        sums.end_run();
    }
}

/// The destination of the sums: the gradient, or first those of a run if there is room for them.
struct Sums<'a> {
    gradient: &'a mut [f32],
    run: &'a mut [f32],
    /// True if the next sums for the gradient are added to its contents.
    accumulate: bool,
    /// The number of output pixels in the run so far.
    pixels: usize,
}

impl Sums<'_> {
    /// Returns the destination of the sums over `pixels` output pixels, and whether they are added
    /// to its contents.
    fn next(&mut self, pixels: usize) -> (&mut [f32], bool) {
        if self.run.is_empty() {
            return (
                &mut *self.gradient,
                core::mem::replace(&mut self.accumulate, true),
            );
        }

        if self.pixels + pixels > LONG {
            self.end_run();
        }

        let accumulate = self.pixels > 0;
        self.pixels += pixels;
        (&mut *self.run, accumulate)
    }

    /// Adds the sums of the run to the gradient.
    fn end_run(&mut self) {
        if self.pixels == 0 {
            return;
        }
        if self.accumulate {
            self.gradient
                .iter_mut()
                .zip(&*self.run)
                .for_each(|(sum, run)| *sum += run);
        } else {
            self.gradient.copy_from_slice(self.run);
        }

        self.accumulate = true;
        self.pixels = 0;
    }
}

/// A block of output pixels: the rows that belong to the taps, and of each row `columns` pixels
/// from `begin`.
struct OutputBlock<'a> {
    sizes: &'a ConvSizes,
    view: View,
    taps: Taps,
    begin: usize,
    columns: usize,
    dy: &'a [f32],
}

impl OutputBlock<'_> {
    /// Sums over these pixels, for the rows of the gradient from `first_row`.
    fn sum(
        self,
        kernels: F32Kernels,
        first_row: usize,
        gradient: &mut [f32],
        accumulate: bool,
        panel: &mut [f32],
    ) {
        let OutputBlock {
            sizes,
            view,
            taps,
            begin,
            columns,
            dy,
        } = self;
        let ci = sizes.channels / sizes.groups;
        let co = sizes.out_channels;
        let groups = sizes.groups;

        let (gradient, bias) = sizes.split_bias(first_row, gradient);
        if let Some(sums) = bias {
            kernels.run(ColumnSumsOp {
                rows: dy.len() / co,
                cols: co,
                x: dy,
                sums,
                accumulate,
            });
        }

        let [dilation_y, dilation_x] = sizes.dilation;
        let rows = Rows {
            first: first_row,
            count: gradient.len() / co,
            axes: [sizes.kernel[1], ci],
            a: [dilation_y * view.row, dilation_x * sizes.channels, 1],
            c: [sizes.kernel[1] * ci * co, ci * co, co],
        };

        let a_step = sizes.stride[1] * sizes.channels;
        // Rows before the first are counted but do not exist.
        let c = gradient.as_mut_ptr().wrapping_sub(first_row * co);

        let row_tiles = &[RowTile {
            rows,
            taps: 0..taps.len,
            a: view.data.wrapping_add(begin * a_step),
            c,
        }];

        let start = if accumulate {
            From::Accumulate
        } else {
            From::Zero
        };

        if sizes.is_depthwise() {
            kernels.run(depthwise::WeightGrad {
                row_tiles,
                taps,
                span: columns,
                a_step,
                channels: co,
                dy: dy.as_ptr(),
                start,
            });
            return;
        }

        let n = co / groups;
        for g in 0..groups {
            let gemm = ImplicitGemm {
                row_tiles,
                first: [g * ci, g * n],
                taps,
                span: columns,
                a_step,
                b: dy[g * n..].as_ptr(),
                b_row: co,
                n,
                start,
                relu: false,
            };
            kernels.run(ImplicitGemmOp(gemm, panel));
        }
    }
}

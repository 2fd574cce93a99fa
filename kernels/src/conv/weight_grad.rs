//! The weight gradient: the rows are those of the weight, the inner index runs over the output
//! pixels.

use super::implicit_gemm::{From, ImplicitGemm, ImplicitGemmOp, RowTile, Rows};
use super::padding::{Frame, Memory, View};
use super::{ConvSizes, WeightRows, depthwise};
use crate::reduce::ColumnSumsOp;
use crate::{AlignedBuffer, F32Kernels};

pub(super) struct WeightRowsOp<'a>(pub WeightRows<'a, f32>);

/// Places of outputs per run: more than these are summed run after run, each of which is added to
/// the gradient as a whole. So a weight is off by at most `(DEPTH + LONG / 256 + places / LONG) *
/// eps / 2`, times the sum of the magnitudes of its terms.
const LONG: usize = 1 << 16;

impl WeightRowsOp<'_> {
    pub fn run(self, kernels: F32Kernels) {
        let WeightRowsOp(WeightRows {
            sizes,
            x,
            dy,
            first_row,
            gradient,
            accumulate,
        }) = self;
        let samples = sizes.check(x.len(), dy.len());
        if samples == 0 && !accumulate {
            gradient.fill(0.0);
        }
        if samples == 0 {
            return;
        }
        let frame = Frame {
            size: sizes.size,
            channels: sizes.channels,
            first: sizes.pad.map(|pad| -(pad as isize)),
            extent: [sizes.reach(0), sizes.reach(1)],
        };
        let [height, width] = sizes.out;
        let group = frame.group(height * width, sizes.output_len());
        Memory::with(|memory| {
            let Memory {
                image,
                taps,
                row_tiles,
                panel,
                run,
                ..
            } = memory;
            let long = samples * height * width > LONG;
            let run = run.reserve(if long { gradient.len() } else { 0 });
            let mut sums = Sums {
                gradient,
                run,
                accumulate,
                places: 0,
            };

            let pieces = x
                .chunks(group * sizes.input_len())
                .zip(dy.chunks(group * sizes.output_len()));
            for (x, dy) in pieces {
                let view = frame.view(x, image);
                taps.clear();
                for sample in 0..dy.len() / sizes.output_len() {
                    let first = sample * view.sample;
                    taps.extend((0..height).map(|oy| first + oy * sizes.stride[0] * view.row));
                }

                // Rows of the outputs, or a part of a single one, that are no more than a run.
                let rows = (LONG / width).max(1);
                let columns = width.min(LONG);
                for (index, taps) in taps.chunks(rows).enumerate() {
                    for begin in (0..width).step_by(columns) {
                        let columns = columns.min(width - begin);
                        let first = (index * rows * width + begin) * sizes.out_channels;
                        let dy = &dy[first..][..taps.len() * columns * sizes.out_channels];
                        let part = Part {
                            sizes,
                            view,
                            taps,
                            begin,
                            columns,
                            dy,
                        };
                        let (to, accumulate) = sums.next(taps.len() * columns);
                        part.sum(kernels, first_row, to, accumulate, row_tiles, panel);
                    }
                }
            }
            sums.end_run();
        });
    }
}

/// Where the sums go: to the gradient, or first to those of a run if there is room for them.
struct Sums<'a> {
    gradient: &'a mut [f32],
    run: &'a mut [f32],
    /// Whether the next sums for the gradient are added to what it holds.
    accumulate: bool,
    /// How many places the run has so far.
    places: usize,
}

impl Sums<'_> {
    /// Where the sums over so many places go, and whether they are added to what is there.
    fn next(&mut self, places: usize) -> (&mut [f32], bool) {
        if self.run.is_empty() {
            return (
                &mut *self.gradient,
                std::mem::replace(&mut self.accumulate, true),
            );
        }
        if self.places + places > LONG {
            self.end_run();
        }
        let accumulate = self.places > 0;
        self.places += places;
        (&mut *self.run, accumulate)
    }

    fn end_run(&mut self) {
        if self.places == 0 {
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
        self.places = 0;
    }
}

/// Some places of the outputs: the rows that belong to the taps, and of each `columns` from one on.
struct Part<'a> {
    sizes: &'a ConvSizes,
    view: View,
    taps: &'a [usize],
    begin: usize,
    columns: usize,
    dy: &'a [f32],
}

impl Part<'_> {
    /// Sums over these places, for the rows of the gradient from `first_row` on.
    fn sum(
        self,
        kernels: F32Kernels,
        first_row: usize,
        gradient: &mut [f32],
        accumulate: bool,
        row_tiles: &mut Vec<RowTile>,
        panel: &mut AlignedBuffer<f32>,
    ) {
        let Part {
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
        // Rows before the first are counted, but not there.
        let c = gradient.as_mut_ptr().wrapping_sub(first_row * co);
        row_tiles.clear();
        row_tiles.push(RowTile {
            rows,
            taps: 0..taps.len(),
            a: view.data.wrapping_add(begin * a_step),
            c,
        });
        let start = if accumulate {
            From::Accumulate
        } else {
            From::Zero
        };

        if sizes.is_depthwise() {
            let dy = dy.as_ptr();
            let channels = co;
            kernels.run(depthwise::WeightGrad {
                row_tiles,
                taps,
                span: columns,
                a_step,
                channels,
                dy,
                start,
            });
            return;
        }
        let n = co / groups;
        for g in 0..groups {
            let gather = ImplicitGemm {
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
            kernels.run(ImplicitGemmOp(gather, panel));
        }
    }
}

//! The weight gradient: the rows are those of the weight, the inner index runs over the output pixels.

use super::gather::{Band, From, Gather, GatherOp, Rows};
use super::halo::{Frame, Memory};
use super::{WeightRows, depthwise};
use crate::F32Kernels;
use crate::reduce::ColumnSumsOp;

pub(super) struct WeightRowsOp<'a>(pub WeightRows<'a, f32>);

impl WeightRowsOp<'_> {
    pub fn run(self, kernels: F32Kernels) {
        let WeightRowsOp(WeightRows { sizes, x, dy, first_row, gradient, accumulate }) = self;
        let samples = sizes.check(x.len(), dy.len());
        if samples == 0 && !accumulate {
            gradient.fill(0.0);
        }
        if samples == 0 {
            return;
        }
        let (gradient, mut bias) = sizes.split_bias(first_row, gradient);
        let count = gradient.len() / sizes.out_channels;
        let frame = Frame {
            size: sizes.size,
            channels: sizes.channels,
            first: sizes.pad.map(|pad| -(pad as isize)),
            extent: [sizes.reach(0), sizes.reach(1)],
        };
        let (ci, co, groups) = (sizes.channels / sizes.groups, sizes.out_channels, sizes.groups);
        let [height, width] = sizes.out;
        let group = frame.group(height * width, sizes.output_len());
        Memory::with(|memory| {
            let pieces = x.chunks(group * sizes.input_len()).zip(dy.chunks(group * sizes.output_len()));
            let mut start = if accumulate { From::Accumulate } else { From::Zero };
            for (x, dy) in pieces {
                if let Some(sums) = &mut bias {
                    let (rows, accumulate) = (dy.len() / co, !matches!(start, From::Zero));
                    kernels.run(ColumnSumsOp { rows, cols: co, x: dy, sums, accumulate });
                }
                let view = frame.view(x, &mut memory.image);
                let [dilation_y, dilation_x] = sizes.dilation;
                let rows = Rows {
                    first: first_row,
                    count,
                    axes: [sizes.kernel[1], ci],
                    a: [dilation_y * view.row, dilation_x * sizes.channels, 1],
                    c: [sizes.kernel[1] * ci * co, ci * co, co],
                };
                memory.taps.clear();
                for sample in 0..dy.len() / sizes.output_len() {
                    let first = sample * view.sample;
                    memory.taps.extend((0..height).map(|oy| first + oy * sizes.stride[0] * view.row));
                }
                // Rows before the first are counted, but not there.
                let c = gradient.as_mut_ptr().wrapping_sub(first_row * co);
                let (taps, a_step) = (&memory.taps[..], sizes.stride[1] * sizes.channels);
                memory.bands.clear();
                memory.bands.push(Band { rows, taps: 0..taps.len(), a: view.data, c });
                let bands = &memory.bands;
                let groups = if sizes.is_depthwise() {
                    let dy = dy.as_ptr();
                    kernels.run(depthwise::WeightGrad {
                        bands,
                        taps,
                        span: width,
                        a_step,
                        channels: co,
                        dy,
                        start,
                    });
                    0
                } else {
                    groups
                };
                for g in 0..groups {
                    let n = co / groups;
                    let gather = Gather {
                        bands,
                        first: [g * ci, g * n],
                        taps,
                        span: width,
                        a_step,
                        b: dy[g * n..].as_ptr(),
                        b_row: co,
                        n,
                        start,
                        relu: false,
                    };
                    kernels.run(GatherOp(gather, &mut memory.panel));
                }
                start = From::Accumulate;
            }
        });
    }
}

//! Forward: the rows are the output pixels.

use super::gather::{From, Gather, Rows, bands};
use super::halo::{Frame, Memory};
use super::{Conv, depthwise};
use crate::kernels::simd::{Op, Simd};

pub(in crate::kernels) struct ConvOp<'a>(pub Conv<'a, f32>);

/// A tap for each row of the window takes its columns in one go; beyond this many numbers each column has its own.
const LONGEST_SPAN: usize = 512;

impl Op for ConvOp<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let ConvOp(Conv { sizes, x, weight, bias, y, relu }) = self;
        let samples = sizes.check(x.len(), y.len());
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
        let (ci, co, groups) = (sizes.channels, sizes.out_channels, sizes.groups);
        let [height, width] = sizes.out;
        let [stride_y, stride_x] = sizes.stride;
        let group = frame.group(height * width, sizes.output_len());
        Memory::with(|memory| {
            let pieces = x.chunks(group * sizes.input_len()).zip(y.chunks_mut(group * sizes.output_len()));
            for (x, y) in pieces {
                let view = frame.view(x, &mut memory.image);
                let span = taps(sizes, view.row, &mut memory.taps);
                let columns = memory.taps.len() / sizes.kernel[0];
                let offsets =
                    (0..sizes.kernel[0]).map(|ky| (ky * sizes.dilation[0]) as isize - sizes.pad[0] as isize);
                let depthwise = sizes.is_depthwise();
                if depthwise {
                    memory.filters.clear();
                    memory.filters.extend(memory.taps.iter().enumerate().map(|(k, &tap)| [tap, k * co]));
                }
                let panel = &mut memory.panel;
                bands(height, stride_y, offsets, sizes.size[0], |band, window| {
                    let rows = Rows {
                        first: 0,
                        count: y.len() / (height * co) * band.len(),
                        axes: [band.len(), width],
                        a: [view.sample, stride_y * view.row, stride_x * ci],
                        c: [height * width * co, width * co, co],
                    };
                    // The taps are counted from the first row of the window, which may lie above the image.
                    let above = sizes.pad[0] * view.row;
                    let a = view.data.wrapping_add(band.start * stride_y * view.row).wrapping_sub(above);
                    let c = &mut y[band.start * width * co..];
                    let window = window.start * columns..window.end * columns;
                    if depthwise {
                        let (taps, bias) = (&memory.filters[window], bias.map(<[f32]>::as_ptr));
                        let (b, c) = (weight.as_ptr(), c.as_mut_ptr());
                        s.outline(depthwise::Forward { rows, taps, channels: co, a, b, bias, c, relu });
                        return;
                    }
                    let (ci, co) = (ci / groups, co / groups);
                    for g in 0..groups {
                        Gather {
                            rows,
                            taps: &memory.taps[window.clone()],
                            span,
                            a_step: 1,
                            a: a.wrapping_add(g * ci),
                            b: weight[g * co..]
                                .as_ptr()
                                .wrapping_add(window.start * span * sizes.out_channels),
                            b_row: sizes.out_channels,
                            n: co,
                            c: c[g * co..].as_mut_ptr(),
                            start: bias.map_or(From::Zero, |bias| From::Bias(bias[g * co..].as_ptr())),
                            relu,
                        }
                        .run(s, panel);
                    }
                });
            }
        });
    }
}

/// Where the window's numbers lie, and how many lie side by side from each of these places on.
fn taps(sizes: &super::ConvSizes, row: usize, taps: &mut Vec<usize>) -> usize {
    let [kh, kw] = sizes.kernel;
    let [dilation_y, dilation_x] = sizes.dilation;
    let side_by_side = sizes.groups == 1 && dilation_x == 1 && kw * sizes.channels <= LONGEST_SPAN;
    taps.clear();
    for ky in 0..kh {
        let columns = if side_by_side { 1 } else { kw };
        taps.extend((0..columns).map(|kx| ky * dilation_y * row + kx * dilation_x * sizes.channels));
    }
    if side_by_side { kw * sizes.channels } else { sizes.channels / sizes.groups }
}

//! The input gradient: the rows are the pixels of the image.
//!
//! With a stride, neighbouring pixels are reached by different parts of the window. Pixels with the
//! same remainder modulo the stride are reached by the same part, and form a convolution of their
//! own without a stride: a phase.

use super::implicit_gemm::{From, ImplicitGemm, ImplicitGemmOp, RowTile, Rows, row_tiles};
use super::padding::{Frame, Memory};
use super::{ConvInputGrad, ConvSizes, depthwise};
use crate::F32Kernels;
use crate::simd::{Op, Simd};

/// The input gradient of a convolution of any sizes.
pub(super) struct ConvInputGradOp<'a>(pub ConvInputGrad<'a, f32>);

/// One axis of a phase: the pixels `phase`, `phase + stride` and so on.
#[derive(Clone, Copy)]
pub(super) struct Phase {
    size: usize,
    kernel: usize,
    stride: usize,
    pad: usize,
    dilation: usize,
    phase: usize,
}

impl Phase {
    fn of(sizes: &ConvSizes, axis: usize, phase: usize) -> Self {
        Phase {
            size: sizes.size[axis],
            kernel: sizes.kernel[axis],
            stride: sizes.stride[axis],
            pad: sizes.pad[axis],
            dilation: sizes.dilation[axis],
            phase,
        }
    }

    /// Returns the number of pixels.
    fn count(self) -> usize {
        self.size.saturating_sub(self.phase).div_ceil(self.stride)
    }

    /// Returns the positions in the window that reach the pixels, the last first, and the outputs
    /// from which they reach the first pixel. Those increase.
    fn taps(self) -> impl Iterator<Item = (usize, isize)> + Clone {
        let Phase {
            kernel,
            stride,
            pad,
            dilation,
            phase,
            ..
        } = self;

        let stride = stride as isize;
        (0..kernel).rev().filter_map(move |k| {
            let from = (phase + pad) as isize - (k * dilation) as isize;
            (from.rem_euclid(stride) == 0).then(|| (k, from.div_euclid(stride)))
        })
    }

    /// Returns the first output of an axis that is read in any phase, and the end; `None` if none
    /// is read.
    fn reach(sizes: &ConvSizes, axis: usize) -> Option<(isize, isize)> {
        let phases = (0..sizes.stride[axis].min(sizes.size[axis]))
            .map(|phase| Phase::of(sizes, axis, phase));

        let ranges = phases.flat_map(|phase| {
            let count = phase.count() as isize;
            phase.taps().map(move |(_, from)| (from, from + count))
        });

        ranges.reduce(|all, one| (all.0.min(one.0), all.1.max(one.1)))
    }
}

/// Calls `f` with each phase along both axes.
fn each_phase(sizes: &ConvSizes, mut f: impl FnMut(Phase, Phase)) {
    for y in 0..sizes.stride[0].min(sizes.size[0]) {
        for x in 0..sizes.stride[1].min(sizes.size[1]) {
            f(Phase::of(sizes, 0, y), Phase::of(sizes, 1, x));
        }
    }
}

/// Collects the taps of a phase in `taps` and, if the convolution is depthwise, `filters`. The
/// element of the output at row `y` and column `x` lies at `offset(y, x)`.
///
/// Returns the number of taps per row of the window, and the span of each tap.
fn collect_taps(
    sizes: &ConvSizes,
    vertical: Phase,
    horizontal: Phase,
    taps: &mut Vec<usize>,
    filters: &mut Vec<[usize; 2]>,
    offset: impl Fn(isize, isize) -> usize,
) -> [usize; 2] {
    let columns = horizontal.taps();
    let across = columns.clone().count();
    let co = sizes.out_channels / sizes.groups;

    // Columns whose outputs are contiguous are one tap.
    let mut neighbours = columns.clone().zip(columns.clone().skip(1));
    let contiguous = sizes.groups == 1 && neighbours.all(|(a, b)| b.1 == a.1 + 1);
    let per_row = if contiguous { across.min(1) } else { across };
    let span = if contiguous { across * co } else { co };

    taps.clear();
    filters.clear();
    for (ky, oy) in vertical.taps() {
        if sizes.is_depthwise() {
            filters.extend(columns.clone().map(|(kx, ox)| {
                let weight = (ky * sizes.kernel[1] + kx) * sizes.channels;
                [offset(oy, ox), weight]
            }));
        }
        taps.extend(columns.clone().take(per_row).map(|(_, ox)| offset(oy, ox)));
    }

    [per_row, span]
}

impl ConvInputGradOp<'_> {
    pub fn run(self, kernels: F32Kernels) {
        let ConvInputGradOp(ConvInputGrad {
            sizes,
            whole: _,
            weight,
            dy,
            bias,
            dx,
            relu,
        }) = self;
        let samples = sizes.check(dx.len(), dy.len());
        sizes.check_weight(weight.len(), bias.map(<[f32]>::len), sizes.channels);
        if samples == 0 {
            return;
        }

        let all = sizes.channels;
        let co = sizes.out_channels;
        let groups = sizes.groups;

        // For an image that no output reads, any output will do.
        let (first, end) = Phase::reach(sizes, 1).unwrap_or((0, 1));
        let frame = Frame {
            size: sizes.out,
            channels: co,
            first: [0, first],
            extent: [sizes.out[0], (end - first) as usize],
        };

        let ci = all / groups;
        let co_group = co / groups;
        let row = ci.next_multiple_of(kernels.lanes());
        let group = frame.group(sizes.size[0] * sizes.size[1], sizes.input_len());

        Memory::with(|memory| {
            let depthwise = sizes.is_depthwise();
            if !depthwise {
                let transposed = memory
                    .weight
                    .reserve(sizes.kernel[0] * sizes.kernel[1] * co * row);
                kernels.run(TransposeWeight {
                    sizes,
                    weight,
                    row,
                    transposed,
                });
            }

            let groups_of_samples = dx
                .chunks_mut(group * sizes.input_len())
                .zip(dy.chunks(group * sizes.output_len()));
            for (dx, dy) in groups_of_samples {
                let view = frame.view(dy, &mut memory.image);
                let mut transposed = memory.weight.as_slice();
                each_phase(sizes, |vertical, horizontal| {
                    let taps = &mut memory.taps;
                    let [per_row, span] = collect_taps(
                        sizes,
                        vertical,
                        horizontal,
                        taps,
                        &mut memory.filters,
                        |y, x| {
                            // The row may lie above the image: `row_tiles` omits it.
                            let column = (x - frame.first[1]) as usize * co;
                            (y as usize).wrapping_mul(view.row).wrapping_add(column)
                        },
                    );

                    // Tiles of rows that the same rows of the window reach.
                    let height = vertical.count();
                    let width = horizontal.count();
                    let offsets = vertical.taps().map(|(_, oy)| oy);
                    let samples = dx.len() / sizes.input_len();
                    let step_y = sizes.stride[0] * sizes.size[1] * all;
                    let step_x = sizes.stride[1] * all;
                    let phase = (vertical.phase * sizes.size[1] + horizontal.phase) * all;
                    let c = dx[phase..].as_mut_ptr();
                    memory.row_tiles.clear();
                    row_tiles(height, 1, offsets, sizes.out[0], |row_tile, window| {
                        let rows = Rows {
                            first: 0,
                            count: samples * row_tile.len() * width,
                            axes: [row_tile.len(), width],
                            a: [view.sample, view.row, co],
                            c: [sizes.input_len(), step_y, step_x],
                        };
                        memory.row_tiles.push(RowTile {
                            rows,
                            taps: window.start * per_row..window.end * per_row,
                            a: view.data.wrapping_add(row_tile.start * view.row),
                            c: c.wrapping_add(row_tile.start * step_y),
                        });
                    });

                    let row_tiles = &memory.row_tiles;
                    let panel = &mut memory.panel;

                    if depthwise {
                        kernels.run(depthwise::Forward {
                            row_tiles,
                            taps: &memory.filters,
                            channels: all,
                            weight: weight.as_ptr(),
                            bias: bias.map(<[f32]>::as_ptr),
                            relu,
                        });
                        return;
                    }

                    // One product per group of channels.
                    for g in 0..groups {
                        let gemm = ImplicitGemm {
                            row_tiles,
                            first: [g * co_group, g * ci],
                            taps,
                            span,
                            a_step: 1,
                            b: transposed.as_ptr(),
                            b_row: row,
                            n: ci,
                            start: bias
                                .map_or(From::Zero, |bias| From::Bias(bias[g * ci..].as_ptr())),
                            relu,
                        };
                        kernels.run(ImplicitGemmOp(gemm, panel));
                        transposed = &transposed[taps.len() * span * row..];
                    }
                });
            }
        });
    }
}

/// Transposes the weight of each position in the window, in the order in which the phases need
/// them: `CO / groups` rows of `CI / groups` elements, padded to whole vectors.
pub(super) struct TransposeWeight<'a> {
    pub sizes: &'a ConvSizes,
    pub weight: &'a [f32],
    pub row: usize,
    pub transposed: &'a mut [f32],
}

impl Op for TransposeWeight<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let TransposeWeight {
            sizes,
            weight,
            row,
            transposed,
        } = self;
        let all_co = sizes.out_channels;
        let groups = sizes.groups;
        let ci = sizes.channels / groups;
        let co = all_co / groups;
        let block = co * row;

        let mut rest = &mut transposed[..];
        for y in 0..sizes.stride[0].min(sizes.size[0]) {
            for x in 0..sizes.stride[1].min(sizes.size[1]) {
                for g in 0..groups {
                    for (ky, _) in Phase::of(sizes, 0, y).taps() {
                        for (kx, _) in Phase::of(sizes, 1, x).taps() {
                            let first = (ky * sizes.kernel[1] + kx) * ci * all_co + g * co;
                            let (to, after) = core::mem::take(&mut rest).split_at_mut(block);
                            transpose(s, &weight[first..], all_co, ci, co, to, row);
                            rest = after;
                        }
                    }
                }
            }
        }
    }
}

/// Computes `to[j][i] = from[i][j]` for `rows` of `columns` elements, `stride` apart. Those of `to`
/// are padded with zeros.
#[inline(always)]
fn transpose<S: Simd>(
    s: S,
    from: &[f32],
    stride: usize,
    rows: usize,
    columns: usize,
    to: &mut [f32],
    to_stride: usize,
) {
    assert!(
        (rows - 1) * stride + columns <= from.len()
            && columns * to_stride <= to.len()
            && rows <= to_stride
    );

    let whole_rows = rows - rows % S::LANES;
    let whole_columns = columns - columns % S::LANES;

    for i in (0..whole_rows).step_by(S::LANES) {
        for j in (0..whole_columns).step_by(S::LANES) {
            // SAFETY: a block of LANES rows and columns within both, as was asserted.
            unsafe {
                let from = from.as_ptr().add(i * stride + j);
                let to = to.as_mut_ptr().add(j * to_stride + i);
                s.transpose(from, stride, to, to_stride);
            }
        }
    }

    for (j, to) in to.chunks_exact_mut(to_stride).enumerate().take(columns) {
        let done = if j < whole_columns { whole_rows } else { 0 };
        for i in done..rows {
            to[i] = from[i * stride + j];
        }
        to[rows..].fill(0.0);
    }
}

//! The input gradient: the rows are the pixels of the image.
//!
//! With a stride, neighbouring pixels are reached by different parts of the window. Pixels with the
//! same remainder modulo the stride are reached by the same part, and form a convolution of their
//! own without a stride: a phase.

use core::ops::Range;

use super::implicit_gemm::{
    From, ImplicitGemm, ImplicitGemmOp, RowTile, Rows, Taps, panel_len, row_tiles,
};
use super::padding::{Frame, Together, View};
use super::{ConvInputGrad, ConvSizes, depthwise};
use crate::F32Kernels;
use crate::memory::{Memory, buffers, min, most_of_tiers};
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
}

/// Calls `f` with each phase along both axes.
fn each_phase(sizes: &ConvSizes, mut f: impl FnMut(Phase, Phase)) {
    for y in 0..sizes.stride[0].min(sizes.size[0]) {
        for x in 0..sizes.stride[1].min(sizes.size[1]) {
            f(Phase::of(sizes, 0, y), Phase::of(sizes, 1, x));
        }
    }
}

/// Returns the taps of a phase and, for a depthwise convolution, the offsets of their filters, and
/// the span of each tap. The element of the output at row `y` and column `x` lies at
/// `y * row + (x - first) * CO`.
fn taps_of(
    sizes: &ConvSizes,
    vertical: Phase,
    horizontal: Phase,
    row: usize,
    first: isize,
) -> (Taps, Taps, usize) {
    /// The first tap of an axis, the distances of positions in the window and of outputs, and the
    /// number of taps.
    fn axis(phase: Phase) -> ([isize; 2], [isize; 2], usize) {
        let mut taps = phase.taps().map(|(k, from)| [k as isize, from]);
        let [a, b] = [taps.next(), taps.next()];
        let first = a.unwrap_or([0, 0]);
        let second = b.unwrap_or(first);
        let step = [second[0] - first[0], second[1] - first[1]];
        (first, step, phase.taps().count())
    }

    let ([ky, y], [step_ky, step_y], down) = axis(vertical);
    let ([kx, x], [step_kx, step_x], across) = axis(horizontal);
    let co = sizes.out_channels / sizes.groups;

    // Columns whose outputs are contiguous are one tap.
    let contiguous = sizes.groups == 1 && (across < 2 || step_x == 1);
    let per_row = if contiguous { min(across, 1) } else { across };
    let span = if contiguous { across * co } else { co };

    // Rows may lie above the image: `row_tiles` omits them.
    let grid = |columns: usize, [y, x]: [isize; 2], [down_by, across_by]: [isize; 2], strides| {
        let [of_row, of_column]: [usize; 2] = strides;
        let down_by = (down_by as usize).wrapping_mul(of_row);
        let across_by = (across_by as usize).wrapping_mul(of_column);
        let at = (y as usize).wrapping_mul(of_row);
        let at = at.wrapping_add((x as usize).wrapping_mul(of_column));
        Taps::grid(at, [down, columns], [down_by, across_by])
    };

    let taps = grid(
        per_row,
        [y, x - first],
        [step_y, step_x],
        [row, sizes.out_channels],
    );
    let strides = [sizes.kernel[1] * sizes.channels, sizes.channels];
    let filters = grid(per_row, [ky, kx], [step_ky, step_kx], strides);
    (taps, filters, span)
}

impl ConvSizes {
    /// Returns the part of the outputs, with zeros around them, that the input gradient reads.
    const fn grad_frame(&self) -> Frame {
        let pad = self.pad[1];
        let stride = self.stride[1];
        let reach = (self.kernel[1] - 1) * self.dilation[1];

        let first = if pad >= reach {
            (pad - reach).div_ceil(stride) as isize
        } else {
            -(((reach - pad) / stride) as isize)
        };
        let end = ((self.size[1] - 1 + pad) / stride + 1) as isize;

        // For an image that no output reads, any output will do.
        let [first, end] = if end <= first { [0, 1] } else { [first, end] };
        Frame {
            size: self.out,
            channels: self.out_channels,
            first: [0, first],
            extent: [self.out[0], (end - first) as usize],
        }
    }

    const fn grad_group(&self) -> usize {
        let pixels = self.size[0] * self.size[1];
        self.grad_frame()
            .group(Together::OUTPUTS, pixels, self.input_len())
    }

    /// Returns the number of elements of the frames of a group.
    const fn grad_frames_len(&self, samples: usize) -> usize {
        self.grad_frame().memory(min(self.grad_group(), samples))
    }

    /// Returns the number of elements of a row of the transposed weight.
    const fn transposed_row(&self, lanes: usize) -> usize {
        (self.channels / self.groups).next_multiple_of(lanes)
    }

    /// Returns the number of elements of the transposed weight.
    const fn transposed_len(&self, row: usize) -> usize {
        if self.is_depthwise() {
            return 0;
        }
        crate::sizes::product(&[self.kernel[0], self.kernel[1], self.out_channels, row])
    }

    /// Returns the length of the memory for at most `samples` samples.
    pub(super) const fn direct_grad_memory(&self, samples: usize) -> usize {
        let pixels = crate::sizes::product(&[samples, self.size[0], self.size[1]]);
        let n = self.channels / self.groups;
        let inner = crate::sizes::product(&[
            self.kernel[0],
            self.kernel[1],
            self.out_channels / self.groups,
        ]);

        let row = most_of_tiers!(|tier| {
            // See `F32Kernels::for_width`.
            let lanes = if n <= 8 {
                min(tier.lanes, 8)
            } else {
                tier.lanes
            };
            self.transposed_row(lanes)
        });
        let panel = most_of_tiers!(|tier| panel_len(tier, pixels, n, inner));
        let panel = if self.is_depthwise() { 0 } else { panel };

        buffers(&[
            self.grad_frames_len(samples),
            self.transposed_len(row),
            panel,
        ])
    }
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
            memory,
        }) = self;
        let samples = sizes.check(dx.len(), dy.len());
        sizes.check_weight(weight.len(), bias.map(<[f32]>::len), sizes.channels);
        if samples == 0 {
            return;
        }

        let frame = sizes.grad_frame();
        let row = sizes.transposed_row(kernels.lanes());
        let group = sizes.grad_group();

        let mut memory = Memory::new("ConvSizes::input_grad_memory", memory);
        let frames = memory.take(sizes.grad_frames_len(samples));
        let transposed = memory.take(sizes.transposed_len(row));
        let panel = memory.rest();

        if !sizes.is_depthwise() {
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
            let view = frame.view(dy, frames);
            let mut transposed = &*transposed;
            each_phase(sizes, |vertical, horizontal| {
                transposed = PhaseGrad {
                    sizes,
                    vertical,
                    horizontal,
                    view,
                    first: frame.first[1],
                    weight,
                    transposed,
                    row,
                    bias,
                    dx: &mut *dx,
                    relu,
                }
                .run(kernels, panel);
            });
        }
    }
}

/// The gradient of the pixels of a phase.
struct PhaseGrad<'a, 't> {
    sizes: &'a ConvSizes,
    vertical: Phase,
    horizontal: Phase,
    view: View,
    /// The first column of the view.
    first: isize,
    weight: &'a [f32],
    /// The transposed weight from this phase on, in rows of `row` elements.
    transposed: &'t [f32],
    row: usize,
    bias: Option<&'a [f32]>,
    dx: &'a mut [f32],
    relu: bool,
}

impl<'t> PhaseGrad<'_, 't> {
    /// Computes the gradient. Returns the transposed weight behind this phase.
    fn run(self, kernels: F32Kernels, panel: &mut [f32]) -> &'t [f32] {
        let PhaseGrad {
            sizes,
            vertical,
            horizontal,
            view,
            first,
            weight,
            transposed,
            row,
            bias,
            dx,
            relu,
        } = self;
        let all = sizes.channels;
        let co = sizes.out_channels;
        let groups = sizes.groups;
        let ci = all / groups;
        let co_group = co / groups;

        let (taps, filters, span) = taps_of(sizes, vertical, horizontal, view.row, first);
        let per_row = taps.columns;
        let of_group = taps.len * span * row;

        let height = vertical.count();
        let width = horizontal.count();
        let offsets = vertical.taps().map(|(_, oy)| oy);
        let samples = dx.len() / sizes.input_len();
        let step_y = sizes.stride[0] * sizes.size[1] * all;
        let step_x = sizes.stride[1] * all;
        let phase = (vertical.phase * sizes.size[1] + horizontal.phase) * all;
        let c = dx[phase..].as_mut_ptr();

        let tile = |row_tile: Range<usize>, window: Range<usize>| RowTile {
            rows: Rows {
                first: 0,
                count: samples * row_tile.len() * width,
                axes: [row_tile.len(), width],
                a: [view.sample, view.row, co],
                c: [sizes.input_len(), step_y, step_x],
            },
            taps: window.start * per_row..window.end * per_row,
            a: view.data.wrapping_add(row_tile.start * view.row),
            c: c.wrapping_add(row_tile.start * step_y),
        };

        // Tiles of rows that the same rows of the window reach.
        row_tiles(height, 1, offsets, sizes.out[0], tile, |row_tiles| {
            if sizes.is_depthwise() {
                return kernels.run(depthwise::Forward {
                    row_tiles,
                    taps,
                    filters,
                    channels: all,
                    weight: weight.as_ptr(),
                    bias: bias.map(<[f32]>::as_ptr),
                    relu,
                });
            }

            // One product per group of channels.
            for g in 0..groups {
                let gemm = ImplicitGemm {
                    row_tiles,
                    first: [g * co_group, g * ci],
                    taps,
                    span,
                    a_step: 1,
                    b: transposed[g * of_group..].as_ptr(),
                    b_row: row,
                    n: ci,
                    start: bias.map_or(From::Zero, |bias| From::Bias(bias[g * ci..].as_ptr())),
                    relu,
                };
                kernels.run(ImplicitGemmOp(gemm, panel));
            }
        });

        if sizes.is_depthwise() {
            transposed
        } else {
            &transposed[groups * of_group..]
        }
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

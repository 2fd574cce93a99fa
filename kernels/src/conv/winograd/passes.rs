//! The three passes of a layer: forward, input gradient and weight gradient.

use core::ops::Range;

use super::TILE_ELEMENTS;
use super::filter::{FilterGradTransform, FilterTransform, Panels};
use super::tiles::{InputTransform, Layout, OutputTransform, Squares};
use crate::F32Kernels;
use crate::conv::implicit_gemm::{From, ImplicitGemm, RowTile, Rows, Taps, panel_len};
use crate::conv::input_grad::TransposeWeight;
use crate::conv::reference;
use crate::conv::{Conv, ConvInputGrad, ConvSizes, ConvWeightGrad};
use crate::memory::{Memory, PartMemory, TierSizes, buffers, max, min, most_of_tiers};
use crate::reduce::ColumnSumsOp;
use crate::simd::{Op, Simd};
use crate::sizes;
use crate::tile::PrefetchRegion;

/// The number of elements of tiles that are processed together, 256 KiB, so that they stay in the
/// second-level cache.
const TOGETHER: usize = 1 << 16;
/// The smallest number of tiles for which reading the filters, or the sums for their gradient, is
/// worthwhile.
const MIN_TILES: usize = 64;

/// Tiles per run of sums for a gradient, about: more are summed run after run, each of which is
/// added to the others as a whole. A sum over tiles is off by at most
/// `(block + LONG_TILES / block + tiles / LONG_TILES) * eps / 2` times the sum of the magnitudes,
/// where a block is 64 to 128 tiles.
const LONG_TILES: usize = 1 << 14;

/// The number of elements and the smallest number of tiles that a pass processes together. Without
/// the standard library, memory is scarce, and there are no caches to fill.
const PASS: [usize; 2] = if cfg!(feature = "std") {
    [TOGETHER, MIN_TILES]
} else {
    [1 << 10, 4]
};

/// Returns the number of tiles that are processed together, if each has this many channels on both
/// sides.
const fn tiles_together(channels: usize, elements: usize) -> usize {
    let fit = TOGETHER / (elements * channels);
    if fit < MIN_TILES { MIN_TILES } else { fit }
}

impl ConvSizes {
    /// Panics unless these functions support the sizes.
    fn check_tiles(&self) {
        assert!(
            self.has_tiles(usize::MAX),
            "conv: sizes that are not for tiles: {self:?}"
        );
    }

    /// Returns the number of tiles of an output along each axis.
    const fn tiles(&self) -> [usize; 2] {
        [self.out[0].div_ceil(2), self.out[1].div_ceil(2)]
    }

    /// Returns the number of tiles of some samples.
    const fn tiles_of(&self, samples: usize) -> usize {
        let [rows, columns] = self.tiles();
        sizes::product(&[samples, rows, columns])
    }

    /// Returns the layout of the transformed filters in a tier: of the forward pass, or of the input
    /// gradient if `transposed`.
    const fn panels(&self, tier: TierSizes, transposed: bool) -> Panels {
        let [rows, columns] = if transposed {
            [self.out_channels, self.channels]
        } else {
            [self.channels, self.out_channels]
        };
        Panels {
            rows,
            columns,
            width: min(columns, tier.width),
            stride: columns,
        }
    }

    /// Returns the layout of the filters that the forward pass transforms at a time: all of them,
    /// or a panel where memory is scarce.
    const fn forward_panels(&self, tier: TierSizes) -> Panels {
        let panels = self.panels(tier, false);
        let columns = if cfg!(feature = "std") {
            panels.columns
        } else {
            panels.width
        };
        Panels { columns, ..panels }
    }

    /// Returns the length of the forward pass's memory for at most `samples` samples.
    pub(in crate::conv) const fn tiles_memory(&self, samples: usize) -> usize {
        let tiles = self.tiles_of(samples);
        most_of_tiers!(|tier| {
            let panels = self.forward_panels(tier);
            let [transformed, products] = panels.pass_lens(tiles);
            buffers(&[panels.len(), transformed, products])
        })
    }

    /// Returns the length of the input gradient's memory for at most `samples` samples.
    pub(in crate::conv) const fn tiles_grad_memory(&self, samples: usize) -> usize {
        let tiles = self.tiles_of(samples);
        most_of_tiers!(|tier| {
            let panels = self.panels(tier, true);
            let [transformed, products] = panels.pass_lens(tiles);
            buffers(&[
                panels.len(),
                max(buffers(&[transformed, products]), self.weights()),
            ])
        })
    }

    /// Returns the length of the weight gradient's memory for at most `samples` samples, in this
    /// number of parts.
    pub(in crate::conv) const fn tiles_weight_memory(&self, samples: usize, parts: usize) -> usize {
        let count = self.tiles_of(samples);
        let elements = part_elements(parts);
        let parts = TILE_ELEMENTS.div_ceil(elements);

        let block = tiles_together(self.channels + self.out_channels, TILE_ELEMENTS);
        let panel = most_of_tiers!(|tier| panel_len(tier, self.channels, self.out_channels, block));

        // The last part may have fewer elements, and therefore more tiles together.
        let last = TILE_ELEMENTS - (parts - 1) * elements;
        let per_part = max(
            self.sums_lens(count, elements).memory(panel),
            self.sums_lens(count, last).memory(panel),
        );
        sizes::sum(&[
            buffers(&[self.all_sums()]),
            sizes::product(&[parts, per_part]),
        ])
    }

    /// Returns the number of weights.
    const fn weights(&self) -> usize {
        9 * self.channels * self.out_channels
    }

    /// Returns the number of elements of the sums for the weight gradient.
    const fn all_sums(&self) -> usize {
        TILE_ELEMENTS * self.channels * self.out_channels
    }

    /// Returns the lengths of the buffers of a part of the weight gradient: for some of the
    /// elements of `count` tiles.
    const fn sums_lens(&self, count: usize, elements: usize) -> SumsLens {
        let ci = self.channels;
        let co = self.out_channels;

        // Whole blocks, so that they do not depend on the number of elements, which depends on the
        // threads.
        let block = tiles_together(ci + co, TILE_ELEMENTS);
        let together = tiles_together(ci + co, elements) / block * block;
        let run_of_tiles = LONG_TILES / block * block;
        let long = count > run_of_tiles;
        let kept = min(together, count);

        SumsLens {
            block,
            together,
            run_of_tiles,
            run: if long { elements * ci * co } else { 0 },
            patches: tiles_len(kept, ci, elements),
            tiles: tiles_len(kept, co, elements),
        }
    }

    /// Returns the patches of the images that tiles read.
    const fn patches(&self) -> Squares {
        Squares {
            size: self.size,
            channels: self.channels,
            before: self.pad,
            count: self.tiles(),
        }
    }

    /// Returns the tiles of the outputs.
    const fn output_tiles(&self) -> Squares {
        Squares {
            size: self.out,
            channels: self.out_channels,
            before: [0, 0],
            count: self.tiles(),
        }
    }
}

/// The lengths in the sums for the weight gradient.
struct SumsLens {
    /// Tiles per block, together, and per run.
    block: usize,
    together: usize,
    run_of_tiles: usize,
    /// The numbers of elements of the buffers.
    run: usize,
    patches: usize,
    tiles: usize,
}

impl SumsLens {
    const fn memory(&self, panel: usize) -> usize {
        buffers(&[self.run, self.patches, self.tiles, panel])
    }
}

/// For each number of elements that a part may compute, the smallest number of parts above 1 that
/// leads to it.
pub(in crate::conv) const NUMBERS_OF_PARTS: [usize; 6] = [2, 3, 4, 6, 8, 16];

/// Returns the number of the 16 elements that each of some parts computes.
const fn part_elements(parts: usize) -> usize {
    TILE_ELEMENTS.div_ceil(min(max(parts, 1), TILE_ELEMENTS))
}

impl Panels {
    /// Returns the number of tiles that a pass processes together, of `tiles` in all.
    const fn together(&self, tiles: usize) -> usize {
        let [elements, fewest] = PASS;
        let fit = elements / (TILE_ELEMENTS * (self.rows + self.width));
        min(max(fit, fewest), tiles)
    }

    /// Returns the numbers of elements of the transformed tiles and of their products.
    const fn pass_lens(&self, tiles: usize) -> [usize; 2] {
        let together = self.together(tiles);
        [
            tiles_len(together, self.rows, TILE_ELEMENTS),
            tiles_len(together, self.width, TILE_ELEMENTS),
        ]
    }
}

/// The product `to = from * filters` of transformed squares.
///
/// Its creator guarantees that all of it lies in memory.
struct Pass<'a> {
    squares: Range<usize>,
    from: Squares,
    x: *const f32,
    to: Squares,
    y: *mut f32,
    panels: Panels,
    filters: *const f32,
    bias: Option<*const f32>,
    relu: bool,
    memory: Memory<'a, f32>,
}

impl Pass<'_> {
    /// Transforms squares of `IN` by `IN` pixels, multiplies them with the filters, and transforms
    /// the products to squares of `OUT` by `OUT` pixels.
    #[inline(always)]
    fn run<S: Simd, const IN: usize, const OUT: usize>(self, s: S) {
        let Pass {
            squares,
            from,
            x,
            to,
            y,
            panels,
            filters,
            bias,
            relu,
            mut memory,
        } = self;
        let Panels {
            rows,
            columns,
            width,
            ..
        } = panels;

        let together = panels.together(squares.len());
        let [of_transformed, of_products] = panels.pass_lens(squares.len());
        let (transformed, zeros) = with_pixel(memory.take(of_transformed), rows);
        let (products, spare) = with_pixel(memory.take(of_products), width);

        for first in squares.clone().step_by(together.max(1)) {
            let patches = Layout {
                first,
                count: together.min(squares.end - first),
                channels: rows,
                elements: 0..TILE_ELEMENTS,
            };

            // The data transform of the next squares, V.
            s.outline(InputTransform::<IN> {
                squares: from,
                layout: patches.clone(),
                images: x,
                outside: zeros,
                to: transformed,
            });

            for j in (0..columns).step_by(width) {
                let width = width.min(columns - j);
                let tiles = Layout {
                    channels: width,
                    ..patches.clone()
                };

                // The products M = U * V, one matrix product per element.
                for k in 0..TILE_ELEMENTS {
                    let row_tile = RowTile {
                        rows: one_axis(tiles.count, rows, width),
                        taps: 0..1,
                        a: transformed.wrapping_add(k * patches.step()),
                        c: products.wrapping_add(k * tiles.step()),
                    };
                    ImplicitGemm {
                        row_tiles: &[row_tile],
                        first: [0, 0],
                        taps: Taps::ONE,
                        span: rows,
                        a_step: 1,
                        b: filters.wrapping_add(panels.begin(j) + k * panels.step(width)),
                        b_row: width,
                        n: width,
                        start: From::Zero,
                        relu: false,
                    }
                    .run(s, &mut []);
                }

                // The inverse transform.
                s.outline(OutputTransform::<OUT> {
                    squares: to,
                    layout: tiles,
                    from: products,
                    images: y.wrapping_add(j),
                    outside: spare,
                    bias: bias.map(|bias| bias.wrapping_add(j)),
                    relu,
                });
            }
        }
    }
}

/// Returns the number of elements of `tiles` transformed tiles, and of a pixel behind them.
const fn tiles_len(tiles: usize, channels: usize, elements: usize) -> usize {
    Layout::len(tiles, channels, elements) + channels
}

/// Splits transformed tiles from the pixel behind them, which becomes zero. It is read for those
/// outside of the images, or written where nobody needs the result.
fn with_pixel(buffer: &mut [f32], channels: usize) -> (*mut f32, *mut f32) {
    let (elements, pixel) = buffer.split_at_mut(buffer.len() - channels);
    pixel.fill(0.0);
    (elements.as_mut_ptr(), pixel.as_mut_ptr())
}

/// Returns rows along one axis, with the strides `a` and `c` in A and C.
const fn one_axis(count: usize, a: usize, c: usize) -> Rows {
    Rows {
        first: 0,
        count,
        axes: [1, count],
        a: [0, 0, a],
        c: [0, 0, c],
    }
}

/// The forward pass.
pub(crate) struct ConvOp<'a>(pub Conv<'a, f32>);

impl Op for ConvOp<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
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
        let [samples, rows] = sizes.check_rows(x.len(), y.len(), first_row);
        sizes.check_weight(weight.len(), bias.map(<[f32]>::len), sizes.out_channels);
        sizes.check_tiles();

        let [_, columns] = sizes.tiles();
        let first = first_row / 2 * columns;
        let count = samples * rows.div_ceil(2) * columns;
        let ci = sizes.channels;
        let co = sizes.out_channels;
        let all = sizes.forward_panels(const { TierSizes::of::<S>() });

        let mut memory = Memory::new("ConvSizes::forward_memory", memory);
        let filters = memory.take(all.len());
        let memory = memory.rest();

        // The position of the first row of the image.
        let y = y.as_mut_ptr().wrapping_sub(first_row * sizes.out[1] * co);

        for j in (0..co).step_by(all.columns) {
            let panels = Panels {
                columns: all.columns.min(co - j),
                ..all
            };
            s.outline(FilterTransform {
                panels,
                from: weight[j..].as_ptr(),
                tap: ci * co,
                to: filters.as_mut_ptr(),
            });

            Pass {
                squares: first..first + count,
                from: sizes.patches(),
                x: x.as_ptr(),
                to: sizes.output_tiles(),
                y: y.wrapping_add(j),
                panels,
                filters: filters.as_ptr(),
                bias: bias.map(|bias| bias[j..].as_ptr()),
                relu,
                memory: Memory::new("ConvSizes::forward_memory", &mut *memory),
            }
            .run::<S, 4, 2>(s);
        }
    }
}

/// The input gradient.
pub(crate) struct ConvInputGradOp<'a>(pub ConvInputGrad<'a, f32>);

impl Op for ConvInputGradOp<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
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
        sizes.check_tiles();
        let ci = sizes.channels;
        let co = sizes.out_channels;

        let panels = sizes.panels(const { TierSizes::of::<S>() }, true);

        reference::begin(ci, bias, dx);

        let mut memory = Memory::new("ConvSizes::input_grad_memory", memory);
        let filters = memory.take(panels.len());
        let memory = memory.rest();

        // The transposed weight lies where the tiles will.
        let transposed = Memory::new("ConvSizes::input_grad_memory", memory).take(sizes.weights());
        s.outline(TransposeWeight {
            sizes,
            weight,
            row: ci,
            transposed,
        });

        // The window is flipped: its last weight comes first.
        let last = transposed[8 * ci * co..].as_ptr();
        s.outline(FilterTransform {
            panels,
            from: last,
            tap: (ci * co).wrapping_neg(),
            to: filters.as_mut_ptr(),
        });

        Pass {
            squares: 0..sizes.tiles_of(samples),
            from: sizes.output_tiles(),
            x: dy.as_ptr(),
            to: sizes.patches(),
            y: dx.as_mut_ptr(),
            panels,
            filters: filters.as_ptr(),
            bias: None,
            relu: false,
            memory: Memory::new("ConvSizes::input_grad_memory", memory),
        }
        .run::<S, 2, 4>(s);

        reference::end(relu, dx);
    }
}

/// Computes the gradient of the weight: the transform of the sums over all tiles, of which each
/// part computes some of the 16 elements.
pub(crate) fn weight_grad(conv: ConvWeightGrad<'_, f32>, kernels: F32Kernels) {
    let ConvWeightGrad {
        sizes,
        x,
        dy,
        gradient,
        accumulate,
        parts,
        share,
        memory,
        ..
    } = conv;

    let channels = sizes.channels;
    let out_channels = sizes.out_channels;

    let (gradient, bias) = sizes.split_bias(0, gradient);
    if let Some(sums) = bias {
        kernels.run(ColumnSumsOp {
            rows: dy.len() / out_channels,
            cols: out_channels,
            x: dy,
            sums,
            accumulate,
        });
    }

    let mut memory = Memory::new("ConvSizes::weight_grad_memory", memory);
    let sums = memory.take(sizes.all_sums());

    let per_part = part_elements(parts);
    let chunk = per_part * channels * out_channels;
    let parts = TILE_ELEMENTS.div_ceil(per_part);
    let memory = PartMemory::new(sums, chunk, memory.rest(), parts);

    share(sums, chunk, &|part, sums| {
        let (sums, memory) = memory.of(sums);
        let elements = part * per_part..TILE_ELEMENTS.min((part + 1) * per_part);
        kernels.run(SumsOp {
            sizes,
            x,
            dy,
            elements,
            sums,
            memory,
        });
    });

    kernels.run(FilterGradTransform {
        channels,
        out_channels,
        sums,
        gradient,
        accumulate,
    });
}

/// `sums += run`.
fn add(run: &[f32], sums: &mut [f32]) {
    sums.iter_mut().zip(run).for_each(|(sum, run)| *sum += run);
}

/// The sums over all tiles of the products of some of the transformed elements,
/// `[element][CI][CO]`.
///
/// They are computed block by block and, if there are many, run by run: see [`LONG_TILES`].
struct SumsOp<'a> {
    sizes: &'a ConvSizes,
    x: &'a [f32],
    dy: &'a [f32],
    elements: Range<usize>,
    sums: &'a mut [f32],
    memory: &'a mut [f32],
}

impl Op for SumsOp<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let SumsOp {
            sizes,
            x,
            dy,
            elements,
            sums,
            memory,
        } = self;
        let samples = sizes.check(x.len(), dy.len());
        let ci = sizes.channels;
        let co = sizes.out_channels;
        sizes.check_tiles();
        assert_eq!(sums.len(), elements.len() * ci * co);

        let [rows, columns] = sizes.tiles();
        let count = samples * rows * columns;

        let lens = sizes.sums_lens(count, elements.len());
        let SumsLens {
            block,
            together,
            run_of_tiles,
            ..
        } = lens;
        let long = lens.run > 0;

        if count == 0 || long {
            sums.fill(0.0);
        }

        let mut memory = Memory::new("ConvSizes::weight_grad_memory", memory);
        let run = memory.take(lens.run);
        let (patches, no_pixel) = with_pixel(memory.take(lens.patches), ci);
        let (tiles, no_output) = with_pixel(memory.take(lens.tiles), co);
        let panel = memory.rest();

        for first in (0..count).step_by(together) {
            let count = together.min(count - first);
            let of_patches = Layout {
                first,
                count,
                channels: ci,
                elements: elements.clone(),
            };
            let of_tiles = Layout {
                channels: co,
                ..of_patches.clone()
            };
            let step = of_patches.step();
            let tile_step = of_tiles.step();

            s.outline(InputTransform::<4> {
                squares: sizes.patches(),
                layout: of_patches,
                images: x.as_ptr(),
                outside: no_pixel,
                to: patches,
            });
            s.outline(InputTransform::<2> {
                squares: sizes.output_tiles(),
                layout: of_tiles,
                images: dy.as_ptr(),
                outside: no_output,
                to: tiles,
            });

            // Prefetches the next tiles while these are multiplied.
            let next = first + count..(first + 2 * count).min(samples * rows * columns);
            let next = [(x, sizes.input_len()), (dy, sizes.output_len())].map(|(images, len)| {
                let at = |tile: usize| tile * len / (rows * columns);
                PrefetchRegion::contiguous(&images[at(next.start)..at(next.end)])
            });

            for (k, sums) in sums.chunks_exact_mut(ci * co).enumerate() {
                next.iter().for_each(
                    #[inline(always)]
                    |next| next.prefetch(s, k, elements.len()),
                );

                for begin in (0..count).step_by(block) {
                    let mut c = &mut *sums;
                    let mut begins = first + begin == 0;
                    if long {
                        let run = &mut run[k * ci * co..][..ci * co];
                        begins = (first + begin).is_multiple_of(run_of_tiles);
                        if begins && first + begin > 0 {
                            add(run, sums);
                        }
                        c = run;
                    }
                    let row_tile = RowTile {
                        rows: one_axis(ci, 1, co),
                        taps: 0..1,
                        a: patches.wrapping_add(k * step + begin * ci),
                        c: c.as_mut_ptr(),
                    };
                    ImplicitGemm {
                        row_tiles: &[row_tile],
                        first: [0, 0],
                        taps: Taps::ONE,
                        span: block.min(count - begin),
                        a_step: ci,
                        b: tiles.wrapping_add(k * tile_step + begin * co),
                        b_row: co,
                        n: co,
                        start: if begins { From::Zero } else { From::Accumulate },
                        relu: false,
                    }
                    .run(s, panel);
                }
            }
        }

        if long {
            add(run, sums);
        }
    }
}

//! Implicit GEMM: a product whose left matrix is addressed within an image.

use core::ops::Range;

use crate::memory::{TierSizes, min};
use crate::simd::{Op, Simd, unrolled};
use crate::tile::{add_products, finish, load};

/// Inner indices per block: a block of B that is as wide as a tile takes 128 KiB with AVX-512, and
/// stays in the second-level cache while all rows pass.
pub(super) const DEPTH: usize = 512;
/// The smallest number of rows for which a block of a wider B is packed first: its rows, often a
/// power of two apart, would fall on few sets of the cache. Packing takes about 5 % of the time of
/// this many rows.
const MIN_ROWS_TO_PACK: usize = 32;

/// The product `C = start + A * B`, then `max(0, C)` if `relu`, for matrices `A` whose element
/// `(i, p)` lies at `row(i) + inner(p)`.
///
/// Its creator guarantees that all elements lie in memory and that nobody else writes to them.
#[derive(Clone, Copy)]
pub(super) struct ImplicitGemm<'a> {
    pub row_tiles: &'a [RowTile],
    /// The offsets of the first element in the rows of A and of C.
    pub first: [usize; 2],
    /// The offsets, in addition to the row's, from each of which the inner index runs through
    /// `span` elements of A, `a_step` apart.
    pub taps: Taps,
    pub span: usize,
    pub a_step: usize,
    /// The rows for the inner index of all taps, one after the other, `b_row` apart.
    pub b: *const f32,
    pub b_row: usize,
    /// The number of columns of B and C.
    pub n: usize,
    pub start: From,
    pub relu: bool,
}

/// Returns the length of the memory in which a product packs panels in a tier, if it has at least
/// `rows` rows, `n` columns and `inner` inner indices.
pub(super) const fn panel_len(tier: TierSizes, rows: usize, n: usize, inner: usize) -> usize {
    if tier.packs && n > tier.width && rows >= MIN_ROWS_TO_PACK {
        min(inner, DEPTH) * tier.width
    } else {
        0
    }
}

/// The offsets of taps: some of the points of a grid, row after row.
#[derive(Clone, Copy)]
pub(super) struct Taps {
    /// The offset of the grid's first point.
    pub first: usize,
    /// The number of points in a row.
    pub columns: usize,
    /// The distances of rows and of columns.
    pub step: [usize; 2],
    /// The first point that is a tap, and their number.
    pub begin: usize,
    pub len: usize,
}

impl Taps {
    /// One tap at offset 0.
    pub const ONE: Taps = Taps::grid(0, [1, 1], [0, 0]);

    /// All points of a grid of rows and columns.
    pub const fn grid(first: usize, [rows, columns]: [usize; 2], step: [usize; 2]) -> Taps {
        Taps {
            first,
            columns,
            step,
            begin: 0,
            len: rows * columns,
        }
    }

    /// Returns a cursor at tap `index`.
    #[inline(always)]
    pub fn cursor(&self, index: usize) -> TapCursor {
        let point = self.begin + index;
        let columns = self.columns.max(1);
        let [row, column] = if columns == 1 {
            [point, 0]
        } else {
            [point / columns, point % columns]
        };

        let [down, across] = self.step;
        let offset = row
            .wrapping_mul(down)
            .wrapping_add(column.wrapping_mul(across));

        TapCursor {
            offset: self.first.wrapping_add(offset),
            left: columns - column,
            columns,
            across,
            to_next_row: down.wrapping_sub((columns - 1).wrapping_mul(across)),
        }
    }
}

/// A cursor over taps.
#[derive(Clone, Copy)]
pub(super) struct TapCursor {
    /// The offset of the tap.
    pub offset: usize,
    /// The number of taps to the end of the row.
    left: usize,
    columns: usize,
    across: usize,
    to_next_row: usize,
}

impl TapCursor {
    /// Moves to the next tap.
    #[inline(always)]
    pub fn advance(&mut self) {
        self.left -= 1;
        let mut step = self.across;
        if self.left == 0 {
            self.left = self.columns;
            step = self.to_next_row;
        }
        self.offset = self.offset.wrapping_add(step);
    }
}

/// A tile of rows of A and C, and the taps that reach them.
pub(super) struct RowTile {
    pub rows: Rows,
    pub taps: Range<usize>,
    pub a: *const f32,
    pub c: *mut f32,
}

impl RowTile {
    const EMPTY: RowTile = RowTile {
        rows: Rows {
            first: 0,
            count: 0,
            axes: [1, 1],
            a: [0; 3],
            c: [0; 3],
        },
        taps: 0..0,
        a: core::ptr::null(),
        c: core::ptr::null_mut(),
    };
}

/// The initial values of the sums.
#[derive(Clone, Copy)]
pub(super) enum From {
    Zero,
    /// One number for each column.
    Bias(*const f32),
    /// Zero, and the sums are added to the contents of C.
    Accumulate,
}

/// The rows `first` to `first + count` of an enumeration of three axes.
#[derive(Clone, Copy)]
pub(super) struct Rows {
    pub first: usize,
    pub count: usize,
    /// The lengths of the second and the third axis.
    pub axes: [usize; 2],
    /// The strides of each axis in A and in C.
    pub a: [usize; 3],
    pub c: [usize; 3],
}

/// A cursor over the rows.
#[derive(Clone, Copy)]
pub(super) struct RowCursor {
    rows: Rows,
    at: [usize; 2],
    a: usize,
    c: usize,
}

impl Rows {
    #[inline(always)]
    pub fn cursor(&self) -> RowCursor {
        let [height, width] = self.axes;
        let z = self.first / (height * width);
        let y = self.first / width % height;
        let x = self.first % width;
        let along = |steps: [usize; 3]| z * steps[0] + y * steps[1] + x * steps[2];
        RowCursor {
            rows: *self,
            at: [y, x],
            a: along(self.a),
            c: along(self.c),
        }
    }
}

impl RowCursor {
    /// Returns the offsets of the next rows in A and in C. Inlined, as a tile of few taps takes
    /// hardly longer than this.
    #[inline(always)]
    pub fn next<const MR: usize>(&mut self) -> [[usize; 2]; MR] {
        let mut offsets = [[0; 2]; MR];
        unrolled::<MR>(
            #[inline(always)]
            |i| offsets[i] = self.step(),
        );
        offsets
    }

    #[inline(always)]
    fn step(&mut self) -> [usize; 2] {
        let Rows {
            axes: [height, width],
            a,
            c,
            ..
        } = self.rows;
        let offset = [self.a, self.c];

        self.a = self.a.wrapping_add(a[2]);
        self.c = self.c.wrapping_add(c[2]);
        self.at[1] += 1;
        if self.at[1] == width {
            self.at[1] = 0;
            self.a = self.a.wrapping_add(a[1]).wrapping_sub(width * a[2]);
            self.c = self.c.wrapping_add(c[1]).wrapping_sub(width * c[2]);
            self.at[0] += 1;
            if self.at[0] == height {
                self.at[0] = 0;
                self.a = self.a.wrapping_add(a[0]).wrapping_sub(height * a[1]);
                self.c = self.c.wrapping_add(c[0]).wrapping_sub(height * c[1]);
            }
        }

        offset
    }
}

impl ImplicitGemm<'_> {
    /// Computes the product from within a tier, with `panel` for packed panels.
    #[inline(always)]
    pub fn run<S: Simd>(self, s: S, panel: &mut [f32]) {
        s.outline(ImplicitGemmOp(self, panel));
    }
}

/// Computes the product, with memory for packed panels; if that is too short, nothing is packed. Each element is a sum of blocks of the inner index, each
/// a chain. Where they end depends on the taps and the span alone, so that no distribution of the
/// rows changes a bit.
pub(super) struct ImplicitGemmOp<'a, 'p>(pub ImplicitGemm<'a>, pub &'p mut [f32]);

impl Op for ImplicitGemmOp<'_, '_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let ImplicitGemmOp(gemm, panel) = self;
        let width = S::TILE * S::LANES;
        let rows: usize = gemm
            .row_tiles
            .iter()
            .map(|row_tile| row_tile.rows.count)
            .sum();
        let pack = S::PACKS && gemm.n > width && rows >= MIN_ROWS_TO_PACK;
        let taps = gemm.taps.len;
        let per_block = (DEPTH / gemm.span.max(1)).max(1);

        // Blocks of the inner index.
        for (first, part) in blocks(taps, gemm.span, per_block) {
            let block = first..(first + per_block).min(taps);
            let span = part.len();
            let within = part.start;

            // Panels of B as wide as a tile.
            for j in (0..gemm.n).step_by(width) {
                let columns = width.min(gemm.n - j);
                let mut b = gemm
                    .b
                    .wrapping_add((first * gemm.span + within) * gemm.b_row + j);
                let mut b_row = gemm.b_row;
                let rows = block.len() * span;
                if pack && rows * width <= panel.len() {
                    s.outline(Pack {
                        b,
                        b_row,
                        columns,
                        to: panel.as_mut_ptr(),
                        to_row: width,
                        rows,
                    });
                    b = panel.as_ptr();
                    b_row = width;
                }

                // Tiles of rows whose taps reach into this block.
                for row_tile in gemm.row_tiles {
                    let begin = row_tile.taps.start.max(block.start);
                    let end = row_tile.taps.end.min(block.end);
                    let nothing = row_tile.taps.is_empty() && first == 0 && within == 0;
                    if begin >= end && !nothing {
                        continue;
                    }

                    let begins = nothing || row_tile.taps.start >= block.start && within == 0;
                    let ends = nothing || row_tile.taps.end <= block.end && part.end == gemm.span;

                    let strip = Strip {
                        rows: row_tile.rows,
                        taps: if nothing { 0 } else { end - begin },
                        tap: gemm.taps.cursor(begin),
                        span,
                        a_step: gemm.a_step,
                        a: row_tile
                            .a
                            .wrapping_add(gemm.first[0] + within * gemm.a_step),
                        b: b.wrapping_add(if nothing {
                            0
                        } else {
                            (begin - first) * span * b_row
                        }),
                        b_row,
                        c: row_tile.c.wrapping_add(gemm.first[1] + j),
                        start: match gemm.start {
                            _ if !begins => From::Accumulate,
                            From::Bias(bias) => From::Bias(bias.wrapping_add(j)),
                            start => start,
                        },
                        last: columns - (columns.div_ceil(S::LANES) - 1) * S::LANES,
                        relu: gemm.relu && ends,
                    };
                    strip.run(s, columns.div_ceil(S::LANES));
                }
            }
        }
    }
}

/// Returns the blocks of the inner index: the first of some taps, and the part of their span. A
/// span that is longer than a block is split. There is one block even if there are no taps, as C
/// still has to be started.
fn blocks(
    taps: usize,
    span: usize,
    per_block: usize,
) -> impl Iterator<Item = (usize, Range<usize>)> {
    let first = (0..taps.max(1)).step_by(per_block);
    first.flat_map(move |first| {
        (0..span.max(1))
            .step_by(DEPTH)
            .map(move |begin| (first, begin.min(span)..span.min(begin + DEPTH)))
    })
}

/// A strip of a product: some rows, taps and at most as many columns as a tile is wide.
#[derive(Clone, Copy)]
struct Strip {
    rows: Rows,
    /// The number of taps, and the first of them.
    taps: usize,
    tap: TapCursor,
    span: usize,
    a_step: usize,
    a: *const f32,
    b: *const f32,
    b_row: usize,
    c: *mut f32,
    start: From,
    /// The number of columns in the last vector.
    last: usize,
    relu: bool,
}

impl Strip {
    /// Runs the strip in a function for its width. Only the widths that the tier has are compiled.
    #[inline(always)]
    fn run<S: Simd>(self, s: S, vectors: usize) {
        let whole = !S::MASKED_LOADS && self.last == S::LANES;

        match vectors {
            1 if whole => s.outline(StripOp::<1, true>(self)),
            1 => s.outline(StripOp::<1, false>(self)),
            2 => {
                if const { S::TILE >= 2 } {
                    if whole {
                        s.outline(StripOp::<2, true>(self));
                    } else {
                        s.outline(StripOp::<2, false>(self));
                    }
                }
            }
            3 => {
                if const { S::TILE >= 3 } {
                    s.outline(StripOp::<3, false>(self));
                }
            }
            _ => {
                if const { S::TILE >= 4 } {
                    s.outline(StripOp::<4, false>(self));
                }
            }
        }
    }
}

/// Copies `rows` rows of `columns` elements, which the creator guarantees to exist.
struct Pack {
    b: *const f32,
    b_row: usize,
    columns: usize,
    to: *mut f32,
    to_row: usize,
    rows: usize,
}

impl Op for Pack {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let Pack {
            b,
            b_row,
            columns,
            to,
            to_row,
            rows,
        } = self;
        for row in 0..rows {
            let from = b.wrapping_add(row * b_row);
            let to = to.wrapping_add(row * to_row);

            let mut j = 0;
            while j < columns {
                let n = S::LANES.min(columns - j);
                // SAFETY: guaranteed by the creator.
                unsafe { s.put(to.wrapping_add(j), s.get(from.wrapping_add(j), n), n) };
                j += n;
            }
        }
    }
}

/// Computes a strip that is `NR` vectors wide, with a full last vector if `WHOLE`.
struct StripOp<const NR: usize, const WHOLE: bool>(Strip);

impl<const NR: usize, const WHOLE: bool> Op for StripOp<NR, WHOLE> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        if const { WHOLE && S::MASKED_LOADS } {
            return;
        }
        let StripOp(strip) = self;
        let count = strip.rows.count;
        if count == 0 {
            return;
        }
        let most = const { tallest::<S>(NR) };

        // Heights as equal as possible: a single row left over would be a slow tile.
        let tiles = count.div_ceil(most);
        let height = count / tiles;
        let taller = count % tiles;

        let mut cursor = strip.rows.cursor();

        for t in 0..tiles {
            let rows = height + usize::from(t < taller);
            // SAFETY: the heights add up to the number of rows, so each tile lies within the
            // product.
            unsafe {
                match rows {
                    1 => tile::<S, 1, NR, WHOLE>(s, &strip, cursor.next()),
                    2 => tile::<S, 2, NR, WHOLE>(s, &strip, cursor.next()),
                    3 => tile::<S, 3, NR, WHOLE>(s, &strip, cursor.next()),
                    4 => tile::<S, 4, NR, WHOLE>(s, &strip, cursor.next()),
                    5 => tile::<S, 5, NR, WHOLE>(s, &strip, cursor.next()),
                    6 => tile::<S, 6, NR, WHOLE>(s, &strip, cursor.next()),
                    7 => tile::<S, 7, NR, WHOLE>(s, &strip, cursor.next()),
                    _ => tile::<S, 8, NR, WHOLE>(s, &strip, cursor.next()),
                }
            }
        }
    }
}

/// Returns the rows of the tallest tile. Each takes a register for its address, of which there are
/// 16; 8 rows of one vector are as many chains as multiply-adds are in flight. The tier of four
/// lanes, which runs on few processors, has less code.
const fn tallest<S: Simd>(vectors: usize) -> usize {
    match vectors {
        _ if S::SMALL => 2,
        _ if S::LANES == 4 => 4,
        1 => 8,
        _ => 6,
    }
}

/// Computes `MR` rows at the given offsets; the accumulators stay in registers for all taps.
///
/// # Safety
/// As the creator of [`ImplicitGemm`] guarantees, for these rows of the strip.
#[inline(always)]
unsafe fn tile<S: Simd, const MR: usize, const NR: usize, const WHOLE: bool>(
    s: S,
    strip: &Strip,
    offsets: [[usize; 2]; MR],
) {
    if const { MR > tallest::<S>(NR) } {
        return;
    }
    let &Strip {
        taps,
        mut tap,
        span,
        a_step,
        a,
        b,
        b_row,
        last,
        c,
        start,
        relu,
        ..
    } = strip;
    let last = if WHOLE { S::LANES } else { last };

    let mut a_rows = [a; MR];
    let mut c_rows = [c; MR];
    unrolled::<MR>(
        #[inline(always)]
        |i| {
            a_rows[i] = a.wrapping_add(offsets[i][0]);
            c_rows[i] = c.wrapping_add(offsets[i][1]);
        },
    );

    // SAFETY (all blocks): i < MR, j < NR, the taps and the inner index are elements that the
    // creator guarantees.
    let mut acc = match start {
        From::Zero | From::Accumulate => [[s.zero(); NR]; MR],
        From::Bias(bias) => {
            let [row] = unsafe {
                load::<S, 1, NR>(
                    s,
                    last,
                    #[inline(always)]
                    |_| bias,
                )
            };
            [row; MR]
        }
    };
    let mut b = b;

    // One rank-1 update per inner index.
    for _ in 0..taps {
        let mut p = tap.offset;
        for _ in 0..span {
            unsafe {
                add_products(
                    s,
                    &mut acc,
                    (b, (!WHOLE).then_some(last)),
                    #[inline(always)]
                    |i| a_rows[i].wrapping_add(p),
                )
            };
            p = p.wrapping_add(a_step);
            b = b.wrapping_add(b_row);
        }
        tap.advance();
    }
    unsafe {
        finish(
            s,
            acc,
            last,
            (matches!(start, From::Accumulate), relu),
            #[inline(always)]
            |i| c_rows[i],
        )
    };
}

/// The largest number of tiles of rows in a list.
const MOST_ROW_TILES: usize = 8;

/// Calls `run` with the tiles of rows that the same taps reach inside the image, a few at a time:
/// as `tile` makes each from its rows and the taps. Tap `i` of row `r` reads the image's row
/// `r * step + offsets[i]`, of which there are `height`; the offsets increase.
pub(super) fn row_tiles(
    rows: usize,
    step: usize,
    offsets: impl Iterator<Item = isize> + Clone,
    height: usize,
    tile: impl Fn(Range<usize>, Range<usize>) -> RowTile,
    mut run: impl FnMut(&[RowTile]),
) {
    let reached = |row: usize| {
        let at = (row * step) as isize;
        let before = offsets.clone().take_while(|offset| at + offset < 0).count();
        let end = offsets
            .clone()
            .take_while(|offset| at + offset < height as isize)
            .count();
        before..end.max(before)
    };

    let mut tiles = [const { RowTile::EMPTY }; MOST_ROW_TILES];
    let mut count = 0;
    let mut first = 0;
    while first < rows {
        let taps = reached(first);
        let mut end = first + 1;
        while end < rows && reached(end) == taps {
            end += 1;
        }

        tiles[count] = tile(first..end, taps);
        count += 1;
        first = end;
        if count == MOST_ROW_TILES || first == rows {
            run(&tiles[..count]);
            count = 0;
        }
    }
}

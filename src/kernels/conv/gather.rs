//! A product whose left side is found in an image.

use std::ops::Range;

use crate::kernels::simd::{Op, Simd};
use crate::memory::AlignedBuffer;

/// Inner indices per block: a block of B that is as wide as a tile takes 128 KiB with AVX-512, and stays in the
/// second-level cache while all rows pass.
pub(super) const DEPTH: usize = 512;
/// From this many rows on, a block of a wider B is copied together first: its rows, a power of two apart, would fall on
/// few sets of the cache.
const ROWS_WORTH_PACKING: usize = 96;

/// `C = start + A * B`, then `max(0, C)` if asked, for matrices `A` whose element `(i, p)` lies at `row(i) + inner(p)`.
///
/// The maker promises that all elements lie in memory and that nobody else writes to them.
#[derive(Clone, Copy)]
pub(super) struct Gather<'a> {
    pub rows: Rows,
    /// The inner index runs through `span` elements of A, `a_step` apart, from each of these on (beside the row).
    pub taps: &'a [usize],
    pub span: usize,
    pub a_step: usize,
    pub a: *const f32,
    /// One row after the other for the inner index, `b_row` apart.
    pub b: *const f32,
    pub b_row: usize,
    /// Columns of B and C.
    pub n: usize,
    pub c: *mut f32,
    pub start: From,
    pub relu: bool,
}

/// What the chains start from.
#[derive(Clone, Copy)]
pub(super) enum From {
    Zero,
    /// One number for each column.
    Bias(*const f32),
    /// What C holds.
    Accumulate,
}

/// The rows: numbers `first` to `first + count` of a count through three axes.
#[derive(Clone, Copy)]
pub(super) struct Rows {
    pub first: usize,
    pub count: usize,
    /// How long the second and the third axis are.
    pub axes: [usize; 2],
    /// How far apart neighbours along each axis lie in A and in C.
    pub a: [usize; 3],
    pub c: [usize; 3],
}

/// Goes through the rows.
#[derive(Clone, Copy)]
pub(super) struct Places {
    rows: Rows,
    at: [usize; 2],
    a: usize,
    c: usize,
}

impl Rows {
    #[inline(always)]
    pub fn places(&self) -> Places {
        let [height, width] = self.axes;
        let (z, y, x) = (self.first / (height * width), self.first / width % height, self.first % width);
        let along = |steps: [usize; 3]| z * steps[0] + y * steps[1] + x * steps[2];
        Places { rows: *self, at: [y, x], a: along(self.a), c: along(self.c) }
    }
}

impl Places {
    /// Where the next rows lie in A and in C.
    #[inline(always)]
    pub fn next<const MR: usize>(&mut self) -> [[usize; 2]; MR] {
        let Rows { axes: [height, width], a, c, .. } = self.rows;
        let mut places = [[0; 2]; MR];
        for place in &mut places {
            *place = [self.a, self.c];
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
        }
        places
    }
}

impl Gather<'_> {
    /// Computes all of it. No cut changes a bit: each chain goes on through C from block to block.
    #[inline(always)]
    pub fn run<S: Simd>(self, s: S, panel: &mut AlignedBuffer<f32>) {
        let width = S::TILE * S::LANES;
        let taps_of_block = (DEPTH / self.span.max(1)).max(1);
        let mut first = 0;
        loop {
            let taps = &self.taps[first..(first + taps_of_block).min(self.taps.len())];
            let ends = first + taps.len() == self.taps.len();
            let mut j = 0;
            while j < self.n {
                let columns = width.min(self.n - j);
                let vectors = columns.div_ceil(S::LANES);
                let mut b = self.b.wrapping_add(first * self.span * self.b_row + j);
                let mut b_row = self.b_row;
                if self.n > width && self.rows.count >= ROWS_WORTH_PACKING {
                    let rows = taps.len() * self.span;
                    let to = panel.reserve(rows * width);
                    s.outline(Pack { b, b_row, columns, to: to.as_mut_ptr(), to_row: width, rows });
                    (b, b_row) = (to.as_ptr(), width);
                }
                let strip = Gather {
                    taps,
                    b,
                    b_row,
                    c: self.c.wrapping_add(j),
                    n: columns - (vectors - 1) * S::LANES,
                    start: match self.start {
                        _ if first > 0 => From::Accumulate,
                        From::Bias(bias) => From::Bias(bias.wrapping_add(j)),
                        start => start,
                    },
                    relu: self.relu && ends,
                    ..self
                };
                let whole = !S::MASKED_LOADS && strip.n == S::LANES;
                match vectors {
                    1 if whole => s.outline(Strip::<1, true>(strip)),
                    1 => s.outline(Strip::<1, false>(strip)),
                    2 if whole => s.outline(Strip::<2, true>(strip)),
                    2 => s.outline(Strip::<2, false>(strip)),
                    3 => {
                        if const { S::TILE >= 3 } {
                            s.outline(Strip::<3, false>(strip));
                        }
                    }
                    _ => {
                        if const { S::TILE >= 4 } {
                            s.outline(Strip::<4, false>(strip));
                        }
                    }
                }
                j += columns;
            }
            first += taps.len();
            if ends {
                break;
            }
        }
    }
}

/// Copies `rows` of `columns` numbers, which the maker promises are there.
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
        let Pack { b, b_row, columns, to, to_row, rows } = self;
        for row in 0..rows {
            let (from, to) = (b.wrapping_add(row * b_row), to.wrapping_add(row * to_row));
            let mut j = 0;
            while j < columns {
                let n = S::LANES.min(columns - j);
                // SAFETY: the maker's promise.
                unsafe { s.put(to.wrapping_add(j), s.get(from.wrapping_add(j), n), n) };
                j += n;
            }
        }
    }
}

/// A product that is `NR` vectors wide, of the last of which `n` columns count: all of them if `WHOLE`.
struct Strip<'a, const NR: usize, const WHOLE: bool>(Gather<'a>);

impl<const NR: usize, const WHOLE: bool> Op for Strip<'_, NR, WHOLE> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        if const { WHOLE && S::MASKED_LOADS } {
            return;
        }
        let Strip(gather) = self;
        let count = gather.rows.count;
        if count == 0 {
            return;
        }
        // Each row takes a register for its address, of which there are 16; 8 rows of one vector are as many chains
        // as multiply-adds are under way.
        let most = if const { NR == S::TILE && NR > 1 } { 6 } else { 8 };
        // Heights as equal as possible: a single row left over would be a slow tile.
        let tiles = count.div_ceil(most);
        let (height, taller) = (count / tiles, count % tiles);
        let mut places = gather.rows.places();
        for t in 0..tiles {
            let rows = height + usize::from(t < taller);
            // SAFETY: the heights add up to the number of rows, so each tile lies within the product.
            unsafe {
                match rows {
                    1 => tile::<S, 1, NR, WHOLE>(s, &gather, places.next()),
                    2 => tile::<S, 2, NR, WHOLE>(s, &gather, places.next()),
                    3 => tile::<S, 3, NR, WHOLE>(s, &gather, places.next()),
                    4 => tile::<S, 4, NR, WHOLE>(s, &gather, places.next()),
                    5 => tile::<S, 5, NR, WHOLE>(s, &gather, places.next()),
                    6 => tile::<S, 6, NR, WHOLE>(s, &gather, places.next()),
                    7 => {
                        if const { NR < S::TILE || NR == 1 } {
                            tile::<S, 7, NR, WHOLE>(s, &gather, places.next());
                        }
                    }
                    _ => {
                        if const { NR < S::TILE || NR == 1 } {
                            tile::<S, 8, NR, WHOLE>(s, &gather, places.next());
                        }
                    }
                }
            }
        }
    }
}

/// The next `MR` rows from a place on; the accumulators stay in registers for all taps.
///
/// # Safety
/// What the maker of [`Gather`] promises, for these rows.
#[inline(always)]
unsafe fn tile<S: Simd, const MR: usize, const NR: usize, const WHOLE: bool>(
    s: S,
    gather: &Gather<'_>,
    places: [[usize; 2]; MR],
) {
    let &Gather { taps, span, a_step, a, b, b_row, n, c, start, relu, .. } = gather;
    let count = |j: usize| if j + 1 == NR && !WHOLE { n } else { S::LANES };
    let (mut a_rows, mut c_rows) = ([a; MR], [c; MR]);
    for i in 0..MR {
        a_rows[i] = a.wrapping_add(places[i][0]);
        c_rows[i] = c.wrapping_add(places[i][1]);
    }
    let mut acc = [[s.zero(); NR]; MR];
    // SAFETY (all blocks): i < MR, j < NR, the taps and the inner index are elements that the maker promised.
    match start {
        From::Zero => {}
        From::Bias(bias) => {
            let mut row = [s.zero(); NR];
            for (j, row) in row.iter_mut().enumerate() {
                *row = unsafe { s.get(bias.add(j * S::LANES), count(j)) };
            }
            acc = [row; MR];
        }
        From::Accumulate => {
            for (i, acc) in acc.iter_mut().enumerate() {
                for (j, acc) in acc.iter_mut().enumerate() {
                    *acc = unsafe { s.get(c_rows[i].add(j * S::LANES), count(j)) };
                }
            }
        }
    }
    let mut b = b;
    for &tap in taps {
        let mut p = tap;
        for _ in 0..span {
            let mut row = [s.zero(); NR];
            for (j, row) in row.iter_mut().enumerate() {
                let masked = j + 1 == NR && !WHOLE;
                let at = b.wrapping_add(j * S::LANES);
                *row = unsafe { if masked { s.load_n(at, n) } else { s.load(at) } };
            }
            for (i, acc) in acc.iter_mut().enumerate() {
                let x = s.splat(unsafe { *a_rows[i].wrapping_add(p) });
                for (acc, &row) in acc.iter_mut().zip(&row) {
                    *acc = s.fma(x, row, *acc);
                }
            }
            p = p.wrapping_add(a_step);
            b = b.wrapping_add(b_row);
        }
    }
    for (i, acc) in acc.iter().enumerate() {
        for (j, &acc) in acc.iter().enumerate() {
            let y = if relu { s.max(s.zero(), acc) } else { acc };
            unsafe { s.put(c_rows[i].add(j * S::LANES), y, count(j)) };
        }
    }
}

/// Calls with each band of rows that the same taps reach inside the image: the rows and the taps. Tap `i` of row `r`
/// reads the image's row `r * step + offsets[i]`, of which there are `height`; the offsets grow.
pub(super) fn bands(
    rows: usize,
    step: usize,
    offsets: impl Iterator<Item = isize> + Clone,
    height: usize,
    mut f: impl FnMut(Range<usize>, Range<usize>),
) {
    let reached = |row: usize| {
        let at = (row * step) as isize;
        let before = offsets.clone().take_while(|offset| at + offset < 0).count();
        let end = offsets.clone().take_while(|offset| at + offset < height as isize).count();
        before..end.max(before)
    };
    let mut first = 0;
    while first < rows {
        let taps = reached(first);
        let mut end = first + 1;
        while end < rows && reached(end) == taps {
            end += 1;
        }
        f(first..end, taps);
        first = end;
    }
}

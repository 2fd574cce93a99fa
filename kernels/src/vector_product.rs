//! Products of one row. They are bound by reading `B`, so all that matters is enough independent
//! chains.

use super::product::{DEPTH, depth};
use super::simd::{Op, Simd, adding, halves};
use super::{Product, Start};

/// One row times a `B` whose rows are contiguous.
///
/// The number of chains per element depends on the columns alone, so that AVX2 and AVX-512 agree in
/// every bit: blocks of 128 columns have 1 chain, of 64 columns 2, of 32 columns 4, the rest 8. In
/// every tier that makes at least 8 independent chains, as many as two multiply-adds per cycle with
/// a latency of four cycles keep busy.
pub(super) struct VectorProduct<'p, 'a>(pub &'p mut Product<'a, f32>);

impl Op for VectorProduct<'_, '_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let VectorProduct(p) = self;
        let n = p.n;

        let mut j = 0;
        if const { S::SMALL } {
            j = columns::<S, 4, 1, false>(s, p, DEPTH, j, n - (n - j) % 128);
            j = columns::<S, 1, 2, false>(s, p, DEPTH, j, n - (n - j) % 64);
            j = columns::<S, 1, 4, false>(s, p, DEPTH, j, n - (n - j) % 32);
            columns::<S, 1, 8, true>(s, p, DEPTH, j, n);
            return;
        }
        j = columns::<S, 8, 1, false>(s, p, DEPTH, j, n - (n - j) % 128);
        j = columns::<S, 4, 2, false>(s, p, DEPTH, j, n - (n - j) % 64);
        j = columns::<S, 2, 4, false>(s, p, DEPTH, j, n - (n - j) % 32);
        columns::<S, 1, 8, true>(s, p, DEPTH, j, n);
    }
}

/// One row of several, which has the bits that it has among the others: each element is one chain
/// for each block of the inner index, and the blocks are those of all products.
pub(super) struct RowOfMany<'p, 'a>(pub &'p mut Product<'a, f32>);

impl Op for RowOfMany<'_, '_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let RowOfMany(p) = self;
        let block = depth(p.k);

        let mut j = 0;
        if const { S::SMALL } {
            let n = p.n;
            j = columns::<S, 4, 1, false>(s, p, block, j, n - n % (4 * S::LANES));
            columns::<S, 1, 1, true>(s, p, block, j, n);
            return;
        }
        while j < p.n {
            let left = p.n - j;
            // SAFETY: `Product::check` has bounded all elements of the columns up to n, and the
            // tiles are no wider than what is left.
            j += unsafe {
                match left.div_ceil(S::LANES) {
                    1 => tile::<S, 1, 1, true>(s, p, block, j, left),
                    2 => tile::<S, 2, 1, true>(s, p, block, j, left),
                    3 => tile::<S, 3, 1, true>(s, p, block, j, left),
                    4..8 => tile::<S, 4, 1, true>(s, p, block, j, left),
                    8..12 => tile::<S, 8, 1, true>(s, p, block, j, left),
                    _ => tile::<S, 12, 1, true>(s, p, block, j, left),
                }
            };
        }
    }
}

/// Computes the columns from `j` to `end` with tiles of `NR` vectors and `KU` chains, in blocks of
/// `block` inner indices. Returns `end`. If they are `RAGGED`, they may end within a vector.
#[inline(always)]
fn columns<S: Simd, const NR: usize, const KU: usize, const RAGGED: bool>(
    s: S,
    p: &mut Product<'_, f32>,
    block: usize,
    mut j: usize,
    end: usize,
) -> usize {
    while j < end {
        // SAFETY: `Product::check` has bounded all elements of the columns j to end <= n. Only tiles
        // of one vector can be narrower than NR vectors: the others' ends are multiples of their
        // width away.
        j += unsafe { tile::<S, NR, KU, RAGGED>(s, p, block, j, end - j) };
    }
    end
}

/// Computes a tile of `NR` vectors from column `j`, of `left` columns. If it is `RAGGED`, they may end
/// within the last vector. Returns the number of columns of the tile.
///
/// # Safety
/// `p` is checked, and the `left` columns from `j` are below `n`. They are `NR` vectors or more or,
/// if it is `RAGGED`, may end within the last one.
#[inline(always)]
unsafe fn tile<S: Simd, const NR: usize, const KU: usize, const RAGGED: bool>(
    s: S,
    p: &mut Product<'_, f32>,
    block: usize,
    j: usize,
    left: usize,
) -> usize {
    let last = S::LANES.min(left - (NR - 1) * S::LANES);
    let count = |v: usize| {
        if RAGGED && v + 1 == NR {
            last
        } else {
            S::LANES
        }
    };

    let mut first = [s.zero(); NR];
    // SAFETY (all blocks): guaranteed by the caller.
    if let Start::Bias(bias) = p.start {
        for (v, first) in first.iter_mut().enumerate() {
            *first = unsafe { s.get(bias.as_ptr().add(j + v * S::LANES), count(v)) };
        }
    }

    // The blocks of the inner index.
    let mut x = p.a.data.as_ptr();
    let mut b = p.b.data.as_ptr().wrapping_add(j);
    let mut rows = block.min(p.k);
    let mut left = p.k - rows;
    let mut sums = first;
    if const { S::SMALL } {
        // The same in one loop, so that the chains are compiled once.
        let mut more = first;
        let mut is_first = true;
        loop {
            more = unsafe { chains::<S, NR, KU>(s, p, (x, b), rows, more, count) };
            sums = if is_first {
                more
            } else {
                adding(s)(sums, more)
            };
            if left == 0 {
                break;
            }
            x = x.wrapping_add(rows * p.a.col_stride);
            b = b.wrapping_add(rows * p.b.row_stride);
            rows = block.min(left);
            left -= rows;
            more = [s.zero(); NR];
            is_first = false;
        }
    } else {
        sums = unsafe { chains::<S, NR, KU>(s, p, (x, b), rows, sums, count) };
    }

    while !const { S::SMALL } && left > 0 {
        x = x.wrapping_add(rows * p.a.col_stride);
        b = b.wrapping_add(rows * p.b.row_stride);
        rows = block.min(left);
        let more = unsafe { chains::<S, NR, KU>(s, p, (x, b), rows, [s.zero(); NR], count) };
        sums = adding(s)(sums, more);
        left -= rows;
    }

    for (v, &sum) in sums.iter().enumerate() {
        let c = p.c.as_mut_ptr().wrapping_add(j + v * S::LANES);
        unsafe {
            let y = if let Start::Accumulate = p.start {
                s.add(s.get(c, count(v)), sum)
            } else {
                sum
            };
            s.put(c, if p.relu { s.max(s.zero(), y) } else { y }, count(v));
        }
    }
    (NR - 1) * S::LANES + last
}

/// Computes one block of the inner index: `rows` products starting at `x` and `b`, in `KU` chains,
/// of which the first starts from `first`.
///
/// # Safety
/// As for `tile`, and there are at least `rows` rows.
#[inline(always)]
unsafe fn chains<S: Simd, const NR: usize, const KU: usize>(
    s: S,
    p: &Product<'_, f32>,
    (mut x, mut b): (*const f32, *const f32),
    rows: usize,
    first: [S::V; NR],
    count: impl Fn(usize) -> usize,
) -> [S::V; NR] {
    let mut acc = [[s.zero(); NR]; KU];
    acc[0] = first;

    let mut left = rows;

    // SAFETY (all blocks): guaranteed by the caller and u < KU rows left.
    while left >= KU {
        for acc in &mut acc {
            let xs = s.splat(unsafe { *x });
            for (v, acc) in acc.iter_mut().enumerate() {
                let row = unsafe { s.get(b.add(v * S::LANES), count(v)) };
                *acc = s.fma(xs, row, *acc);
            }
            x = x.wrapping_add(p.a.col_stride);
            b = b.wrapping_add(p.b.row_stride);
        }
        left -= KU;
    }

    for _ in 0..left {
        let xs = s.splat(unsafe { *x });
        for (v, acc) in acc[0].iter_mut().enumerate() {
            let row = unsafe { s.get(b.add(v * S::LANES), count(v)) };
            *acc = s.fma(xs, row, *acc);
        }
        x = x.wrapping_add(p.a.col_stride);
        b = b.wrapping_add(p.b.row_stride);
    }

    // In pairs: one chain of additions would take longer than all the products of a small layer.
    let mut half = KU / 2;
    while half > 0 {
        let (low, high) = acc.split_at_mut(half);
        for (low, high) in low.iter_mut().zip(high) {
            for (low, &high) in low.iter_mut().zip(&*high) {
                *low = s.add(*low, high);
            }
        }
        half /= 2;
    }
    acc[0]
}

/// Contiguous rows times a single contiguous column: a dot product for each row.
pub(super) struct ColumnDots<'p, 'a>(pub &'p mut Product<'a, f32>);

impl Op for ColumnDots<'_, '_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let ColumnDots(p) = self;
        let column = p.b.data.as_ptr();
        let row = |i: usize| p.a.data.as_ptr().wrapping_add(i * p.a.row_stride);

        // SAFETY (both blocks): `Product::check` has bounded the k elements of the column and of
        // each of the m rows.
        let mut i = 0;
        while !const { S::SMALL } && i + DOTS <= p.m {
            let rows: [_; DOTS] = core::array::from_fn(|r| row(i + r));
            let sums = unsafe { dots(s, p.k, column, rows) };
            for (r, sum) in sums.into_iter().enumerate() {
                put(p.c, (i + r) * p.c_stride, 0, sum, p.start, p.relu);
            }
            i += DOTS;
        }
        while i < p.m {
            let [sum] = unsafe { dots(s, p.k, column, [row(i)]) };
            put(p.c, i * p.c_stride, 0, sum, p.start, p.relu);
            i += 1;
        }
    }
}

/// Writes the element of `C` at a position, whose column is `j`.
#[inline(always)]
fn put(c: &mut [f32], at: usize, j: usize, sum: f32, start: Start<'_, f32>, relu: bool) {
    let y = sum
        + match start {
            Start::Zero => 0.0,
            Start::Bias(bias) => bias[j],
            Start::Accumulate => c[at],
        };
    c[at] = if relu && y < 0.0 { 0.0 } else { y };
}

/// One contiguous row times a `B` whose columns are contiguous: a dot product per column, each in
/// 16 partial sums of blocks.
pub(super) struct RowDots<'p, 'a>(pub &'p mut Product<'a, f32>);

/// The number of columns at a time: with 16 partial sums each, 4 chains of AVX-512, 8 of AVX2.
const DOTS: usize = 4;
/// The number of partial sums of a dot product.
const DOT_LANES: usize = 16;

impl Op for RowDots<'_, '_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let RowDots(p) = self;
        if const { S::SMALL } {
            row_dots::<S, 1>(s, p);
        } else {
            row_dots::<S, DOTS>(s, p);
        }
    }
}

/// Computes the dot products of a row with `N` columns at a time.
#[inline(always)]
fn row_dots<S: Simd, const N: usize>(s: S, p: &mut Product<'_, f32>) {
    for j in (0..p.n).step_by(N) {
        let columns = N.min(p.n - j);

        // The last columns are repeated where fewer than N are left.
        let b: [_; N] = core::array::from_fn(|i| {
            p.b.data
                .as_ptr()
                .wrapping_add((j + i.min(columns - 1)) * p.b.col_stride)
        });

        // SAFETY: `Product::check` has bounded k elements of x and of each column.
        let sums = unsafe { dots(s, p.k, p.a.data.as_ptr(), b) };

        for (i, sum) in sums.into_iter().enumerate().take(columns) {
            put(p.c, j + i, j + i, sum, p.start, p.relu);
        }
    }
}

/// Returns the dot products of `x` with each of `b`.
///
/// # Safety
/// `k` floats can be read at `x` and at each of `b`.
#[inline(always)]
unsafe fn dots<S: Simd, const N: usize>(
    s: S,
    k: usize,
    x: *const f32,
    b: [*const f32; N],
) -> [f32; N] {
    let mut acc = [[s.zero(); DOT_LANES / 4]; N];
    let mut sums = acc;

    let whole = k - k % DOT_LANES;

    // SAFETY (all blocks): i + S::LANES <= whole <= k, then i + count <= k.
    for first in (0..whole).step_by(DEPTH * DOT_LANES) {
        for (sums, acc) in sums.iter_mut().zip(&mut acc) {
            *sums = adding(s)(*sums, *acc);
            *acc = [s.zero(); DOT_LANES / 4];
        }

        for p in (first..whole.min(first + DEPTH * DOT_LANES)).step_by(DOT_LANES) {
            for v in 0..DOT_LANES / S::LANES {
                let i = p + v * S::LANES;
                let x = unsafe { s.load(x.add(i)) };
                for (acc, b) in acc.iter_mut().zip(b) {
                    acc[v] = s.fma(x, unsafe { s.load(b.add(i)) }, acc[v]);
                }
            }
        }
    }

    if whole < k {
        for v in 0..DOT_LANES / S::LANES {
            let i = whole + v * S::LANES;
            if i < k {
                let count = S::LANES.min(k - i);
                let x = unsafe { s.load_n(x.add(i), count) };
                for (acc, b) in acc.iter_mut().zip(b) {
                    acc[v] = s.fma(x, unsafe { s.load_n(b.add(i), count) }, acc[v]);
                }
            }
        }
    }

    let mut lanes = [[0.0; DOT_LANES]; N];
    for ((lanes, acc), sums) in lanes.iter_mut().zip(acc).zip(sums) {
        for (v, sum) in adding(s)(sums, acc)
            .into_iter()
            .enumerate()
            .take(DOT_LANES / S::LANES)
        {
            // SAFETY: the vectors v fill exactly DOT_LANES elements.
            unsafe { s.store(lanes.as_mut_ptr().add(v * S::LANES), sum) };
        }
    }

    lanes.map(halves)
}

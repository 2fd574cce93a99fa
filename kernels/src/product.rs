//! Products of matrices in one tier: Goto's algorithm, with cache blocking, packing and the
//! selection of a kernel by shape.
//!
//! Every element is a sum of blocks, each a chain of multiply-adds in the order of the inner index.
//! The blocks of the inner index depend on its length alone, so that neither the other blocking nor
//! a distribution of the rows changes a bit.

use super::memory::{Memory, TierSizes, buffers, min, most_of_tiers};
use super::reference::Real;
use super::simd::{Op, Simd};
use super::tile::{PrefetchRegion, Strip, StripOp, finish};
use super::vector_product::{ColumnDots, RowDots, RowOfMany, VectorProduct};
use super::{F32Kernels, Kernels, Matrix, Product, Start, reference};

/// Inner indices per block (Goto's `kc`): a packed panel of AVX-512 is then 64 KiB, a sixteenth of
/// the second-level cache.
pub(super) const DEPTH: usize = 256;
/// Inner indices per run of blocks: a longer product is a sum of runs. An element with the inner
/// dimension `k` is therefore off by at most `(DEPTH + LONG / DEPTH + k / LONG) * eps / 2` times
/// the sum of the magnitudes of its terms: `768 * eps / 2` for `k = 2^24`.
pub(super) const LONG: usize = 1 << 16;
/// Rows per block (Goto's `mc`): with `DEPTH`, 384 KiB of `A` stay in the second-level cache while
/// the panels of `B` pass.
const HEIGHT: usize = 384;
/// The smallest number of rows for which `B` is packed. At 64 rows packing costs 6 %. At 512 x 512
/// x 512 it is worth 8 to 18 % where a power-of-two stride or a split cache line hurts (Intel), and
/// nothing elsewhere (Zen 4).
const MIN_ROWS_TO_PACK: usize = 192;

/// Elements of a part of `C` for which the sums of a run are kept: 64 KiB of `f32`.
const RUN: usize = 1 << 14;
/// The largest number of columns of such a part. A block of this size is computed alike wherever it
/// lies.
const RUN_COLUMNS: usize = 128;

/// Returns the largest number of elements of [`Product::memory`] that a product uses in any tier:
/// one with at most `whole` rows in all (`usize::MAX` if their number is not known), `n` columns,
/// and the inner dimension `k` (`usize::MAX` likewise). `transposed` says whether the columns of
/// `B` are contiguous rather than its rows.
///
/// ```
/// use shapewright_kernels::product_memory;
///
/// const ONE_ROW: usize = product_memory(1, 128, 784, false);
/// assert_eq!(ONE_ROW, 0);
/// ```
#[inline]
pub const fn product_memory(whole: usize, n: usize, k: usize, transposed: bool) -> usize {
    if whole <= 1 {
        return 0;
    }
    let contiguous = !transposed || n == 1;
    let panel = most_of_tiers!(|tier| panel_len(tier, whole, n, k, contiguous));
    let [rows, columns] = run_part(whole, n, k);
    buffers(&[rows * columns, panel])
}

/// Returns the length of a packed panel of `B`.
const fn panel_len(tier: TierSizes, m: usize, n: usize, k: usize, contiguous: bool) -> usize {
    let depth = if k >= LONG { DEPTH } else { depth(k) };
    if !contiguous || tier.packs && m >= MIN_ROWS_TO_PACK {
        depth * tier.vectors(n)
    } else if !tier.masked_loads && !n.is_multiple_of(tier.lanes) {
        // The last panel alone.
        depth * tier.vectors(n % tier.width)
    } else {
        0
    }
}

/// Returns the numbers of rows and columns of `C` for which the sums of a run are kept; 0 if there
/// is one run.
const fn run_part(m: usize, n: usize, k: usize) -> [usize; 2] {
    if k <= LONG || n == 0 {
        return [0, 0];
    }
    let columns = min(n, RUN_COLUMNS);
    [min(m, RUN / columns), columns]
}

/// Returns the number of inner indices in a block: blocks are as equal as possible, and there is an
/// empty one if `k` is 0, as C still has to be started.
pub(super) const fn depth(k: usize) -> usize {
    let blocks = k.div_ceil(DEPTH);
    if blocks == 0 { 0 } else { k.div_ceil(blocks) }
}

/// A product in one tier. It is held by reference, as its parts are: copying so many arguments just
/// written takes longer than a small product.
pub(super) struct ProductOp<'p, 'a>(pub &'p mut Product<'a, f32>);

impl Op for ProductOp<'_, '_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let ProductOp(p) = self;
        p.check();
        if p.m == 0 || p.n == 0 {
            return;
        }

        // A matrix of one column may have any column stride, and needs no packing.
        let has_rows = p.b.col_stride == 1 || p.n == 1;
        let has_columns = p.b.row_stride == 1 || p.k <= 1;
        let has_contiguous_rows = p.a.col_stride == 1 || p.k <= 1;
        if p.n == 1 && p.whole > 1 && has_columns && has_contiguous_rows {
            return s.outline(ColumnDots(p));
        }
        if p.m == 1 && p.whole > 1 && has_rows {
            return s.outline(RowOfMany(p));
        }
        if p.whole == 1 && has_rows {
            return s.outline(VectorProduct(p));
        }
        if p.whole == 1 && has_columns && has_contiguous_rows {
            return s.outline(RowDots(p));
        }

        // Without what even a single row must have packed, nothing is: a panel at a time, the
        // decision would cost small products a tenth of their time.
        let must_have = panel_len(const { TierSizes::of::<S>() }, 1, p.n, p.k, has_rows);
        if p.memory.len() < must_have {
            return s.outline(Unpacked(p));
        }
        blocks(s, p, has_rows);
    }
}

/// Computes an `f32` product whose inner dimension exceeds [`LONG`].
pub(super) fn long_f32(kernels: F32Kernels, p: Product<'_, f32>) {
    p.check();
    long(p, |p| kernels.product(p));
}

/// Computes a product whose inner dimension exceeds [`LONG`]: run after run, each of which is added
/// to `C` as a whole. A part of `C` at a time, so that the sums of a run take little memory.
pub(super) fn long<T: Real>(p: Product<'_, T>, product: impl Fn(Product<'_, T>)) {
    let Product {
        m,
        n,
        k,
        a,
        b,
        c,
        c_stride,
        start,
        relu,
        whole,
        memory,
    } = p;
    if m == 0 || n == 0 {
        return;
    }

    let [rows, columns] = run_part(m, n, k);
    let mut memory = Memory::new("product_memory", memory);
    let mut row = [T::zero(); RUN_COLUMNS];
    let (run, panel) = match memory.take_at_most(rows * columns) {
        run if run.len() >= columns => (run, memory.rest()),
        _ => (&mut row[..], memory.rest()),
    };
    let rows = run.len() / columns;

    for i in (0..m).step_by(rows) {
        for j in (0..n).step_by(columns) {
            let part = Product {
                m: rows.min(m - i),
                n: columns.min(n - j),
                k,
                a: a.from(i, 0),
                b: b.from(0, j),
                c: &mut c[i * c_stride + j..],
                c_stride,
                start: match start {
                    Start::Bias(bias) => Start::Bias(&bias[j..][..columns.min(n - j)]),
                    start => start,
                },
                relu,
                whole,
                memory: &mut *panel,
            };
            add_runs(part, run, &product);
        }
    }
}

/// Computes a part of a product run by run. `run` has at least `m * n` elements.
fn add_runs<T: Real>(p: Product<'_, T>, run: &mut [T], product: &impl Fn(Product<'_, T>)) {
    let Product {
        m,
        n,
        k,
        a,
        b,
        c,
        c_stride,
        start,
        relu,
        whole,
        memory,
    } = p;

    product(Product {
        m,
        n,
        k: LONG,
        a,
        b,
        c: &mut *c,
        c_stride,
        start,
        relu: false,
        whole,
        memory: &mut *memory,
    });

    for first in (LONG..k).step_by(LONG) {
        product(Product {
            m,
            n,
            k: LONG.min(k - first),
            a: a.from(0, first),
            b: b.from(first, 0),
            c: &mut *run,
            c_stride: n,
            start: Start::Zero,
            relu: false,
            whole,
            memory: &mut *memory,
        });

        for (i, run) in run.chunks_exact(n).enumerate().take(m) {
            c[i * c_stride..][..n]
                .iter_mut()
                .zip(run)
                .for_each(|(c, &run)| *c = *c + run);
        }
    }

    if relu {
        (0..m).for_each(|i| {
            c[i * c_stride..][..n]
                .iter_mut()
                .for_each(|c| *c = reference::relu(*c))
        });
    }
}

/// Computes all blocks. The memory is at least that of [`panel_len`] for one row.
#[inline(always)]
fn blocks<S: Simd>(s: S, p: &mut Product<'_, f32>, contiguous: bool) {
    let &mut Product {
        m,
        n,
        k,
        a,
        b,
        ref mut c,
        c_stride,
        start,
        relu,
        whole: _,
        memory: ref mut panel,
    } = p;
    let c = c.as_mut_ptr();
    let nr = S::TILE * S::LANES;

    let k_blocks = k.div_ceil(DEPTH).max(1);
    let kc = depth(k);

    // Goto's loop over `pc`: blocks of the inner index.
    for block in 0..k_blocks {
        let pc = block * kc;
        let k_block = kc.min(k - pc);

        // The loop over `ic`: blocks of the rows of A that stay in the second-level cache.
        let mut ic = 0;
        while ic < m {
            let m_block = HEIGHT.min(m - ic);

            // The loop over `jr`: panels of B as wide as a tile.
            let mut jr = 0;
            while jr < n {
                let columns = nr.min(n - jr);
                let vectors = columns.div_ceil(S::LANES);
                let c = c.wrapping_add(ic * c_stride + jr);

                let (start, onto) = start_of(start, block);
                let start = start.map(|bias| bias[jr..].as_ptr());

                // Loads of whole vectors would leave B.
                let ragged = !S::MASKED_LOADS && !columns.is_multiple_of(S::LANES);
                let must_pack = !contiguous || ragged;
                let row = vectors * S::LANES;
                let fits = k_block * row <= panel.len();

                let pack = must_pack || S::PACKS && m >= MIN_ROWS_TO_PACK && fits;
                let (b_panel, b_row) = if pack {
                    s.outline(Pack {
                        k: k_block,
                        n: columns,
                        b,
                        p0: pc,
                        j0: jr,
                        row,
                        panel,
                    });
                    (panel.as_ptr(), row)
                } else {
                    let first = pc * b.row_stride + jr;
                    (b.data.as_ptr().wrapping_add(first), b.row_stride)
                };

                // The panel behind this one, or the first of the next block.
                let next = if jr + columns < n {
                    next_panel(&b, n, pc, k_block, jr + columns, nr)
                } else {
                    let next_pc = pc + k_block;
                    next_panel(&b, n, next_pc, kc.min(k - next_pc), 0, nr)
                };

                // The loop over the tiles of the strip, and the micro-kernel.
                let strip = Strip {
                    m: m_block,
                    k: k_block,
                    a: a.data
                        .as_ptr()
                        .wrapping_add(ic * a.row_stride + pc * a.col_stride),
                    a_row: a.row_stride,
                    a_col: a.col_stride,
                    b: b_panel,
                    b_row,
                    c,
                    c_row: c_stride,
                    start,
                    onto,
                    last: columns - (vectors - 1) * S::LANES,
                    relu: relu && block + 1 == k_blocks,
                    next,
                };
                run_strip(s, vectors, strip);
                jr += columns;
            }
            ic += m_block;
        }
    }
}

/// A product without packed panels: one row and one vector at a time, whose elements of `B` are
/// collected. It is as slow as that sounds, and has the bits of the other path.
struct Unpacked<'p, 'a>(&'p mut Product<'a, f32>);

impl Op for Unpacked<'_, '_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let &mut Product {
            m,
            n,
            k,
            a,
            b,
            ref mut c,
            c_stride,
            start,
            relu,
            ..
        } = self.0;
        let c = c.as_mut_ptr();
        let k_blocks = k.div_ceil(DEPTH).max(1);
        let kc = depth(k);

        for block in 0..k_blocks {
            let pc = block * kc;
            let k_block = kc.min(k - pc);
            let (a, [a_row, a_col]) = a.address(0, pc);
            let (b, [b_row, b_col]) = b.address(pc, 0);
            let (start, onto) = start_of(start, block);
            let relu = relu && block + 1 == k_blocks;

            for i in 0..m {
                for j in (0..n).step_by(S::LANES) {
                    let count = S::LANES.min(n - j);

                    // SAFETY (all blocks): row i, column j + lane and inner index p are below m, n
                    // and k_block; `check` was called.
                    let mut sum = match start {
                        Some(bias) => unsafe { s.get(bias[j..].as_ptr(), count) },
                        None => s.zero(),
                    };
                    for p in 0..k_block {
                        let mut row = [0.0; 16];
                        sum = unsafe {
                            let at = b.wrapping_add(p * b_row + j * b_col);
                            for (lane, x) in row.iter_mut().enumerate().take(count) {
                                *x = *at.add(lane * b_col);
                            }
                            let x = s.splat(*a.add(i * a_row + p * a_col));
                            s.fma(x, s.load(row.as_ptr()), sum)
                        };
                    }

                    let c = c.wrapping_add(i * c_stride + j);
                    unsafe { finish::<S, 1, 1>(s, [[sum]], count, (onto, relu), |_| c) };
                }
            }
        }
    }
}

/// Returns the bias with which a block of the inner index starts `C`, and whether it adds to what is
/// there.
#[inline(always)]
fn start_of<'a>(start: Start<'a, f32>, block: usize) -> (Option<&'a [f32]>, bool) {
    match start {
        // Only the first block of the inner index starts C.
        _ if block > 0 => (None, true),
        Start::Zero => (None, false),
        Start::Bias(bias) => (Some(bias), false),
        Start::Accumulate => (None, true),
    }
}

/// Returns the part of `B` that is read next: `k` rows from `p0`, and at most `width` columns from
/// `j`.
#[inline(always)]
fn next_panel(
    b: &Matrix<'_, f32>,
    n: usize,
    p0: usize,
    k: usize,
    j: usize,
    width: usize,
) -> PrefetchRegion {
    let columns = width.min(n - j);
    let at = b
        .data
        .as_ptr()
        .wrapping_add(p0 * b.row_stride + j * b.col_stride);

    if b.row_stride == 1 {
        return PrefetchRegion {
            at,
            rows: columns,
            stride: b.col_stride,
            len: k,
        };
    }

    let rows = if b.col_stride == 1 && columns > 0 {
        k
    } else {
        0
    };
    PrefetchRegion {
        at,
        rows,
        stride: b.row_stride,
        len: columns,
    }
}

/// Runs the strip in a function for its width. Only the widths that the tier has are compiled.
#[inline(always)]
fn run_strip<S: Simd>(s: S, vectors: usize, strip: Strip) {
    match vectors {
        1 => s.outline(StripOp::<1>(strip)),
        2 => {
            if const { S::TILE >= 2 } {
                s.outline(StripOp::<2>(strip));
            }
        }
        3 => {
            if const { S::TILE >= 3 } {
                s.outline(StripOp::<3>(strip));
            }
        }
        _ => {
            if const { S::TILE >= 4 } {
                s.outline(StripOp::<4>(strip));
            }
        }
    }
}

/// Copies `k` rows and `n` columns of `B` from `(p0, j0)` into the panel, in rows of `row` elements
/// padded with zeros.
struct Pack<'a> {
    k: usize,
    n: usize,
    b: Matrix<'a, f32>,
    p0: usize,
    j0: usize,
    row: usize,
    panel: &'a mut [f32],
}

impl Op for Pack<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let Pack {
            k,
            n,
            b,
            p0,
            j0,
            row,
            panel,
        } = self;
        assert!(n <= row && k * row <= panel.len());
        if k == 0 {
            return;
        }

        let from = p0 * b.row_stride + j0 * b.col_stride;
        let last = from + (k - 1) * b.row_stride + (n - 1) * b.col_stride;
        assert!(last < b.data.len());

        let src = b.data.as_ptr().wrapping_add(from);
        let dst = panel.as_mut_ptr();

        // SAFETY (all blocks): element (p, j) of B is read for p < k and j < n only, which `last`
        // bounds; of the panel, rows below k are written in columns below `row`.
        if b.col_stride == 1 || n == 1 {
            for p in 0..k {
                for j in (0..row).step_by(S::LANES) {
                    let count = S::LANES.min(n.saturating_sub(j));
                    unsafe {
                        let v = s.get(src.add(p * b.row_stride + j), count);
                        s.store(dst.add(p * row + j), v);
                    }
                }
            }
            return;
        }

        let mut done = 0;
        if b.row_stride == 1 {
            // `B` is transposed in memory: blocks of LANES x LANES go through registers.
            done = n - n % S::LANES;
            let whole = k - k % S::LANES;
            for j in (0..done).step_by(S::LANES) {
                let column = src.wrapping_add(j * b.col_stride);
                for p in (0..whole).step_by(S::LANES) {
                    unsafe { s.transpose(column.add(p), b.col_stride, dst.add(p * row + j), row) };
                }
                for p in whole..k {
                    for i in 0..S::LANES {
                        unsafe { *dst.add(p * row + j + i) = *column.add(p + i * b.col_stride) };
                    }
                }
            }
        }

        // The other columns, and zeros behind the last.
        for j in done..row {
            for p in 0..k {
                unsafe {
                    let x = if j < n {
                        *src.add(p * b.row_stride + j * b.col_stride)
                    } else {
                        0.0
                    };
                    *dst.add(p * row + j) = x;
                }
            }
        }
    }
}

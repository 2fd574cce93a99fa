//! Products of matrices in one tier: blocks, packing, and which kernel for which shape.
//!
//! Every element is a sum of blocks, each a chain of multiply-adds in the order of the inner index.
//! The blocks of the inner index depend on its length alone, so that neither the other blocking nor
//! a cut of the rows changes a bit.

use super::reference::Real;
use super::simd::{Op, Simd};
use super::tile::{Next, Strip, StripOp};
use super::vector_product::{RowDots, VectorProduct};
use super::{AlignedBuffer, F32Kernels, Kernels, Matrix, Product, Start, kept, reference};

/// Inner indices per block: a packed panel of AVX-512 is then 64 KiB, a sixteenth of the
/// second-level cache.
pub(super) const DEPTH: usize = 256;
/// Inner indices per run of blocks: a longer product is a sum of runs. So an element with the inner
/// index `k` is off by at most `(DEPTH + LONG / DEPTH + k / LONG) * eps / 2`, times the sum of the
/// magnitudes of its terms: `768 * eps / 2` for `k = 2^24`.
pub(super) const LONG: usize = 1 << 16;
/// Rows per block: with DEPTH, 384 KiB of A stay in the second-level cache while B's panels pass.
const HEIGHT: usize = 384;
/// Columns of the widest tile: 4 vectors of 16.
const WIDTH: usize = 64;
/// From this many rows on, B is packed: at 64 rows it costs 6 %; at 512 x 512 x 512 it is worth 8
/// to 18 % where a power-of-two stride or a split cache line hurts (Intel), and nothing elsewhere
/// (Zen 4).
const ROWS_WORTH_PACKING: usize = 192;

kept! {
    /// A packed block of B: whole tile rows one after the other, filled up with zeros. Allocated once per thread, as
    /// it is too large for the stacks of small threads.
    static PANEL: AlignedBuffer<f32> = AlignedBuffer::new();
}

/// By reference, as its parts are: to copy so many arguments just written takes longer than a small
/// product.
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
        if p.whole == 1 && (p.b.col_stride == 1 || p.n == 1) {
            return s.outline(VectorProduct(p));
        }
        if p.whole == 1 && (p.b.row_stride == 1 || p.k <= 1) && (p.a.col_stride == 1 || p.k <= 1) {
            return s.outline(RowDots(p));
        }
        // A matrix of one column may have any column stride; so may the packing be spared.
        let contiguous = p.b.col_stride == 1 || p.n == 1;
        let ragged = !S::MASKED_LOADS && !p.n.is_multiple_of(S::LANES);
        let mut panel = AlignedBuffer::new();
        if !contiguous || ragged || p.m >= ROWS_WORTH_PACKING {
            panel = PANEL.take();
            panel.reserve(DEPTH * WIDTH);
        }
        blocks(s, p, contiguous, panel.as_mut_slice());
        if !panel.as_slice().is_empty() {
            PANEL.set(panel);
        }
    }
}

/// A product whose inner index is longer than [`LONG`], in `f32`.
pub(super) fn long_of_singles(kernels: F32Kernels, p: Product<'_, f32>) {
    kept! {
        static RUN: AlignedBuffer<f32> = AlignedBuffer::new();
    }
    p.check();
    let mut memory = RUN.take();
    let run = memory.reserve(p.m * p.n);
    long(p, run, |p| kernels.product(p));
    RUN.set(memory);
}

/// A product whose inner index is longer than [`LONG`]: run after run, each of which is added to C
/// as a whole. `run` has as many numbers as the product.
pub(super) fn long<T: Real>(p: Product<'_, T>, run: &mut [T], product: impl Fn(Product<'_, T>)) {
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
    } = p;
    if m == 0 || n == 0 {
        return;
    }

    for first in (0..k).step_by(LONG) {
        let a = Matrix {
            data: &a.data[first * a.col_stride..],
            ..a
        };
        let b = Matrix {
            data: &b.data[first * b.row_stride..],
            ..b
        };
        let k = LONG.min(k - first);
        if first == 0 {
            let c = &mut *c;
            product(Product {
                m,
                n,
                k,
                a,
                b,
                c,
                c_stride,
                start,
                relu: false,
                whole,
            });
            continue;
        }
        let c_of_run = &mut *run;
        let start = Start::Zero;
        product(Product {
            m,
            n,
            k,
            a,
            b,
            c: c_of_run,
            c_stride: n,
            start,
            relu: false,
            whole,
        });
        for (i, run) in run.chunks_exact(n).enumerate() {
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

/// All blocks; a `panel` that is not empty has room for DEPTH rows of a tile.
#[inline(always)]
fn blocks<S: Simd>(s: S, p: &mut Product<'_, f32>, contiguous: bool, panel: &mut [f32]) {
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
    } = p;
    let c = c.as_mut_ptr();
    let b_whole = b;
    let width = S::TILE * S::LANES;
    // Blocks as equal as possible; one empty block if k is 0, as C still has to be started.
    let depths = k.div_ceil(DEPTH).max(1);
    let depth = k.div_ceil(depths);
    for block in 0..depths {
        let p0 = block * depth;
        let k_block = depth.min(k - p0);
        let mut i0 = 0;
        while i0 < m {
            let m_block = HEIGHT.min(m - i0);
            let mut j0 = 0;
            while j0 < n {
                let columns = width.min(n - j0);
                let vectors = columns.div_ceil(S::LANES);
                let c = c.wrapping_add(i0 * c_stride + j0);
                let (start, onto) = match start {
                    _ if block > 0 => (None, true),
                    Start::Zero => (None, false),
                    Start::Bias(bias) => (Some(bias[j0..].as_ptr()), false),
                    Start::Accumulate => (None, true),
                };
                let pack = !contiguous
                    || (!panel.is_empty()
                        && (m >= ROWS_WORTH_PACKING
                            || (!S::MASKED_LOADS && !columns.is_multiple_of(S::LANES))));
                let (b, b_row) = if pack {
                    let row = vectors * S::LANES;
                    s.outline(Pack {
                        k: k_block,
                        n: columns,
                        b,
                        p0,
                        j0,
                        row,
                        panel,
                    });
                    (panel.as_ptr(), row)
                } else {
                    (
                        b.data.as_ptr().wrapping_add(p0 * b.row_stride + j0),
                        b.row_stride,
                    )
                };
                let strip = Strip {
                    m: m_block,
                    k: k_block,
                    a: a.data
                        .as_ptr()
                        .wrapping_add(i0 * a.row_stride + p0 * a.col_stride),
                    a_row: a.row_stride,
                    a_col: a.col_stride,
                    b,
                    b_row,
                    c,
                    c_row: c_stride,
                    start,
                    onto,
                    last: columns - (vectors - 1) * S::LANES,
                    relu: relu && block + 1 == depths,
                    next: if j0 + columns < n {
                        next(&b_whole, n, p0, k_block, j0 + columns, width)
                    } else {
                        next(
                            &b_whole,
                            n,
                            p0 + k_block,
                            depth.min(k - p0 - k_block),
                            0,
                            width,
                        )
                    },
                };
                run_strip(s, vectors, strip);
                j0 += columns;
            }
            i0 += m_block;
        }
    }
}

/// What is packed next: `k` rows of B from `p0` on and `width` columns from `j` on, or fewer.
#[inline(always)]
fn next(b: &Matrix<'_, f32>, n: usize, p0: usize, k: usize, j: usize, width: usize) -> Next {
    let columns = width.min(n - j);
    let at = b
        .data
        .as_ptr()
        .wrapping_add(p0 * b.row_stride + j * b.col_stride);
    if b.row_stride == 1 {
        return Next {
            at,
            rows: columns,
            apart: b.col_stride,
            len: k,
        };
    }
    let rows = if b.col_stride == 1 && columns > 0 {
        k
    } else {
        0
    };
    Next {
        at,
        rows,
        apart: b.row_stride,
        len: columns,
    }
}

/// Only the widths that the tier has are compiled.
#[inline(always)]
fn run_strip<S: Simd>(s: S, vectors: usize, strip: Strip) {
    match vectors {
        1 => s.outline(StripOp::<1>(strip)),
        2 => s.outline(StripOp::<2>(strip)),
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

/// Copies `k` rows and `n` columns of B from `(p0, j0)` into the panel, in rows of `row` filled up
/// with zeros.
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
            // B is transposed in memory: blocks of LANES x LANES through registers.
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

//! Sums over all elements and over columns, and softmax with its gradient.

use super::args::{check_column_sums, check_same, rows_of};
use super::elementwise::zip;
use super::math;
use super::pairs::{Pairs, TERMS};
use super::simd::{Op, Simd, adding, each, sum_of};

/// The sum of all elements.
pub(super) struct SumOp<'a>(pub &'a [f32]);

impl Op for SumOp<'_> {
    type Out = f32;

    #[inline(always)]
    fn call<S: Simd>(self, s: S) -> f32 {
        let len = self.0.len();
        let x = self.0.as_ptr();
        sum_of(
            s,
            len,
            // SAFETY: `sum_of` gives i + n <= the length.
            #[inline(always)]
            |i, n| unsafe { s.get(x.add(i), n) },
        )
    }
}

/// The sum of the products of corresponding elements.
pub(super) struct DotOp<'a> {
    pub x: &'a [f32],
    pub y: &'a [f32],
}

impl Op for DotOp<'_> {
    type Out = f32;

    #[inline(always)]
    fn call<S: Simd>(self, s: S) -> f32 {
        check_same("dot", self.x.len(), self.y.len());
        let len = self.x.len();
        let x = self.x.as_ptr();
        let y = self.y.as_ptr();
        sum_of(
            s,
            len,
            // SAFETY: `sum_of` gives i + n <= the length of both.
            #[inline(always)]
            |i, n| unsafe { s.mul(s.get(x.add(i), n), s.get(y.add(i), n)) },
        )
    }
}

/// The sums of the columns, or their addition to `sums` if `accumulate`.
pub(super) struct ColumnSumsOp<'a> {
    pub rows: usize,
    pub cols: usize,
    pub x: &'a [f32],
    pub sums: &'a mut [f32],
    pub accumulate: bool,
}

impl Op for ColumnSumsOp<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let ColumnSumsOp {
            rows,
            cols,
            x,
            sums,
            accumulate,
        } = self;
        check_column_sums(rows, cols, x.len(), sums.len());

        // Four vectors of columns at a time.
        let whole = cols - cols % (4 * S::LANES);
        for j in (0..whole).step_by(4 * S::LANES) {
            // SAFETY: columns j to j + 4 * LANES <= cols of all rows of x, which the check has
            // bounded.
            unsafe {
                columns::<S, 4>(
                    s,
                    rows,
                    cols,
                    &x[j.min(x.len())..],
                    &mut sums[j..],
                    S::LANES,
                    accumulate,
                )
            };
        }

        if whole < cols {
            let vectors = (cols - whole).div_ceil(S::LANES);
            let last = cols - whole - (vectors - 1) * S::LANES;
            let x = &x[whole.min(x.len())..];
            let sums = &mut sums[whole..];
            // SAFETY: likewise, the columns from `whole`.
            unsafe {
                match vectors {
                    1 => columns::<S, 1>(s, rows, cols, x, sums, last, accumulate),
                    2 => columns::<S, 2>(s, rows, cols, x, sums, last, accumulate),
                    3 => columns::<S, 3>(s, rows, cols, x, sums, last, accumulate),
                    _ => columns::<S, 4>(s, rows, cols, x, sums, last, accumulate),
                }
            }
        }
    }
}

/// Sums `NR` vectors of columns.
///
/// # Safety
/// `sums` and every one of the `rows` rows of `x`, `cols` apart, have `NR` vectors, the last of
/// `last` lanes.
#[inline(always)]
unsafe fn columns<S: Simd, const NR: usize>(
    s: S,
    rows: usize,
    cols: usize,
    x: &[f32],
    sums: &mut [f32],
    last: usize,
    accumulate: bool,
) {
    let count = |v: usize| if v + 1 == NR { last } else { S::LANES };

    let mut pairs = Pairs::new();
    let mut first = 0;
    // SAFETY (all blocks): guaranteed by the caller.
    let total = loop {
        let mut acc = [s.zero(); NR];
        let end = rows.min(first + TERMS);
        for i in first..end {
            for (v, acc) in acc.iter_mut().enumerate() {
                *acc = s.add(*acc, unsafe {
                    s.get(x.as_ptr().add(i * cols + v * S::LANES), count(v))
                });
            }
        }
        if end == rows {
            break pairs.finish(acc, adding(s));
        }
        pairs.push(acc, adding(s));
        first = end;
    };

    for (v, &total) in total.iter().enumerate() {
        let to = sums.as_mut_ptr().wrapping_add(v * S::LANES);
        unsafe {
            s.put(
                to,
                if accumulate {
                    s.add(s.get(to, count(v)), total)
                } else {
                    total
                },
                count(v),
            )
        };
    }
}

/// Rows of at most this many elements are processed [`BLOCK`] at a time, one lane for each row:
/// whole rows would leave most lanes of a vector empty and spend their time adding up lanes.
pub(super) const NARROW: usize = 32;
/// Narrow rows per block.
pub(super) const BLOCK: usize = 16;

/// Up to [`BLOCK`] narrow rows, transposed: element `c` of row `r` lies at `c * BLOCK + r`.
pub(super) struct RowBlock {
    /// The elements.
    pub lanes: [f32; NARROW * BLOCK],
    /// The maximum of each row.
    pub max: [f32; BLOCK],
    /// The sum of each row's exponentials.
    pub sum: [f32; BLOCK],
}

impl RowBlock {
    #[inline(always)]
    pub(super) fn new() -> RowBlock {
        RowBlock {
            lanes: [0.0; NARROW * BLOCK],
            max: [0.0; BLOCK],
            sum: [1.0; BLOCK],
        }
    }
}

/// Transposes the rows in `x` and sets `lanes` to `exp(x - max)` by rows, and `sum` to their sums.
/// Missing rows keep whatever values were there. It is an [`Op`], as is [`WriteRows`], so that
/// softmax and the loss share one copy.
pub(super) struct ExpRows<'a> {
    pub block: &'a mut RowBlock,
    pub width: usize,
    pub x: &'a [f32],
}

impl Op for ExpRows<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let ExpRows { block, width, x } = self;
        assert!(width <= NARROW && x.len() <= BLOCK * width);

        // Element by element: transposing blocks in registers was slower, as it needs copies with
        // room behind the rows.
        let rows = x.len() / width;
        for c in 0..width {
            for r in 0..rows {
                // SAFETY: r < rows <= BLOCK and c < width <= NARROW.
                unsafe {
                    *block.lanes.get_unchecked_mut(c * BLOCK + r) = *x.get_unchecked(r * width + c)
                };
            }
        }

        for v in (0..BLOCK).step_by(S::LANES) {
            // SAFETY (all blocks): lanes v to v + LANES <= BLOCK of column c < width <= NARROW.
            let p = block.lanes.as_mut_ptr();
            let mut max = unsafe { s.load(p.add(v)) };
            for c in 1..width {
                max = s.max(max, unsafe { s.load(p.add(c * BLOCK + v)) });
            }

            let mut sum = s.zero();
            for c in 0..width {
                unsafe {
                    let e = math::softmax_term(s, s.sub(s.load(p.add(c * BLOCK + v)), max));
                    s.store(p.add(c * BLOCK + v), e);
                    sum = s.add(sum, e);
                }
            }

            unsafe {
                s.store(block.max.as_mut_ptr().add(v), max);
                s.store(block.sum.as_mut_ptr().add(v), sum);
            }
        }
    }
}

/// Writes `lanes` times `scale / sum` to the rows of `y`.
pub(super) struct WriteRows<'a> {
    pub block: &'a mut RowBlock,
    pub width: usize,
    pub scale: f32,
    pub y: &'a mut [f32],
}

impl Op for WriteRows<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let WriteRows {
            block,
            width,
            scale,
            y,
        } = self;
        assert!(width <= NARROW && y.len() <= BLOCK * width);

        for v in (0..BLOCK).step_by(S::LANES) {
            // SAFETY: as in `ExpRows`.
            unsafe {
                let factor = s.div(s.splat(scale), s.load(block.sum.as_ptr().add(v)));
                for c in 0..width {
                    let p = block.lanes.as_mut_ptr().add(c * BLOCK + v);
                    s.store(p, s.flush_denormal(s.mul(s.load(p), factor)));
                }
            }
        }

        let rows = y.len() / width;
        for r in 0..rows {
            for c in 0..width {
                // SAFETY: r < rows <= BLOCK and c < width <= NARROW.
                unsafe {
                    *y.get_unchecked_mut(r * width + c) = *block.lanes.get_unchecked(c * BLOCK + r)
                };
            }
        }
    }
}

/// Returns the largest element that is not NaN; minus infinity if there is none.
#[inline(always)]
pub(super) fn maximum<S: Simd>(s: S, row: &[f32]) -> f32 {
    let len = row.len();
    let x = row.as_ptr();

    let mut max = s.splat(f32::NEG_INFINITY);
    each(
        s,
        len,
        #[inline(always)]
        |i, n| {
            // SAFETY: `each` gives i + n <= len.
            let v = unsafe {
                // A short last vector is filled with its first element, not with zeros.
                let mut lanes = [*x.add(i); 16];
                if n == S::LANES {
                    s.load(x.add(i))
                } else {
                    s.store_n(lanes.as_mut_ptr(), s.load_n(x.add(i), n), n);
                    s.load(lanes.as_ptr())
                }
            };
            max = s.max(max, v);
        },
    );

    let mut lanes = [f32::NEG_INFINITY; 16];
    // SAFETY: 16 is at least LANES.
    unsafe { s.store(lanes.as_mut_ptr(), max) };
    lanes
        .iter()
        .fold(f32::NEG_INFINITY, |max, &x| if x > max { x } else { max })
}

/// `row = scale * softmax(row)`, for a row that is not narrow. Returns the maximum and the sum of
/// the exponentials.
pub(super) struct WideRow<'a> {
    pub row: &'a mut [f32],
    pub scale: f32,
}

impl Op for WideRow<'_> {
    type Out = (f32, f32);

    #[inline(always)]
    fn call<S: Simd>(self, s: S) -> (f32, f32) {
        let WideRow { row, scale } = self;

        let max = maximum(s, row);
        let len = row.len();
        let x = row.as_mut_ptr();

        // SAFETY (all blocks): `each` and `sum_of` give i + n <= len.
        let shift = s.splat(max);
        let sum = sum_of(
            s,
            len,
            #[inline(always)]
            |i, n| unsafe {
                let e = math::softmax_term(s, s.sub(s.get(x.add(i), n), shift));
                s.put(x.add(i), e, n);
                e
            },
        );

        let factor = s.splat(scale / sum);
        each(
            s,
            len,
            #[inline(always)]
            |i, n| unsafe {
                let y = s.mul(s.get(x.add(i), n), factor);
                s.put(x.add(i), s.flush_denormal(y), n);
            },
        );

        (max, sum)
    }
}

/// The softmax of every row.
pub(super) struct SoftmaxOp<'a> {
    pub width: usize,
    pub x: &'a mut [f32],
}

impl Op for SoftmaxOp<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let SoftmaxOp { width, x } = self;
        if rows_of("softmax", x.len(), width) == 0 {
            return;
        }

        if width <= NARROW {
            let mut block = RowBlock::new();
            for rows in x.chunks_mut(BLOCK * width) {
                s.outline(ExpRows {
                    block: &mut block,
                    width,
                    x: rows,
                });
                s.outline(WriteRows {
                    block: &mut block,
                    width,
                    scale: 1.0,
                    y: rows,
                });
            }
        } else {
            for row in x.chunks_exact_mut(width) {
                s.outline(WideRow { row, scale: 1.0 });
            }
        }
    }
}

/// `dy = y * (dy - sum(y * dy))` in every row.
pub(super) struct SoftmaxGradOp<'a> {
    pub width: usize,
    pub y: &'a [f32],
    pub dy: &'a mut [f32],
}

impl Op for SoftmaxGradOp<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let SoftmaxGradOp { width, y, dy } = self;
        check_same("softmax_grad", y.len(), dy.len());
        if rows_of("softmax_grad", y.len(), width) == 0 {
            return;
        }

        for (y, dy) in y.chunks_exact(width).zip(dy.chunks_exact_mut(width)) {
            let mean = if width <= NARROW {
                y.iter().zip(&*dy).fold(0.0, |sum, (&y, &dy)| sum + y * dy)
            } else {
                let y = y.as_ptr();
                let dy = dy.as_ptr();
                sum_of(
                    s,
                    width,
                    // SAFETY: `sum_of` gives i + n <= width, the length of both rows.
                    #[inline(always)]
                    |i, n| unsafe { s.mul(s.get(y.add(i), n), s.get(dy.add(i), n)) },
                )
            };

            let mean = s.splat(mean);
            zip(
                s,
                y,
                dy,
                #[inline(always)]
                |y, dy| s.flush_denormal(s.mul(y, s.sub(dy, mean))),
            );
        }
    }
}

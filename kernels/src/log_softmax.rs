//! The logarithm of the softmax, with its gradient.

use super::args::{check_same, rows_of};
use super::elementwise::zip;
use super::math;
use super::reduce::{BLOCK, ExpRows, NARROW, RowBlock, maximum};
use super::simd::{Op, Simd, each, sum_of};

/// The logarithm of the softmax of every row.
pub(super) struct LogSoftmaxOp<'a> {
    pub width: usize,
    pub x: &'a mut [f32],
}

impl Op for LogSoftmaxOp<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let LogSoftmaxOp { width, x } = self;
        if rows_of("log_softmax", x.len(), width) == 0 {
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

                for v in (0..BLOCK).step_by(S::LANES) {
                    // SAFETY: lanes v to v + LANES <= BLOCK.
                    unsafe {
                        let p = block.sum.as_mut_ptr().add(v);
                        s.store(p, math::ln(s, s.load(p)));
                    }
                }

                let shifts = block.max.iter().zip(&block.sum);
                for (row, (max, log)) in rows.chunks_exact_mut(width).zip(shifts) {
                    row.iter_mut().for_each(|x| *x = (*x - max) - log);
                }
            }
        } else {
            for row in x.chunks_exact_mut(width) {
                s.outline(WideLogRow(row));
            }
        }
    }
}

/// `row = log_softmax(row)`, for a row that is not narrow.
struct WideLogRow<'a>(&'a mut [f32]);

impl Op for WideLogRow<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let WideLogRow(row) = self;
        let shift = s.splat(maximum(s, row));
        let len = row.len();
        let x = row.as_mut_ptr();

        // SAFETY (both blocks): `sum_of` and `each` give i + n <= len.
        let sum = sum_of(
            s,
            len,
            #[inline(always)]
            |i, n| unsafe { math::exp(s, s.sub(s.get(x.add(i), n), shift)) },
        );

        let log = math::ln(s, s.splat(sum));
        each(
            s,
            len,
            #[inline(always)]
            |i, n| unsafe { s.put(x.add(i), s.sub(s.sub(s.get(x.add(i), n), shift), log), n) },
        );
    }
}

/// `dy -= exp(y) * sum(dy)` in every row.
pub(super) struct LogSoftmaxGradOp<'a> {
    pub width: usize,
    pub y: &'a [f32],
    pub dy: &'a mut [f32],
}

impl Op for LogSoftmaxGradOp<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let LogSoftmaxGradOp { width, y, dy } = self;
        check_same("log_softmax_grad", y.len(), dy.len());
        if rows_of("log_softmax_grad", y.len(), width) == 0 {
            return;
        }

        for (y, dy) in y.chunks_exact(width).zip(dy.chunks_exact_mut(width)) {
            let p = dy.as_ptr();
            let total = sum_of(
                s,
                width,
                // SAFETY: `sum_of` gives i + n <= width, the length of the row.
                #[inline(always)]
                |i, n| unsafe { s.get(p.add(i), n) },
            );

            let total = s.splat(total);
            zip(
                s,
                y,
                dy,
                #[inline(always)]
                |y, dy| s.flush_denormal(s.fnma(math::softmax_term(s, y), total, dy)),
            );
        }
    }
}

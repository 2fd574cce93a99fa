//! Attention between the products: the softmax over the keys that each query sees, its gradient,
//! and the transposition of keys.
//!
//! The products themselves are those of [`Kernels::product`](crate::Kernels::product).

use core::ops::Range;

use super::args::check_same;
use super::denormals::{plain_flush_denormal as flush, plain_flush_tail as flush_tail};
use super::math;
use super::reduce::maximum;
use super::reference::Real;
use super::simd::{Op, Simd, each, sum_of};

/// The keys that each of several successive queries sees.
///
/// Keys and queries have positions. The first key is at position 0, and the first query at `first`.
#[derive(Clone, Copy, Debug)]
pub struct Visible {
    /// The number of keys, which is the length of a row of scores.
    pub keys: usize,
    /// The position of the first query.
    pub first: usize,
    /// True if a query sees no later position.
    pub causal: bool,
    /// The number of positions up to its own that a query sees; `usize::MAX` for all.
    pub window: usize,
    /// The number of keys that are summed at a time. Blocks begin at multiples of it, so that the
    /// bits of a sum do not depend on the keys that a query does not see.
    pub block: usize,
}

impl Visible {
    /// Returns the keys that the query of a row sees.
    pub fn keys_of(&self, row: usize) -> Range<usize> {
        let position = self.first + row;
        let end = if self.causal {
            self.keys.min(position + 1)
        } else {
            self.keys
        };
        let start = (position + 1).saturating_sub(self.window).min(end);
        start..end
    }
}

/// The softmax of rows of scores, in place. Keys that a query does not see get the probability 0. A
/// query that sees none has the probability 0 for all.
#[derive(Debug)]
pub struct AttentionSoftmax<'a, T> {
    pub visible: Visible,
    /// The factor of the scores.
    pub scale: T,
    /// Numbers that are added to the scaled scores, and the distance of their rows; empty for none.
    pub bias: (&'a [T], usize),
    /// A number for each key: 0 hides it. Empty if all are visible.
    pub mask: &'a [T],
    /// The scores, in rows of `visible.keys`.
    pub scores: &'a mut [T],
    /// The maximum and the inverse of the sum for each row: computed, or used if they are `known`.
    pub statistics: &'a mut [T],
    pub known: bool,
}

impl<T> AttentionSoftmax<'_, T> {
    /// Panics unless all slices fit. Returns the number of rows.
    fn check(&self) -> usize {
        let keys = self.visible.keys;
        let rows = self.statistics.len() / 2;
        assert!(
            self.visible.block > 0,
            "attention_softmax: blocks of length 0"
        );
        check_same("attention_softmax", self.statistics.len(), 2 * rows);
        check_same("attention_softmax", self.scores.len(), rows * keys);
        check_bias("attention_softmax", &self.bias, rows, keys);
        if !self.mask.is_empty() {
            check_same("attention_softmax", self.mask.len(), keys);
        }
        rows
    }
}

/// The gradient of the scaled scores from that of the probabilities, in place.
#[derive(Debug)]
pub struct AttentionGrad<'a, T> {
    pub visible: Visible,
    /// The factor of the scores.
    pub scale: T,
    /// The sum of each row of probabilities times their gradients.
    pub means: &'a [T],
    /// The probabilities.
    pub probabilities: &'a [T],
    /// The gradient of the probabilities, which becomes that of the scores.
    pub gradient: &'a mut [T],
    /// The gradient of the bias, to which is added, and the distance of its rows; empty for none.
    pub bias: (&'a mut [T], usize),
}

impl<T> AttentionGrad<'_, T> {
    /// Panics unless all slices fit. Returns the number of rows.
    fn check(&self) -> usize {
        let keys = self.visible.keys;
        let rows = self.means.len();
        check_same("attention_grad", self.gradient.len(), rows * keys);
        check_same("attention_grad", self.probabilities.len(), rows * keys);
        check_bias("attention_grad", &(&*self.bias.0, self.bias.1), rows, keys);
        rows
    }
}

/// Panics unless the bias is empty or has `rows` rows of `keys` elements.
fn check_bias<T>(name: &str, &(bias, stride): &(&[T], usize), rows: usize, keys: usize) {
    let fits = bias.is_empty()
        || rows == 0
        || (rows - 1)
            .checked_mul(stride)
            .and_then(|last| last.checked_add(keys))
            .is_some_and(|end| end <= bias.len());
    assert!(
        fits,
        "{name}: a bias of {} elements is too short",
        bias.len()
    );
}

/// The transposition `to[i][j] = from[j][i]`, of `rows` rows of `cols` elements.
#[derive(Debug)]
pub struct Transpose<'a, T> {
    pub rows: usize,
    pub cols: usize,
    pub from: &'a [T],
    /// The distance of the rows of `from`.
    pub from_stride: usize,
    pub to: &'a mut [T],
    /// The distance of the rows of `to`, which are the columns of `from`.
    pub to_stride: usize,
}

impl<T> Transpose<'_, T> {
    /// Panics unless all elements lie within the slices. Returns whether there are any.
    fn check(&self) -> bool {
        let end = |rows: usize, cols: usize, stride: usize| {
            (rows - 1)
                .checked_mul(stride)
                .and_then(|last| last.checked_add(cols))
        };
        if self.rows == 0 || self.cols == 0 {
            return false;
        }

        let from = end(self.rows, self.cols, self.from_stride);
        let to = end(self.cols, self.rows, self.to_stride);
        assert!(
            from.is_some_and(|end| end <= self.from.len())
                && to.is_some_and(|end| end <= self.to.len()),
            "transpose: {} x {} elements with strides {} and {} leave slices of {} and {}",
            self.rows,
            self.cols,
            self.from_stride,
            self.to_stride,
            self.from.len(),
            self.to.len()
        );
        true
    }
}

/// [`AttentionSoftmax`] in one tier.
pub(super) struct SoftmaxOp<'a>(pub AttentionSoftmax<'a, f32>);

impl Op for SoftmaxOp<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let rows = self.0.check();
        let AttentionSoftmax {
            visible,
            scale,
            bias: (bias, stride),
            mask,
            scores,
            statistics,
            known,
        } = self.0;
        let keys = visible.keys;

        for row in 0..rows {
            let seen = visible.keys_of(row);
            let scores = &mut scores[row * keys..][..keys];
            let statistics = &mut statistics[2 * row..][..2];

            // Sums begin at the beginning of a block.
            let start = seen.start - seen.start % visible.block;
            scores[..start].fill(0.0);
            scores[start..seen.start].fill(f32::NEG_INFINITY);
            scores[seen.end..].fill(0.0);

            let bias = if bias.is_empty() {
                bias
            } else {
                &bias[row * stride..][..keys][seen.clone()]
            };
            let mask = if mask.is_empty() {
                mask
            } else {
                &mask[seen.clone()]
            };
            s.outline(Scale {
                scale,
                bias,
                mask,
                row: &mut scores[seen.clone()],
            });

            s.outline(Exponentials {
                block: visible.block,
                row: &mut scores[start..seen.end],
                statistics,
                known,
            });
        }
    }
}

/// `row = row * scale + bias`, minus infinity where the mask is 0.
struct Scale<'a> {
    scale: f32,
    bias: &'a [f32],
    mask: &'a [f32],
    row: &'a mut [f32],
}

impl Op for Scale<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let Scale {
            scale,
            bias,
            mask,
            row,
        } = self;
        let len = row.len();
        assert!(bias.is_empty() || bias.len() == len);
        assert!(mask.is_empty() || mask.len() == len);
        let x = row.as_mut_ptr();
        let factor = s.splat(scale);
        let hidden = s.splat(f32::NEG_INFINITY);

        each(
            s,
            len,
            #[inline(always)]
            |i, n| {
                // SAFETY: `each` gives i + n <= len, the length of all slices that are not empty.
                unsafe {
                    let mut v = s.get(x.add(i), n);
                    v = if bias.is_empty() {
                        s.mul(v, factor)
                    } else {
                        s.fma(v, factor, s.get(bias.as_ptr().add(i), n))
                    };
                    if !mask.is_empty() {
                        let is_hidden = s.eq(s.get(mask.as_ptr().add(i), n), s.zero());
                        v = s.select(is_hidden, hidden, v);
                    }
                    s.put(x.add(i), v, n);
                }
            },
        );
    }
}

/// The softmax of the row of one query, whose sum is computed in blocks.
struct Exponentials<'a> {
    block: usize,
    row: &'a mut [f32],
    statistics: &'a mut [f32],
    known: bool,
}

impl Op for Exponentials<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let Exponentials {
            block,
            row,
            statistics,
            known,
        } = self;

        if !known {
            statistics[0] = maximum(s, row);
        }
        let max = statistics[0];

        // No key is visible, or the scores of all are minus infinity.
        if max == f32::NEG_INFINITY && !row.iter().any(|x| x.is_nan()) {
            row.fill(0.0);
            statistics[1] = 0.0;
            return;
        }

        // The sum of the blocks has more digits: there may be thousands of them.
        let shift = s.splat(max);
        let mut sum = 0.0_f64;
        for row in row.chunks_mut(block) {
            let x = row.as_mut_ptr();
            let len = row.len();
            // SAFETY: `sum_of` and `each` give i + n <= len.
            let exponentials = {
                #[inline(always)]
                |i: usize, n: usize| unsafe {
                    let e = math::softmax_term(s, s.sub(s.get(x.add(i), n), shift));
                    s.put(x.add(i), e, n);
                    e
                }
            };
            if known {
                each(
                    s,
                    len,
                    #[inline(always)]
                    |i, n| {
                        exponentials(i, n);
                    },
                );
            } else {
                sum += f64::from(sum_of(s, len, exponentials));
            }
        }
        if !known {
            statistics[1] = (1.0 / sum) as f32;
        }

        let factor = s.splat(statistics[1]);
        let x = row.as_mut_ptr();
        each(
            s,
            row.len(),
            #[inline(always)]
            |i, n| {
                // SAFETY: `each` gives i + n <= the length.
                unsafe {
                    let y = s.mul(s.get(x.add(i), n), factor);
                    s.put(x.add(i), s.flush_denormal(y), n);
                }
            },
        );
    }
}

/// [`AttentionGrad`] in one tier.
pub(super) struct GradOp<'a>(pub AttentionGrad<'a, f32>);

impl Op for GradOp<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let rows = self.0.check();
        let AttentionGrad {
            visible,
            scale,
            means,
            probabilities,
            gradient,
            bias: (bias, stride),
        } = self.0;
        let keys = visible.keys;
        let factor = s.splat(scale);

        for row in 0..rows {
            let seen = visible.keys_of(row);
            let gradient = &mut gradient[row * keys..][..keys];
            gradient[..seen.start].fill(0.0);
            gradient[seen.end..].fill(0.0);

            let p = probabilities[row * keys..][seen.clone()].as_ptr();
            let g = gradient[seen.clone()].as_mut_ptr();
            let b = if bias.is_empty() {
                None
            } else {
                Some(bias[row * stride..][seen.clone()].as_mut_ptr())
            };
            let mean = s.splat(means[row]);
            each(
                s,
                seen.len(),
                #[inline(always)]
                |i, n| {
                    // SAFETY: `each` gives i + n <= the number of visible keys, to which all slices
                    // have been cut.
                    unsafe {
                        let d = s.sub(s.get(g.add(i), n), mean);
                        let d = s.flush_denormal(s.mul(s.get(p.add(i), n), d));
                        if let Some(b) = b {
                            s.put(b.add(i), s.add(s.get(b.add(i), n), d), n);
                        }
                        s.put(g.add(i), s.flush_denormal(s.mul(d, factor)), n);
                    }
                },
            );
        }
    }
}

/// [`Transpose`] in one tier.
pub(super) struct TransposeOp<'a>(pub Transpose<'a, f32>);

impl Op for TransposeOp<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        if !self.0.check() {
            return;
        }
        let Transpose {
            rows,
            cols,
            from,
            from_stride,
            to,
            to_stride,
        } = self.0;
        let from = from.as_ptr();
        let to = to.as_mut_ptr();
        let whole_rows = rows - rows % S::LANES;
        let whole_cols = cols - cols % S::LANES;

        // SAFETY (all blocks): rows below `rows` and columns below `cols`, which `check` has
        // bounded.
        for j in (0..whole_rows).step_by(S::LANES) {
            for i in (0..whole_cols).step_by(S::LANES) {
                unsafe {
                    s.transpose(
                        from.add(j * from_stride + i),
                        from_stride,
                        to.add(i * to_stride + j),
                        to_stride,
                    );
                }
            }
        }
        for j in 0..rows {
            let first = if j < whole_rows { whole_cols } else { 0 };
            for i in first..cols {
                unsafe { *to.add(i * to_stride + j) = *from.add(j * from_stride + i) };
            }
        }
    }
}

/// The same in plain loops.
pub(super) fn plain_softmax<T: Real>(softmax: AttentionSoftmax<'_, T>) {
    let rows = softmax.check();
    let AttentionSoftmax {
        visible,
        scale,
        bias: (bias, stride),
        mask,
        scores,
        statistics,
        known,
    } = softmax;
    let keys = visible.keys;

    for row in 0..rows {
        let seen = visible.keys_of(row);
        let scores = &mut scores[row * keys..][..keys];
        let [max, inverse] = &mut statistics[2 * row..][..2] else {
            unreachable!("two numbers");
        };

        for (j, x) in scores.iter_mut().enumerate() {
            let is_seen = seen.contains(&j) && (mask.is_empty() || mask[j] != T::zero());
            *x = if !is_seen {
                T::neg_infinity()
            } else if bias.is_empty() {
                *x * scale
            } else {
                *x * scale + bias[row * stride + j]
            };
        }

        if !known {
            *max = scores.iter().copied().fold(T::neg_infinity(), T::max);
        }
        if *max == T::neg_infinity() && !scores.iter().any(|x| x.is_nan()) {
            scores.fill(T::zero());
            *inverse = T::zero();
            continue;
        }

        let mut sum = T::zero();
        for scores in scores.chunks_mut(visible.block) {
            let mut block = T::zero();
            for x in scores {
                *x = flush_tail((*x - *max).exp());
                block = block + *x;
            }
            sum = sum + block;
        }
        if !known {
            *inverse = T::one() / sum;
        }
        scores.iter_mut().for_each(|x| *x = flush(*x * *inverse));
    }
}

/// The same in plain loops.
pub(super) fn plain_grad<T: Real>(grad: AttentionGrad<'_, T>) {
    let rows = grad.check();
    let AttentionGrad {
        visible,
        scale,
        means,
        probabilities,
        gradient,
        bias: (bias, stride),
    } = grad;
    let keys = visible.keys;

    for row in 0..rows {
        let seen = visible.keys_of(row);
        let probabilities = &probabilities[row * keys..][..keys];
        let gradient = &mut gradient[row * keys..][..keys];
        for (j, (&p, d)) in probabilities.iter().zip(gradient).enumerate() {
            if !seen.contains(&j) {
                *d = T::zero();
                continue;
            }
            let change = flush(p * (*d - means[row]));
            if !bias.is_empty() {
                bias[row * stride + j] = bias[row * stride + j] + change;
            }
            *d = flush(change * scale);
        }
    }
}

/// The same in plain loops.
pub(super) fn plain_transpose<T: Real>(transpose: Transpose<'_, T>) {
    if !transpose.check() {
        return;
    }
    let Transpose {
        rows,
        cols,
        from,
        from_stride,
        to,
        to_stride,
    } = transpose;
    for j in 0..rows {
        for i in 0..cols {
            to[i * to_stride + j] = from[j * from_stride + i];
        }
    }
}

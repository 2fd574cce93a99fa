//! Losses with their gradients, each in one pass.

use super::args::{Bend, check_cross_entropy, check_same};
use super::math;
use super::pairs::{Pairs, TERMS};
use super::reduce::{BLOCK, ExpRows, NARROW, RowBlock, WideRow, WriteRows};
use super::reference::certain_class;
use super::simd::{Op, Simd, add_partials, halves, sum_of};

/// Softmax and negative log-likelihood, weighted by rows.
pub(super) struct CrossEntropyOp<'a> {
    pub classes: usize,
    pub logits: &'a [f32],
    pub labels: &'a [u32],
    pub weights: &'a [f32],
    pub scale: f32,
    pub grad: &'a mut [f32],
}

impl Op for CrossEntropyOp<'_> {
    type Out = f32;

    #[inline(always)]
    fn call<S: Simd>(self, s: S) -> f32 {
        let CrossEntropyOp {
            classes,
            logits,
            labels,
            mut weights,
            scale,
            grad,
        } = self;
        if check_cross_entropy(classes, logits.len(), labels, weights.len(), grad.len()) == 0 {
            return 0.0;
        }

        let mut losses = [0.0; BLOCK];
        let mut counts = [1.0; BLOCK];
        let mut pairs = Pairs::new();
        let mut added = 0;
        let mut block = RowBlock::new();

        let blocks = logits
            .chunks(BLOCK * classes)
            .zip(grad.chunks_mut(BLOCK * classes));
        for ((logits, grad), labels) in blocks.zip(labels.chunks(BLOCK)) {
            if added == TERMS {
                pairs.push([losses], add_partials);
                losses = [0.0; BLOCK];
                added = 0;
            }
            added += 1;

            // Exponentials of all rows, with their maxima and sums.
            if classes <= NARROW {
                s.outline(ExpRows {
                    block: &mut block,
                    width: classes,
                    x: logits,
                });
                s.outline(WriteRows {
                    block: &mut block,
                    width: classes,
                    scale,
                    y: grad,
                });
            } else {
                grad.copy_from_slice(logits);
                for (r, row) in grad.chunks_exact_mut(classes).enumerate().take(BLOCK) {
                    (block.max[r], block.sum[r]) = s.outline(WideRow { row, scale });
                }
            }

            // ln(sum) + max - logit of the label, one lane per row; a missing row has ln(1) + 0.
            let mut rest = [0.0; BLOCK];
            let rows = logits
                .chunks_exact(classes)
                .zip(grad.chunks_exact_mut(classes));
            for (r, ((logits, grad), &label)) in rows.zip(labels).enumerate().take(BLOCK) {
                rest[r] = block.max[r] - logits[label as usize];
                if block.max[r] == f32::INFINITY
                    && let Some(class) = certain_class(logits)
                {
                    grad.fill(0.0);
                    grad[class] = scale;
                    block.sum[r] = 1.0;
                    rest[r] = if class == label as usize {
                        0.0
                    } else {
                        f32::INFINITY
                    };
                }

                grad[label as usize] -= scale;
                if let Some(&weight) = weights.get(r) {
                    counts[r] = weight;
                    grad.iter_mut().for_each(|x| *x *= weight);
                    if weight == 0.0 {
                        // Neither NaN nor infinities of the row count.
                        block.sum[r] = 1.0;
                        rest[r] = 0.0;
                        grad.fill(0.0);
                    }
                }
            }

            weights = weights.get(BLOCK..).unwrap_or(&[]);

            // The losses of all rows, one lane per row.
            block.sum[labels.len().min(BLOCK)..].fill(1.0);
            for v in (0..BLOCK).step_by(S::LANES) {
                // SAFETY: lanes v to v + LANES <= BLOCK of all four arrays.
                unsafe {
                    let log = math::ln(s, s.load(block.sum.as_ptr().add(v)));
                    let loss = s.add(log, s.load(rest.as_ptr().add(v)));
                    let loss = s.mul(loss, s.load(counts.as_ptr().add(v)));
                    let p = losses.as_mut_ptr().add(v);
                    s.store(p, s.add(s.load(p), loss));
                }
            }
        }

        let [losses] = pairs.finish([losses], add_partials);
        halves(losses)
    }
}

/// Sigmoid and binary cross-entropy.
pub(super) struct BceOp<'a> {
    pub logits: &'a [f32],
    pub targets: &'a [f32],
    pub scale: f32,
    pub grad: &'a mut [f32],
}

impl Op for BceOp<'_> {
    type Out = f32;

    #[inline(always)]
    fn call<S: Simd>(self, s: S) -> f32 {
        let BceOp {
            logits,
            targets,
            scale,
            grad,
        } = self;

        check_same("bce_with_logits", logits.len(), targets.len());
        check_same("bce_with_logits", logits.len(), grad.len());

        let x = logits.as_ptr();
        let t = targets.as_ptr();
        let grad = grad.as_mut_ptr();
        let scale = s.splat(scale);
        let one = s.splat(1.0);

        sum_of(
            s,
            logits.len(),
            // SAFETY: `sum_of` gives i + n <= the length of all three.
            #[inline(always)]
            |i, n| unsafe {
                let x = s.get(x.add(i), n);
                let t = s.get(t.add(i), n);
                // The part of the logit that the target contradicts: none of it where the target is
                // right, however large the logit is.
                let times =
                    |part: S::V, x: S::V| s.select(s.eq(part, s.zero()), s.zero(), s.mul(part, x));
                let above = times(s.sub(one, t), s.max(s.zero(), x));
                let below = times(t, s.max(s.zero(), s.sub(s.zero(), x)));

                // e = exp(-|x|) serves both: sigmoid(x) is 1 / (1 + e) or e / (1 + e).
                let e = math::exp(s, s.sub(s.zero(), math::abs(s, x)));
                let upper = s.select(s.gt(x, s.zero()), one, e);
                let sigmoid = s.div(upper, s.add(one, e));

                s.put(grad.add(i), s.mul(s.sub(sigmoid, t), scale), n);
                s.add(s.add(above, below), math::log1p(s, e))
            },
        )
    }
}

/// The sum of the squared differences.
pub(super) struct MseOp<'a> {
    pub output: &'a [f32],
    pub target: &'a [f32],
    pub scale: f32,
    pub grad: &'a mut [f32],
}

impl Op for MseOp<'_> {
    type Out = f32;

    #[inline(always)]
    fn call<S: Simd>(self, s: S) -> f32 {
        let MseOp {
            output,
            target,
            scale,
            grad,
        } = self;
        check_same("mse", output.len(), target.len());
        check_same("mse", output.len(), grad.len());

        let o = output.as_ptr();
        let t = target.as_ptr();
        let grad = grad.as_mut_ptr();
        let twice = s.splat(scale + scale);

        sum_of(
            s,
            output.len(),
            // SAFETY: `sum_of` gives i + n <= the length of all three.
            #[inline(always)]
            |i, n| unsafe {
                let d = s.sub(s.get(o.add(i), n), s.get(t.add(i), n));
                s.put(grad.add(i), s.mul(d, twice), n);
                s.mul(d, d)
            },
        )
    }
}

/// The sum of the absolute differences with a rounded tip.
pub(super) struct SmoothL1Op<'a> {
    pub bend: Bend,
    pub output: &'a [f32],
    pub target: &'a [f32],
    pub scale: f32,
    pub grad: &'a mut [f32],
}

impl Op for SmoothL1Op<'_> {
    type Out = f32;

    #[inline(always)]
    fn call<S: Simd>(self, s: S) -> f32 {
        let SmoothL1Op {
            bend,
            output,
            target,
            scale,
            grad,
        } = self;
        check_same("smooth_l1", output.len(), target.len());
        check_same("smooth_l1", output.len(), grad.len());

        let o = output.as_ptr();
        let t = target.as_ptr();
        let grad = grad.as_mut_ptr();

        let bend = bend.in_range(f32::MAX.into());
        let at = s.splat(bend.at as f32);
        let half = s.splat((0.5 * bend.at) as f32);
        let curve = s.splat(bend.curve as f32);
        let slope = s.splat(bend.slope as f32);
        let scale = s.splat(scale);
        let one_half = s.splat(0.5);

        sum_of(
            s,
            output.len(),
            // SAFETY: `sum_of` gives i + n <= the length of all three.
            #[inline(always)]
            |i, n| unsafe {
                let d = s.sub(s.get(o.add(i), n), s.get(t.add(i), n));
                let a = math::abs(s, d);
                let round = s.mul(d, curve);
                let bent = s.gt(at, a);

                // A difference of zero has the gradient zero, and NaN stays.
                let straight = s.or(slope, s.and_bits(d, 0x8000_0000));
                let straight = s.select(s.gt(a, s.zero()), straight, d);
                s.put(
                    grad.add(i),
                    s.mul(s.select(bent, round, straight), scale),
                    n,
                );
                s.select(
                    bent,
                    s.mul(s.mul(d, one_half), round),
                    s.mul(slope, s.sub(a, half)),
                )
            },
        )
    }
}

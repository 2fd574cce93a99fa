//! The rectifier with a learned slope (PReLU), one for all elements or one for each element of a
//! row, and its gradients.

use super::args::check_prelu;
use super::pairs::{Pairs, TERMS};
use super::simd::{Op, Simd, adding, each, sum_of};

/// Computes `y = f(weight, x, y)` in each row. A single weight stands in all lanes.
#[inline(always)]
fn weighted<S: Simd>(
    s: S,
    weight: &[f32],
    x: &[f32],
    y: &mut [f32],
    f: impl Fn(S::V, S::V, S::V) -> S::V,
) {
    let width = check_prelu(weight.len(), x.len(), y.len()).max(1);
    let w = weight.as_ptr();

    for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
        let x = x.as_ptr();
        let y = y.as_mut_ptr();
        each(
            s,
            width,
            #[inline(always)]
            |i, n| {
                // SAFETY: `each` gives i + n <= width, the length of both rows and, unless it is 1,
                // of `weight`.
                unsafe {
                    let w = if weight.len() == 1 {
                        s.splat(*w)
                    } else {
                        s.get(w.add(i), n)
                    };
                    s.put(y.add(i), f(w, s.get(x.add(i), n), s.get(y.add(i), n)), n);
                }
            },
        );
    }
}

/// `y = x`, or `weight * x` where `x` is not above 0.
pub(super) struct PReluOp<'a> {
    pub weight: &'a [f32],
    pub x: &'a [f32],
    pub y: &'a mut [f32],
}

impl Op for PReluOp<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        weighted(
            s,
            self.weight,
            self.x,
            self.y,
            #[inline(always)]
            |w, x, _| s.flush_denormal(s.select(s.gt(x, s.zero()), x, s.mul(w, x))),
        );
    }
}

/// `dy *= weight` where `x` is not above 0.
pub(super) struct PReluGradOp<'a> {
    pub weight: &'a [f32],
    pub x: &'a [f32],
    pub dy: &'a mut [f32],
}

impl Op for PReluGradOp<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        weighted(
            s,
            self.weight,
            self.x,
            self.dy,
            #[inline(always)]
            |w, x, dy| s.flush_denormal(s.select(s.gt(x, s.zero()), dy, s.mul(w, dy))),
        );
    }
}

/// The sums of `x * dy` where `x` is not above 0.
pub(super) struct PReluWeightGradOp<'a> {
    pub x: &'a [f32],
    pub dy: &'a [f32],
    pub sums: &'a mut [f32],
    pub accumulate: bool,
}

impl Op for PReluWeightGradOp<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let PReluWeightGradOp {
            x,
            dy,
            sums,
            accumulate,
        } = self;
        let width = check_prelu(sums.len(), x.len(), dy.len());

        if !accumulate {
            sums.fill(0.0);
        }
        if x.is_empty() {
            return;
        }
        let rows = x.len() / width;
        let x = x.as_ptr();
        let dy = dy.as_ptr();

        let term = {
            #[inline(always)]
            |i: usize, n: usize| {
                // SAFETY: the callers below give i + n <= the length of both.
                let (x, dy) = unsafe { (s.get(x.add(i), n), s.get(dy.add(i), n)) };
                s.select(s.gt(x, s.zero()), s.zero(), s.mul(x, dy))
            }
        };

        if let [sum] = sums {
            *sum += sum_of(s, width, term);
            return;
        }

        let sums = sums.as_mut_ptr();
        each(
            s,
            width,
            #[inline(always)]
            |j, n| {
                let mut pairs = Pairs::new();
                let mut first = 0;
                let [total] = loop {
                    let mut sum = s.zero();
                    let end = rows.min(first + TERMS);
                    for row in first..end {
                        sum = s.add(sum, term(row * width + j, n));
                    }
                    if end == rows {
                        break pairs.finish([sum], adding(s));
                    }
                    pairs.push([sum], adding(s));
                    first = end;
                };

                // SAFETY: `each` gives j + n <= width, the number of sums.
                unsafe { s.put(sums.add(j), s.add(s.get(sums.add(j), n), total), n) };
            },
        );
    }
}

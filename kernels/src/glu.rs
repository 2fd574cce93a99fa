//! The gated linear unit, with its gradient.

use super::args::{check_glu, check_same};
use super::math;
use super::simd::{Op, Simd, each};

/// `y = a * sigmoid(b)` for the halves of each row.
pub(super) struct GluOp<'a> {
    pub half: usize,
    pub x: &'a [f32],
    pub y: &'a mut [f32],
}

impl Op for GluOp<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let GluOp { half, x, y } = self;
        check_glu(half, x.len(), y.len());

        for (x, y) in x
            .chunks_exact(2 * half.max(1))
            .zip(y.chunks_exact_mut(half.max(1)))
        {
            let a = x.as_ptr();
            let y = y.as_mut_ptr();

            each(
                s,
                half,
                #[inline(always)]
                |i, n| {
                    // SAFETY: `each` gives i + n <= half; a row of x has twice as many.
                    unsafe {
                        let gate = math::sigmoid(s, s.get(a.add(half + i), n));
                        s.put(
                            y.add(i),
                            s.flush_denormal(s.mul(s.get(a.add(i), n), gate)),
                            n,
                        );
                    }
                },
            );
        }
    }
}

/// The gradient of [`GluOp`] with respect to `x`.
pub(super) struct GluGradOp<'a> {
    pub half: usize,
    pub x: &'a [f32],
    pub dy: &'a [f32],
    pub dx: &'a mut [f32],
}

impl Op for GluGradOp<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let GluGradOp { half, x, dy, dx } = self;
        check_glu(half, x.len(), dy.len());
        check_same("glu_grad", x.len(), dx.len());

        let rows = x
            .chunks_exact(2 * half.max(1))
            .zip(dx.chunks_exact_mut(2 * half.max(1)));

        for ((x, dx), dy) in rows.zip(dy.chunks_exact(half.max(1))) {
            let x = x.as_ptr();
            let dx = dx.as_mut_ptr();
            let dy = dy.as_ptr();

            each(
                s,
                half,
                #[inline(always)]
                |i, n| {
                    // SAFETY: `each` gives i + n <= half; rows of x and dx have twice as many.
                    unsafe {
                        let gate = math::sigmoid(s, s.get(x.add(half + i), n));
                        let da = s.mul(s.get(dy.add(i), n), gate);
                        let change = s.mul(s.get(x.add(i), n), s.sub(s.splat(1.0), gate));
                        s.put(dx.add(i), s.flush_denormal(da), n);
                        s.put(dx.add(half + i), s.flush_denormal(s.mul(da, change)), n);
                    }
                },
            );
        }
    }
}

//! Functions of single elements, and what else is one pass over flat slices.

use super::args::check_same;
use super::simd::{Op, Simd, each};
use super::{Unary, math};

/// `y = f(y)`.
#[inline(always)]
fn map<S: Simd>(s: S, y: &mut [f32], f: impl Fn(S::V) -> S::V) {
    let (len, y) = (y.len(), y.as_mut_ptr());
    each(
        s,
        len,
        #[inline(always)]
        |i, n| {
            // SAFETY: `each` gives i + n <= len.
            unsafe { s.put(y.add(i), f(s.get(y.add(i), n)), n) }
        },
    );
}

/// `y = f(x, y)`.
#[inline(always)]
pub(super) fn zip<S: Simd>(s: S, x: &[f32], y: &mut [f32], f: impl Fn(S::V, S::V) -> S::V) {
    assert_eq!(x.len(), y.len());
    let (len, x, y) = (x.len(), x.as_ptr(), y.as_mut_ptr());
    each(
        s,
        len,
        #[inline(always)]
        |i, n| {
            // SAFETY: `each` gives i + n <= len.
            unsafe { s.put(y.add(i), f(s.get(x.add(i), n), s.get(y.add(i), n)), n) }
        },
    );
}

pub(super) struct UnaryOp<'a>(pub Unary, pub &'a mut [f32]);

impl Op for UnaryOp<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let UnaryOp(f, x) = self;
        match f {
            Unary::Relu => map(
                s,
                x,
                #[inline(always)]
                |x| s.max(s.zero(), x),
            ),
            Unary::Tanh => map(
                s,
                x,
                #[inline(always)]
                |x| math::tanh(s, x),
            ),
            Unary::Sigmoid => map(
                s,
                x,
                #[inline(always)]
                |x| math::sigmoid(s, x),
            ),
        }
    }
}

pub(super) struct UnaryGradOp<'a>(pub Unary, pub &'a [f32], pub &'a mut [f32]);

impl Op for UnaryGradOp<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let UnaryGradOp(f, y, dy) = self;
        check_same("unary_grad", y.len(), dy.len());
        let one = s.splat(1.0);
        match f {
            Unary::Relu => zip(
                s,
                y,
                dy,
                // A NaN of the forward pass lets the gradient through, as in PyTorch.
                #[inline(always)]
                |y, dy| s.select(s.le(y, s.zero()), s.zero(), dy),
            ),
            Unary::Tanh => zip(
                s,
                y,
                dy,
                #[inline(always)]
                |y, dy| s.mul(dy, s.fnma(y, y, one)),
            ),
            Unary::Sigmoid => zip(
                s,
                y,
                dy,
                #[inline(always)]
                |y, dy| s.mul(dy, s.mul(y, s.sub(one, y))),
            ),
        }
    }
}

pub(super) struct GeluOp<'a>(pub &'a [f32], pub &'a mut [f32]);

impl Op for GeluOp<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let GeluOp(x, y) = self;
        check_same("gelu", x.len(), y.len());
        zip(
            s,
            x,
            y,
            #[inline(always)]
            |x, _| s.mul(x, math::normal(s, x).0),
        );
    }
}

pub(super) struct GeluGradOp<'a>(pub &'a [f32], pub &'a mut [f32]);

impl Op for GeluGradOp<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let GeluGradOp(x, dy) = self;
        check_same("gelu_grad", x.len(), dy.len());
        let root = s.splat(0.398_942_3);
        zip(
            s,
            x,
            dy,
            #[inline(always)]
            |x, dy| {
                let (p, e) = math::normal(s, x);
                // The limits keep infinity times 0 out; the density is 0 long before.
                let x = s.min(s.splat(100.0), s.max(s.splat(-100.0), x));
                s.mul(dy, s.fma(s.mul(x, root), e, p))
            },
        );
    }
}

//! Optimizer steps: one pass over flat slices, bound by memory. The rules are in the documentation of the steps.

use super::simd::{Op, Simd, each};
use super::{AdamStep, SgdStep};

pub(super) struct SgdOp<'a> {
    pub step: &'a SgdStep,
    pub params: &'a mut [f32],
    pub grad: &'a [f32],
    pub velocity: &'a mut [f32],
}

impl Op for SgdOp<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let SgdOp { step, params, grad, velocity } = self;
        step.check(params, grad, velocity);
        let sign = s.splat(if step.maximize { -1.0 } else { 1.0 });
        let (lr, decay) = (s.splat(step.lr as f32), s.splat(step.weight_decay as f32));
        let momentum = s.splat(step.momentum as f32);
        let fresh = s.splat((1.0 - step.dampening) as f32);
        let (len, p, g) = (params.len(), params.as_mut_ptr(), grad.as_ptr());
        let v = if velocity.is_empty() { None } else { Some(velocity.as_mut_ptr()) };
        each(
            s,
            len,
            // SAFETY: `each` gives i + n <= len, the length of all slices but an empty velocity.
            #[inline(always)]
            |i, n| unsafe {
                let old = s.get(p.add(i), n);
                let mut g = s.fma(decay, old, s.mul(sign, s.get(g.add(i), n)));
                if let Some(v) = v {
                    let velocity =
                        if step.first { g } else { s.fma(momentum, s.get(v.add(i), n), s.mul(fresh, g)) };
                    s.put(v.add(i), velocity, n);
                    g = if step.nesterov { s.fma(momentum, velocity, g) } else { velocity };
                }
                s.put(p.add(i), s.fnma(lr, g, old), n);
            },
        );
    }
}

pub(super) struct AdamOp<'a> {
    pub step: &'a AdamStep,
    pub params: &'a mut [f32],
    pub grad: &'a [f32],
    pub m: &'a mut [f32],
    pub v: &'a mut [f32],
}

impl Op for AdamOp<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let AdamOp { step, params, grad, m, v } = self;
        step.check(params, grad, m, v);
        let (rate, root) = step.corrections();
        let (rate, root) = (s.splat(rate as f32), s.splat(root as f32));
        let (epsilon, decay) = (s.splat(step.epsilon as f32), s.splat(step.weight_decay as f32));
        let fresh1 = s.splat((1.0 - step.beta1) as f32);
        let (beta2, fresh2) = (s.splat(step.beta2 as f32), s.splat((1.0 - step.beta2) as f32));
        let (len, p, g) = (params.len(), params.as_mut_ptr(), grad.as_ptr());
        let (m, v) = (m.as_mut_ptr(), v.as_mut_ptr());
        each(
            s,
            len,
            // SAFETY: `each` gives i + n <= len, the length of all four slices.
            #[inline(always)]
            |i, n| unsafe {
                let old = s.get(p.add(i), n);
                let g = s.fma(decay, old, s.get(g.add(i), n));
                let m1 = s.get(m.add(i), n);
                let m1 = s.fma(fresh1, s.sub(g, m1), m1);
                let m2 = s.fma(s.mul(fresh2, g), g, s.mul(beta2, s.get(v.add(i), n)));
                s.put(m.add(i), m1, n);
                s.put(v.add(i), m2, n);
                let deviation = s.fma(s.sqrt(m2), root, epsilon);
                s.put(p.add(i), s.fnma(rate, s.div(m1, deviation), old), n);
            },
        );
    }
}

//! Elementwise functions: their errors against `f64`, their limits, and their gradients.

use super::super::simd::{Op, Simd};
use super::super::{F32Kernels, F64Kernels, Kernels, Unary, math};
use super::{Guarded, LENGTHS, all_tiers, assert_close, numbers, widen};
use crate::tier::{self, Tier};

/// One function of [`math`] on a slice whose length is a multiple of 16.
struct MathOp<'a>(Function, &'a mut [f32]);

#[derive(Clone, Copy)]
enum Function {
    Exp,
    Ln,
    Log1p,
}

impl Op for MathOp<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        for x in self.1.chunks_exact_mut(S::LANES) {
            // SAFETY: a chunk has LANES elements.
            unsafe {
                let v = s.load(x.as_ptr());
                let v = match self.0 {
                    Function::Exp => math::exp(s, v),
                    Function::Ln => math::ln(s, v),
                    Function::Log1p => math::log1p(s, v),
                };
                s.store(x.as_mut_ptr(), v);
            }
        }
    }
}

fn run_math(tier: Tier, function: Function, x: &mut [f32]) {
    F32Kernels::of(tier).unwrap().run(MathOp(function, x));
}

/// Points from `low` to `high`, evenly spaced; a multiple of 16.
fn grid(low: f64, high: f64) -> Vec<f32> {
    let n = if cfg!(miri) { 64 } else { 16_000 };
    (0..n).map(|i| (low + (high - low) * i as f64 / (n - 1) as f64) as f32).collect()
}

/// The distance in units of the last place that `f32` has at `want`.
fn ulps(got: f32, want: f64) -> f64 {
    if f64::from(got) == want || (got.is_nan() && want.is_nan()) {
        return 0.0;
    }
    let exponent = want.abs().log2().floor().max(-126.0);
    (f64::from(got) - want).abs() / (exponent - 23.0).exp2()
}

#[track_caller]
fn assert_ulps(tier: Tier, x: &[f32], got: &[f32], want: impl Fn(f64) -> f64, most: f64) {
    for (&x, &got) in x.iter().zip(got) {
        let error = ulps(got, want(f64::from(x)));
        assert!(error <= most, "{tier}: f({x}) = {got}, {error} ulp from {}", want(f64::from(x)));
    }
}

#[test]
fn exp_ln_and_log1p_are_accurate() {
    for &tier in tier::supported_tiers() {
        for (low, high) in [(-87.0, 88.7), (-1.0, 1.0), (-103.9, -87.0)] {
            let x = grid(low, high);
            let mut y = x.clone();
            run_math(tier, Function::Exp, &mut y);
            assert_ulps(tier, &x, &y, f64::exp, 1.5);
        }
        for (low, high) in [(0.5, 2.0), (1.0, 1000.0), (1e-37, 1e38)] {
            let x = grid(low, high);
            let mut y = x.clone();
            run_math(tier, Function::Ln, &mut y);
            assert_ulps(tier, &x, &y, f64::ln, 2.0);
        }
        for high in [1.0, 1e-3, 1e-9] {
            let x = grid(0.0, high);
            let mut y = x.clone();
            run_math(tier, Function::Log1p, &mut y);
            assert_ulps(tier, &x, &y, f64::ln_1p, 2.0);
        }
        let mut x = [0.0; 16];
        x[..5].copy_from_slice(&[f32::NEG_INFINITY, f32::INFINITY, f32::NAN, -1e30, 1e30]);
        run_math(tier, Function::Exp, &mut x);
        assert_eq!((x[0], x[1], x[3], x[4], x[5]), (0.0, f32::INFINITY, 0.0, f32::INFINITY, 1.0));
        assert!(x[2].is_nan());
    }
}

#[test]
fn tanh_and_sigmoid_are_accurate() {
    for kernels in all_tiers() {
        for (low, high) in [(-10.0, 10.0), (-0.7, 0.7), (-1e-3, 1e-3)] {
            let x = grid(low, high);
            let mut y = x.clone();
            kernels.unary(Unary::Tanh, &mut y);
            assert_ulps(kernels.tier(), &x, &y, f64::tanh, 2.0);
        }
        for (low, high) in [(-87.0, 20.0), (-2.0, 2.0)] {
            let x = grid(low, high);
            let mut y = x.clone();
            kernels.unary(Unary::Sigmoid, &mut y);
            assert_ulps(kernels.tier(), &x, &y, |x| 1.0 / (1.0 + (-x).exp()), 3.0);
        }
    }
}

#[test]
fn gelu_is_accurate_in_the_tail() {
    let gelu = |x: f64| 0.5 * x * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2);
    for kernels in all_tiers() {
        for (low, high, most) in [(-12.0, 0.0, 8.0), (0.0, 12.0, 6.0), (-1e-3, 1e-3, 6.0)] {
            let x = grid(low, high);
            let mut y = x.clone();
            kernels.gelu(&x, &mut y);
            assert_ulps(kernels.tier(), &x, &y, gelu, most);
        }
    }
}

#[test]
fn limits() {
    let special = [f32::NEG_INFINITY, f32::INFINITY, f32::NAN, -1e30, 1e30, 0.0, -3.0, 5.0];
    for kernels in all_tiers() {
        let run = |f| {
            let mut x = Guarded::new(&special);
            kernels.unary(f, &mut x);
            assert!(x[2].is_nan(), "{} {f:?}", kernels.tier());
            x.to_vec()
        };
        let relu = run(Unary::Relu);
        assert_eq!(relu[..2], [0.0, f32::INFINITY]);
        assert_eq!(relu[3..], [0.0, 1e30, 0.0, 0.0, 5.0]);
        let tanh = run(Unary::Tanh);
        assert_eq!((tanh[0], tanh[1], tanh[3], tanh[4], tanh[5]), (-1.0, 1.0, -1.0, 1.0, 0.0));
        let sigmoid = run(Unary::Sigmoid);
        assert_eq!((sigmoid[0], sigmoid[1], sigmoid[3], sigmoid[4], sigmoid[5]), (0.0, 1.0, 0.0, 1.0, 0.5));

        let (x, mut y) = (Guarded::new(&special), Guarded::empty(8));
        kernels.gelu(&x, &mut y);
        // PyTorch's gelu(-inf) is NaN too: minus infinity times 0.
        assert!(y[0].is_nan() && y[2].is_nan());
        assert_eq!((y[1], y[3], y[4], y[5]), (f32::INFINITY, 0.0, 1e30, 0.0));
        let mut dy = Guarded::new(&[1.0; 8]);
        kernels.gelu_grad(&x, &mut dy);
        assert_eq!((dy[0], dy[1], dy[3], dy[4], dy[5]), (0.0, 1.0, 0.0, 1.0, 0.5));
        assert!(dy[2].is_nan());
    }
}

#[test]
fn relu_grad_is_pytorchs() {
    for kernels in all_tiers() {
        let y = [0.0, -0.0, 1e-45, 2.0, f32::NAN, f32::INFINITY];
        let mut dy = [7.0; 6];
        kernels.unary_grad(Unary::Relu, &y, &mut dy);
        assert_eq!(dy, [0.0, 0.0, 7.0, 7.0, 7.0, 7.0]);
    }
}

#[test]
fn elementwise_kernels_match_the_reference() {
    let reference = F64Kernels;
    for kernels in all_tiers() {
        let close = |got: &[f32], want: &[f64]| assert_close(kernels.tier(), got, want, 1e-6);
        for &len in LENGTHS {
            let x = Guarded::new(&numbers(1, len).iter().map(|x| 4.0 * x).collect::<Vec<_>>());
            let dy = Guarded::new(&numbers(2, len));
            for f in [Unary::Relu, Unary::Tanh, Unary::Sigmoid] {
                let (mut y, mut want) = (x.clone(), widen(&x));
                kernels.unary(f, &mut y);
                reference.unary(f, &mut want);
                close(&y, &want);
                let (mut dx, mut want_dx) = (dy.clone(), widen(&dy));
                kernels.unary_grad(f, &y, &mut dx);
                reference.unary_grad(f, &want, &mut want_dx);
                close(&dx, &want_dx);
            }
            let (mut y, mut want) = (Guarded::empty(len), vec![0.0; len]);
            kernels.gelu(&x, &mut y);
            reference.gelu(&widen(&x), &mut want);
            close(&y, &want);
            let (mut dx, mut want) = (dy.clone(), widen(&dy));
            kernels.gelu_grad(&x, &mut dx);
            reference.gelu_grad(&widen(&x), &mut want);
            close(&dx, &want);
        }
    }
}

//! Elementary functions: their errors against `f64`.

use super::super::simd::{Op, Simd};
use super::super::{F32Kernels, F64Kernels, Kernels, function, math};
use super::{all_tiers, widen};
use crate::tier::{self, Tier};

/// One function of [`math`] on a slice whose length is a multiple of 16.
struct MathOp<'a>(Function, &'a mut [f32]);

#[derive(Clone, Copy)]
enum Function {
    Exp,
    Expm1,
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
                    Function::Expm1 => math::expm1(s, v),
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
    (0..n)
        .map(|i| (low + (high - low) * i as f64 / (n - 1) as f64) as f32)
        .collect()
}

/// Returns the distance in units of the last place that `f32` has at `want`.
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
        assert!(
            error <= most,
            "{tier}: f({x}) = {got}, {error} ulp from {}",
            want(f64::from(x))
        );
    }
}

#[test]
fn exp_expm1_ln_and_log1p_are_accurate() {
    for &tier in tier::supported_tiers() {
        for (low, high) in [(-87.3, 88.7), (-1.0, 1.0)] {
            let x = grid(low, high);
            let mut y = x.clone();
            run_math(tier, Function::Exp, &mut y);
            assert_ulps(tier, &x, &y, f64::exp, 1.5);
        }

        // Results that would be denormal are 0.
        let mut y = grid(-103.9, -87.301);
        run_math(tier, Function::Exp, &mut y);
        assert!(y.iter().all(|y| y.to_bits() == 0), "{tier}");

        for (low, high) in [(-104.0, 0.0), (-1.0, 1.0), (-1e-4, 1e-4), (0.0, 88.0)] {
            let x = grid(low, high);
            let mut y = x.clone();
            run_math(tier, Function::Expm1, &mut y);
            assert_ulps(tier, &x, &y, f64::exp_m1, 2.0);
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
        assert_eq!(
            (x[0], x[1], x[3], x[4], x[5]),
            (0.0, f32::INFINITY, 0.0, f32::INFINITY, 1.0)
        );
        assert!(x[2].is_nan());

        x[..3].copy_from_slice(&[f32::NEG_INFINITY, f32::NAN, -1e30]);
        run_math(tier, Function::Expm1, &mut x);
        assert_eq!((x[0], x[2], x[5]), (-1.0, -1.0, 1.0_f32.exp_m1()));
        assert!(x[1].is_nan());
    }
}

#[test]
fn tanh_and_sigmoid_are_accurate() {
    for kernels in all_tiers() {
        for (low, high) in [(-10.0, 10.0), (-0.7, 0.7), (-1e-3, 1e-3)] {
            let x = grid(low, high);
            let mut y = x.clone();
            kernels.function(function::Tanh, None, &mut y);
            assert_ulps(kernels.tier(), &x, &y, f64::tanh, 2.0);
        }
        for (low, high) in [(-87.0, 20.0), (-2.0, 2.0)] {
            let x = grid(low, high);
            let mut y = x.clone();
            kernels.function(function::Sigmoid, None, &mut y);
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
            kernels.function(function::Gelu, Some(&x), &mut y);
            assert_ulps(kernels.tier(), &x, &y, gelu, most);
        }
    }
}

/// The other functions keep their digits in the tails, too.
#[test]
fn activations_are_accurate() {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let check = |low: f64,
                 high: f64,
                 most: f64,
                 run: &dyn Fn(F32Kernels, &mut [f32]),
                 f: &dyn Fn(f64) -> f64| {
        for kernels in all_tiers() {
            let x = grid(low, high);
            let mut y = x.clone();
            run(kernels, &mut y);
            assert_ulps(kernels.tier(), &x, &y, f, most);
        }
    };

    for (low, high) in [(-80.0, 80.0), (-1.0, 1.0), (-1e-3, 1e-3)] {
        check(
            low,
            high,
            4.0,
            &|k, y| k.function(function::Silu, None, y),
            &|x| x * sigmoid(x),
        );
        check(
            low,
            high,
            3.0,
            &|k, y| k.function(function::LogSigmoid, None, y),
            &|x| x.min(0.0) - (-x.abs()).exp().ln_1p(),
        );

        let softplus = function::Softplus {
            beta: 1.0,
            threshold: 20.0,
        };
        check(
            low,
            high,
            3.0,
            &|k, y| k.function(softplus, None, y),
            &|x| x.max(0.0) + (-x.abs()).exp().ln_1p(),
        );

        let mish = |x: f64| x * (x.max(0.0) + (-x.abs()).exp().ln_1p()).tanh();
        check(
            low,
            high,
            5.0,
            &|k, y| k.function(function::Mish, None, y),
            &mish,
        );

        let elu = function::Elu {
            above: 1.0,
            below: 1.0,
            rate: 1.0,
        };
        check(low, high, 2.0, &|k, y| k.function(elu, None, y), &|x| {
            if x > 0.0 { x } else { x.exp_m1() }
        });

        check(
            low,
            high,
            2.0,
            &|k, y| k.function(function::Softsign, None, y),
            &|x| x / (1.0 + x.abs()),
        );
    }
}

/// Every value and every derivative from -110 to 110 is right to a few units in the last place, or
/// 0 where it is below `LEAST`. Around their zeros, derivatives are right to a unit of 1.
#[test]
fn functions_are_accurate_everywhere() {
    /// Exponentials below the smallest normal number are 0, and some are multiplied by arguments
    /// around -100.
    const LEAST: f64 = 128.0 * f32::MIN_POSITIVE as f64;

    fn check<F: super::super::Function + std::fmt::Debug>(f: F, x: &[f32], ulps: f64) {
        let mut values = widen(x);
        F64Kernels.function(f, None, &mut values);

        for kernels in all_tiers() {
            let mut y = x.to_vec();
            kernels.function(f, None, &mut y);

            let at = if F::FROM_OUTPUT { &y[..] } else { x };
            let mut dy = vec![1.0; x.len()];
            let mut slopes = vec![1.0; x.len()];
            kernels.function_grad(f, at, &mut dy);
            F64Kernels.function_grad(f, &widen(at), &mut slopes);

            for (i, &x) in x.iter().enumerate() {
                let unit = if x.abs() < 8.5 { 1.0 } else { 0.0 };
                for (got, want, unit) in [(y[i], values[i], 0.0), (dy[i], slopes[i], unit)] {
                    let most = f64::from(f32::EPSILON) * (ulps * want.abs() + 1.01 * unit);
                    let is_flushed = got == 0.0 && want.abs() < LEAST;
                    assert!(
                        (f64::from(got) - want).abs() <= most || is_flushed,
                        "{f:?}, {}: {got:e} at {x}, not {want:e}",
                        kernels.tier()
                    );
                }
            }
        }
    }

    let x = [
        grid(-110.0, 110.0),
        grid(-95.0, -80.0),
        grid(-8.0, 8.0),
        grid(-1e-3, 1e-3),
    ]
    .concat();
    every_function!(|f| {
        // The exponent of its tail has a rounding error, of a number up to 87.
        let is_cubic = format!("{f:?}") == "GeluTanh";
        check(f, &x, if is_cubic { 100.0 } else { 10.0 });
    });
}

/// Calls `f` with the results of functions and their gradients for `x` and `dy`.
fn each_result<T: Copy>(
    kernels: impl Kernels<T>,
    [zero, weight]: [T; 2],
    x: &[T],
    dy: &[T],
    see: &dyn Fn(&str, &[T]),
) {
    fn of_function<T: Copy, F: super::super::Function>(
        kernels: impl Kernels<T>,
        f: F,
        x: &[T],
        dy: &[T],
    ) -> Vec<T> {
        let mut y = x.to_vec();
        let mut dx = dy.to_vec();
        kernels.function(f, None, &mut y);
        kernels.function_grad(f, if F::FROM_OUTPUT { &y } else { x }, &mut dx);
        [y, dx].concat()
    }
    every_function!(|f| see(&format!("{f:?}"), &of_function(kernels, f, x, dy)));

    let len = x.len();
    let mut y = vec![zero; len];
    let mut dx = dy.to_vec();
    kernels.prelu(&[weight], x, &mut y);
    kernels.prelu_grad(&[weight], x, &mut dx);
    see("prelu", &[y, dx].concat());

    let mut y = vec![zero; len / 2];
    let mut dx = vec![zero; len];
    kernels.glu(len / 2, x, &mut y);
    kernels.glu_grad(len / 2, x, &dy[..len / 2], &mut dx);
    see("glu", &[y, dx].concat());

    // Narrow and wide rows.
    for width in [8, len] {
        let mut y = x.to_vec();
        let mut dx = dy.to_vec();
        kernels.softmax(width, &mut y);
        kernels.softmax_grad(width, &y, &mut dx);
        see("softmax", &[y, dx].concat());
        let mut y = x.to_vec();
        let mut dx = dy.to_vec();
        kernels.log_softmax(width, &mut y);
        kernels.log_softmax_grad(width, &y, &mut dx);
        see("log_softmax", &dx);
    }
}

/// Tails of functions, gradients in them, and small numbers from the beginning.
#[test]
fn functions_give_nothing_denormal() {
    let n = if cfg!(miri) { 64 } else { 4000 };
    // In any order: each number meets a gradient of each size.
    let x = |i: usize, most: f64| (i as f64 / n as f64 - 0.5) * 2.0 * most;
    for (gradient, small) in [
        (1.0, 1e-38),
        (-1e-30, -3e-38),
        (1.2e-38, 5e-38),
        (0.0, 1e-37),
    ] {
        let mut single: Vec<f32> = (0..n).map(|i| x(i, 112.0) as f32).collect();
        single[n / 2..][..8].fill(small as f32 * 1.2);
        for kernels in all_tiers() {
            let dy = vec![gradient as f32; n];
            each_result(kernels, [0.0, 0.01], &single, &dy, &|name, numbers| {
                let bad = numbers.iter().find(|x| x.is_subnormal());
                assert_eq!(
                    bad,
                    None,
                    "{name}, {}, gradients of {gradient}",
                    kernels.tier()
                );
            });
        }

        let mut double: Vec<f64> = (0..n).map(|i| x(i, 750.0)).collect();
        double[n / 2..][..8].fill(small * 1e-270 * 1.2);
        let dy = vec![gradient * 1e-270; n];
        each_result(F64Kernels, [0.0, 0.01], &double, &dy, &|name, numbers| {
            let bad = numbers.iter().find(|x| x.is_subnormal());
            assert_eq!(bad, None, "{name}, f64, gradients of {gradient}");
        });
    }
}

/// A term of a softmax that is far below half a unit of the sum is 0, so that no product with it is
/// denormal: those of the next layers take 100 times as long otherwise.
#[test]
fn a_softmax_has_no_long_tail() {
    let least = f64::from(f32::MIN_POSITIVE) * 2.0_f64.powi(30);

    // Narrow rows and wide ones have kernels of their own. 33 rows are a block and one more.
    for width in [3, 12, 100, 1000] {
        let rows = 33;
        let x: Vec<f32> = (0..rows * width)
            .map(|i| {
                if i % width == 0 {
                    0.0
                } else {
                    -110.0 * (i as f32 * 0.37).fract()
                }
            })
            .collect();
        let labels = vec![0; rows];
        for kernels in all_tiers() {
            let see = |name: &str, numbers: &[f32], least: f64| {
                let bad = numbers
                    .iter()
                    .find(|x| **x != 0.0 && f64::from(x.abs()) < least);
                assert_eq!(bad, None, "{name} of {width}, {}", kernels.tier());
            };
            // The sums of the rows are below the width.
            let mut y = x.clone();
            kernels.softmax(width, &mut y);
            see("softmax", &y, least / width as f64);

            let mut grad = x.clone();
            kernels.cross_entropy(width, &x, &labels, &[], 1.0, &mut grad);
            see("cross_entropy", &grad, least / width as f64);

            // The rows whose gradients are 0 but for the first have no other term.
            let mut log = x.clone();
            kernels.log_softmax(width, &mut log);
            let mut grad = vec![0.0; x.len()];
            grad.iter_mut().step_by(width).for_each(|dy| *dy = 1.0);
            kernels.log_softmax_grad(width, &log, &mut grad);
            see("log_softmax_grad", &grad, least);
        }

        // Both ends of the tail: the term at -66 is there, that at -67 is not.
        let mut y = vec![-67.0_f32; width];
        y[0] = 0.0;
        y[1] = -66.0;
        for kernels in all_tiers() {
            let mut y = y.clone();
            kernels.softmax(width, &mut y);
            assert!(
                y[1] > 2e-29 && y[2] == 0.0,
                "{width}, {}: {y:?}",
                kernels.tier()
            );
        }
    }

    let mut y = [0.0_f64, -680.0, -700.0];
    F64Kernels.softmax(3, &mut y);
    assert!(y[1] > 0.0 && y[2] == 0.0);
}

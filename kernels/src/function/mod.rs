//! Element-wise functions with their derivatives: the activations.
//!
//! Each is a struct of its constants with two formulas, for vectors and for plain floats. Its
//! kernels are functions of their own, so that a program contains only those of its activations.

mod from_input;
mod from_output;

pub use from_input::{Gelu, GeluTanh, HardSwish, Mish, Silu, Softplus};
pub use from_output::{Clamp, Elu, HardSigmoid, Leaky, LogSigmoid, Relu, Sigmoid, Softsign, Tanh};

use super::F32Kernels;
use super::args::check_same;
use super::denormals::plain_flush_denormal;
use super::elementwise::zip;
use super::reference::Real;
use super::simd::{Op, Simd, each};

/// The kernels of a function. `f32` and `f64` are two methods rather than two implementations, so
/// that a layer needs only this bound for both.
pub trait Function: Copy {
    /// True if the derivative is computed from the output; otherwise it is computed from the input.
    const FROM_OUTPUT: bool;
    /// Computes `y = f(x)`, or `y = f(y)` without an `x`.
    fn single(self, kernels: F32Kernels, x: Option<&[f32]>, y: &mut [f32]);
    /// Computes `dy *= f'` from `at`, the outputs or the inputs as [`Self::FROM_OUTPUT`] says.
    fn single_grad(self, kernels: F32Kernels, at: &[f32], dy: &mut [f32]);
    /// Like `single`.
    fn double(self, x: Option<&[f64]>, y: &mut [f64]);
    /// Like `single_grad`.
    fn double_grad(self, at: &[f64], dy: &mut [f64]);
}

/// The formulas of a function. The kernels replace denormal results by 0.
pub(super) trait Formula: Copy {
    fn value<S: Simd>(self, s: S, x: S::V) -> S::V;
    /// Returns `dy` times the derivative.
    fn slope<S: Simd>(self, s: S, at: S::V, dy: S::V) -> S::V;
    fn plain_value<T: Real>(self, x: T) -> T;
    fn plain_slope<T: Real>(self, at: T, dy: T) -> T;
}

macro_rules! functions {
    ($($name:ident $from_output:literal),* $(,)?) => { $(
        impl Function for $name {
            const FROM_OUTPUT: bool = $from_output;
            fn single(self, kernels: F32Kernels, x: Option<&[f32]>, y: &mut [f32]) {
                kernels.for_width(y.len()).run(ValueOp { f: self, x, y });
            }
            fn single_grad(self, kernels: F32Kernels, at: &[f32], dy: &mut [f32]) {
                kernels.run(SlopeOp { f: self, at, dy });
            }
            #[inline]
            fn double(self, x: Option<&[f64]>, y: &mut [f64]) {
                plain_values(self, x, y);
            }
            #[inline]
            fn double_grad(self, at: &[f64], dy: &mut [f64]) {
                plain_slopes(self, at, dy);
            }
        }
    )* };
}
functions! {
    Relu true, Tanh true, Sigmoid true, Clamp true, Leaky true, Elu true, Softsign true,
    LogSigmoid true, HardSigmoid true, Gelu false, GeluTanh false, Silu false, Mish false,
    Softplus false, HardSwish false,
}

struct ValueOp<'a, F> {
    f: F,
    x: Option<&'a [f32]>,
    y: &'a mut [f32],
}

impl<F: Formula> Op for ValueOp<'_, F> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let ValueOp { f, x, y } = self;
        let len = y.len();
        let y = y.as_mut_ptr();
        let x = match x {
            Some(x) => {
                check_same("function", x.len(), len);
                x.as_ptr()
            }
            None => y,
        };

        each(
            s,
            len,
            #[inline(always)]
            |i, n| {
                // SAFETY: `each` gives i + n <= len, the length of both.
                unsafe {
                    s.put(
                        y.add(i),
                        s.flush_denormal(f.value(s, s.get(x.add(i), n))),
                        n,
                    )
                }
            },
        );
    }
}

struct SlopeOp<'a, F> {
    f: F,
    at: &'a [f32],
    dy: &'a mut [f32],
}

impl<F: Formula> Op for SlopeOp<'_, F> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let SlopeOp { f, at, dy } = self;
        check_same("function_grad", at.len(), dy.len());
        zip(
            s,
            at,
            dy,
            #[inline(always)]
            |at, dy| s.flush_denormal(f.slope(s, at, dy)),
        );
    }
}

fn plain_values<F: Formula, T: Real>(f: F, x: Option<&[T]>, y: &mut [T]) {
    if let Some(x) = x {
        check_same("function", x.len(), y.len());
        y.copy_from_slice(x);
    }
    y.iter_mut()
        .for_each(|y| *y = plain_flush_denormal(f.plain_value(*y)));
}

fn plain_slopes<F: Formula, T: Real>(f: F, at: &[T], dy: &mut [T]) {
    check_same("function_grad", at.len(), dy.len());
    for (&at, dy) in at.iter().zip(dy) {
        *dy = plain_flush_denormal(f.plain_slope(at, *dy));
    }
}

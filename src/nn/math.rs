//! Functions of single numbers that are no activations: what formulas are made of.

use core::f64::consts::FRAC_2_SQRT_PI;

use crate::kernels::Kernels;
use crate::memory::{flatten, flatten_mut};
use crate::network::{
    BackwardInput, Configuration, Forward, Infer, Inferred, Layer, Reach, ShapeRule, Train,
};
#[cfg(feature = "onnx-export")]
use crate::nn::export::{self, Export, Exported};
use crate::params::FeatureOrder;
use crate::tensor::{Element, Shape, double};

/// Makes a layer from a function and its derivative, which are given `x` and the configuration, and
/// from the further operands of the operator in ONNX.
macro_rules! function {
    ($name:ident, $config:ty, |$x:ident, $c:ident| $function:expr, $derivative:expr, $operands:expr) => {
        impl<In: Shape> ShapeRule<In> for $name {
            const OUTPUT: Inferred = Inferred::shape(In::DIMS);
            const REACH: Reach = Reach::POSITION;
        }

        impl<T: Element> Layer<T> for $name {
            type Config = $config;
            type Params = ();
        }

        impl<In: Shape, Out: Shape, T: Element> Infer<In, Out, T> for $name {
            const ORDER: FeatureOrder = FeatureOrder::Keeps;

            #[cfg(feature = "onnx-export")]
            fn export($c: &$config, _: &(), call: Export<'_>) -> Exported {
                export::elementwise::function(call, stringify!($name), &$operands)
            }

            fn forward(call: Forward<'_, Self, In, Out, T>) {
                let Forward {
                    config: $c,
                    x,
                    y,
                    cx,
                    ..
                } = call;
                let y = flatten_mut(y);
                for (&$x, y) in flatten(x).iter().zip(&mut *y) {
                    *y = $function;
                }
                cx.kernels.flush_denormals(y);
            }
        }

        impl<In: Shape, Out: Shape, T: Element> Train<In, Out, T> for $name {
            const READS_OUTPUT: bool = false;

            fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
                let BackwardInput {
                    config: $c,
                    x,
                    dy,
                    dx,
                    cx,
                    ..
                } = call;
                let Some(dx) = dx else { return };
                let dx = flatten_mut(dx);
                for ((&$x, &dy), dx) in flatten(x).iter().zip(flatten(dy)).zip(&mut *dx) {
                    *dx = dy * $derivative;
                }
                cx.kernels.flush_denormals(dx);
            }
        }
    };
}

/// Makes layers without arguments.
macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident: |$x:ident| $function:expr, $derivative:expr;)*) => { $(
        $(#[$doc])*
        pub struct $name;

        function!($name, (), |$x, _config| $function, $derivative, []);
    )* };
}
functions! {
    /// The exponential function, element by element. PyTorch's `torch.exp`.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Net: [2] -> [2] { Exp } }
    /// let y = Net::zeros().forward(&Tensor1::from([0.0, 1.0]));
    /// assert!((y[0] - 1.0).abs() < 1e-6 && (y[1] - 1_f32.exp()).abs() < 1e-6);
    /// ```
    Exp: |x| x.exp(), x.exp();
    /// The natural logarithm, element by element: minus infinity at 0, and NaN below. PyTorch's
    /// `torch.log`.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Net: [2] -> [2] { Exp, Log } }
    /// let y = Net::zeros().forward(&Tensor1::from([0.5, -2.0]));
    /// assert!((y[0] - 0.5).abs() < 1e-6 && (y[1] + 2.0).abs() < 1e-6);
    /// ```
    Log: |x| x.ln(), x.recip();
    /// The square root, element by element; NaN below 0. PyTorch's `torch.sqrt`.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Net: [2] -> [2] { Sqrt } }
    /// let y = Net::zeros().forward(&Tensor1::from([4.0, 0.0]));
    /// assert_eq!(y, Tensor1::from([2.0, 0.0]));
    /// ```
    Sqrt: |x| x.sqrt(), half::<T>() / x.sqrt();
    /// The absolute value, element by element. PyTorch's `torch.abs`, whose gradient at 0 is 0.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Net: [2] -> [2] { Abs } }
    /// let y = Net::zeros().forward(&Tensor1::from([4.0, -3.0]));
    /// assert_eq!(y, Tensor1::from([4.0, 3.0]));
    /// ```
    Abs: |x| x.abs(), if x == T::zero() { T::zero() } else { x.signum() };
    /// The error function, element by element. PyTorch's `torch.erf`. The activation that is made of
    /// it is [`Gelu`](super::Gelu).
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Net: [2] -> [2] { Erf } }
    /// let y = Net::zeros().forward(&Tensor1::from([0.0, 1.0]));
    /// assert!(y[0] == 0.0 && (y[1] - 0.842_700_8).abs() < 1e-6);
    /// ```
    Erf: |x| T::from_f64_lossy(libm::erf(double(x))),
        T::from_f64_lossy(FRAC_2_SQRT_PI) * (-x * x).exp();
    /// The sine of radians, element by element. PyTorch's `torch.sin`.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Net: [2] -> [2] { Sin } }
    /// let y = Net::zeros().forward(&Tensor1::from([0.0, 1.0]));
    /// assert!(y[0] == 0.0 && (y[1] - 1_f32.sin()).abs() < 1e-6);
    /// ```
    Sin: |x| x.sin(), x.cos();
    /// The cosine of radians, element by element. PyTorch's `torch.cos`.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Net: [2] -> [2] { Cos } }
    /// let y = Net::zeros().forward(&Tensor1::from([0.0, 1.0]));
    /// assert!(y[0] == 1.0 && (y[1] - 1_f32.cos()).abs() < 1e-6);
    /// ```
    Cos: |x| x.cos(), -x.sin();
    /// The largest whole number that is not above, element by element. PyTorch's `torch.floor`; its
    /// gradient is 0.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Net: [2] -> [2] { Floor } }
    /// let y = Net::zeros().forward(&Tensor1::from([1.5, -1.5]));
    /// assert_eq!(y, Tensor1::from([1.0, -2.0]));
    /// ```
    Floor: |x| x.floor(), zero_of(x);
}

/// Returns 0, whatever the number is.
fn zero_of<T: Element>(_: T) -> T {
    T::zero()
}

/// Returns one half.
fn half<T: Element>() -> T {
    T::from_f64_lossy(0.5)
}

/// A power of each element with a fixed exponent: `x^exponent`. PyTorch's `torch.pow(x, exponent)`.
///
/// Whole exponents are products, so that they have all signs. A negative number to another power is
/// NaN.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Net: [2] -> [2] { Pow(3.0) } }
/// let y = Net::zeros().forward(&Tensor1::from([2.0, -1.0]));
/// assert_eq!(y, Tensor1::from([8.0, -1.0]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pow {
    exponent: f64,
}

/// Returns a [`struct@Pow`] layer with this exponent.
///
/// # Panics
/// Panics if the exponent is not finite.
#[allow(non_snake_case)]
#[track_caller]
pub const fn Pow(exponent: f64) -> Pow {
    assert!(exponent.is_finite(), "the exponent of `Pow` is finite");
    Pow { exponent }
}

impl Configuration for Pow {
    const DEFAULT: Self = Pow(2.0);
}

/// The largest whole exponent, up to which a power is a product.
const LARGEST_PRODUCT: f64 = 16.0;

/// Returns a power.
#[inline(always)]
fn power<T: Element>(x: T, exponent: f64) -> T {
    if exponent == 2.0 {
        x * x
    } else if exponent.abs() <= LARGEST_PRODUCT && exponent as i32 as f64 == exponent {
        x.powi(exponent as i32)
    } else {
        x.powf(T::from_f64_lossy(exponent))
    }
}

function!(
    Pow,
    Pow,
    |x, config| power(x, config.exponent),
    T::from_f64_lossy(config.exponent) * power(x, config.exponent - 1.0),
    [config.exponent]
);

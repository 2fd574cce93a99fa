//! Activations with arguments, element by element.

use super::elementwise::elementwise;
use crate::kernels::{Function, Kernels, function};
use crate::memory::{flatten, flatten_mut};
use crate::network::{
    BackwardInPlace, BackwardInput, Configuration, Flow, Forward, ForwardInPlace, Infer, Inferred,
    Layer, OutputKind, Reach, ShapeRule, Train,
};
use crate::params::FeatureOrder;
use crate::tensor::{Element, Shape};

/// The leaky rectifier: `x`, or `negative_slope * x` where `x` is not above 0. `LeakyRelu` alone is
/// `LeakyRelu(0.01)`. PyTorch's `nn.LeakyReLU`.
///
/// The slope is finite and not negative, as with PyTorch's `inplace=True`: the layer works in
/// place, and its derivative is computed from its output.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Net: [2] -> [2] { LeakyRelu(0.2) } }
/// let y = Net::zeros().forward(&Tensor1::from([-1.0, 2.0]));
/// assert!(
///     (y - Tensor1::from([-0.2, 2.0]))
///         .iter()
///         .all(|off| off.abs() < 1e-6)
/// );
/// ```
///
/// A slope that is negative or not finite is a compile error:
///
/// ```compile_fail
/// use shapewright::prelude::*;
/// network! { struct Wrong: [2] -> [2] { LeakyRelu(-0.2) } }
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LeakyRelu {
    negative_slope: f64,
}

/// Returns a [`struct@LeakyRelu`] layer with this slope for negative numbers.
///
/// # Panics
/// Panics if the slope is negative or not finite.
#[allow(non_snake_case)]
#[track_caller]
pub const fn LeakyRelu(negative_slope: f64) -> LeakyRelu {
    assert!(
        negative_slope >= 0.0 && negative_slope.is_finite(),
        "the slope of `LeakyRelu` is a finite number, 0 or more"
    );
    LeakyRelu { negative_slope }
}

impl Configuration for LeakyRelu {
    const DEFAULT: Self = LeakyRelu(0.01);
}

elementwise!(
    LeakyRelu,
    LeakyRelu,
    function::Leaky,
    |config| function::Leaky {
        slope: config.negative_slope
    },
    OutputKind::Values
);

/// The exponential linear unit: `x`, or `alpha * (exp(x) - 1)` where `x` is not above 0. `Elu`
/// alone is `Elu(1.0)`. PyTorch's `nn.ELU`; Clevert et al., 2015.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Net: [2] -> [2] { Elu(0.5) } }
/// let y = Net::zeros().forward(&Tensor1::from([-1.0, 2.0]));
/// assert!(
///     (y - Tensor1::from([-0.316_06, 2.0]))
///         .iter()
///         .all(|off| off.abs() < 1e-6)
/// );
/// ```
///
/// A negative or infinite `alpha` is a compile error:
///
/// ```compile_fail
/// use shapewright::prelude::*;
/// network! { struct Wrong: [2] -> [2] { Elu(-1.0) } }
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Elu {
    alpha: f64,
}

/// Returns an [`struct@Elu`] layer with this `alpha`.
///
/// # Panics
/// Panics if `alpha` is negative or not finite.
#[allow(non_snake_case)]
#[track_caller]
pub const fn Elu(alpha: f64) -> Elu {
    assert!(
        alpha >= 0.0 && alpha.is_finite(),
        "the alpha of `Elu` is a finite number, 0 or more"
    );
    Elu { alpha }
}

impl Configuration for Elu {
    const DEFAULT: Self = Elu(1.0);
}

elementwise!(
    Elu,
    Elu,
    function::Elu,
    |config| function::Elu {
        above: 1.0,
        below: config.alpha,
        rate: 1.0
    },
    OutputKind::Values
);

/// The continuously differentiable exponential linear unit: `x`, or `alpha * (exp(x / alpha) - 1)`
/// where `x` is not above 0. `Celu` alone is `Celu(1.0)`. PyTorch's `nn.CELU`; Barron, 2017.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Net: [2] -> [2] { Celu(0.5) } }
/// let y = Net::zeros().forward(&Tensor1::from([-1.0, 2.0]));
/// assert!(
///     (y - Tensor1::from([-0.432_332, 2.0]))
///         .iter()
///         .all(|off| off.abs() < 1e-6)
/// );
/// ```
///
/// An `alpha` that is not above 0 is a compile error:
///
/// ```compile_fail
/// use shapewright::prelude::*;
/// network! { struct Wrong: [2] -> [2] { Celu(0.0) } }
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Celu {
    alpha: f64,
}

/// Returns a [`struct@Celu`] layer with this `alpha`.
///
/// # Panics
/// Panics if `alpha` is not above 0 or not finite.
#[allow(non_snake_case)]
#[track_caller]
pub const fn Celu(alpha: f64) -> Celu {
    assert!(
        alpha > 0.0 && alpha.is_finite(),
        "the alpha of `Celu` is a finite number above 0"
    );
    Celu { alpha }
}

impl Configuration for Celu {
    const DEFAULT: Self = Celu(1.0);
}

elementwise!(
    Celu,
    Celu,
    function::Elu,
    |config| function::Elu {
        above: 1.0,
        below: config.alpha,
        rate: 1.0 / config.alpha
    },
    OutputKind::Values
);

/// A smooth rectifier: `ln(1 + exp(beta * x)) / beta`, or `x` where `beta * x` is above the
/// threshold. `Softplus` alone is `Softplus(1.0, 20.0)`. PyTorch's `nn.Softplus`.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Net: [2] -> [2] { Softplus(2.0, 20.0) } }
/// let y = Net::zeros().forward(&Tensor1::from([-1.0, 2.0]));
/// assert!(
///     (y - Tensor1::from([0.063_464, 2.009_075]))
///         .iter()
///         .all(|off| off.abs() < 1e-6)
/// );
/// ```
///
/// A `beta` that is not above 0, or a negative threshold, is a compile error:
///
/// ```compile_fail
/// use shapewright::prelude::*;
/// network! { struct Wrong: [2] -> [2] { Softplus(0.0, 20.0) } }
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Softplus {
    beta: f64,
    threshold: f64,
}

/// Returns a [`struct@Softplus`] layer with this `beta` and `threshold`.
///
/// # Panics
/// Panics if `beta` is not above 0 or not finite, or if the threshold is negative or NaN.
#[allow(non_snake_case)]
#[track_caller]
pub const fn Softplus(beta: f64, threshold: f64) -> Softplus {
    assert!(
        beta > 0.0 && beta.is_finite() && threshold >= 0.0,
        "the beta of `Softplus` is a finite number above 0, and its threshold is 0 or more"
    );
    Softplus { beta, threshold }
}

impl Configuration for Softplus {
    const DEFAULT: Self = Softplus(1.0, 20.0);
}

elementwise!(
    Softplus,
    Softplus,
    function::Softplus,
    |config| function::Softplus {
        beta: config.beta,
        threshold: config.threshold
    },
    OutputKind::Values
);

/// A piecewise linear hyperbolic tangent: `x`, limited to the range from `min` to `max`. `HardTanh`
/// alone is `HardTanh(-1.0, 1.0)`. PyTorch's `nn.Hardtanh`.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Net: [2] -> [2] { HardTanh(-2.0, 0.5) } }
/// let y = Net::zeros().forward(&Tensor1::from([-1.0, 2.0]));
/// assert!(
///     (y - Tensor1::from([-1.0, 0.5]))
///         .iter()
///         .all(|off| off.abs() < 1e-6)
/// );
/// ```
///
/// A `min` that is not below `max` is a compile error:
///
/// ```compile_fail
/// use shapewright::prelude::*;
/// network! { struct Wrong: [2] -> [2] { HardTanh(1.0, -1.0) } }
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HardTanh {
    min: f64,
    max: f64,
}

/// Returns a [`struct@HardTanh`] layer with these limits.
///
/// # Panics
/// Panics if `min` is not below `max`, or one of them is NaN.
#[allow(non_snake_case)]
#[track_caller]
pub const fn HardTanh(min: f64, max: f64) -> HardTanh {
    assert!(min < max, "the min of `HardTanh` lies below its max");
    HardTanh { min, max }
}

impl Configuration for HardTanh {
    const DEFAULT: Self = HardTanh(-1.0, 1.0);
}

elementwise!(
    HardTanh,
    HardTanh,
    function::Clamp,
    |config| function::Clamp {
        min: config.min,
        max: config.max
    },
    OutputKind::Values
);

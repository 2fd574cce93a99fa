//! Activations without arguments, element by element.

use super::elementwise::elementwise;
use crate::kernels::{Function, Kernels, function};
use crate::memory::{flatten, flatten_mut};
use crate::network::{
    BackwardInPlace, BackwardInput, Flow, Forward, ForwardInPlace, InPlace, Infer, Inferred, Layer,
    OutputKind, Reach, ReluFusion, ShapeRule, Train, relu, relu_grad,
};
#[cfg(feature = "onnx-export")]
use crate::nn::export::{self, Export, Exported};
use crate::params::FeatureOrder;
use crate::tensor::{Element, Shape};

/// The rectified linear unit `max(0, x)`. PyTorch's `nn.ReLU`.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Positive: [3] -> [3] { Relu } }
/// let y = Positive::zeros().forward(&Tensor1::from([-1.0, 0.0, 2.0]));
/// assert_eq!(y, Tensor1::from([0.0, 0.0, 2.0]));
/// ```
pub struct Relu;

impl<In: Shape> ShapeRule<In> for Relu {
    const OUTPUT: Inferred = Inferred::shape(In::DIMS);
    const REACH: Reach = Reach::POSITION;
}

impl InPlace for Relu {
    type Config = ();
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    const READS_OUTPUT: bool = true;
    const RELU_FUSION: ReluFusion = ReluFusion::IsRelu;

    #[cfg(feature = "onnx-export")]
    fn export_in_place(_: &(), call: Export<'_>) -> Exported {
        export::simple::operator(call, "Relu")
    }

    #[inline(always)]
    fn forward_in_place<S: Shape, T: Element>(call: ForwardInPlace<'_, (), S, T>) {
        let ForwardInPlace { y, cx, .. } = call;
        relu(flatten_mut(y), cx);
    }

    #[inline(always)]
    fn backward_in_place<S: Shape, T: Element>(call: BackwardInPlace<'_, (), S, T>) {
        let BackwardInPlace { y, dy, cx, .. } = call;
        relu_grad(flatten(&y), flatten_mut(dy), cx);
    }
}

/// The constants of PyTorch, with the digits that the paper's authors give: 1.67326.. and 1.05070..
const SELU: function::Elu = {
    let alpha = 1.673_263_242_354_377_2;
    let scale = 1.050_700_987_355_480_5;
    function::Elu {
        above: scale,
        below: scale * alpha,
        rate: 1.0,
    }
};

/// Makes layers from kernel functions and the kind of their outputs.
macro_rules! activations {
    ($($(#[$doc:meta])* $name:ident, $function:ty: $make:expr, $kind:ident;)*) => { $(
        $(#[$doc])*
        pub struct $name;

        elementwise!($name, (), $function, |_config| $make, OutputKind::$kind);
    )* };
}
activations! {
    /// The rectified linear unit, limited to 6: `min(max(0, x), 6)`. PyTorch's `nn.ReLU6`.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Net: [2] -> [2] { Relu6 } }
    /// let y = Net::zeros().forward(&Tensor1::from([-1.0, 8.0]));
    /// assert!((y - Tensor1::from([0.0, 6.0])).iter().all(|off| off.abs() < 1e-6));
    /// ```
    Relu6, function::Clamp: function::Clamp { min: 0.0, max: 6.0 }, Values;
    /// The hyperbolic tangent. PyTorch's `nn.Tanh`.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Net: [2] -> [2] { Tanh } }
    /// let y = Net::zeros().forward(&Tensor1::from([0.0, 1.0]));
    /// assert!((y - Tensor1::from([0.0, 0.761_594])).iter().all(|off| off.abs() < 1e-6));
    /// ```
    Tanh, function::Tanh: function::Tanh, Values;
    /// The logistic function `1 / (1 + exp(-x))`. PyTorch's `nn.Sigmoid`.
    ///
    /// Before [`BceWithLogits`](struct@crate::loss::BceWithLogits), which applies it itself, it is a
    /// compile error.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Net: [2] -> [2] { Sigmoid } }
    /// let y = Net::zeros().forward(&Tensor1::from([0.0, 2.0]));
    /// assert!((y - Tensor1::from([0.5, 0.880_797])).iter().all(|off| off.abs() < 1e-6));
    /// ```
    Sigmoid, function::Sigmoid: function::Sigmoid, Sigmoid;
    /// The logarithm of [`Sigmoid`], `ln(1 / (1 + exp(-x)))`. PyTorch's `nn.LogSigmoid`.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Net: [2] -> [2] { LogSigmoid } }
    /// let y = Net::zeros().forward(&Tensor1::from([0.0, 2.0]));
    /// assert!((y - Tensor1::from([-0.693_147, -0.126_928])).iter().all(|off| off.abs() < 1e-6));
    /// ```
    LogSigmoid, function::LogSigmoid: function::LogSigmoid, Values;
    /// A piecewise linear sigmoid: `(x + 3) / 6`, limited to the range from 0 to 1. PyTorch's
    /// `nn.Hardsigmoid`.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Net: [2] -> [2] { HardSigmoid } }
    /// let y = Net::zeros().forward(&Tensor1::from([0.0, 2.0]));
    /// assert!((y - Tensor1::from([0.5, 0.833_333])).iter().all(|off| off.abs() < 1e-6));
    /// ```
    HardSigmoid, function::HardSigmoid: function::HardSigmoid, Values;
    /// The softsign `x / (1 + |x|)`. PyTorch's `nn.Softsign`.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Net: [2] -> [2] { Softsign } }
    /// let y = Net::zeros().forward(&Tensor1::from([-1.0, 3.0]));
    /// assert!((y - Tensor1::from([-0.5, 0.75])).iter().all(|off| off.abs() < 1e-6));
    /// ```
    Softsign, function::Softsign: function::Softsign, Values;
    /// The scaled exponential linear unit: `scale * x`, or `scale * alpha * (exp(x) - 1)` where `x`
    /// is not above 0, with constants that keep mean 0 and variance 1 from layer to layer.
    /// PyTorch's `nn.SELU`; Klambauer et al., 2017.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Net: [2] -> [2] { Selu } }
    /// let y = Net::zeros().forward(&Tensor1::from([-1.0, 2.0]));
    /// assert!((y - Tensor1::from([-1.111_331, 2.101_402])).iter().all(|off| off.abs() < 1e-6));
    /// ```
    Selu, function::Elu: SELU, Values;
    /// The Gaussian error linear unit `x Φ(x)`, exact, with the error function. PyTorch's
    /// `nn.GELU`; Hendrycks and Gimpel, 2016.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Net: [2] -> [2] { Gelu } }
    /// let y = Net::zeros().forward(&Tensor1::from([0.0, 1.0]));
    /// assert!((y - Tensor1::from([0.0, 0.841_345])).iter().all(|off| off.abs() < 1e-6));
    /// ```
    Gelu, function::Gelu: function::Gelu, Values;
    /// The approximation of [`Gelu`] by the hyperbolic tangent,
    /// `x (1 + tanh(sqrt(2 / π) (x + 0.044715 x³))) / 2`. PyTorch's `nn.GELU(approximate="tanh")`.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Net: [2] -> [2] { GeluTanh } }
    /// let y = Net::zeros().forward(&Tensor1::from([0.0, 1.0]));
    /// assert!((y - Tensor1::from([0.0, 0.841_192])).iter().all(|off| off.abs() < 1e-6));
    /// ```
    GeluTanh, function::GeluTanh: function::GeluTanh, Values;
    /// The sigmoid linear unit `x / (1 + exp(-x))`, also called swish. PyTorch's `nn.SiLU`; Elfwing
    /// et al., 2017.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Net: [2] -> [2] { Silu } }
    /// let y = Net::zeros().forward(&Tensor1::from([0.0, 2.0]));
    /// assert!((y - Tensor1::from([0.0, 1.761_594])).iter().all(|off| off.abs() < 1e-6));
    /// ```
    #[doc(alias = "Swish")]
    Silu, function::Silu: function::Silu, Values;
    /// The activation `x tanh(ln(1 + exp(x)))`. PyTorch's `nn.Mish`; Misra, 2019.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Net: [2] -> [2] { Mish } }
    /// let y = Net::zeros().forward(&Tensor1::from([0.0, 2.0]));
    /// assert!((y - Tensor1::from([0.0, 1.943_959])).iter().all(|off| off.abs() < 1e-6));
    /// ```
    Mish, function::Mish: function::Mish, Values;
    /// The piecewise swish: `x` times [`HardSigmoid`] of `x`. PyTorch's `nn.Hardswish`; Howard et
    /// al., 2019.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Net: [2] -> [2] { HardSwish } }
    /// let y = Net::zeros().forward(&Tensor1::from([0.0, 2.0]));
    /// assert!((y - Tensor1::from([0.0, 1.666_667])).iter().all(|off| off.abs() < 1e-6));
    /// ```
    HardSwish, function::HardSwish: function::HardSwish, Values;
}

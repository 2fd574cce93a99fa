//! The softmax over the last axis, and its logarithm.

use super::rule::last_size;
use crate::kernels::Kernels;
use crate::memory::{flatten, flatten_mut};
use crate::network::{
    BackwardInPlace, ForwardInPlace, InPlace, Inferred, OutputKind, Reach, Sentence, ShapeRule,
};
#[cfg(feature = "onnx-export")]
use crate::nn::export::{self, Export, Exported};
use crate::params::FeatureOrder;
use crate::tensor::{Element, Shape};

/// Probabilities: `exp(x)` divided by its sum along the last axis. PyTorch's `nn.Softmax(dim=-1)`,
/// except that outputs below 1.3e-29 of the largest one are 0 (`2^-96`; `2^-992` in `f64`).
///
/// Before [`CrossEntropy`](struct@crate::loss::CrossEntropy), which applies it itself, it is a
/// compile error.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Probabilities: [2] -> [2] { Softmax } }
/// let y = Probabilities::zeros().forward(&Tensor1::from([1.0, 1.0]));
/// assert_eq!(y, Tensor1::from([0.5, 0.5]));
/// ```
pub struct Softmax;

/// The logarithm of [`Softmax`], `x - ln(sum of exp(x))` along the last axis. PyTorch's
/// `nn.LogSoftmax(dim=-1)`.
///
/// [`Nll`](struct@crate::loss::Nll) and [`KlDiv`](struct@crate::loss::KlDiv) expect it. Losses that
/// apply it themselves accept it too, as it leaves its own outputs unchanged.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct LogProbabilities: [2] -> [2] { LogSoftmax } }
/// let y = LogProbabilities::zeros().forward(&Tensor1::from([1.0, 1.0]));
/// assert!(y.iter().all(|&y| (y + 2.0_f32.ln()).abs() < 1e-6));
/// ```
pub struct LogSoftmax;

/// Implements a layer by kernels over the last axis.
macro_rules! over_last_axis {
    ($name:ident, $kind:expr, $forward:ident, $backward:ident) => {
        impl<In: Shape> ShapeRule<In> for $name {
            const OUTPUT: Inferred = if In::DIMS.last().is_some() || In::DIMS.is_unknown() {
                Inferred::shape(In::DIMS)
            } else {
                let way_out =
                    Sentence::new("; it sums over the last axis of one tensor, and there is none");
                Inferred::mismatch(Sentence::new("[.., _]"), way_out, In::DIMS)
            };
            const REACH: Reach = Reach::FEATURES;
        }

        impl InPlace for $name {
            type Config = ();
            const ORDER: FeatureOrder = FeatureOrder::Mixes;
            const READS_OUTPUT: bool = true;
            const OUTPUT_KIND: OutputKind = $kind;

            #[cfg(feature = "onnx-export")]
            fn export_in_place(_: &(), call: Export<'_>) -> Exported {
                export::simple::over_last_axis(call, stringify!($name))
            }

            #[inline(always)]
            fn forward_in_place<S: Shape, T: Element>(call: ForwardInPlace<'_, (), S, T>) {
                let ForwardInPlace { y, cx, .. } = call;
                cx.kernels.$forward(last_size(S::DIMS), flatten_mut(y));
            }

            #[inline(always)]
            fn backward_in_place<S: Shape, T: Element>(call: BackwardInPlace<'_, (), S, T>) {
                let BackwardInPlace { y, dy, cx, .. } = call;
                cx.kernels
                    .$backward(last_size(S::DIMS), flatten(&y), flatten_mut(dy));
            }
        }
    };
}
over_last_axis!(Softmax, OutputKind::Softmax, softmax, softmax_grad);
over_last_axis!(
    LogSoftmax,
    OutputKind::LogSoftmax,
    log_softmax,
    log_softmax_grad
);

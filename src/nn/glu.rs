//! The gated linear unit.

use super::rule::{halved, last_size};
use crate::kernels::Kernels;
use crate::memory::{flatten, flatten_mut};
use crate::network::{BackwardInput, Forward, Infer, Inferred, Layer, Reach, ShapeRule, Train};
#[cfg(feature = "onnx-export")]
use crate::nn::export::{self, Export, Exported};
use crate::params::FeatureOrder;
use crate::tensor::{Element, Shape};

/// The gated linear unit `a sigmoid(b)`, where `a` is the first half of the last axis and `b` the
/// second: `[.., 2 n]` becomes `[.., n]`. A last axis of odd size is a compile error.
///
/// PyTorch's `nn.GLU(dim=-1)`; Dauphin et al., 2016.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Gated: [4] -> [2] { Glu } }
/// let y = Gated::zeros().forward(&Tensor1::from([1.0, 2.0, 0.0, 100.0]));
/// assert_eq!(y, Tensor1::from([0.5, 2.0]));
/// ```
pub struct Glu;

impl<In: Shape> ShapeRule<In> for Glu {
    const OUTPUT: Inferred = halved(In::DIMS);
    const REACH: Reach = Reach::FEATURES;
}

impl<T: Element> Layer<T> for Glu {
    type Config = ();
    type Params = ();
}

impl<In: Shape, Out: Shape, T: Element> Infer<In, Out, T> for Glu {
    /// The order decides which features are the first half.
    const ORDER: FeatureOrder = FeatureOrder::Depends;

    #[cfg(feature = "onnx-export")]
    fn export(_: &(), _: &(), call: Export<'_>) -> Exported {
        export::simple::glu(call)
    }

    #[inline(always)]
    fn forward(call: Forward<'_, Self, In, Out, T>) {
        let Forward { x, y, cx, .. } = call;
        let half = last_size(Out::DIMS);
        cx.kernels.glu(half, flatten(x), flatten_mut(y));
    }
}

impl<In: Shape, Out: Shape, T: Element> Train<In, Out, T> for Glu {
    const READS_OUTPUT: bool = false;

    #[inline(always)]
    fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
        let BackwardInput { x, dy, dx, cx, .. } = call;
        let Some(dx) = dx else { return };
        let half = last_size(Out::DIMS);
        cx.kernels
            .glu_grad(half, flatten(x), flatten(dy), flatten_mut(dx));
    }
}

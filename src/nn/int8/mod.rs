//! Layers with 8-bit weights and 8-bit inputs.

#[cfg(feature = "std")]
mod calibration;
mod compute;
mod fake_quantize;
mod network;
mod params;

#[cfg(feature = "std")]
pub use calibration::{Calibration, QuantizeError, QuantizeErrorKind};
pub(in crate::nn) use compute::{HasInt8, Int8Passes, Int8Sizes};
pub use fake_quantize::{FakeQuantize, FakeQuantizeParams};
pub use network::*;
#[cfg(feature = "onnx-export")]
pub(in crate::nn) use params::Int8View;
pub use params::{Int8Conv1dParams, Int8Conv2dParams, Int8EmbeddingParams, Int8LinearParams};
pub(in crate::nn) use params::{QuantizeFrom, quantize_rows};

use core::marker::PhantomData;

use crate::memory::{flatten, flatten_mut};
use crate::network::{
    Batching, Forward, Infer, Inferred, Layer, Needs, Reach, ReluFusion, ShapeRule,
};
#[cfg(feature = "onnx-export")]
use crate::nn::export::{Export, Exported};
use crate::params::FeatureOrder;
use crate::tensor::Shape;

/// A layer with 8-bit weights that computes on 8-bit inputs, for inference: a
/// [`Linear`](super::Linear), [`Conv1d`](super::Conv1d) or [`Conv2d`](super::Conv2d), with any of
/// their options, or an [`Embedding`](super::Embedding).
///
/// In a network: `Int8<Linear<_, 128>>` or `Int8<Conv2d<_, 64, 3, Pad<1>>>`. Mostly the attribute
/// `#[quantized(..)]` writes them: see [`Quantizable`]. A network with such layers has no backward
/// pass; [`FakeQuantize`] is the layer for training.
///
/// - **Inputs** are quantized with one scale for all of them, `round(x / input_scale)` half to even,
///   and limited to the range of a `u8` with the zero point `input_zero_point`. NaN becomes the
///   lowest number.
/// - **Weights** are `i8` from -127 to 127, with a scale for each output.
/// - **Sums** are whole numbers in 32 bits without rounding, and outputs are
///   `sum * (input_scale * weight_scale) + bias` in `f32`, each operation rounded on its own. Every
///   processor gives the same bits, and so does every size of a batch. A sum has at most 65,536
///   terms; more are a compile error.
/// - **Outputs** are numbers of `f32`, like those of every layer.
/// - **An embedding** has a scale for each row, and gives `weight * weight_scale`. Its inputs are
///   indices, as before.
///
/// This is what ONNX's `QuantizeLinear` and `DequantizeLinear` mean, which `to_onnx` writes. Weight
/// files have the parameters as `weight` (of
/// `I8`), `weight_scale`, `bias`, `input_scale` and `input_zero_point` (of `U8`).
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Net: [3] -> [2] { fc: Int8<Linear<_, 2>> } }
/// let mut net = Net::zeros();
/// net.fc.weight = Tensor2::from([[1, 2, 3], [-4, 0, 127]]).into();
/// net.fc.weight_scale = [0.5, 0.1];
/// net.fc.bias = [1.0, 0.0];
/// net.fc.input_scale = 0.25;
/// net.fc.input_zero_point = Tensor0::from(8).into();
///
/// // The inputs are 1, -2 and 8 times 0.25; 0.3 and -0.45 are rounded.
/// let y = net.forward(&Tensor1::from([0.3, -0.45, 2.0]));
/// assert_eq!(y, Tensor1::from([(1 - 4 + 24) as f32 * (0.25 * 0.5) + 1.0, 1012.0 * (0.25 * 0.1)]));
/// ```
pub struct Int8<L>(PhantomData<L>);

impl<In: Shape, L: HasInt8 + ShapeRule<In>> ShapeRule<In> for Int8<L> {
    const OUTPUT: Inferred = L::OUTPUT;
    const TAKES_INDICES: bool = L::TAKES_INDICES;
    const REACH: Reach = L::INT8_REACH;
}

impl<L: HasInt8> Layer<f32> for Int8<L> {
    type Config = ();
    type Params = L::Int8Params;
}

impl<In: Shape, Out: Shape, L> Infer<In, Out, f32> for Int8<L>
where
    L: Int8Passes<In, Out>,
{
    const ORDER: FeatureOrder = L::ORDER;
    const RELU_FUSION: ReluFusion = L::RELU_FUSION;
    const MULTIPLY_ADDS: usize = L::MULTIPLY_ADDS;
    const BATCHING: Batching = L::BATCHING;
    const NEEDS: Needs = L::INT8_NEEDS;

    #[cfg(feature = "onnx-export")]
    fn export(_: &(), params: &Self::Params, call: Export<'_>) -> Exported {
        L::int8_export(params, call)
    }

    fn forward(call: Forward<'_, Self, In, Out, f32>) {
        let Forward {
            params,
            x,
            y,
            thread_memory,
            cx,
            ..
        } = call;
        L::int8_forward(params, flatten(x), flatten_mut(y), thread_memory, cx);
    }
}

//! Layers whose outputs overwrite their inputs.

use super::call::{BackwardInPlace, BackwardInput, Forward, ForwardInPlace, ForwardTrain};
use super::infer::Infer;
use super::layer::{Configuration, Flow, Layer, OutputKind, ReluFusion};
use super::shape_rule::ShapeRule;
use super::train::Train;
#[cfg(feature = "onnx-export")]
use crate::export::{Export, Exported};
use crate::memory::{flatten, flatten_mut};
use crate::params::FeatureOrder;
use crate::sizes;
use crate::tensor::{Element, Shape};

/// A layer that works in place, as activations do: the output overwrites the input and has its
/// shape.
///
/// It has no parameters and no cache, and works on all shapes that its [`ShapeRule`] accepts. It
/// implements [`Layer`], and [`Infer`] and [`Train`] from each shape to the same shape.
///
/// ```
/// use shapewright::prelude::*;
/// use shapewright::ext::{
///     BackwardInPlace, FeatureOrder, ForwardInPlace, InPlace, Inferred, ShapeRule,
/// };
/// use shapewright::tensor::Element;
///
/// /// Doubles its input.
/// struct Double;
/// impl<In: Shape> ShapeRule<In> for Double {
///     const OUTPUT: Inferred = Inferred::shape(In::DIMS);
/// }
/// impl InPlace for Double {
///     type Config = ();
///     const ORDER: FeatureOrder = FeatureOrder::Keeps;
///     const READS_OUTPUT: bool = false;
///     fn forward_in_place<S: Shape, T: Element>(call: ForwardInPlace<'_, (), S, T>) {
///         call.y.iter_mut().for_each(|y| *y *= T::one() + T::one());
///     }
///     fn backward_in_place<S: Shape, T: Element>(call: BackwardInPlace<'_, (), S, T>) {
///         call.dy.iter_mut().for_each(|dy| *dy *= T::one() + T::one());
///     }
/// }
/// network! { struct Net: [2] -> [2] { Double, Double } }
/// assert_eq!(
///     Net::zeros().forward(&Tensor1::from([1.0, 3.0])),
///     Tensor1::from([4.0, 12.0])
/// );
/// ```
pub trait InPlace: 'static {
    /// The constructor arguments; `()` if there are none.
    type Config: Configuration;

    /// The effect on the order of features, which weight files store as PyTorch does.
    const ORDER: FeatureOrder;
    /// True if backward reads `y`, so that later layers must not overwrite it. If it is `false`,
    /// reading `y` in backward panics.
    const READS_OUTPUT: bool;
    /// The meaning of the outputs.
    const OUTPUT_KIND: OutputKind = OutputKind::Values;
    /// The role in the fusion of `Relu` with a neighbouring layer.
    #[doc(hidden)]
    const RELU_FUSION: ReluFusion = ReluFusion::None;
    /// The number of multiply-adds per element in a forward pass.
    const MULTIPLY_ADDS: usize = 0;

    /// Replaces the inputs by the outputs, for inference.
    fn forward_in_place<S: Shape, T: Element>(call: ForwardInPlace<'_, Self::Config, S, T>);

    /// Replaces the inputs by the outputs, for training. The default calls
    /// [`forward_in_place`](InPlace::forward_in_place).
    fn forward_train_in_place<S: Shape, T: Element>(call: ForwardInPlace<'_, Self::Config, S, T>) {
        Self::forward_in_place(call);
    }

    /// Replaces `dy`, the gradient with respect to the outputs `y`, by the gradient with respect to
    /// the inputs.
    fn backward_in_place<S: Shape, T: Element>(call: BackwardInPlace<'_, Self::Config, S, T>);

    /// Writes the layer into an ONNX graph; see [`Infer::export`](super::Infer::export).
    ///
    /// # Errors
    /// Returns an error if the layer can't be written.
    #[cfg(feature = "onnx-export")]
    fn export_in_place(config: &Self::Config, call: Export<'_>) -> Exported {
        let _ = config;
        Err(call.unsupported())
    }
}

#[diagnostic::do_not_recommend]
impl<T: Element, L: InPlace> Layer<T> for L {
    type Config = L::Config;
    type Params = ();
}

#[diagnostic::do_not_recommend]
impl<S: Shape, T: Element, L: InPlace + ShapeRule<S>> Infer<S, S, T> for L {
    const ORDER: FeatureOrder = L::ORDER;
    const FLOW: Flow = Flow::InPlace;
    const OUTPUT_KIND: OutputKind = L::OUTPUT_KIND;
    const RELU_FUSION: ReluFusion = L::RELU_FUSION;
    const MULTIPLY_ADDS: usize = sizes::product(&[S::LEN, L::MULTIPLY_ADDS]);

    fn forward(call: Forward<'_, Self, S, S, T>) {
        let Forward {
            config, x, y, cx, ..
        } = call;
        flatten_mut(y).copy_from_slice(flatten(x));
        L::forward_in_place(ForwardInPlace { config, y, cx });
    }

    #[inline(always)]
    fn infer_in_place(call: ForwardInPlace<'_, L::Config, S, T>) {
        L::forward_in_place(call);
    }

    #[cfg(feature = "onnx-export")]
    fn export(config: &L::Config, _: &(), call: Export<'_>) -> Exported {
        L::export_in_place(config, call)
    }
}

#[diagnostic::do_not_recommend]
impl<S: Shape, T: Element, L: InPlace + ShapeRule<S>> Train<S, S, T> for L {
    const READS_OUTPUT: bool = L::READS_OUTPUT;

    fn forward_train(call: ForwardTrain<'_, Self, S, S, T>) {
        let ForwardTrain {
            config, x, y, cx, ..
        } = call;
        flatten_mut(y).copy_from_slice(flatten(x));
        L::forward_train_in_place(ForwardInPlace { config, y, cx });
    }

    fn backward_input(call: BackwardInput<'_, Self, S, S, T>) {
        let BackwardInput {
            config,
            y,
            dy,
            dx,
            cx,
            ..
        } = call;
        L::backward_in_place(BackwardInPlace { config, y, dy, cx });
        if let Some(dx) = dx {
            flatten_mut(dx).copy_from_slice(flatten(dy));
        }
    }

    #[inline(always)]
    fn train_in_place(call: ForwardInPlace<'_, L::Config, S, T>) {
        L::forward_train_in_place(call);
    }

    #[inline(always)]
    fn return_in_place(call: BackwardInPlace<'_, L::Config, S, T>) {
        L::backward_in_place(call);
    }
}

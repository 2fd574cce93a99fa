//! The trait of a layer's computation for training.

use super::call::{
    BackwardInPlace, BackwardInput, BackwardParams, Forward, ForwardInPlace, ForwardTrain,
};
use super::infer::Infer;
use super::layer_input::LayerInput;
use super::needs::Needs;
use crate::params::Parameters;
use crate::tensor::{Element, Shape};

/// The computation of a layer for training: a forward pass that keeps what backward needs, and
/// backward.
///
/// A layer without this trait is for inference alone: a network with it computes, and training it
/// is a compile error.
///
/// ```compile_fail,E0277
/// use shapewright::prelude::*;
/// use shapewright::ext::{Forward, FeatureOrder, Infer, Inferred, Layer, ShapeRule};
/// use shapewright::tensor::Element;
///
/// /// Rounds to whole numbers.
/// struct Round;
/// impl<In: Shape> ShapeRule<In> for Round {
///     const OUTPUT: Inferred = Inferred::shape(In::DIMS);
/// }
/// impl<T: Element> Layer<T> for Round {
///     type Config = ();
///     type Params = ();
/// }
/// impl<S: Shape, T: Element> Infer<S, S, T> for Round {
///     const ORDER: FeatureOrder = FeatureOrder::Keeps;
///     fn forward(call: Forward<'_, Self, S, S, T>) {
///         call.x.iter().zip(call.y).for_each(|(x, y)| *y = x.map(|x| x.round()));
///     }
/// }
/// network! { struct Net: [2] -> [2] { Round } }
/// assert_eq!(Net::zeros().forward(&Tensor1::from([1.2, 2.7])), Tensor1::from([1.0, 3.0]));
/// let x = [Tensor1::zeros()];
/// Net::zeros().forward_train(&x, &mut Net::workspace()); // `Round` has no backward pass.
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no backward pass, so that networks with it can't be trained",
    label = "a layer of it is for inference alone: `{Self}`",
    note = "implement `shapewright::ext::Train<In, Out, {T}>` for `{Self}`, or train a network \
            without it"
)]
pub trait Train<In: LayerInput, Out: Shape, T: Element>: Infer<In, Out, T> {
    /// True if backward reads `y`, so that later layers must not overwrite it. If it is `false`,
    /// reading `y` in backward panics.
    const READS_OUTPUT: bool;
    /// True if `backward_params` overwrites the gradient, or adds to it if
    /// [`Context::accumulate`](super::Context::accumulate) says so. Other layers always add; the
    /// gradient is set to zero before the call if need be.
    const OVERWRITES: bool = false;
    /// The memory that training needs in addition to inputs, outputs and their gradients. Memory
    /// per sample is kept from forward until backward has read it.
    const TRAIN_NEEDS: Needs = Self::NEEDS.in_training();

    /// Computes the outputs for training, and keeps what backward needs. The default calls
    /// [`forward`](Infer::forward), for layers that keep nothing.
    #[inline(always)]
    fn forward_train(call: ForwardTrain<'_, Self, In, Out, T>) {
        const {
            assert!(
                Self::TRAIN_NEEDS.per_sample >= Self::NEEDS.per_sample
                    && Self::TRAIN_NEEDS.per_thread >= Self::NEEDS.per_thread_of_batch,
                "the `TRAIN_NEEDS` of a layer are smaller than its `NEEDS`, so that `forward` \
                 can't run in training: write `forward_train` in its `Train`, or omit `TRAIN_NEEDS`"
            );
        }

        let ForwardTrain {
            config,
            params,
            x,
            y,
            cache,
            thread_memory,
            cx,
        } = call;

        Self::forward(Forward {
            config,
            params,
            x,
            y,
            scratch: cache.into_scratch(),
            thread_memory,
            state: None,
            cx,
        });
    }

    /// Computes `dx`, the gradient of the loss with respect to the inputs, from `dy`, the gradient
    /// with respect to the outputs.
    fn backward_input(call: BackwardInput<'_, Self, In, Out, T>);

    /// Adds the gradient of the loss with respect to the parameters to `gradient`. It is called
    /// once for the whole batch, after [`backward_input`](Train::backward_input) has been called
    /// for all parts of it.
    ///
    /// A layer without parameters omits this function. For a layer with parameters the default does
    /// not compile where a network with the layer is trained.
    ///
    /// ```compile_fail,E0080
    /// use shapewright::prelude::*;
    /// use shapewright::ext::{
    ///     BackwardInput, FeatureOrder, Forward, Infer, Inferred, Layer, ShapeRule, Train,
    /// };
    /// use shapewright::tensor::Element;
    ///
    /// /// Adds a number that is never trained.
    /// struct Shift;
    /// impl<In: Shape> ShapeRule<In> for Shift {
    ///     const OUTPUT: Inferred = Inferred::shape(In::DIMS);
    /// }
    /// impl<T: Element> Layer<T> for Shift {
    ///     type Config = ();
    ///     type Params = Tensor1<1, T>;
    /// }
    /// impl<S: Shape, T: Element> Infer<S, S, T> for Shift {
    ///     const ORDER: FeatureOrder = FeatureOrder::Keeps;
    ///     fn forward(call: Forward<'_, Self, S, S, T>) {
    ///         let Forward { params, x, y, .. } = call;
    ///         x.iter().zip(y).for_each(|(x, y)| *y = x.map(|x| x + params[0]));
    ///     }
    /// }
    /// impl<S: Shape, T: Element> Train<S, S, T> for Shift {
    ///     const READS_OUTPUT: bool = false;
    ///     fn backward_input(call: BackwardInput<'_, Self, S, S, T>) {
    ///         let BackwardInput { dy, dx, .. } = call;
    ///         dx.into_iter().for_each(|dx| dx.clone_from_slice(dy));
    ///     }
    ///     // `backward_params` is missing.
    /// }
    /// network! { struct Net: [2] -> [2] { shift: Shift } }
    /// let net = Net::zeros();
    /// let mut gradient = Net::zeros();
    /// let mut workspace = Net::workspace();
    /// let x = [Tensor1::zeros()];
    /// let mut pass = net.forward_train(&x, &mut workspace);
    /// pass.loss(&Mse, &[Tensor1::zeros()]);
    /// pass.backward(&mut gradient);
    /// ```
    fn backward_params(call: BackwardParams<'_, Self, In, Out, T>) {
        const {
            assert!(
                <Self::Params as Parameters<T>>::LEN == 0,
                "a layer with parameters does not say how they are trained: write \
                 `backward_params` in its `Train`, with an empty body if nothing is to train them"
            );
        }
        let _ = call;
    }

    /// Calls [`InPlace::forward_train_in_place`](super::InPlace::forward_train_in_place) if the
    /// layer has `Flow::InPlace`.
    #[doc(hidden)]
    fn train_in_place(call: ForwardInPlace<'_, Self::Config, Out, T>) {
        Self::infer_in_place(call);
    }

    /// Calls [`InPlace::backward_in_place`](super::InPlace::backward_in_place) if the layer has
    /// `Flow::InPlace`.
    #[doc(hidden)]
    fn return_in_place(call: BackwardInPlace<'_, Self::Config, Out, T>) {
        let _ = call;
    }
}

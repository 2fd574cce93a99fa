//! The layers of networks: configuration, parameters, and the properties that the plan asks for.

use rand::Rng;

use crate::params::Parameters;
use crate::tensor::Element;

/// The constructor arguments of a layer: values that are neither sizes nor learned, such as the 0.5
/// of `Dropout(0.5)`.
///
/// A layer without arguments uses `()`. A layer with arguments has a struct of them, whose
/// `DEFAULT` applies where the layer is written by its bare name.
pub trait Configuration: Copy + Send + Sync + 'static {
    /// The arguments if none are written.
    const DEFAULT: Self;
}

impl Configuration for () {
    const DEFAULT: Self = ();
}

/// The parameters and constructor arguments of a layer.
///
/// The layer's own type carries its sizes and has no values: `Linear<4, 10>` exists only as a type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a layer of `{T}` networks: it does not implement `Layer<{T}>`",
    label = "not a layer here",
    note = "a layer implements `shapewright::ext::ShapeRule` (which shapes it takes), `Layer` (its \
            parameters), `Infer` (forward) and `Train` (backward); see the example `custom_layer`",
    note = "a network nested in another has the same number type: write `as {T}` in both"
)]
pub trait Layer<T: Element>: Sized + 'static {
    /// The constructor arguments; `()` if there are none.
    type Config: Configuration;
    /// The parameters that the layer learns; `()` if it learns nothing.
    type Params: Parameters<T>;

    /// The sentence behind the layer's name in a compile error, if it can't work with numbers of
    /// this type.
    #[doc(hidden)]
    const WRONG_ELEMENT: Option<&'static str> = None;

    /// Sets the parameters, which are zero before the call, to their initial values.
    fn initialize<R: Rng + ?Sized>(config: &Self::Config, params: &mut Self::Params, rng: &mut R) {
        let _ = (config, params, rng);
    }
}

/// The relation of a layer's output to its input in memory.
///
/// Only this crate can name it: a user's layer is `Apart` if it implements [`Infer`](super::Infer),
/// and `InPlace` if it implements [`InPlace`](super::InPlace), which has one shape for both.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flow {
    /// The output has a buffer of its own.
    Apart,
    /// The output overwrites the input, which has the same length. The layer has no parameters and
    /// no cache.
    InPlace,
    /// The output is the input under another shape: there is nothing to compute.
    View,
}

/// The meaning of a layer's outputs, by which losses accept or refuse a network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OutputKind {
    /// Any numbers.
    Values,
    /// Probabilities that sum to one: a loss on logits refuses them.
    Softmax,
    /// Independent probabilities: a loss on logits refuses them.
    Sigmoid,
    /// Logarithms of probabilities: a loss on log-probabilities requires them.
    LogSoftmax,
    /// Numbers of which a part are probabilities that sum to one: a loss on logits refuses them.
    PartlySoftmax,
    /// The meaning of the inputs, as of a layer that drops or joins values.
    Inputs,
}

impl OutputKind {
    /// Returns the meaning of outputs some of which mean this, and some the other.
    pub(super) const fn beside(self, other: Self) -> Self {
        use OutputKind::{PartlySoftmax, Softmax, Values};
        match (self, other) {
            _ if self as usize == other as usize => self,
            (Softmax | PartlySoftmax, _) | (_, Softmax | PartlySoftmax) => PartlySoftmax,
            _ => Values,
        }
    }
}

/// The role of a layer in the fusion of `Relu` with a neighbouring layer.
#[doc(hidden)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReluFusion {
    /// The layer takes no part.
    None,
    /// The layer is `Relu`.
    IsRelu,
    /// The layer can apply `Relu` as its epilogue, and does so if [`Context::has_relu_epilogue`](super::Context::has_relu_epilogue)
    /// says so.
    Epilogue,
    /// The layer takes maxima: `Relu` before it and after it give the same result, and after it
    /// there are fewer numbers.
    Maxima,
}

/// The type of a network's field at the index of a layer.
#[doc(hidden)]
pub trait Field<const INDEX: usize> {
    type Params;
}

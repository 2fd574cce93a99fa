//! Networks with an 8-bit form.

#[cfg(feature = "std")]
use alloc::boxed::Box;

#[cfg(feature = "std")]
use super::calibration::{self, Calibration, QuantizeError};
use super::fake_quantize::FakeQuantizeParams;
use super::params::QuantizeFrom;
use crate::network::Network;
use crate::nn::fold::{self, Nested};
use crate::params::Parameters;
#[cfg(feature = "std")]
use crate::tensor::Tensor;

/// A network with `#[quantized(..)]` on its definition, which has a smaller equivalent with 8-bit
/// weights for inference.
///
/// The quantized network is a second type. In it, each [`Linear`](crate::nn::Linear),
/// [`Conv1d`](crate::nn::Conv1d), [`Conv2d`](crate::nn::Conv2d) and
/// [`Embedding`](crate::nn::Embedding) is an [`Int8`](super::Int8) layer; batch normalizations behind them are folded, and dropout is omitted,
/// as [`Foldable`](crate::nn::Foldable) describes. All other layers compute in `f32`, and so do a
/// layer that shares its parameters with another one and a layer with a [`Lora`](struct@crate::nn::Lora) around it.
/// `summary()` and the documentation of the second type have the list.
///
/// Weights need no data, but inputs of layers do: their ranges are measured on samples, such as a
/// few hundred of the training data. [`Calibration`](super::Calibration) says what becomes of a range
/// with outliers.
///
/// ```
/// use shapewright::nn::Calibration;
/// use shapewright::prelude::*;
/// network! {
///     #[quantized(CnnInt8)]
///     pub struct Cnn: [8, 8, 1] -> [10] {
///         conv: Conv2d<_, 16, 3, Pad<1>, NoBias>,
///         BatchNorm2d<_>,
///         Relu,
///         MaxPool2d<2>,
///         Flatten,
///         head: Linear<_, 10>,
///     }
/// }
/// let net = Cnn::init(&mut shapewright::rng(0));
/// // .. training ..
/// let samples: Vec<Tensor3<8, 8, 1>> =
///     (0..20).map(|n| Tensor::from_position(|i| ((i * n) % 7) as f32 / 7.0)).collect();
/// let int8: Box<CnnInt8> = net.quantized(&Calibration::min_max(), &samples)?;
///
/// let (y, same) = (net.forward(&samples[3]), int8.forward(&samples[3]));
/// assert!(y.iter().zip(same.iter()).all(|(y, same)| (y - same).abs() < 0.05));
/// assert!(size_of::<CnnInt8>() < size_of::<Cnn>() / 3);
/// # Ok::<(), shapewright::nn::QuantizeError>(())
/// ```
///
/// # Training
/// Where calibration alone costs too much accuracy, `#[quantized(CnnInt8, training = CnnQat)]` names
/// a third type, in which these layers are [`FakeQuantize`](super::FakeQuantize) layers: it computes
/// what the quantized network computes, bit for bit, and can be trained. A few epochs with a small
/// learning rate are usual. [`quantized_training`](Quantizable::quantized_training) makes it, and
/// [`QuantizedTraining::quantized`] makes the quantized network from it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no quantized network",
    label = "write `#[quantized(..)]` on its definition, with a name for the quantized network"
)]
pub trait Quantizable: Network<Element = f32> {
    /// The network for training with the quantized forward pass.
    type Training: QuantizedTraining
        + Network<Element = f32, Input = Self::Input, Output = Self::Output>;

    /// Sets the parameters of the network for training from the current ones.
    #[doc(hidden)]
    fn training_into(&self, training: &mut Self::Training);

    /// Returns the network for training with the quantized forward pass, with the current parameters
    /// and the ranges of its layers' inputs on these samples.
    ///
    /// # Errors
    /// Returns an error if there are no samples, or if the input of a layer is not finite.
    #[cfg(feature = "std")]
    fn quantized_training(
        &self,
        calibration: &Calibration,
        samples: &[Tensor<Self::Input>],
    ) -> Result<Box<Self::Training>, QuantizeError> {
        let mut training = Self::Training::zeros();
        self.training_into(&mut training);
        calibration::calibrate(&mut *training, calibration, samples)?;
        Ok(training)
    }

    /// Returns the quantized network with the current parameters and the ranges of its layers'
    /// inputs on these samples.
    ///
    /// # Errors
    /// Returns an error if there are no samples, or if the input of a layer is not finite.
    #[cfg(feature = "std")]
    fn quantized(
        &self,
        calibration: &Calibration,
        samples: &[Tensor<Self::Input>],
    ) -> Result<Box<<Self::Training as QuantizedTraining>::Quantized>, QuantizeError> {
        self.quantized_training(calibration, samples)?.quantized()
    }
}

/// A network that is trained with the forward pass of its quantized network: see [`Quantizable`].
pub trait QuantizedTraining: Network<Element = f32> {
    /// The quantized network.
    type Quantized: Network<Element = f32, Input = Self::Input, Output = Self::Output>;

    /// Sets the parameters of the quantized network. Returns whether all ranges are known.
    #[doc(hidden)]
    fn quantized_into(&self, quantized: &mut Self::Quantized) -> bool;

    /// Calls `f` with the input scale and the input zero point of each layer.
    #[doc(hidden)]
    fn each_input(&mut self, f: &mut dyn FnMut(&mut f32, &mut f32));

    /// Returns the quantized network, which computes the same, bit for bit.
    ///
    /// # Errors
    /// Returns an error if the range of a layer's input has not been measured, as in a network that
    /// was not made by [`Quantizable::quantized_training`].
    #[cfg(feature = "std")]
    fn quantized(&self) -> Result<Box<Self::Quantized>, QuantizeError> {
        let mut quantized = Self::Quantized::zeros();
        match self.quantized_into(&mut quantized) {
            true => Ok(quantized),
            false => Err(QuantizeError::not_calibrated()),
        }
    }
}

/// Sets the parameters of an 8-bit layer. Returns whether the range of its input is known.
#[doc(hidden)]
pub fn quantize<P, Q: QuantizeFrom<P>>(from: &FakeQuantizeParams<P, f32>, to: &mut Q) -> bool {
    let input = from.input();
    to.quantize_from(&from.layer, input);
    input.is_some()
}

/// A layer in a quantized network that is not built in: its quantized network if it has one,
/// otherwise the layer itself.
#[doc(hidden)]
pub trait QuantizeNested<P, Q> {
    /// Sets the parameters for training.
    fn training_into(layer: &P, training: &mut Q);
}

impl<L: Quantizable> QuantizeNested<L, L::Training> for Nested<true, L> {
    fn training_into(layer: &L, training: &mut L::Training) {
        layer.training_into(training);
    }
}

impl<L, P: Parameters<f32>, Q: Parameters<f32>> QuantizeNested<P, Q> for Nested<false, L> {
    fn training_into(layer: &P, training: &mut Q) {
        fold::copy::<f32>(layer, training);
    }
}

/// The parameters of a layer that is not built in, in a network for training.
#[doc(hidden)]
pub trait TrainingNested<P, Q> {
    /// Sets the quantized parameters. Returns whether all ranges are known.
    fn quantized_into(training: &P, quantized: &mut Q) -> bool;
    /// Calls `f` with the quantization of each input.
    fn each_input(training: &mut P, f: &mut dyn FnMut(&mut f32, &mut f32));
}

impl<L: Quantizable> TrainingNested<L::Training, <L::Training as QuantizedTraining>::Quantized>
    for Nested<true, L>
{
    fn quantized_into(
        training: &L::Training,
        quantized: &mut <L::Training as QuantizedTraining>::Quantized,
    ) -> bool {
        training.quantized_into(quantized)
    }

    fn each_input(training: &mut L::Training, f: &mut dyn FnMut(&mut f32, &mut f32)) {
        training.each_input(f);
    }
}

impl<L, P: Parameters<f32>, Q: Parameters<f32>> TrainingNested<P, Q> for Nested<false, L> {
    fn quantized_into(training: &P, quantized: &mut Q) -> bool {
        fold::copy::<f32>(training, quantized);
        true
    }

    fn each_input(_: &mut P, _: &mut dyn FnMut(&mut f32, &mut f32)) {}
}

/// The types that a layer that is not built in has in the networks made by `#[quantized]`.
#[doc(hidden)]
pub trait ChooseQuantized {
    type Training;
    type Quantized;
}

impl<L: Quantizable> ChooseQuantized for Nested<true, L> {
    type Training = L::Training;
    type Quantized = <L::Training as QuantizedTraining>::Quantized;
}

impl<L> ChooseQuantized for Nested<false, L> {
    type Training = L;
    type Quantized = L;
}

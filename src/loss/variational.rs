//! Losses of variational autoencoders.

use super::padding::EqualWeights;
use super::{AnyOutput, Loss, Reduction, check_lengths, loss, scaled};
use crate::memory::{tensors, tensors_mut};
use crate::setting_error::{SettingError, not_negative};
use crate::sum::Sum;
use crate::tensor::{Element, Shape, Tensor, double};

loss! {
    /// The Kullback-Leibler divergence of normal distributions from the standard normal one,
    /// `(mean^2 + exp(log_variance) - log_variance - 1) / 2`, added up over the numbers of a sample.
    /// The mean is over the samples. There are no targets: they are `()`.
    ///
    /// The outputs are pairs `(S, S)` of tensors: the means, and the logarithms of the variances.
    /// PyTorch's `kl_divergence` of two `Normal`s in `torch.distributions`, with the second one
    /// standard. [`NegativeElbo`](struct@NegativeElbo) adds a reconstruction.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// use shapewright::tensor::Rank1;
    /// let (mean, log_variance) = (Tensor1::from([1.0, 0.0]), Tensor1::from([0.0, 0.0]));
    /// let outputs: [Tensor<(Rank1<2>, Rank1<2>)>; 1] = [Tensor::from((mean, log_variance))];
    /// let mut gradients = [Tensor::zeros()];
    /// let loss: f32 = KlStandardNormal.loss(&outputs, &[()], &mut gradients);
    /// assert_eq!(loss, 0.5);
    /// assert_eq!(gradients[0].as_slice(), [1.0, 0.0, 0.0, 0.0]);
    /// ```
    KlStandardNormal as "kl_divergence" {}
}

/// The loss of a variational autoencoder (Kingma and Welling, 2014): the loss `L` of the
/// reconstruction plus the Kullback-Leibler divergence of the latent variables from the standard
/// normal distribution, [`KlStandardNormal`](struct@KlStandardNormal). With a negative
/// log-likelihood as `L` it is the negative evidence lower bound.
///
/// The outputs are `(reconstruction, mean, log_variance)`, where the latent variables come from
/// [`Reparameterize`](crate::nn::Reparameterize); the targets are those of `L`. Both terms are
/// added up over all numbers of a sample, whatever reduction was set for `L`. The mean, the default,
/// is over the samples. PyTorch programs write it as `F.binary_cross_entropy_with_logits(y, x,
/// reduction="sum") - 0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())`, divided
/// by the number of samples; [`Reduction::Sum`] does not divide.
///
/// ```
/// use shapewright::prelude::*;
/// use shapewright::tensor::Rank1;
/// let (image, mean) = (Tensor1::from([0.0, 2.0]), Tensor1::from([1.0]));
/// let outputs: [Tensor<(Rank1<2>, Rank1<1>, Rank1<1>)>; 1] =
///     [Tensor::from((image, mean, Tensor1::zeros()))];
/// let targets = [Tensor1::from([1.0, 2.0])];
/// let mut gradients = [Tensor::zeros()];
/// let loss: f32 = NegativeElbo(Mse).loss(&outputs, &targets, &mut gradients);
/// assert_eq!(loss, 1.0 + 0.5);
///
/// let loss: f32 = NegativeElbo(Mse).beta(4.0).loss(&outputs, &targets, &mut gradients);
/// assert_eq!(loss, 1.0 + 4.0 * 0.5);
/// ```
///
/// The negative logarithm of a normal density with standard deviation `s` is
/// [`Mse`](struct@crate::loss::Mse) divided by `2 s^2`: instead of dividing it, set [`beta`](NegativeElbo::beta) to
/// `2 s^2`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NegativeElbo<L> {
    reconstruction: L,
    reduction: Reduction,
    beta: f64,
}

/// Returns a [`struct@NegativeElbo`] with this loss of the reconstruction:
/// `NegativeElbo(BceWithLogits)`.
#[allow(non_snake_case)]
pub fn NegativeElbo<L: EqualWeights>(reconstruction: L) -> NegativeElbo<L> {
    NegativeElbo {
        reconstruction: reconstruction.with_reduction(Reduction::Sum),
        reduction: Reduction::Mean,
        beta: 1.0,
    }
}

impl<L> NegativeElbo<L> {
    /// Sets the reduction; the mean over the samples by default.
    pub fn reduction(self, reduction: Reduction) -> Self {
        NegativeElbo { reduction, ..self }
    }

    /// Sets the weight of the divergence, 1 by default: above 1 for a beta-VAE (Higgins et al.,
    /// 2017).
    pub fn beta(self, beta: f64) -> Self {
        NegativeElbo { beta, ..self }
    }
}

/// Returns the divergence of one sample, and sets its gradient times `scale`. Both hold the mean and
/// behind it the log-variance.
fn divergence<T: Element>(output: &[T], gradient: &mut [T], scale: T) -> Sum {
    let half = T::from_f64_lossy(0.5);
    let (means, log_variances) = output.split_at(output.len() / 2);
    let (mean_slopes, variance_slopes) = gradient.split_at_mut(output.len() / 2);
    let numbers = means.iter().zip(log_variances);
    let slopes = mean_slopes.iter_mut().zip(variance_slopes);

    let mut sum = Sum::default();
    for ((&mean, &log_variance), (mean_slope, variance_slope)) in numbers.zip(slopes) {
        // The variance less 1, with all its digits near 1.
        let excess = log_variance.exp_m1();
        sum.add(double(half * (mean * mean + (excess - log_variance))));
        *mean_slope = mean * scale;
        *variance_slope = half * excess * scale;
    }
    sum
}

impl<S: Shape, T: Element> Loss<(S, S), T> for KlStandardNormal {
    type Target = ();
    type Accepts = AnyOutput;

    fn loss(
        &self,
        outputs: &[Tensor<(S, S), T>],
        targets: &[()],
        gradients: &mut [Tensor<(S, S), T>],
    ) -> T {
        check_lengths(outputs.len(), targets.len(), gradients.len());
        let scale = self.reduction.weight(outputs.len(), 1);
        let mut sum = Sum::default();
        for (output, gradient) in outputs.iter().zip(gradients) {
            sum.add_sum(divergence(
                output.as_slice(),
                gradient.as_mut_slice(),
                scale,
            ));
        }
        scaled(sum, scale)
    }
}

impl<S, Z, T, L> Loss<(S, Z, Z), T> for NegativeElbo<L>
where
    S: Shape,
    Z: Shape,
    T: Element,
    L: Loss<S, T> + EqualWeights,
{
    type Target = L::Target;
    type Accepts = AnyOutput;

    fn check(&self) -> Result<(), SettingError> {
        not_negative(&[("beta", self.beta)]).map_err(|error| error.of("the loss"))?;
        self.reconstruction.check()
    }

    fn loss(
        &self,
        outputs: &[Tensor<(S, Z, Z), T>],
        targets: &[L::Target],
        gradients: &mut [Tensor<(S, Z, Z), T>],
    ) -> T {
        check_lengths(outputs.len(), targets.len(), gradients.len());
        let scale: T = self.reduction.weight(outputs.len(), 1);
        let beta = T::from_f64_lossy(self.beta);
        let mut sum = Sum::default();

        for ((output, target), gradient) in outputs.iter().zip(targets).zip(gradients) {
            let (image, latent) = output.as_slice().split_at(S::LEN);
            let (image_slopes, latent_slopes) = gradient.as_mut_slice().split_at_mut(S::LEN);

            let error = self.reconstruction.loss(
                tensors(image, 1),
                core::slice::from_ref(target),
                tensors_mut(image_slopes, 1),
            );
            image_slopes.iter_mut().for_each(|slope| *slope *= scale);
            sum.add(double(error));

            let divergence = divergence(latent, latent_slopes, beta * scale);
            sum.add(divergence.times(self.beta));
        }
        scaled(sum, scale)
    }
}

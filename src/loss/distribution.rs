//! Losses on distributions: the likelihood of the targets, or their divergence.

use core::f64::consts::PI;

use super::{AnyOutput, LogProbabilities, Loss, Reduction, elementwise, loss, of_pairs, times};
use crate::tensor::{Element, Shape, Tensor};

loss! {
    /// The Kullback-Leibler divergence of the outputs, which are log-probabilities, from the
    /// targets, which are probabilities. PyTorch's `nn.KLDivLoss`. The mean is over the samples,
    /// which PyTorch calls `"batchmean"` and recommends, because the mean over all elements is not
    /// the divergence.
    ///
    /// A network that does not end in `LogSoftmax` is a compile error.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// let outputs = [Tensor1::from([0.5_f32.ln(), 0.5_f32.ln()])];
    /// let targets = [Tensor1::from([1.0, 0.0])];
    /// let mut gradients = [Tensor1::zeros()];
    /// let loss: f32 = KlDiv.loss(&outputs, &targets, &mut gradients);
    /// assert!((loss - 2.0_f32.ln()).abs() < 1e-6);
    /// assert_eq!(gradients[0], Tensor1::from([-1.0, 0.0]));
    /// ```
    KlDiv as "KLDivLoss" {
        /// Sets whether the targets are log-probabilities as well; `false` by default.
        log_target: bool = false;
    }
}

loss! {
    /// The negative log-likelihood of the targets, which are counts, under Poisson distributions.
    /// An output is the logarithm of a distribution's mean. PyTorch's `nn.PoissonNLLLoss`; the mean
    /// is over all elements.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// let (outputs, targets) = ([Tensor1::from([0.0, 0.0])], [Tensor1::from([1.0, 3.0])]);
    /// let mut gradients = [Tensor1::zeros()];
    /// let loss: f32 = PoissonNll.loss(&outputs, &targets, &mut gradients);
    /// assert_eq!((loss, gradients[0]), (1.0, Tensor1::from([0.0, -1.0])));
    /// ```
    PoissonNll as "PoissonNLLLoss" {
        /// Sets whether the outputs are logarithms of the means (`true`, the default) or the means
        /// themselves.
        log_input: bool = true;
        /// Sets whether to add Stirling's approximation of the term that depends only on the
        /// target, where the target is above 1; `false` by default.
        full: bool = false;
        /// Sets the number that is added to a mean before its logarithm is taken; 1e-8 by default.
        ///
        /// # Panics
        /// Panics if it is negative, NaN or infinite.
        epsilon: f64 = 1e-8,
            if epsilon >= 0.0 && epsilon.is_finite(),
            "the epsilon of `PoissonNll` is a number from 0 up";
    }
}

loss! {
    /// The negative log-likelihood of the targets under normal distributions. PyTorch's
    /// `nn.GaussianNLLLoss`; the mean is over all elements.
    ///
    /// The outputs are pairs `(S, S)` of tensors: the means, and the variances, which should not be
    /// negative. Targets have the shape `S`.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// use shapewright::tensor::Rank1;
    /// let (mean, variance) = (Tensor1::from([1.0]), Tensor1::from([4.0]));
    /// let outputs: [Tensor<(Rank1<1>, Rank1<1>)>; 1] = [Tensor::from((mean, variance))];
    /// let mut gradients = [Tensor::zeros()];
    /// let loss: f32 = GaussianNll.loss(&outputs, &[Tensor1::from([3.0])], &mut gradients);
    /// assert!((loss - 1.193_147).abs() < 1e-6);
    /// assert_eq!(gradients[0].as_slice(), [-0.5, 0.0]);
    /// ```
    GaussianNll as "GaussianNLLLoss" {
        /// Sets whether to add the term that does not depend on the outputs; `false` by default.
        full: bool = false;
        /// Sets the least variance; 1e-6 by default. Lower variances are replaced by it, but still
        /// get a gradient.
        ///
        /// # Panics
        /// Panics if it is negative, NaN or infinite.
        epsilon: f64 = 1e-6,
            if epsilon >= 0.0 && epsilon.is_finite(),
            "the epsilon of `GaussianNll` is a number from 0 up";
    }
}

impl<Out: Shape, T: Element> Loss<Out, T> for KlDiv {
    type Target = Tensor<Out, T>;
    type Accepts = LogProbabilities;

    fn loss(
        &self,
        outputs: &[Tensor<Out, T>],
        targets: &[Tensor<Out, T>],
        gradients: &mut [Tensor<Out, T>],
    ) -> T {
        let scale = self.reduction.weight(outputs.len(), 1);

        elementwise(outputs, targets, gradients, scale, |_, x, t| {
            let (p, log) = match self.log_target {
                true => (t.exp(), t),
                false => (t, if t == T::zero() { t } else { t.ln() }),
            };
            // One product: two of them may both be infinite, and lose digits if they are near
            // each other. It is 0 at p = 0, where the logarithm or x may be minus infinity, and
            // at ln p = x, where p may be infinite.
            let difference = log - x;
            let is_zero = p.is_zero() && !x.is_nan() || difference.is_zero() && !p.is_nan();
            let loss = if is_zero { T::zero() } else { p * difference };
            (loss, -p)
        })
    }
}

impl<Out: Shape, T: Element> Loss<Out, T> for PoissonNll {
    type Target = Tensor<Out, T>;
    type Accepts = AnyOutput;

    fn loss(
        &self,
        outputs: &[Tensor<Out, T>],
        targets: &[Tensor<Out, T>],
        gradients: &mut [Tensor<Out, T>],
    ) -> T {
        let scale = self.reduction.weight(outputs.len(), Out::LEN);
        let half = T::from_f64_lossy(0.5);
        let epsilon = T::from_f64_lossy(self.epsilon);

        elementwise(outputs, targets, gradients, scale, |_, x, t| {
            let (loss, slope) = if t.is_nan() {
                (t, t)
            } else if self.log_input {
                poisson_log_input(x, t)
            } else {
                poisson(x, t, epsilon)
            };

            let has_constant = self.full && t > T::one();
            if !has_constant || !x.is_finite() || slope.is_nan() {
                return (loss, slope);
            }

            // `mean - t ln mean + t ln t - t`, as a multiple of t: terms of the size of t ln t would
            // cancel each other.
            let excess = if self.log_input {
                let log_ratio = x - t.ln();
                log_ratio.exp_m1() - log_ratio
            } else {
                (x - t) / t - ((x + epsilon - t) / t).ln_1p()
            };
            let loss = t * excess + half * (t.ln() + T::from_f64_lossy(libm::log(2.0 * PI)));
            (loss, slope)
        })
    }
}

impl<S: Shape, T: Element> Loss<(S, S), T> for GaussianNll {
    type Target = Tensor<S, T>;
    type Accepts = AnyOutput;

    fn loss(
        &self,
        outputs: &[Tensor<(S, S), T>],
        targets: &[Tensor<S, T>],
        gradients: &mut [Tensor<(S, S), T>],
    ) -> T {
        let scale = self.reduction.weight(outputs.len(), S::LEN);
        let half = T::from_f64_lossy(0.5);
        let epsilon = T::from_f64_lossy(self.epsilon);
        let constant = T::from_f64_lossy(if self.full {
            0.5 * libm::log(2.0 * PI)
        } else {
            0.0
        });

        of_pairs(outputs, targets, gradients, scale, |mean, variance, t| {
            // `max` would lose NaN.
            let variance = if variance < epsilon {
                epsilon
            } else {
                variance
            };

            let off = mean - t;
            if variance.is_zero() && !off.is_nan() {
                let (loss, slope) = without_variance(off);
                return (loss, [slope, -loss]);
            }

            let slope = off / variance;
            let variance_slope = half / variance - half * slope * slope;
            let loss = half * variance.ln() + half * off * slope + constant;
            (loss, [slope, variance_slope])
        })
    }
}

/// Returns the loss of a distribution with a variance of 0 and its slope in the mean, for a mean
/// that is off by `off`: the limit for small variances, where a distance outgrows the logarithm.
/// This happens only with an epsilon of 0.
fn without_variance<T: Element>(off: T) -> (T, T) {
    if off.is_zero() {
        (T::neg_infinity(), off)
    } else {
        (T::infinity(), off * T::infinity())
    }
}

/// Returns the loss and its slope at the logarithm `x` of a mean, for a target that is not NaN.
fn poisson_log_input<T: Element>(x: T, target: T) -> (T, T) {
    let mean = x.exp();
    // At infinity, the mean outgrows its logarithm.
    let loss = if x == T::infinity() {
        mean
    } else {
        mean - times(target, x)
    };
    (loss, mean - target)
}

/// Returns the loss and its slope at the mean `x` itself, which has no logarithm below zero.
fn poisson<T: Element>(x: T, target: T, epsilon: T) -> (T, T) {
    let mean = x + epsilon;
    if mean < T::zero() {
        return (T::nan(), T::nan());
    }
    let loss = if x == T::infinity() {
        x
    } else {
        x - times(target, mean.ln())
    };
    let ratio = if target.is_zero() && !mean.is_nan() {
        T::zero()
    } else {
        target / mean
    };
    (loss, T::one() - ratio)
}

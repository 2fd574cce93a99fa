//! Binary losses, element by element.

use super::classes::{ClassWeights, Classes};
use super::padding::EqualWeights;
use super::{
    Logits, Loss, Probabilities, Reduction, TINY, check_weights, elementwise, loss, reduced, times,
};
use crate::kernels::Kernels;
use crate::memory::{flatten, flatten_mut};
use crate::setting_error::{SettingError, assert_setting};
use crate::sum::sum_of;
use crate::tensor::{Element, Shape, Tensor, double};

/// Sigmoid and binary cross-entropy in one loss on logits, element by element. PyTorch's
/// `nn.BCEWithLogitsLoss`. Targets are tensors of numbers from 0 to 1; the mean is over all
/// elements.
///
/// A network that ends in `Sigmoid` is a compile error, because the loss applies it itself.
///
/// ```
/// use shapewright::prelude::*;
/// let (logits, targets) = ([Tensor1::from([0.0, 3.0])], [Tensor1::from([1.0, 1.0])]);
/// let mut gradients = [Tensor1::zeros()];
/// let loss: f32 = BceWithLogits.loss(&logits, &targets, &mut gradients);
/// assert!((loss - 0.370_867).abs() < 1e-6);
/// let loss: f32 = BceWithLogits
///     .pos_weight([3.0, 1.0])
///     .loss(&logits, &targets, &mut gradients);
/// assert!((loss - 1.064_014).abs() < 1e-6);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BceWithLogits<W = ()> {
    reduction: Reduction,
    pos_weight: W,
}

/// The loss with its defaults.
#[doc(alias = "BCEWithLogitsLoss")]
#[allow(non_upper_case_globals)]
pub const BceWithLogits: BceWithLogits = BceWithLogits {
    reduction: Reduction::Mean,
    pos_weight: (),
};

impl Default for BceWithLogits {
    fn default() -> Self {
        BceWithLogits
    }
}

// The mean divides by the number of elements, whatever the weights of positive targets.
impl<W> EqualWeights for BceWithLogits<W> {
    fn used_reduction(&self) -> Reduction {
        self.reduction
    }
}

impl<W: Copy> BceWithLogits<W> {
    /// Sets the reduction; the mean by default.
    pub const fn reduction(self, reduction: Reduction) -> Self {
        BceWithLogits { reduction, ..self }
    }

    /// Sets the weight of positive targets; 1 by default. For imbalanced data, set it to the ratio
    /// of negatives to positives.
    ///
    /// The weight is one number, or an array with one for each feature of the last axis, or a
    /// reference to such an array, which may be too large for the stack. An array of another length
    /// is a compile error. Weights must be finite and not negative: a trainer
    /// refuses others, and [`Loss::loss`] panics.
    pub const fn pos_weight<V: Copy>(self, pos_weight: V) -> BceWithLogits<V> {
        BceWithLogits {
            reduction: self.reduction,
            pos_weight,
        }
    }

    /// Computes the loss with weights of positive targets: `weights` has one number for each
    /// feature of the last axis, or one for all features.
    fn weighted<Out: Shape, T: Element>(
        &self,
        weights: &[f64],
        outputs: &[Tensor<Out, T>],
        targets: &[Tensor<Out, T>],
        gradients: &mut [Tensor<Out, T>],
    ) -> T {
        assert_setting(check_weights("pos_weight", weights));
        let scale = self.reduction.weight(outputs.len(), Out::LEN);
        elementwise(outputs, targets, gradients, scale, |i, x, t| {
            let yes = T::from_f64_lossy(weights[i % weights.len()]) * t;
            let no = T::one() - t;

            // sigmoid(x) and sigmoid(-x) are 1 / (1 + e) and e / (1 + e) with e = exp(-|x|), which
            // never overflows.
            let e = (-x.abs()).exp();
            let large = T::one() / (T::one() + e);
            let small = e / (T::one() + e);

            // The parts of x above and below zero.
            let (up, down, above, below) = if x < T::zero() {
                (small, large, T::zero(), -x)
            } else {
                (large, small, x, T::zero())
            };
            let loss = times(no, above) + times(yes, below) + (no + yes) * e.ln_1p();
            let slope = no * up - yes * down;
            (loss, slope)
        })
    }
}

impl<Out: Shape, T: Element> Loss<Out, T> for BceWithLogits {
    type Target = Tensor<Out, T>;
    type Accepts = Logits;

    fn loss(
        &self,
        outputs: &[Tensor<Out, T>],
        targets: &[Tensor<Out, T>],
        gradients: &mut [Tensor<Out, T>],
    ) -> T {
        let weight = self.reduction.weight(outputs.len(), Out::LEN);
        let logits = flatten(outputs);
        let targets = flatten(targets);
        let gradients = flatten_mut(gradients);
        let sum = T::kernels().bce_with_logits(logits, targets, weight, gradients);
        reduced(sum, weight, [logits, targets], || {
            let terms = sum_of(logits, |i, logit| {
                let x = double(logit);
                let target = double(targets[i]);
                (1.0 - target) * x.max(0.0)
                    + target * (-x).max(0.0)
                    + libm::log1p(libm::exp(-x.abs()))
            });
            terms.times(double(weight))
        })
    }
}

impl<Out: Shape, T: Element> Loss<Out, T> for BceWithLogits<f64> {
    type Target = Tensor<Out, T>;
    type Accepts = Logits;

    fn check(&self) -> Result<(), SettingError> {
        check_weights("pos_weight", &[self.pos_weight])
    }

    fn loss(
        &self,
        outputs: &[Tensor<Out, T>],
        targets: &[Tensor<Out, T>],
        gradients: &mut [Tensor<Out, T>],
    ) -> T {
        self.weighted(&[self.pos_weight], outputs, targets, gradients)
    }
}

/// Implements the loss with one weight for each feature.
macro_rules! weight_arrays {
    ($([$($lifetime:tt)*] $array:ty;)*) => { $(
        #[diagnostic::do_not_recommend]
        impl<$($lifetime)* Out: Classes, T: Element, const N: usize> Loss<Out, T> for BceWithLogits<$array>
        where
            $array: ClassWeights<Out::Label>,
        {
            type Target = Tensor<Out, T>;
            type Accepts = Logits;

            fn check(&self) -> Result<(), SettingError> {
                check_weights("pos_weight", self.pos_weight.as_slice())
            }

            fn loss(
                &self,
                outputs: &[Tensor<Out, T>],
                targets: &[Tensor<Out, T>],
                gradients: &mut [Tensor<Out, T>],
            ) -> T {
                self.weighted(self.pos_weight.as_slice(), outputs, targets, gradients)
            }
        }
    )* };
}
weight_arrays! {
    [] [f64; N];
    ['w,] &'w [f64; N];
}

loss! {
    /// Binary cross-entropy on probabilities, element by element. PyTorch's `nn.BCELoss`; as there,
    /// logarithms are clamped to at least -100. Targets are tensors of numbers from 0 to 1; the
    /// mean is over all elements. An output outside 0 to 1 makes the loss NaN.
    ///
    /// For logits, [`struct@BceWithLogits`] is faster and more accurate. A network that does not
    /// end in `Sigmoid` or `Softmax` is a compile error.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// let (outputs, targets) = ([Tensor1::from([0.5, 0.25])], [Tensor1::from([1.0, 0.0])]);
    /// let mut gradients = [Tensor1::zeros()];
    /// let loss: f32 = Bce.loss(&outputs, &targets, &mut gradients);
    /// assert!((loss - 0.490_415).abs() < 1e-6);
    /// assert!((gradients[0][0] + 1.0).abs() < 1e-6);
    /// ```
    Bce as "BCELoss" {}
}

impl<Out: Shape, T: Element> Loss<Out, T> for Bce {
    type Target = Tensor<Out, T>;
    type Accepts = Probabilities;

    fn loss(
        &self,
        outputs: &[Tensor<Out, T>],
        targets: &[Tensor<Out, T>],
        gradients: &mut [Tensor<Out, T>],
    ) -> T {
        let scale = self.reduction.weight(outputs.len(), Out::LEN);
        let min_log = T::from_f64_lossy(-100.0);
        // `max` would lose NaN.
        let limited = |log: T| if log < min_log { min_log } else { log };
        elementwise(outputs, targets, gradients, scale, |_, p, t| {
            if p < T::zero() || p > T::one() {
                return (T::nan(), T::nan());
            }
            let loss = (t - T::one()) * limited((-p).ln_1p()) - t * limited(p.ln());
            // At 0 and 1 the slope is limited, as in PyTorch.
            let slope = (p - t) / (p * (T::one() - p)).max(T::from_f64_lossy(TINY));
            (loss, slope)
        })
    }
}

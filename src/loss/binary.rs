//! Losses on yes or no, element by element.

use super::classes::{ClassWeights, Classes};
use super::{
    Logits, Loss, Probabilities, Reduction, TINY, check_weights, elementwise, loss, scaled, times,
};
use crate::kernels::Kernels;
use crate::memory::{flatten, flatten_mut};
use crate::optim::{SettingError, assert_setting};
use crate::tensor::{Element, Shape, Tensor};

/// Sigmoid and binary cross-entropy in one, on logits, element by element. PyTorch's
/// `nn.BCEWithLogitsLoss`. Targets are tensors of numbers from 0 to 1; the mean is over all
/// elements.
///
/// A network that ends in `Sigmoid` is a compile error: the loss applies it itself.
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

impl<W: Copy> BceWithLogits<W> {
    /// The same loss with this reduction.
    pub const fn reduction(self, reduction: Reduction) -> Self {
        BceWithLogits { reduction, ..self }
    }

    /// What a target of 1 counts for; 1 by default. One number, or an array with one for each
    /// feature of the last axis; another number of features is a compile error. For imbalanced
    /// data, set it to the ratio of negatives to positives. The weights are numbers from 0 up:
    /// a trainer refuses others, and [`Loss::loss`] panics.
    pub const fn pos_weight<V: Copy>(self, pos_weight: V) -> BceWithLogits<V> {
        BceWithLogits {
            reduction: self.reduction,
            pos_weight,
        }
    }

    /// `weights` has a number for each of the features, which come again and again, or one for all.
    fn weighted<Out: Shape, T: Element>(
        &self,
        weights: &[f64],
        outputs: &[Tensor<Out, T>],
        targets: &[Tensor<Out, T>],
        gradients: &mut [Tensor<Out, T>],
    ) -> T {
        assert_setting(check_weights("pos_weight", weights));
        let scale = self.reduction.weight(outputs.len() * Out::LEN);
        let (logits, targets) = (flatten(outputs), flatten(targets));
        let sum = elementwise(logits, targets, flatten_mut(gradients), scale, |i, x, t| {
            let (yes, no) = (
                T::from_f64_lossy(weights[i % weights.len()]) * t,
                T::one() - t,
            );
            // e = exp(-|x|) serves both: sigmoid(x) is 1 / (1 + e) or e / (1 + e).
            let e = (-x.abs()).exp();
            let (large, small) = (T::one() / (T::one() + e), e / (T::one() + e));
            let (up, down) = if x < T::zero() {
                (small, large)
            } else {
                (large, small)
            };
            let (above, below) = if x < T::zero() {
                (T::zero(), -x)
            } else {
                (x, T::zero())
            };
            (
                times(no, above) + times(yes, below) + (no + yes) * e.ln_1p(),
                no * up - yes * down,
            )
        });
        scaled(sum, scale)
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
        let weight = self.reduction.weight(outputs.len() * Out::LEN);
        let (logits, targets) = (flatten(outputs), flatten(targets));
        T::kernels().bce_with_logits(logits, targets, weight, flatten_mut(gradients)) * weight
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

#[diagnostic::do_not_recommend]
impl<Out: Classes, T: Element, const N: usize> Loss<Out, T> for BceWithLogits<[f64; N]>
where
    [f64; N]: ClassWeights<Out::Label>,
{
    type Target = Tensor<Out, T>;
    type Accepts = Logits;

    fn check(&self) -> Result<(), SettingError> {
        check_weights("pos_weight", &self.pos_weight)
    }

    fn loss(
        &self,
        outputs: &[Tensor<Out, T>],
        targets: &[Tensor<Out, T>],
        gradients: &mut [Tensor<Out, T>],
    ) -> T {
        self.weighted(&self.pos_weight, outputs, targets, gradients)
    }
}

loss! {
    /// Binary cross-entropy on probabilities, element by element. PyTorch's `nn.BCELoss`; logarithms are at least -100,
    /// as there. Targets are tensors of numbers from 0 to 1; the mean is over all elements. An output that is not from
    /// 0 to 1 makes the loss NaN.
    ///
    /// For logits there is [`struct@BceWithLogits`], which is faster and more accurate; a network that does not end in
    /// `Sigmoid` or `Softmax` is a compile error.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// let (outputs, targets) = ([Tensor1::from([0.5, 0.25])], [Tensor1::from([1.0, 0.0])]);
    /// let mut gradients = [Tensor1::zeros()];
    /// let loss: f32 = Bce.loss(&outputs, &targets, &mut gradients);
    /// assert!((loss - 0.490_415).abs() < 1e-6);
    /// assert!((gradients[0][0] + 1.0).abs() < 1e-6);
    /// ```
    Bce {}
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
        let scale = self.reduction.weight(outputs.len() * Out::LEN);
        let lowest = T::from_f64_lossy(-100.0);
        // `max` would lose NaN.
        let limited = |log: T| if log < lowest { lowest } else { log };
        let (outputs, targets) = (flatten(outputs), flatten(targets));
        let sum = elementwise(
            outputs,
            targets,
            flatten_mut(gradients),
            scale,
            |_, p, t| {
                if p < T::zero() || p > T::one() {
                    return (T::nan(), T::nan());
                }
                let loss = (t - T::one()) * limited((-p).ln_1p()) - t * limited(p.ln());
                // At 0 and 1 the slope is limited, as in PyTorch.
                (
                    loss,
                    (p - t) / (p * (T::one() - p)).max(T::from_f64_lossy(TINY)),
                )
            },
        );
        scaled(sum, scale)
    }
}

//! Losses on numbers.

use super::{AnyOutput, Loss, Reduction, loss, reduced};
use crate::kernels::{Bend, Kernels};
use crate::memory::{flatten, flatten_mut};
use crate::sum::{Squares, sum_of};
use crate::tensor::{Element, Shape, Tensor, double};

loss! {
    /// The squared difference. PyTorch's `nn.MSELoss`; the mean is over all elements.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// let (outputs, targets) = ([Tensor1::from([1.0, 2.0])], [Tensor1::from([0.0, 4.0])]);
    /// let mut gradients = [Tensor1::zeros()];
    /// let loss: f32 = Mse.loss(&outputs, &targets, &mut gradients);
    /// assert_eq!((loss, gradients[0]), (2.5, Tensor1::from([1.0, -2.0])));
    /// ```
    Mse as "MSELoss" {}
}

loss! {
    /// The absolute difference. PyTorch's `nn.L1Loss`; the mean is over all elements. The gradient
    /// of a difference of 0 is 0.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// let (outputs, targets) = ([Tensor1::from([1.0, 2.0])], [Tensor1::from([0.0, 4.0])]);
    /// let mut gradients = [Tensor1::zeros()];
    /// let loss: f32 = Mae.loss(&outputs, &targets, &mut gradients);
    /// assert_eq!((loss, gradients[0]), (1.5, Tensor1::from([0.5, -0.5])));
    /// ```
    Mae as "L1Loss" {}
}

loss! {
    /// The Huber loss: half the squared difference up to `delta`, and linear in the absolute
    /// difference with a slope of `delta` above, so that outliers count less. PyTorch's
    /// `nn.HuberLoss`; Huber, 1964. The mean is over all elements.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// let (outputs, targets) = ([Tensor1::from([1.0, 9.0])], [Tensor1::from([0.0, 4.0])]);
    /// let mut gradients = [Tensor1::zeros()];
    /// let loss: f32 = Huber.delta(2.0).loss(&outputs, &targets, &mut gradients);
    /// assert_eq!((loss, gradients[0]), (4.25, Tensor1::from([0.5, 1.0])));
    /// ```
    Huber as "HuberLoss" {
        /// Sets the difference above which the loss is linear; 1 by default.
        ///
        /// # Panics
        /// Panics if it is not above 0 and finite.
        delta: f64 = 1.0,
            if delta >= f32::MIN_POSITIVE as f64 && delta.is_finite(),
            "the delta of `Huber` must be above 0, at least 1.2e-38, and finite";
    }
}

loss! {
    /// The smooth L1 loss: for a difference `d`, `d^2 / (2 beta)` where `|d|` is below `beta`, and
    /// `|d| - beta / 2` otherwise. PyTorch's `nn.SmoothL1Loss`; Girshick, 2015. It is
    /// [`struct@Huber`] with `delta = beta`, divided by `beta`. The mean is over all elements.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// let (outputs, targets) = ([Tensor1::from([1.0, 9.0])], [Tensor1::from([0.0, 4.0])]);
    /// let mut gradients = [Tensor1::zeros()];
    /// let loss: f32 = SmoothL1.beta(2.0).loss(&outputs, &targets, &mut gradients);
    /// assert_eq!((loss, gradients[0]), (2.125, Tensor1::from([0.25, 0.5])));
    /// ```
    SmoothL1 as "SmoothL1Loss" {
        /// Sets the difference at which the loss becomes linear; 1 by default. With 0 the loss is
        /// [`struct@Mae`].
        ///
        /// # Panics
        /// Panics if it is negative, NaN or infinite.
        beta: f64 = 1.0,
            if beta >= 0.0 && beta.is_finite(),
            "the beta of `SmoothL1` must not be below 0, and finite";
    }
}

impl<Out: Shape, T: Element> Loss<Out, T> for Mse {
    type Target = Tensor<Out, T>;
    type Accepts = AnyOutput;

    fn loss(
        &self,
        outputs: &[Tensor<Out, T>],
        targets: &[Tensor<Out, T>],
        gradients: &mut [Tensor<Out, T>],
    ) -> T {
        let weight = self.reduction.weight(outputs.len(), Out::LEN);
        let outputs = flatten(outputs);
        let targets = flatten(targets);
        let sum = T::kernels().mse(outputs, targets, weight, flatten_mut(gradients));
        reduced(sum, weight, [outputs, targets], || {
            let mut squares = Squares::default();
            for (&output, &target) in outputs.iter().zip(targets) {
                squares.add_difference(double(output), double(target));
            }
            squares.times(double(weight))
        })
    }
}

/// Implements the losses on absolute differences, which share one kernel.
macro_rules! bends {
    ($($name:ident => |$loss:ident| $bend:expr;)*) => { $(
        impl<Out: Shape, T: Element> Loss<Out, T> for $name {
            type Target = Tensor<Out, T>;
            type Accepts = AnyOutput;

            fn loss(
                &self,
                outputs: &[Tensor<Out, T>],
                targets: &[Tensor<Out, T>],
                gradients: &mut [Tensor<Out, T>],
            ) -> T {
                let $loss = self;
                let weight = self.reduction.weight(outputs.len(), Out::LEN);
                let outputs = flatten(outputs);
                let targets = flatten(targets);
                let gradients = flatten_mut(gradients);
                let sum = T::kernels().smooth_l1($bend, outputs, targets, weight, gradients);
                reduced(sum, weight, [outputs, targets], || {
                    let terms = sum_of(outputs, |i, output| {
                        bent(&$bend, double(output), double(targets[i]))
                    });
                    terms.times(double(weight))
                })
            }
        }
    )* };
}

/// Returns the loss of one element, as the kernel computes it.
fn bent(bend: &Bend, output: f64, target: f64) -> f64 {
    let distance = (output - target).abs();
    if distance < bend.at {
        0.5 * bend.curve * distance * distance
    } else {
        bend.slope * (distance - 0.5 * bend.at)
    }
}

bends! {
    Mae => |_loss| Bend { at: 0.0, curve: 0.0, slope: 1.0 };
    Huber => |loss| Bend { at: loss.delta, curve: 1.0, slope: loss.delta };
    // With a beta of 0, no difference lies in the range of the infinite curve.
    SmoothL1 => |loss| Bend { at: loss.beta, curve: 1.0 / loss.beta, slope: 1.0 };
}

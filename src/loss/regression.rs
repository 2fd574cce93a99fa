//! Losses on numbers.

use super::{AnyOutput, Loss, Reduction, loss};
use crate::kernels::{Bend, Kernels};
use crate::memory::{flatten, flatten_mut};
use crate::tensor::{Element, Shape, Tensor};

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
    Mse {}
}

loss! {
    /// The absolute difference. PyTorch's `nn.L1Loss`; the mean is over all elements. Where there is no difference,
    /// the gradient is 0.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// let (outputs, targets) = ([Tensor1::from([1.0, 2.0])], [Tensor1::from([0.0, 4.0])]);
    /// let mut gradients = [Tensor1::zeros()];
    /// let loss: f32 = Mae.loss(&outputs, &targets, &mut gradients);
    /// assert_eq!((loss, gradients[0]), (1.5, Tensor1::from([0.5, -0.5])));
    /// ```
    Mae {}
}

loss! {
    /// Half the squared difference up to `delta`, from there on `delta` times the absolute one, so that outliers count
    /// less. PyTorch's `nn.HuberLoss`; Huber, 1964. The mean is over all elements.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// let (outputs, targets) = ([Tensor1::from([1.0, 9.0])], [Tensor1::from([0.0, 4.0])]);
    /// let mut gradients = [Tensor1::zeros()];
    /// let loss: f32 = Huber.delta(2.0).loss(&outputs, &targets, &mut gradients);
    /// assert_eq!((loss, gradients[0]), (4.25, Tensor1::from([0.5, 1.0])));
    /// ```
    Huber {
        /// The difference from which on the loss is straight; 1 by default.
        ///
        /// # Panics
        /// Unless it is a number above 0.
        delta: f64 = 1.0, if delta > 0.0 && delta.is_finite(), "the delta of `Huber` must be above 0, and finite";
    }
}

loss! {
    /// The absolute difference with a round tip: its square over `2 beta` below `beta`, itself less `beta / 2` from
    /// there on. PyTorch's `nn.SmoothL1Loss`; Girshick, 2015. It is [`struct@Huber`] with `delta = beta`, over `beta`.
    /// The mean is over all elements.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// let (outputs, targets) = ([Tensor1::from([1.0, 9.0])], [Tensor1::from([0.0, 4.0])]);
    /// let mut gradients = [Tensor1::zeros()];
    /// let loss: f32 = SmoothL1.beta(2.0).loss(&outputs, &targets, &mut gradients);
    /// assert_eq!((loss, gradients[0]), (2.125, Tensor1::from([0.25, 0.5])));
    /// ```
    SmoothL1 {
        /// The difference from which on the loss is straight; 1 by default. With 0 this is [`struct@Mae`].
        ///
        /// # Panics
        /// If it is below 0, NaN or infinite.
        beta: f64 = 1.0, if beta >= 0.0 && beta.is_finite(), "the beta of `SmoothL1` must not be below 0, and finite";
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
        let weight = self.reduction.weight(outputs.len() * Out::LEN);
        let (outputs, targets) = (flatten(outputs), flatten(targets));
        T::kernels().mse(outputs, targets, weight, flatten_mut(gradients)) * weight
    }
}

/// The losses on absolute differences are one kernel.
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
                let ($loss, weight) = (self, self.reduction.weight(outputs.len() * Out::LEN));
                let (outputs, targets) = (flatten(outputs), flatten(targets));
                T::kernels().smooth_l1($bend, outputs, targets, weight, flatten_mut(gradients)) * weight
            }
        }
    )* };
}
bends! {
    Mae => |_loss| Bend { at: 0.0, curve: 0.0, slope: 1.0 };
    Huber => |loss| Bend { at: loss.delta, curve: 1.0, slope: loss.delta };
    // Below a beta of 0 there is no difference for the infinite curve.
    SmoothL1 => |loss| Bend { at: loss.beta, curve: 1.0 / loss.beta, slope: 1.0 };
}

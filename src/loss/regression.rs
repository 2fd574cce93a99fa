//! Losses on numbers.

use super::{Anything, Loss, Reduction};
use crate::kernels::Kernels;
use crate::memory::{flatten, flatten_mut};
use crate::tensor::{Element, Shape, Tensor};

/// The squared difference. PyTorch's `nn.MSELoss`; the mean is over all elements.
///
/// ```
/// use shapewright::prelude::*;
/// let (outputs, targets) = ([Tensor1::from([1.0, 2.0])], [Tensor1::from([0.0, 4.0])]);
/// let mut gradients = [Tensor1::zeros()];
/// let loss: f32 = Mse.loss(&outputs, &targets, &mut gradients);
/// assert_eq!((loss, gradients[0]), (2.5, Tensor1::from([1.0, -2.0])));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mse {
    reduction: Reduction,
}

/// The loss with its defaults.
#[allow(non_upper_case_globals)]
pub const Mse: Mse = Mse { reduction: Reduction::Mean };

impl Mse {
    /// The same loss with this reduction.
    pub const fn reduction(self, reduction: Reduction) -> Self {
        Mse { reduction }
    }
}

impl<Out: Shape, T: Element> Loss<Out, T> for Mse {
    type Target = Tensor<Out, T>;
    type Takes = Anything;

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

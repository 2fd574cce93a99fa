//! Adam.

use super::Optimizer;
use crate::kernels::{AdamStep, Kernels};
use crate::tensor::Element;

/// Adam: steps scaled by running means of the gradient and of its square. PyTorch's `optim.Adam`; Kingma
/// and Ba, 2014.
///
/// ```
/// use shapewright::Adam;
/// let adam = Adam::new(1e-3).betas(0.9, 0.99);
/// assert_eq!(adam.lr, 1e-3);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// The learning rate.
    pub lr: f64,
    betas: (f64, f64),
    epsilon: f64,
    weight_decay: f64,
}

impl Adam {
    /// Adam with this learning rate (PyTorch's default is 1e-3), betas of 0.9 and 0.999, epsilon of 1e-8.
    pub const fn new(lr: f64) -> Self {
        Adam { lr, betas: (0.9, 0.999), epsilon: 1e-8, weight_decay: 0.0 }
    }

    /// How slowly the running means of the gradient and of its square forget.
    pub const fn betas(self, first: f64, second: f64) -> Self {
        Adam { betas: (first, second), ..self }
    }

    /// What is added to the divisor.
    pub const fn epsilon(self, epsilon: f64) -> Self {
        Adam { epsilon, ..self }
    }

    /// The factor of the parameters that is added to their gradient; 0 by default.
    pub const fn weight_decay(self, weight_decay: f64) -> Self {
        Adam { weight_decay, ..self }
    }
}

impl Optimizer for Adam {
    fn memories(&self) -> usize {
        2
    }

    fn update<T: Element>(&self, step: u64, params: &mut [T], gradient: &[T], memories: &mut [&mut [T]]) {
        let step = AdamStep {
            lr: self.lr,
            beta1: self.betas.0,
            beta2: self.betas.1,
            epsilon: self.epsilon,
            weight_decay: self.weight_decay,
            step,
        };
        let [first, second] = memories else { unreachable!("Adam remembers two numbers per parameter") };
        T::kernels().adam(&step, params, gradient, first, second);
    }
}

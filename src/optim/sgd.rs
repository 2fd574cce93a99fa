//! Stochastic gradient descent.

use super::Optimizer;
use crate::kernels::{Kernels, SgdStep};
use crate::tensor::Element;

/// Stochastic gradient descent, with momentum and Nesterov's variant. PyTorch's `optim.SGD`.
///
/// ```
/// use shapewright::Sgd;
/// let sgd = Sgd::new(0.01).momentum(0.9).nesterov(true);
/// assert_eq!(sgd.lr, 0.01);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// The learning rate.
    pub lr: f64,
    momentum: f64,
    dampening: f64,
    nesterov: bool,
    weight_decay: f64,
}

impl Sgd {
    /// Plain gradient descent with this learning rate.
    pub const fn new(lr: f64) -> Self {
        Sgd { lr, momentum: 0.0, dampening: 0.0, nesterov: false, weight_decay: 0.0 }
    }

    /// How much of the last step's velocity is kept; 0 by default.
    pub const fn momentum(self, momentum: f64) -> Self {
        Sgd { momentum, ..self }
    }

    /// How much of the gradient is kept out of the velocity; 0 by default.
    pub const fn dampening(self, dampening: f64) -> Self {
        Sgd { dampening, ..self }
    }

    /// Whether to look ahead along the velocity; needs momentum.
    pub const fn nesterov(self, nesterov: bool) -> Self {
        Sgd { nesterov, ..self }
    }

    /// The factor of the parameters that is added to their gradient; 0 by default.
    pub const fn weight_decay(self, weight_decay: f64) -> Self {
        Sgd { weight_decay, ..self }
    }
}

impl Optimizer for Sgd {
    fn memories(&self) -> usize {
        usize::from(self.momentum != 0.0)
    }

    fn update<T: Element>(&self, step: u64, params: &mut [T], gradient: &[T], memories: &mut [&mut [T]]) {
        let step = SgdStep {
            lr: self.lr,
            momentum: self.momentum,
            dampening: self.dampening,
            nesterov: self.nesterov,
            weight_decay: self.weight_decay,
            maximize: false,
            first: step == 1,
        };
        let velocity: &mut [T] = match memories {
            [velocity] => velocity,
            _ => &mut [],
        };
        T::kernels().sgd(&step, params, gradient, velocity);
    }
}

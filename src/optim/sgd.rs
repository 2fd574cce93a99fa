//! Stochastic gradient descent.

use super::setting_error::from_zero;
use super::{Optimizer, SettingError, setters};
use crate::kernels::{Preprocess, SgdStep, Update};
use crate::tensor::Element;

/// Stochastic gradient descent, with momentum and Nesterov's variant. PyTorch's `optim.SGD`.
///
/// ```
/// use shapewright::optim::Sgd;
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
    maximize: bool,
}

impl Sgd {
    /// Plain gradient descent with this learning rate.
    pub const fn new(lr: f64) -> Self {
        Sgd {
            lr,
            momentum: 0.0,
            dampening: 0.0,
            nesterov: false,
            weight_decay: 0.0,
            maximize: false,
        }
    }

    setters! {
        /// How much of the last step's velocity is kept; 0 by default.
        momentum: f64;
        /// How much of the gradient is kept out of the velocity; 0 by default.
        dampening: f64;
        /// Whether to look ahead along the velocity; needs momentum.
        nesterov: bool;
        weight_decay;
        maximize;
    }
}

impl Optimizer for Sgd {
    fn states(&self) -> usize {
        usize::from(self.momentum != 0.0)
    }

    fn lr_mut(&mut self) -> &mut f64 {
        &mut self.lr
    }

    fn weight_decay_mut(&mut self) -> Option<&mut f64> {
        Some(&mut self.weight_decay)
    }

    fn check(&self) -> Result<(), SettingError> {
        from_zero(&[
            ("lr", self.lr),
            ("momentum", self.momentum),
            ("dampening", self.dampening),
            ("weight_decay", self.weight_decay),
        ])?;
        match (self.nesterov, self.momentum, self.dampening) {
            (true, 0.0, _) => Err(SettingError::new(
                "momentum",
                0.0,
                "above 0 with `nesterov`",
            )),
            (true, _, dampening) if dampening != 0.0 => Err(SettingError::new(
                "dampening",
                dampening,
                "0 with `nesterov`",
            )),
            _ => Ok(()),
        }
    }

    fn update<T: Element>(
        &self,
        step: u64,
        params: &mut [T],
        gradient: &[T],
        states: &mut [&mut [T]],
    ) {
        let rule = SgdStep {
            begin: Preprocess::new(self.lr, self.maximize, self.weight_decay, false),
            lr: self.lr,
            momentum: self.momentum,
            dampening: self.dampening,
            nesterov: self.nesterov,
            first: step == 1,
        };
        T::kernels().update(&rule, params, gradient, states);
    }
}

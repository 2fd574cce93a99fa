//! Stochastic gradient descent.

use super::{Optimizer, SettingError, setters, shared_settings};
use crate::kernels::{Preprocess, SgdStep, Update};
use crate::setting_error::not_negative;
use crate::tensor::Element;

/// Stochastic gradient descent, with momentum and Nesterov's variant. PyTorch's `optim.SGD`.
///
/// ```
/// use shapewright::optim::Sgd;
/// let sgd = Sgd::new(0.01).momentum(0.9).nesterov(true);
/// assert_eq!(sgd.lr, 0.01);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use = "settings do nothing by themselves"]
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
    /// Returns plain gradient descent with this learning rate.
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
        /// Sets the momentum: the share of the last step's velocity that is kept; 0 by default.
        momentum: f64;
        /// Sets the dampening: the share of the gradient that does not enter the velocity; 0 by
        /// default.
        dampening: f64;
        /// Sets whether to look ahead along the velocity, as Nesterov's momentum does; `false` by
        /// default. It needs a momentum, and no dampening.
        nesterov: bool;
        weight_decay;
        maximize;
    }
}

impl Optimizer for Sgd {
    fn states(&self) -> usize {
        usize::from(self.momentum != 0.0)
    }

    shared_settings!("Sgd": lr, momentum, dampening, nesterov, weight_decay, maximize);

    fn check(&self) -> Result<(), SettingError> {
        not_negative(&[
            ("lr", self.lr),
            ("momentum", self.momentum),
            ("dampening", self.dampening),
            ("weight_decay", self.weight_decay),
        ])?;

        // Nesterov's momentum is not defined for other combinations.
        if self.nesterov && self.momentum == 0.0 {
            let expected = "above 0 with `nesterov`";
            return Err(SettingError::new("momentum", 0.0, expected));
        }
        if self.nesterov && self.dampening != 0.0 {
            let expected = "0 with `nesterov`";
            return Err(SettingError::new("dampening", self.dampening, expected));
        }
        Ok(())
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

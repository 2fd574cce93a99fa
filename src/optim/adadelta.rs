//! Adadelta.

use super::{Optimizer, SettingError, setters, shared_settings};
use crate::kernels::{AdadeltaStep, Preprocess, Update};
use crate::setting_error::{fraction, not_negative};
use crate::tensor::Element;

/// The Adadelta optimizer, whose steps are in proportion to the size of recent steps. PyTorch's
/// `optim.Adadelta`; Zeiler, 2012.
///
/// ```
/// use shapewright::optim::Adadelta;
/// let adadelta = Adadelta::new(1.0).rho(0.95);
/// assert_eq!(adadelta.lr, 1.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use = "settings do nothing by themselves"]
pub struct Adadelta {
    /// The learning rate.
    pub lr: f64,
    rho: f64,
    epsilon: f64,
    weight_decay: f64,
    maximize: bool,
}

impl Adadelta {
    /// Returns Adadelta with this learning rate (PyTorch's default is 1), a `rho` of 0.9 and an
    /// `epsilon` of 1e-6.
    pub const fn new(lr: f64) -> Self {
        Adadelta {
            lr,
            rho: 0.9,
            epsilon: 1e-6,
            weight_decay: 0.0,
            maximize: false,
        }
    }

    setters! {
        /// Sets the decay rate of the running means of the squares; 0.9 by default.
        rho: f64;
        epsilon;
        weight_decay;
        maximize;
    }
}

impl Optimizer for Adadelta {
    fn states(&self) -> usize {
        2
    }

    shared_settings!("Adadelta": lr, rho, epsilon, weight_decay, maximize);

    fn check(&self) -> Result<(), SettingError> {
        not_negative(&[
            ("lr", self.lr),
            ("epsilon", self.epsilon),
            ("weight_decay", self.weight_decay),
        ])?;
        fraction("rho", self.rho)
    }

    fn update<T: Element>(
        &self,
        _: u64,
        params: &mut [T],
        gradient: &[T],
        states: &mut [&mut [T]],
    ) {
        let rule = AdadeltaStep {
            begin: Preprocess::new(self.lr, self.maximize, self.weight_decay, false),
            lr: self.lr,
            rho: self.rho,
            epsilon: self.epsilon,
        };
        T::kernels().update(&rule, params, gradient, states);
    }
}

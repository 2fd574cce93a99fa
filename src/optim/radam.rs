//! RAdam.

use super::{Optimizer, SettingError, setters, shared_settings};
use crate::kernels::{Preprocess, RAdamStep, Update};
use crate::setting_error::{betas, not_negative};
use crate::tensor::Element;

/// The RAdam optimizer: Adam that does not divide by the root of the mean square until it has seen
/// enough gradients to estimate it. PyTorch's `optim.RAdam`; Liu et al., 2019.
///
/// ```
/// use shapewright::optim::RAdam;
/// let radam = RAdam::new(1e-3).betas(0.9, 0.99);
/// assert_eq!(radam.lr, 1e-3);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use = "settings do nothing by themselves"]
pub struct RAdam {
    /// The learning rate.
    pub lr: f64,
    betas: (f64, f64),
    epsilon: f64,
    weight_decay: f64,
    decoupled_weight_decay: bool,
    maximize: bool,
}

impl RAdam {
    /// Returns RAdam with this learning rate (PyTorch's default is 1e-3), `betas` of 0.9 and 0.999
    /// and an `epsilon` of 1e-8.
    pub const fn new(lr: f64) -> Self {
        RAdam {
            lr,
            betas: (0.9, 0.999),
            epsilon: 1e-8,
            weight_decay: 0.0,
            decoupled_weight_decay: false,
            maximize: false,
        }
    }

    setters! {
        betas;
        epsilon;
        weight_decay;
        decoupled_weight_decay;
        maximize;
    }
}

impl Optimizer for RAdam {
    fn states(&self) -> usize {
        2
    }

    shared_settings!("RAdam": lr, betas, epsilon, weight_decay, decoupled_weight_decay, maximize);

    fn check(&self) -> Result<(), SettingError> {
        not_negative(&[
            ("lr", self.lr),
            ("epsilon", self.epsilon),
            ("weight_decay", self.weight_decay),
        ])?;
        betas(self.betas)
    }

    fn update<T: Element>(
        &self,
        step: u64,
        params: &mut [T],
        gradient: &[T],
        states: &mut [&mut [T]],
    ) {
        let (beta1, beta2) = self.betas;
        let step = step as f64;
        let correction1 = 1.0 - beta1.powf(step);
        let correction2 = 1.0 - beta2.powf(step);

        // The length of the simple moving average that estimates the variance as well as the
        // running mean does: rho_inf, its limit, and rho_t, that of this step.
        let rho_inf = 2.0 / (1.0 - beta2) - 1.0;
        let rho_t = rho_inf - 2.0 * step * beta2.powf(step) / correction2;
        let rectified = rho_t > 5.0;

        let mut rate = self.lr / correction1;
        if rectified {
            let ratio = (rho_t - 4.0) * (rho_t - 2.0) * rho_inf
                / ((rho_inf - 4.0) * (rho_inf - 2.0) * rho_t);
            rate *= ratio.sqrt() * correction2.sqrt();
        }

        let rule = RAdamStep {
            begin: Preprocess::new(
                self.lr,
                self.maximize,
                self.weight_decay,
                self.decoupled_weight_decay,
            ),
            rate,
            rectified,
            beta1,
            beta2,
            epsilon: self.epsilon,
        };
        T::kernels().update(&rule, params, gradient, states);
    }
}

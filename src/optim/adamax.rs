//! Adamax.

use super::{Optimizer, SettingError, setters, shared_settings};
use crate::kernels::{AdamaxStep, Preprocess, Update};
use crate::setting_error::{betas, not_negative};
use crate::tensor::Element;

/// The Adamax optimizer: Adam with the largest recent gradient in place of the root of the mean
/// square. PyTorch's `optim.Adamax`; Kingma and Ba, 2014.
///
/// ```
/// use shapewright::optim::Adamax;
/// let adamax = Adamax::new(2e-3).betas(0.9, 0.99);
/// assert_eq!(adamax.lr, 2e-3);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use = "settings do nothing by themselves"]
pub struct Adamax {
    /// The learning rate.
    pub lr: f64,
    betas: (f64, f64),
    epsilon: f64,
    weight_decay: f64,
    maximize: bool,
}

impl Adamax {
    /// Returns Adamax with this learning rate (PyTorch's default is 2e-3), `betas` of 0.9 and 0.999
    /// and an `epsilon` of 1e-8.
    pub const fn new(lr: f64) -> Self {
        Adamax {
            lr,
            betas: (0.9, 0.999),
            epsilon: 1e-8,
            weight_decay: 0.0,
            maximize: false,
        }
    }

    setters! {
        betas;
        /// Sets the number that is added to the size of a gradient; 1e-8 by default.
        epsilon: f64;
        weight_decay;
        maximize;
    }
}

impl Optimizer for Adamax {
    fn states(&self) -> usize {
        2
    }

    shared_settings!("Adamax": lr, betas, epsilon, weight_decay, maximize);

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
        let rule = AdamaxStep {
            begin: Preprocess::new(self.lr, self.maximize, self.weight_decay, false),
            rate: self.lr / (1.0 - self.betas.0.powf(step as f64)),
            beta1: self.betas.0,
            beta2: self.betas.1,
            epsilon: self.epsilon,
        };
        T::kernels().update(&rule, params, gradient, states);
    }
}

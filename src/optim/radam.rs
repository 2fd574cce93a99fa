//! RAdam.

use super::setting_error::{betas, from_zero};
use super::{Optimizer, SettingError, setters};
use crate::kernels::{Preprocess, RAdamStep, Update};
use crate::tensor::Element;

/// RAdam: Adam without the division by the deviation for as long as too few gradients were seen to
/// know it. PyTorch's `optim.RAdam`; Liu et al., 2019.
///
/// ```
/// use shapewright::optim::RAdam;
/// let radam = RAdam::new(1e-3).betas(0.9, 0.99);
/// assert_eq!(radam.lr, 1e-3);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
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
    /// RAdam with this learning rate (PyTorch's default is 1e-3), betas of 0.9 and 0.999, epsilon
    /// of 1e-8.
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

    fn lr_mut(&mut self) -> &mut f64 {
        &mut self.lr
    }

    fn weight_decay_mut(&mut self) -> Option<&mut f64> {
        Some(&mut self.weight_decay)
    }

    fn check(&self) -> Result<(), SettingError> {
        from_zero(&[
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
        let corrections = (1.0 - beta1.powf(step), 1.0 - beta2.powf(step));
        // The length of a plain mean that would know the variance as well, now and in the end.
        let last = 2.0 / (1.0 - beta2) - 1.0;
        let length = last - 2.0 * step * beta2.powf(step) / corrections.1;
        let rectified = length > 5.0;
        let mut rate = self.lr / corrections.0;
        if rectified {
            let ratio =
                (length - 4.0) * (length - 2.0) * last / ((last - 4.0) * (last - 2.0) * length);
            rate *= ratio.sqrt() * corrections.1.sqrt();
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

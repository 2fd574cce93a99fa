//! NAdam.

use super::setting_error::{betas, from_zero};
use super::{Optimizer, SettingError, setters};
use crate::kernels::{Begin, NAdamStep, Update};
use crate::tensor::Element;

/// NAdam: Adam with Nesterov's look ahead. PyTorch's `optim.NAdam`; Dozat, 2016.
///
/// ```
/// use shapewright::NAdam;
/// let nadam = NAdam::new(2e-3).momentum_decay(1e-3);
/// assert_eq!(nadam.lr, 2e-3);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NAdam {
    /// The learning rate.
    pub lr: f64,
    betas: (f64, f64),
    epsilon: f64,
    momentum_decay: f64,
    weight_decay: f64,
    decoupled_weight_decay: bool,
    maximize: bool,
}

impl NAdam {
    /// NAdam with this learning rate (PyTorch's default is 2e-3), betas of 0.9 and 0.999, epsilon
    /// of 1e-8 and a momentum decay of 4e-3.
    pub const fn new(lr: f64) -> Self {
        NAdam {
            lr,
            betas: (0.9, 0.999),
            epsilon: 1e-8,
            momentum_decay: 4e-3,
            weight_decay: 0.0,
            decoupled_weight_decay: false,
            maximize: false,
        }
    }

    setters! {
        betas;
        epsilon;
        /// How fast the momentum grows to the first beta; 4e-3 by default.
        momentum_decay: f64;
        weight_decay;
        decoupled_weight_decay;
        maximize;
    }
}

impl Optimizer for NAdam {
    fn memories(&self) -> usize {
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
            ("momentum_decay", self.momentum_decay),
            ("weight_decay", self.weight_decay),
        ])?;
        betas(self.betas)
    }

    fn update<T: Element>(
        &self,
        step: u64,
        params: &mut [T],
        gradient: &[T],
        memories: &mut [&mut [T]],
    ) {
        let (beta1, beta2) = self.betas;
        let (product, mu, next) = self.momenta(step);
        let rule = NAdamStep {
            begin: Begin::new(
                self.lr,
                self.maximize,
                self.weight_decay,
                self.decoupled_weight_decay,
            ),
            gradient_rate: self.lr * (1.0 - mu) / (1.0 - product),
            moment_rate: self.lr * next / (1.0 - product * next),
            root: 1.0 / (1.0 - beta2.powf(step as f64)),
            beta1,
            beta2,
            epsilon: self.epsilon,
        };
        T::kernels().update(&rule, params, gradient, memories);
    }
}

impl NAdam {
    /// The product of the momenta of all steps up to this one, the momentum of this step and that
    /// of the next.
    fn momenta(&self, step: u64) -> (f64, f64, f64) {
        let beta1 = self.betas.0;
        let momentum = |power: f64| beta1 * (1.0 - 0.5 * power);
        let factor = 0.96_f64.powf(self.momentum_decay);
        let (mut power, mut product) = (1.0, 1.0);
        for _ in 0..step {
            power *= factor;
            product *= momentum(power);
            // It is only used as 1 - product. This is reached after a few hundred steps, if beta1
            // is as usual.
            if product < 1e-20 {
                break;
            }
        }
        let power = |step: f64| 0.96_f64.powf(step * self.momentum_decay);
        (
            product,
            momentum(power(step as f64)),
            momentum(power(step as f64 + 1.0)),
        )
    }
}

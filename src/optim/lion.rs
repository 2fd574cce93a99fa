//! Lion.

use super::setting_error::{betas, from_zero};
use super::{Optimizer, SettingError, setters};
use crate::kernels::{LionStep, Preprocess, Update};
use crate::tensor::Element;

/// Lion: steps of one size in the direction of the sign of a running mean. Chen et al., 2023,
/// "Symbolic Discovery of Optimization Algorithms", algorithm 2.
///
/// Its learning rate should be 3 to 10 times smaller than AdamW's, and its weight decay as much
/// larger.
///
/// Its step has one size however small the gradient is, but none where gradient and mean are below
/// 3.9e-34, in `f64` 7.3e-304: they count as 0 ([why](Optimizer#very-small-gradients)).
///
/// ```
/// use shapewright::optim::Lion;
/// let lion = Lion::new(1e-4).weight_decay(0.1);
/// assert_eq!(lion.lr, 1e-4);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lion {
    /// The learning rate.
    pub lr: f64,
    betas: (f64, f64),
    weight_decay: f64,
    maximize: bool,
}

impl Lion {
    /// Lion with this learning rate (the paper's authors begin with 1e-4), betas of 0.9 and 0.99,
    /// without weight decay.
    pub const fn new(lr: f64) -> Self {
        Lion {
            lr,
            betas: (0.9, 0.99),
            weight_decay: 0.0,
            maximize: false,
        }
    }

    setters! {
        /// How slowly the running mean forgets, for the direction of the step and for the mean that is kept.
        betas: f64, f64;
        /// How much of the parameters, times the learning rate, each step takes away; 0 by default.
        weight_decay: f64;
        maximize;
    }
}

impl Optimizer for Lion {
    fn states(&self) -> usize {
        1
    }

    fn lr_mut(&mut self) -> &mut f64 {
        &mut self.lr
    }

    fn weight_decay_mut(&mut self) -> Option<&mut f64> {
        Some(&mut self.weight_decay)
    }

    fn check(&self) -> Result<(), SettingError> {
        from_zero(&[("lr", self.lr), ("weight_decay", self.weight_decay)])?;
        betas(self.betas)
    }

    fn update<T: Element>(
        &self,
        _: u64,
        params: &mut [T],
        gradient: &[T],
        states: &mut [&mut [T]],
    ) {
        let rule = LionStep {
            begin: Preprocess::new(self.lr, self.maximize, self.weight_decay, true),
            lr: self.lr,
            beta1: self.betas.0,
            beta2: self.betas.1,
        };
        T::kernels().update(&rule, params, gradient, states);
    }
}

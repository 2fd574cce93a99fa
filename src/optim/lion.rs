//! Lion.

use super::{Optimizer, SettingError, setters, shared_settings};
use crate::kernels::{LionStep, Preprocess, Update};
use crate::setting_error::{betas, not_negative};
use crate::tensor::Element;

/// The Lion optimizer, whose steps have the sign of a running mean and all the same size. Chen et
/// al., 2023, "Symbolic Discovery of Optimization Algorithms", algorithm 2.
///
/// Its learning rate should be 3 to 10 times smaller than AdamW's, and its weight decay larger by
/// the same factor.
///
/// The size of a step does not depend on that of the gradient. There is no step where the gradient
/// and the mean are below 3.9e-34 (7.3e-304 in `f64`), because they are [treated as
/// 0](Optimizer#very-small-gradients).
///
/// ```
/// use shapewright::optim::Lion;
/// let lion = Lion::new(1e-4).weight_decay(0.1);
/// assert_eq!(lion.lr, 1e-4);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use = "settings do nothing by themselves"]
pub struct Lion {
    /// The learning rate.
    pub lr: f64,
    betas: (f64, f64),
    weight_decay: f64,
    maximize: bool,
}

impl Lion {
    /// Returns Lion with this learning rate (the paper's authors begin with 1e-4), `betas` of 0.9
    /// and 0.99 and no weight decay.
    pub const fn new(lr: f64) -> Self {
        Lion {
            lr,
            betas: (0.9, 0.99),
            weight_decay: 0.0,
            maximize: false,
        }
    }

    setters! {
        /// Sets the decay rates of the running mean: the first for the direction of the step, the
        /// second for the mean that is kept; 0.9 and 0.99 by default.
        betas: f64, f64;
        /// Sets the weight decay: each step subtracts this multiple of the parameters, times the
        /// learning rate; 0 by default.
        weight_decay: f64;
        maximize;
    }
}

impl Optimizer for Lion {
    fn states(&self) -> usize {
        1
    }

    shared_settings!("Lion": lr, betas, weight_decay, maximize);

    fn check(&self) -> Result<(), SettingError> {
        not_negative(&[("lr", self.lr), ("weight_decay", self.weight_decay)])?;
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

//! Adagrad.

use super::setting_error::from_zero;
use super::{Optimizer, SettingError, setters};
use crate::kernels::{AdagradStep, Preprocess, Update};
use crate::tensor::Element;

/// Adagrad: steps divided by the root of the sum of all squared gradients. PyTorch's
/// `optim.Adagrad`; Duchi, Hazan and Singer, 2011.
///
/// ```
/// use shapewright::optim::Adagrad;
/// let adagrad = Adagrad::new(1e-2).initial_accumulator_value(0.1);
/// assert_eq!(adagrad.lr, 1e-2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adagrad {
    /// The learning rate.
    pub lr: f64,
    lr_decay: f64,
    initial_accumulator_value: f64,
    epsilon: f64,
    weight_decay: f64,
    maximize: bool,
}

impl Adagrad {
    /// Adagrad with this learning rate (PyTorch's default is 1e-2) and epsilon of 1e-10.
    pub const fn new(lr: f64) -> Self {
        Adagrad {
            lr,
            lr_decay: 0.0,
            initial_accumulator_value: 0.0,
            epsilon: 1e-10,
            weight_decay: 0.0,
            maximize: false,
        }
    }

    setters! {
        /// The learning rate is divided by one more `lr_decay` in every step; 0 by default.
        lr_decay: f64;
        /// What the sums of squares begin with; 0 by default.
        initial_accumulator_value: f64;
        epsilon;
        weight_decay;
        maximize;
    }
}

impl Optimizer for Adagrad {
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
        from_zero(&[
            ("lr", self.lr),
            ("lr_decay", self.lr_decay),
            ("initial_accumulator_value", self.initial_accumulator_value),
            ("epsilon", self.epsilon),
            ("weight_decay", self.weight_decay),
        ])
    }

    fn update<T: Element>(
        &self,
        step: u64,
        params: &mut [T],
        gradient: &[T],
        states: &mut [&mut [T]],
    ) {
        let rule = AdagradStep {
            begin: Preprocess::new(self.lr, self.maximize, self.weight_decay, false),
            rate: self.lr / (1.0 + (step - 1) as f64 * self.lr_decay),
            epsilon: self.epsilon,
            initial: (step == 1).then_some(self.initial_accumulator_value),
        };
        T::kernels().update(&rule, params, gradient, states);
    }
}

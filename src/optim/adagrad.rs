//! Adagrad.

use super::{Optimizer, SettingError, setters, shared_settings};
use crate::kernels::{AdagradStep, Preprocess, Update};
use crate::setting_error::not_negative;
use crate::tensor::Element;

/// The Adagrad optimizer, whose steps are divided by the root of the sum of all squared gradients.
/// PyTorch's `optim.Adagrad`; Duchi, Hazan and Singer, 2011.
///
/// ```
/// use shapewright::optim::Adagrad;
/// let adagrad = Adagrad::new(1e-2).initial_accumulator_value(0.1);
/// assert_eq!(adagrad.lr, 1e-2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use = "settings do nothing by themselves"]
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
    /// Returns Adagrad with this learning rate (PyTorch's default is 1e-2) and an `epsilon` of
    /// 1e-10.
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
        /// Sets the decay of the learning rate: in step `t`, counted from 0, it is divided by
        /// `1 + t * lr_decay`; 0 by default.
        lr_decay: f64;
        /// Sets the initial value of the sums of squares; 0 by default.
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

    shared_settings!("Adagrad": lr, lr_decay, initial_accumulator_value, epsilon, weight_decay, maximize);

    fn check(&self) -> Result<(), SettingError> {
        not_negative(&[
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

//! RMSprop.

use super::{Optimizer, SettingError, setters, shared_settings};
use crate::kernels::{Preprocess, RmsPropStep, Update};
use crate::setting_error::{fraction, not_negative};
use crate::tensor::Element;

/// The RMSprop optimizer, whose steps are divided by the root of a running mean of the squared
/// gradient. PyTorch's `optim.RMSprop`; Hinton, 2012. The option `centered` is due to Graves, 2013.
///
/// ```
/// use shapewright::optim::RmsProp;
/// let rmsprop = RmsProp::new(1e-2).alpha(0.9).momentum(0.9).centered(true);
/// assert_eq!(rmsprop.lr, 1e-2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use = "settings do nothing by themselves"]
pub struct RmsProp {
    /// The learning rate.
    pub lr: f64,
    alpha: f64,
    epsilon: f64,
    momentum: f64,
    centered: bool,
    weight_decay: f64,
    maximize: bool,
}

impl RmsProp {
    /// Returns RMSprop with this learning rate (PyTorch's default is 1e-2), an `alpha` of 0.99 and
    /// an `epsilon` of 1e-8.
    pub const fn new(lr: f64) -> Self {
        RmsProp {
            lr,
            alpha: 0.99,
            epsilon: 1e-8,
            momentum: 0.0,
            centered: false,
            weight_decay: 0.0,
            maximize: false,
        }
    }

    setters! {
        /// Sets the decay rate of the running mean of the square; 0.99 by default.
        alpha: f64;
        epsilon;
        /// Sets the momentum: the share of the last step that is kept; 0 by default.
        momentum: f64;
        /// Sets whether to divide by an estimate of the gradient's standard deviation instead of
        /// its root mean square; `false` by default.
        centered: bool;
        weight_decay;
        maximize;
    }
}

impl Optimizer for RmsProp {
    fn states(&self) -> usize {
        1 + usize::from(self.centered) + usize::from(self.momentum != 0.0)
    }

    shared_settings!("RmsProp": lr, alpha, epsilon, momentum, centered, weight_decay, maximize);

    fn check(&self) -> Result<(), SettingError> {
        not_negative(&[
            ("lr", self.lr),
            ("epsilon", self.epsilon),
            ("momentum", self.momentum),
            ("weight_decay", self.weight_decay),
        ])?;
        // Above 1 the mean of squares could be negative.
        fraction("alpha", self.alpha)
    }

    fn update<T: Element>(
        &self,
        _: u64,
        params: &mut [T],
        gradient: &[T],
        states: &mut [&mut [T]],
    ) {
        let rule = RmsPropStep {
            begin: Preprocess::new(self.lr, self.maximize, self.weight_decay, false),
            lr: self.lr,
            alpha: self.alpha,
            epsilon: self.epsilon,
            momentum: self.momentum,
            centered: self.centered,
        };
        T::kernels().update(&rule, params, gradient, states);
    }
}

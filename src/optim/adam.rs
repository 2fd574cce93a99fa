//! Adam and AdamW.

use super::{Optimizer, SettingError, setters, shared_settings};
use crate::kernels::{AdamStep, Preprocess, Update};
use crate::setting_error::{betas, not_negative};
use crate::tensor::Element;

/// The Adam optimizer, whose steps are scaled by running means of the gradient and of its square.
/// PyTorch's `optim.Adam`; Kingma and Ba, 2014.
///
/// ```
/// use shapewright::optim::Adam;
/// let adam = Adam::new(1e-3).betas(0.9, 0.99);
/// assert_eq!(adam.lr, 1e-3);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use = "settings do nothing by themselves"]
pub struct Adam {
    /// The learning rate.
    pub lr: f64,
    betas: (f64, f64),
    epsilon: f64,
    weight_decay: f64,
    decoupled_weight_decay: bool,
    amsgrad: bool,
    maximize: bool,
}

impl Adam {
    /// Returns Adam with this learning rate (PyTorch's default is 1e-3), `betas` of 0.9 and 0.999
    /// and an `epsilon` of 1e-8.
    pub const fn new(lr: f64) -> Self {
        Adam {
            lr,
            betas: (0.9, 0.999),
            epsilon: 1e-8,
            weight_decay: 0.0,
            decoupled_weight_decay: false,
            amsgrad: false,
            maximize: false,
        }
    }

    setters! {
        betas;
        epsilon;
        weight_decay;
        decoupled_weight_decay;
        /// Sets whether to divide by the root of the largest running mean of the square so far
        /// (Reddi, Kale and Kumar, 2018); `false` by default.
        amsgrad: bool;
        maximize;
    }
}

impl Optimizer for Adam {
    fn states(&self) -> usize {
        2 + usize::from(self.amsgrad)
    }

    shared_settings!("Adam": lr, betas, epsilon, weight_decay, decoupled_weight_decay, amsgrad, maximize);

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
        let power = |beta: f64| beta.powf(step as f64);

        let rule = AdamStep {
            begin: Preprocess::new(
                self.lr,
                self.maximize,
                self.weight_decay,
                self.decoupled_weight_decay,
            ),
            rate: self.lr / (1.0 - power(self.betas.0)),
            root: 1.0 / (1.0 - power(self.betas.1)).sqrt(),
            beta1: self.betas.0,
            beta2: self.betas.1,
            epsilon: self.epsilon,
            amsgrad: self.amsgrad,
        };

        T::kernels().update(&rule, params, gradient, states);
    }
}

/// The AdamW optimizer: Adam with a decoupled weight decay, which subtracts `lr * weight_decay` of
/// each parameter and does not enter the running means. PyTorch's `optim.AdamW`; Loshchilov and
/// Hutter, 2017.
///
/// ```
/// use shapewright::optim::AdamW;
/// let adamw = AdamW::new(1e-3).weight_decay(0.1);
/// assert_eq!(adamw.lr, 1e-3);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use = "settings do nothing by themselves"]
pub struct AdamW {
    /// The learning rate.
    pub lr: f64,
    betas: (f64, f64),
    epsilon: f64,
    weight_decay: f64,
    amsgrad: bool,
    maximize: bool,
}

impl AdamW {
    /// Returns AdamW with this learning rate (PyTorch's default is 1e-3), `betas` of 0.9 and 0.999,
    /// an `epsilon` of 1e-8 and a weight decay of 1e-2.
    pub const fn new(lr: f64) -> Self {
        AdamW {
            lr,
            betas: (0.9, 0.999),
            epsilon: 1e-8,
            weight_decay: 1e-2,
            amsgrad: false,
            maximize: false,
        }
    }

    setters! {
        betas;
        epsilon;
        /// Sets the weight decay: each step subtracts this multiple of the parameters, times the
        /// learning rate; 1e-2 by default.
        weight_decay: f64;
        /// Sets whether to divide by the root of the largest running mean of the square so far, as
        /// [`Adam::amsgrad`] does; `false` by default.
        amsgrad: bool;
        maximize;
    }

    /// Returns Adam with the same settings.
    const fn adam(&self) -> Adam {
        let AdamW {
            lr,
            betas,
            epsilon,
            weight_decay,
            amsgrad,
            maximize,
        } = *self;
        Adam {
            lr,
            betas,
            epsilon,
            weight_decay,
            decoupled_weight_decay: true,
            amsgrad,
            maximize,
        }
    }
}

impl Optimizer for AdamW {
    fn states(&self) -> usize {
        2 + usize::from(self.amsgrad)
    }

    shared_settings!("AdamW": lr, betas, epsilon, weight_decay, amsgrad, maximize);

    fn check(&self) -> Result<(), SettingError> {
        self.adam().check()
    }

    fn update<T: Element>(
        &self,
        step: u64,
        params: &mut [T],
        gradient: &[T],
        states: &mut [&mut [T]],
    ) {
        self.adam().update(step, params, gradient, states);
    }
}

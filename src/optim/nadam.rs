//! NAdam.

use super::{Optimizer, SettingError, setters, shared_settings};
use crate::kernels::{NAdamStep, Preprocess, Update};
use crate::setting_error::{betas, not_negative};
use crate::tensor::Element;

/// The NAdam optimizer: Adam with Nesterov's momentum. PyTorch's `optim.NAdam`; Dozat, 2016.
///
/// ```
/// use shapewright::optim::NAdam;
/// let nadam = NAdam::new(2e-3).momentum_decay(1e-3);
/// assert_eq!(nadam.lr, 2e-3);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use = "settings do nothing by themselves"]
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
    /// Returns NAdam with this learning rate (PyTorch's default is 2e-3), `betas` of 0.9 and 0.999,
    /// an `epsilon` of 1e-8 and a momentum decay of 4e-3.
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
        /// Sets how fast the momentum grows to the first beta; 4e-3 by default.
        momentum_decay: f64;
        weight_decay;
        decoupled_weight_decay;
        maximize;
    }
}

impl Optimizer for NAdam {
    fn states(&self) -> usize {
        2
    }

    shared_settings!("NAdam": lr, betas, epsilon, momentum_decay, weight_decay, decoupled_weight_decay, maximize);

    fn check(&self) -> Result<(), SettingError> {
        not_negative(&[
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
        states: &mut [&mut [T]],
    ) {
        let (beta1, beta2) = self.betas;
        let (product, mu, next) = self.momenta(step);

        let rule = NAdamStep {
            begin: Preprocess::new(
                self.lr,
                self.maximize,
                self.weight_decay,
                self.decoupled_weight_decay,
            ),
            gradient_rate: self.lr * (1.0 - mu) / (1.0 - product),
            moment_rate: self.lr * next / (1.0 - product * next),
            root: 1.0 / (1.0 - beta2.powf(step as f64)).sqrt(),
            beta1,
            beta2,
            epsilon: self.epsilon,
        };

        T::kernels().update(&rule, params, gradient, states);
    }
}

impl NAdam {
    /// Returns the product of the momenta of all steps up to this one, the momentum of this step
    /// and that of the next. Only `1 - product` is used, and it is exact: a product below 1e-20 may
    /// itself be inexact.
    fn momenta(&self, step: u64) -> (f64, f64, f64) {
        let product = if step <= MAX_FACTORS {
            self.product_by_factors(step)
        } else {
            self.product_by_series(step as f64)
        };

        let power = |step: f64| 0.96_f64.powf(step * self.momentum_decay);
        (
            product,
            self.momentum(power(step as f64)),
            self.momentum(power(step as f64 + 1.0)),
        )
    }

    /// Returns the momentum of the step `t` from the power `0.96^(t * momentum_decay)`.
    fn momentum(&self, power: f64) -> f64 {
        self.betas.0 * (1.0 - 0.5 * power)
    }

    /// Computes the product of the first `step` momenta factor by factor.
    fn product_by_factors(&self, step: u64) -> f64 {
        let factor = 0.96_f64.powf(self.momentum_decay);
        let mut power = 1.0;
        let mut product = 1.0;
        for _ in 0..step {
            power *= factor;
            product *= self.momentum(power);
            // With usual settings, this takes less than a hundred steps.
            if product < NEGLIGIBLE {
                break;
            }
        }
        product
    }

    /// Computes the product of the first `n` momenta in a time that does not depend on `n`.
    ///
    /// With `q = 0.96^momentum_decay`, the product is `beta1^n` times that of all `1 - q^t / 2`.
    /// The logarithm of such a factor is minus the sum over `k` of `(q^t / 2)^k / k`. For each `k`,
    /// the sum of these terms over `t` is geometric: `(q / 2)^k / k * (1 - q^(k n)) / (1 - q^k)`.
    fn product_by_series(&self, n: f64) -> f64 {
        let rate = self.momentum_decay * 0.96_f64.ln();
        // The last factor is the largest.
        let largest = self.momentum((n * rate).exp());
        if n * largest.ln() < NEGLIGIBLE.ln() {
            return 0.0;
        }

        let mut logarithm = n * self.betas.0.ln();
        // 2^-k
        let mut half_power = 1.0;
        // The omitted terms together are less than the last one.
        for k in 1..=f64::MANTISSA_DIGITS {
            let k = f64::from(k);
            half_power *= 0.5;
            let per_step = k * rate;
            let steps = if per_step == 0.0 {
                n
            } else {
                (n * per_step).exp_m1() / per_step.exp_m1()
            };
            logarithm -= half_power * per_step.exp() * steps / k;
        }
        logarithm.exp()
    }
}

/// The largest number of factors that are multiplied one by one, which takes no longer than the
/// series.
const MAX_FACTORS: u64 = 256;
/// The bound below which a number makes no difference to 1.
const NEGLIGIBLE: f64 = 1e-20;

#[cfg(test)]
mod tests {
    use super::{MAX_FACTORS, NAdam, NEGLIGIBLE};

    /// Multiplies the factors one by one, as PyTorch does.
    fn one_by_one(nadam: &NAdam, step: u64) -> f64 {
        let factor = |t: u64| nadam.momentum(0.96_f64.powf(t as f64 * nadam.momentum_decay));
        (1..=step).map(factor).product()
    }

    #[test]
    fn the_product_of_momenta_is_that_of_its_factors() {
        for beta1 in [0.0, 0.5, 0.9, 0.99, 0.9999, 1.0 - 1e-7] {
            for decay in [0.0, 1e-300, 1e-9, 4e-3, 0.1, 3.0, 1e4] {
                let nadam = NAdam::new(1.0).betas(beta1, 0.999).momentum_decay(decay);
                for step in [1, 2, 57, 256, 257, 300, 1000, 20_000] {
                    let want = 1.0 - one_by_one(&nadam, step);
                    let got = 1.0 - nadam.momenta(step).0;
                    // The factors of the expected value are rounded, too.
                    let rounding = step as f64 * f64::EPSILON;
                    assert!(
                        (got - want).abs() <= 1e-12 * want + rounding,
                        "beta1 {beta1}, decay {decay}, step {step}: {got}, should be {want}"
                    );
                }
            }
        }
    }

    /// Both methods agree at their boundary, and work for any number of steps.
    #[test]
    fn the_product_of_momenta_goes_on() {
        for beta1 in [0.9, 0.999, 0.99999] {
            for decay in [0.0, 4e-3, 1.0, 100.0] {
                let nadam = NAdam::new(1.0).betas(beta1, 0.999).momentum_decay(decay);
                let factors = nadam.product_by_factors(MAX_FACTORS);
                let series = nadam.product_by_series(MAX_FACTORS as f64);
                assert!((factors - series).abs() <= 1e-13 * factors + NEGLIGIBLE);
                assert_eq!(nadam.momenta(u64::MAX).0, 0.0);
            }
        }
    }
}

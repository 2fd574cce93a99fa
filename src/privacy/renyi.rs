//! Renyi differential privacy of the Gaussian mechanism on a Poisson sample (Mironov, Talwar and
//! Zhang, 2019, "Renyi Differential Privacy of the Sampled Gaussian Mechanism", section 3.3).
//!
//! All sums are of logarithms, as in Opacus.

use core::f64::consts::{LN_2, PI, SQRT_2};

/// The logarithm of the terms below which the series of a fractional order ends, as in Opacus.
const NEGLIGIBLE: f64 = -30.0;
/// The argument from which `erfc` is computed by its continued fraction: it would lose digits, and
/// soon be 0.
const FAR: f64 = 5.0;

/// Returns the privacy loss of one step at an order above 1.
pub(super) fn step_loss(sample_rate: f64, noise_multiplier: f64, order: f64) -> f64 {
    if sample_rate == 0.0 {
        0.0
    } else if noise_multiplier == 0.0 {
        f64::INFINITY
    } else if sample_rate == 1.0 {
        order / (2.0 * noise_multiplier * noise_multiplier)
    } else if order == f64::INFINITY {
        f64::INFINITY
    } else if order.fract() == 0.0 {
        of_whole_order(sample_rate, noise_multiplier, order) / (order - 1.0)
    } else {
        of_fractional_order(sample_rate, noise_multiplier, order) / (order - 1.0)
    }
}

/// Returns the logarithm of `A` at a whole order.
fn of_whole_order(q: f64, sigma: f64, order: f64) -> f64 {
    let mut log_coefficient = 0.0;
    let mut log_a = f64::NEG_INFINITY;
    let mut i = 0.0;
    while i <= order {
        let exponent = (i * i - i) / (2.0 * sigma * sigma);
        let term = log_coefficient + i * q.ln() + (order - i) * (-q).ln_1p() + exponent;
        log_a = log_add(log_a, term);

        if i < order {
            log_coefficient += ((order - i) / (i + 1.0)).ln();
        }
        i += 1.0;
    }
    log_a
}

/// Returns the logarithm of `A` at an order that is not whole: the sum of two series, whose terms
/// change their signs once `i` is above the order.
fn of_fractional_order(q: f64, sigma: f64, order: f64) -> f64 {
    let [mut log_a0, mut log_a1] = [f64::NEG_INFINITY; 2];
    let z0 = sigma * sigma * (1.0 / q - 1.0).ln() + 0.5;
    let log_half_erfc = |x: f64| log_erfc(x / (SQRT_2 * sigma)) - LN_2;

    // The binomial coefficient of a fractional order is never 0.
    let mut log_coefficient = 0.0;
    let mut is_positive = true;
    let mut i = 0.0;
    loop {
        let j = order - i;
        let [log_q, log_rest] = [q.ln(), (-q).ln_1p()];
        let gauss = |k: f64| (k * k - k) / (2.0 * sigma * sigma);
        let s0 = log_coefficient + i * log_q + j * log_rest + gauss(i) + log_half_erfc(i - z0);
        let s1 = log_coefficient + j * log_q + i * log_rest + gauss(j) + log_half_erfc(z0 - j);

        if is_positive {
            log_a0 = log_add(log_a0, s0);
            log_a1 = log_add(log_a1, s1);
        } else {
            log_a0 = log_sub(log_a0, s0);
            log_a1 = log_sub(log_a1, s1);
        }

        if s0.max(s1) < NEGLIGIBLE {
            return log_add(log_a0, log_a1);
        }
        let ratio = j / (i + 1.0);
        log_coefficient += ratio.abs().ln();
        is_positive ^= ratio < 0.0;
        i += 1.0;
    }
}

/// Returns `ln(exp(a) + exp(b))`.
fn log_add(a: f64, b: f64) -> f64 {
    let [low, high] = [a.min(b), a.max(b)];
    if low == f64::NEG_INFINITY {
        return high;
    }
    (low - high).exp().ln_1p() + high
}

/// Returns `ln(exp(a) - exp(b))`, for `a` of at least `b`.
fn log_sub(a: f64, b: f64) -> f64 {
    if b == f64::NEG_INFINITY {
        a
    } else if a == b {
        f64::NEG_INFINITY
    } else {
        // `exp_m1` is infinite where `b` no longer matters.
        let log = (a - b).exp_m1().ln();
        if log == f64::INFINITY { a } else { log + b }
    }
}

/// Returns `ln(erfc(x))`, also where `erfc(x)` is too small for an `f64`.
fn log_erfc(x: f64) -> f64 {
    if x < FAR {
        return libm::erfc(x).ln();
    }

    // Laplace's continued fraction: `sqrt(pi) exp(x^2) erfc(x) = 1 / (x + 1/2 / (x + 2/2 / (x + ..)))`.
    let fraction = (1..=60)
        .rev()
        .fold(x, |below, k| x + f64::from(k) / 2.0 / below);
    -x * x - fraction.ln() - PI.ln() / 2.0
}

#[cfg(test)]
mod tests {
    use super::log_erfc;

    #[test]
    fn erfc_is_right_far_out() {
        // `scipy.special.log_ndtr(-x * sqrt(2)) + log(2)`.
        for (x, expected) in [
            (-3.0, 0.693_136_135_250_446_8),
            (0.5, -0.735_011_129_837_084_8),
            (4.9, -26.191_438_028_169_557),
            (5.1, -28.229_982_345_200_43),
            (30.0, -903.974_117_110_644_2),
            (100.0, -10_005.177_585_122_668),
        ] {
            let own = log_erfc(x);
            assert!(
                (own - expected).abs() < 1e-12 * expected.abs(),
                "{x}: {own}"
            );
        }
    }
}

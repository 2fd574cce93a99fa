//! Rules for the integral of a function from 0 to 1.

use core::f64::consts::PI;

/// A rule for the integral along the path of [`IntegratedGradients`](super::IntegratedGradients),
/// with the names of Captum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Quadrature {
    /// Gauss-Legendre, Captum's `gausslegendre` and its default: exact for polynomials of a degree
    /// below twice the number of steps.
    #[default]
    GaussLegendre,
    /// The middles of equal steps, Captum's `riemann_middle`. It is steadier where the gradient
    /// jumps, as behind `Relu`.
    RiemannMiddle,
}

impl Quadrature {
    /// Returns the positions from 0 to 1, in order, and their weights, which add up to 1.
    pub(super) fn points(self, steps: usize) -> Vec<(f64, f64)> {
        let n = steps as f64;
        match self {
            Quadrature::RiemannMiddle => (0..steps)
                .map(|i| ((i as f64 + 0.5) / n, 1.0 / n))
                .collect(),
            Quadrature::GaussLegendre => (0..steps)
                .map(|i| {
                    // Newton's method for a root of the polynomial, from Tricomi's approximation.
                    let mut x = -(PI * (i as f64 + 0.75) / (n + 0.5)).cos();
                    for _ in 0..100 {
                        let (value, slope) = legendre(steps, x);
                        let change = value / slope;
                        x -= change;
                        if change.abs() < 1e-16 {
                            break;
                        }
                    }
                    let (_, slope) = legendre(steps, x);
                    let weight = 2.0 / ((1.0 - x * x) * slope * slope);
                    (0.5 * (x + 1.0), 0.5 * weight)
                })
                .collect(),
        }
    }
}

/// Returns the Legendre polynomial of a degree of at least 1 at `x`, which is within -1 and 1, and
/// its derivative.
fn legendre(degree: usize, x: f64) -> (f64, f64) {
    let [mut before, mut value] = [1.0, x];
    for k in 2..=degree {
        let k = k as f64;
        let next = ((2.0 * k - 1.0) * x * value - (k - 1.0) * before) / k;
        before = value;
        value = next;
    }
    let slope = degree as f64 * (x * value - before) / (x * x - 1.0);
    (value, slope)
}

#[cfg(test)]
mod tests {
    use super::Quadrature;

    #[test]
    fn rules_integrate_polynomials() {
        for steps in [1, 2, 5, 20, 50, 200] {
            let points = Quadrature::GaussLegendre.points(steps);
            assert!(points.is_sorted());
            for degree in 0..(2 * steps).min(60) {
                let power = |x: f64| x.powi(i32::try_from(degree).expect("a degree"));
                let integral: f64 = points.iter().map(|&(x, weight)| weight * power(x)).sum();
                let error = (integral - 1.0 / (degree as f64 + 1.0)).abs();
                assert!(error < 1e-13, "{steps} steps, degree {degree}: {error}");
            }
        }
        assert_eq!(
            Quadrature::RiemannMiddle.points(2),
            [(0.25, 0.5), (0.75, 0.5)]
        );
    }
}

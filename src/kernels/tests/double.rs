//! The `f64` kernels, which are the reference for the others: against definitions and finite differences.

use super::super::{F64Kernels, Kernels, Matrix, Product, Start, Unary};
use super::{numbers, widen};

fn doubles(seed: u32, len: usize) -> Vec<f64> {
    widen(&numbers(seed, len))
}

/// The derivative of `f` at `x`, by a central difference.
fn slope(f: impl Fn(f64) -> f64, x: f64) -> f64 {
    (f(x + 1e-5) - f(x - 1e-5)) / 2e-5
}

#[test]
fn products_small_and_large() {
    for (m, n, k) in [(1, 5, 3), (3, 1, 4), (5, 7, 0), (2, 3, 4), (30, 31, 32), (64, 5, 40)] {
        if cfg!(miri) && m > 5 {
            continue;
        }
        let (a, b, bias) = (doubles(1, m * k), doubles(2, k * n), doubles(3, n));
        for transposed in [false, true] {
            let b_matrix =
                if transposed { Matrix::row_major(&b, k).transposed() } else { Matrix::row_major(&b, n) };
            let mut c = vec![0.0; m * n];
            F64Kernels.product(Product {
                m,
                n,
                k,
                a: Matrix::row_major(&a, k),
                b: b_matrix,
                c: &mut c,
                c_stride: n,
                start: Start::Bias(&bias),
                relu: true,
                whole: m,
            });
            for i in 0..m {
                for j in 0..n {
                    let at = |p| if transposed { b[j * k + p] } else { b[p * n + j] };
                    let want = (0..k).fold(bias[j], |sum, p| sum + a[i * k + p] * at(p)).max(0.0);
                    assert!((c[i * n + j] - want).abs() < 1e-12);
                }
            }
        }
    }
}

#[test]
fn elementwise_gradients_are_slopes() {
    let kernels = F64Kernels;
    for x in [-3.0, -0.7, -0.1, 0.2, 1.5, 4.0] {
        for f in [Unary::Relu, Unary::Tanh, Unary::Sigmoid] {
            let value = |x: f64| {
                let mut y = [x];
                kernels.unary(f, &mut y);
                y[0]
            };
            let mut dy = [2.0];
            kernels.unary_grad(f, &[value(x)], &mut dy);
            assert!((dy[0] - 2.0 * slope(value, x)).abs() < 1e-8, "{f:?} at {x}");
        }
        let value = |x: f64| {
            let mut y = [0.0];
            kernels.gelu(&[x], &mut y);
            y[0]
        };
        let mut dy = [2.0];
        kernels.gelu_grad(&[x], &mut dy);
        assert!((dy[0] - 2.0 * slope(value, x)).abs() < 1e-8, "gelu at {x}");
    }
    let mut y = [0.0];
    kernels.gelu(&[1.0], &mut y);
    assert!((y[0] - 0.841_344_746_068_542_9).abs() < 1e-15);
}

#[test]
fn loss_gradients_are_slopes() {
    let kernels = F64Kernels;
    let (x, t, labels) = (doubles(4, 12), doubles(5, 12), [2, 0, 1, 2]);
    type Loss<'a> = &'a dyn Fn(&[f64], &mut [f64]) -> f64;
    let losses: [Loss<'_>; 3] = [
        &|x, grad| kernels.cross_entropy(3, x, &labels, &[], 1.0, grad),
        &|x, grad| kernels.bce_with_logits(x, &t, 1.0, grad),
        &|x, grad| kernels.mse(x, &t, 1.0, grad),
    ];
    for loss in losses {
        let mut grad = vec![0.0; 12];
        loss(&x, &mut grad);
        for i in 0..12 {
            let along = |xi: f64| {
                let mut x = x.clone();
                x[i] = xi;
                loss(&x, &mut [0.0; 12])
            };
            assert!((grad[i] - slope(along, x[i])).abs() < 1e-8);
        }
    }
    let mut grad = [0.0; 3];
    let loss = kernels.cross_entropy(3, &[1.0; 3], &[1], &[], 1.0, &mut grad);
    assert!((loss - 3.0_f64.ln()).abs() < 1e-15);
}

#[test]
fn softmax_gradient_is_a_slope() {
    let kernels = F64Kernels;
    let (x, weights) = (doubles(6, 5), doubles(7, 5));
    let value = |x: &[f64]| {
        let mut y = x.to_vec();
        kernels.softmax(5, &mut y);
        y
    };
    let mut dx = weights.clone();
    kernels.softmax_grad(5, &value(&x), &mut dx);
    for i in 0..5 {
        let along = |xi: f64| {
            let mut x = x.clone();
            x[i] = xi;
            value(&x).iter().zip(&weights).map(|(y, w)| y * w).sum()
        };
        assert!((dx[i] - slope(along, x[i])).abs() < 1e-8);
    }
    assert!((value(&x).iter().sum::<f64>() - 1.0).abs() < 1e-15);
}

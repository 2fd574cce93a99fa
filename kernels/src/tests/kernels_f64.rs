//! The `f64` kernels, which are the reference for the others: against definitions and finite
//! differences.

use super::super::{ANY_SHAPE, F64Kernels, Function, Kernels, Matrix, Product, Start};
use super::{numbers, widen};

fn doubles(seed: u32, len: usize) -> Vec<f64> {
    widen(&numbers(seed, len))
}

/// Returns the derivative of `f` at `x`, by a central difference.
fn slope(f: impl Fn(f64) -> f64, x: f64) -> f64 {
    (f(x + 1e-5) - f(x - 1e-5)) / 2e-5
}

/// Each column alone has the bits that it has among others.
#[test]
fn products_of_any_shape() {
    let (m, n, k) = (3, 7, 5);
    // Products of numbers with all bits are rounded.
    let thirds = |seed, len| -> Vec<f64> { doubles(seed, len).iter().map(|x| x / 3.0).collect() };
    let a = thirds(1, m * k);
    let b = thirds(2, k * n);
    let product = |n, b: &[f64], stride| {
        let mut c = vec![0.0; m * n];
        F64Kernels.product(Product {
            m,
            n,
            k,
            a: Matrix::row_major(&a, k),
            b: Matrix::row_major(b, stride),
            c: &mut c,
            c_stride: n,
            start: Start::Zero,
            relu: false,
            whole: ANY_SHAPE,
            memory: &mut [],
        });
        c
    };

    let all = product(n, &b, n);
    for column in 0..n {
        let alone = product(1, &b[column..], n);
        let among = all.iter().skip(column).step_by(n);
        assert!(alone.iter().eq(among), "column {column}");
    }
}

#[test]
fn products_small_and_large() {
    for (m, n, k) in [
        (1, 5, 3),
        (3, 1, 4),
        (5, 7, 0),
        (2, 3, 4),
        (30, 31, 32),
        (64, 5, 40),
    ] {
        if cfg!(miri) && m > 5 {
            continue;
        }

        let a = doubles(1, m * k);
        let b = doubles(2, k * n);
        let bias = doubles(3, n);

        for transposed in [false, true] {
            let b_matrix = if transposed {
                Matrix::row_major(&b, k).transposed()
            } else {
                Matrix::row_major(&b, n)
            };

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
                memory: &mut [],
            });

            for i in 0..m {
                for j in 0..n {
                    let at = |p| {
                        if transposed {
                            b[j * k + p]
                        } else {
                            b[p * n + j]
                        }
                    };
                    let want = (0..k)
                        .fold(bias[j], |sum, p| sum + a[i * k + p] * at(p))
                        .max(0.0);
                    assert!((c[i * n + j] - want).abs() < 1e-12);
                }
            }
        }
    }
}

fn check_slope<F: Function + std::fmt::Debug>(f: F, x: f64) {
    let value = |x: f64| {
        let mut y = [x];
        F64Kernels.function(f, None, &mut y);
        y[0]
    };
    let mut dy = [2.0];
    F64Kernels.function_grad(f, &[if F::FROM_OUTPUT { value(x) } else { x }], &mut dy);
    assert!(
        (dy[0] - 2.0 * slope(value, x)).abs() < 1e-8,
        "{f:?} at {x}: {}",
        dy[0]
    );
}

#[test]
fn elementwise_gradients_are_slopes() {
    for x in [
        -30.0, -3.5, -2.9, -0.7, -0.1, 0.2, 0.7, 1.55, 2.9, 3.1, 5.0, 7.0, 30.0,
    ] {
        every_function!(|f| check_slope(f, x));
    }
    let mut y = [0.0];
    F64Kernels.function(crate::function::Gelu, Some(&[1.0]), &mut y);
    assert!((y[0] - 0.841_344_746_068_542_9).abs() < 1e-15);
}

#[test]
fn prelu_and_glu_gradients_are_slopes() {
    let kernels = F64Kernels;
    let x = doubles(8, 12);
    let dy = doubles(9, 12);

    let along = |x: &[f64], i: usize, f: &dyn Fn(&[f64]) -> f64| {
        slope(
            |xi| {
                let mut x = x.to_vec();
                x[i] = xi;
                f(&x)
            },
            x[i],
        )
    };

    for weight in [vec![0.3], vec![0.3, -0.5, 2.0]] {
        let loss = |weight: &[f64], x: &[f64]| -> f64 {
            let mut y = vec![0.0; 12];
            kernels.prelu(weight, x, &mut y);
            y.iter().zip(&dy).map(|(y, dy)| y * dy).sum()
        };

        let mut dx = dy.clone();
        let mut sums = vec![1.0; weight.len()];
        kernels.prelu_grad(&weight, &x, &mut dx);
        kernels.prelu_weight_grad(&x, &dy, &mut sums, true);

        for (i, &x_i) in x.iter().enumerate() {
            if x_i != 0.0 {
                assert!((dx[i] - along(&x, i, &|x| loss(&weight, x))).abs() < 1e-8);
            }
        }

        for (i, sum) in sums.iter().enumerate() {
            assert!((sum - 1.0 - along(&weight, i, &|weight| loss(weight, &x))).abs() < 1e-8);
        }

        kernels.prelu_weight_grad(&x, &dy, &mut dx[..weight.len()], false);
        assert!((dx[0] + 1.0 - sums[0]).abs() < 1e-12);
    }

    let loss = |x: &[f64]| -> f64 {
        let mut y = vec![0.0; 6];
        kernels.glu(3, x, &mut y);
        y.iter().zip(&dy).map(|(y, dy)| y * dy).sum()
    };

    let mut dx = vec![0.0; 12];
    kernels.glu_grad(3, &x, &dy[..6], &mut dx);
    for (i, dx) in dx.iter().enumerate() {
        assert!((dx - along(&x, i, &loss)).abs() < 1e-8);
    }
}

#[test]
fn loss_gradients_are_slopes() {
    let kernels = F64Kernels;
    let x = doubles(4, 12);
    let t = doubles(5, 12);
    let labels = [2, 0, 1, 2];
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
fn softmax_gradients_are_slopes() {
    let kernels = F64Kernels;
    let x = doubles(6, 5);
    let weights = doubles(7, 5);
    let value = |logarithm: bool, x: &[f64]| {
        let mut y = x.to_vec();
        if logarithm {
            kernels.log_softmax(5, &mut y)
        } else {
            kernels.softmax(5, &mut y)
        }
        y
    };

    for logarithm in [false, true] {
        let y = value(logarithm, &x);
        let mut dx = weights.clone();
        if logarithm {
            kernels.log_softmax_grad(5, &y, &mut dx);
        } else {
            kernels.softmax_grad(5, &y, &mut dx);
        }

        for i in 0..5 {
            let along = |xi: f64| {
                let mut x = x.clone();
                x[i] = xi;
                value(logarithm, &x)
                    .iter()
                    .zip(&weights)
                    .map(|(y, w)| y * w)
                    .sum()
            };
            assert!((dx[i] - slope(along, x[i])).abs() < 1e-8);
        }
    }

    assert!((value(false, &x).iter().sum::<f64>() - 1.0).abs() < 1e-15);
    for (y, log) in value(false, &x).iter().zip(value(true, &x)) {
        assert!((y.ln() - log).abs() < 1e-14);
    }
}

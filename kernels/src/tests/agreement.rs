//! AVX2 and AVX-512 give the same bits in every kernel.

use super::super::update::Rule;
use super::super::{
    Bend, F32Kernels, F64Kernels, Function, Kernels, Matrix, Product, Start, Update, product_memory,
};
use super::updates::{Each, each_rule};
use super::{Guarded, LENGTHS, all_tiers, fused_tiers, norms, numbers};

fn value_and_slope<F: Function>(kernels: F32Kernels, f: F, x: &[f32], dy: &[f32]) -> Vec<f32> {
    let mut y = x.to_vec();
    let mut dx = dy.to_vec();
    kernels.function(f, None, &mut y);
    kernels.function_grad(f, if F::FROM_OUTPUT { &y } else { x }, &mut dx);
    [y, dx].concat()
}

/// Adds the results of each rule, with states that are not 0.
struct Updated<'a> {
    kernels: F32Kernels,
    x: &'a [f32],
    t: &'a [f32],
    out: &'a mut Vec<f32>,
}

impl Each for Updated<'_> {
    fn call<R: Rule>(&mut self, _: &str, rule: impl Fn(u64) -> R)
    where
        F32Kernels: Update<f32, R>,
        F64Kernels: Update<f64, R>,
    {
        let rule = rule(5);
        let mut p = self.x.to_vec();

        // No state of a variance is smaller than the square of its mean.
        let mut states = vec![
            self.t
                .iter()
                .map(|t| 0.9 * t * t + 0.1)
                .collect::<Vec<f32>>();
            rule.states()
        ];

        let mut slices: Vec<&mut [f32]> = states.iter_mut().map(|m| &mut m[..]).collect();
        self.kernels.update(&rule, &mut p, self.t, &mut slices);

        self.out.extend(p);
        self.out.extend(states.concat());
    }
}

/// The results of most kernels on `len` elements.
pub(super) fn everything(kernels: F32Kernels, len: usize) -> Vec<f32> {
    let x: Vec<f32> = numbers(3, len).iter().map(|x| 6.0 * x).collect();
    let t = numbers(4, len);
    let mut out = Vec::new();
    every_function!(|f| out.extend(value_and_slope(kernels, f, &x, &t)));

    let mut y = vec![0.0; len];
    let mut dy = t.clone();
    let mut sum = [0.5];
    kernels.prelu(&[0.3], &x, &mut y);
    kernels.prelu_grad(&[0.3], &x, &mut dy);
    kernels.prelu_weight_grad(&x, &t, &mut sum, true);
    out.extend([&y[..], &dy, &sum].concat());

    out.push(kernels.bce_with_logits(&x, &t, 0.7, &mut y));
    out.extend(&y);
    out.push(kernels.mse(&x, &t, 0.7, &mut y));
    out.extend(&y);
    out.push(kernels.smooth_l1(
        Bend {
            at: 0.7,
            curve: 1.3,
            slope: 0.9,
        },
        &x,
        &t,
        0.7,
        &mut y,
    ));
    out.extend(&y);

    for width in [1, 3, 10, 50] {
        let rows = len.min(37);
        let x: Vec<f32> = numbers(5, rows * width).iter().map(|x| 6.0 * x).collect();
        let labels: Vec<u32> = (0..rows).map(|r| (r % width) as u32).collect();
        let mut y = x.clone();
        let mut dy = numbers(6, rows * width);
        let mut sums = vec![0.0; width];

        kernels.softmax(width, &mut y);
        kernels.softmax_grad(width, &y, &mut dy);
        out.extend(&y);
        out.extend(dy);

        let weights: Vec<f32> = (0..rows).map(|r| (r % 5) as f32).collect();
        for weights in [&[][..], &weights] {
            out.push(kernels.cross_entropy(width, &x, &labels, weights, 0.3, &mut y));
            out.extend(&y);
        }

        let mut y = x.clone();
        let mut dy = numbers(6, rows * width);
        kernels.log_softmax(width, &mut y);
        kernels.log_softmax_grad(width, &y, &mut dy);
        out.extend([&y[..], &dy].concat());

        let mut dx = vec![0.0; 2 * dy.len()];
        let doubled = [&x[..], &y].concat();
        kernels.glu(width, &doubled, &mut y);
        kernels.glu_grad(width, &doubled, &dy, &mut dx);
        out.extend([&y[..], &dx].concat());

        kernels.prelu(&numbers(9, width), &x, &mut y);
        kernels.prelu_weight_grad(&x, &dy, &mut sums, false);
        out.extend([&y[..], &sums].concat());

        kernels.column_sums(rows, width, &x, &mut sums, false);
        out.extend(sums);
    }

    out.extend(super::pools::everything(kernels, len.min(50)));
    each_rule(&mut Updated {
        kernels,
        x: &x,
        t: &t,
        out: &mut out,
    });

    for m in [1, 3] {
        for transposed in [false, true] {
            let k = len;
            let n = len.min(50);
            let a = numbers(7, m * k);
            let b = numbers(8, k * n);
            let mut c = vec![0.0; m * n];
            let b = if transposed {
                Matrix::row_major(&b, k).transposed()
            } else {
                Matrix::row_major(&b, n)
            };

            let a = Matrix::row_major(&a, k);
            kernels.product(Product {
                m,
                n,
                k,
                a,
                b,
                c: &mut c,
                c_stride: n,
                start: Start::Zero,
                relu: false,
                whole: m,
                memory: &mut Guarded::empty(product_memory(m, n, k, transposed)),
            });

            out.extend(c);
        }
    }

    out
}

#[test]
fn fma_tiers_agree_in_bits() {
    for &len in LENGTHS {
        let mut tiers = fused_tiers();
        let (Some(avx2), Some(avx512)) = (tiers.next(), tiers.next()) else {
            return;
        };

        for (i, (a, b)) in everything(avx2, len)
            .into_iter()
            .zip(everything(avx512, len))
            .enumerate()
        {
            assert_eq!(
                a.to_bits(),
                b.to_bits(),
                "length {len}, result {i}: {a} and {b}"
            );
        }
    }
}

#[test]
fn the_portable_tier_is_close() {
    for &len in LENGTHS {
        let results: Vec<_> = all_tiers()
            .map(|kernels| everything(kernels, len))
            .collect();
        for result in &results {
            for (i, (a, b)) in results[0].iter().zip(result).enumerate() {
                assert!(
                    (a - b).abs() <= 1e-4 * a.abs().max(1.0),
                    "length {len}, result {i}: {a} and {b}"
                );
            }
        }
    }
}

#[test]
fn fma_tiers_normalize_alike() {
    let mut tiers = fused_tiers().map(|kernels| {
        let mut results = Vec::new();
        norms::everything(kernels, &mut results);
        results
    });
    let (Some(avx2), Some(avx512)) = (tiers.next(), tiers.next()) else {
        return;
    };
    for (i, (a, b)) in avx2.into_iter().zip(avx512).enumerate() {
        assert_eq!(a.to_bits(), b.to_bits(), "result {i}: {a} and {b}");
    }
}

//! Sums over columns, softmax, and losses.

use proptest::prelude::*;

use super::super::{Bend, F64Kernels, Kernels};
use super::{
    Guarded, LENGTHS, all_tiers, assert_close, assert_rounded, cases, magnitudes, numbers, widen,
};

/// Rows and widths: narrow ones, wide ones, and rows beyond a block of 16.
fn shape() -> impl Strategy<Value = (usize, usize)> {
    let rows = if cfg!(miri) { 0..3_usize } else { 0..40 };
    (
        rows,
        prop_oneof![Just(1_usize), Just(3), Just(10), 1_usize..40, Just(70)],
    )
}

fn logits(seed: u32, len: usize) -> Guarded {
    Guarded::new(
        &numbers(seed, len)
            .iter()
            .map(|x| 8.0 * x)
            .collect::<Vec<_>>(),
    )
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn column_sums((rows, cols) in shape(), accumulate: bool, seed: u32) {
        let x = logits(seed, rows * cols);
        let before = Guarded::new(&numbers(!seed, cols));
        let mut want = widen(&before);
        F64Kernels.column_sums(rows, cols, &widen(&x), &mut want, accumulate);
        let mut sizes = vec![1.0; cols];
        F64Kernels.column_sums(rows, cols, &magnitudes(&x), &mut sizes, true);
        for kernels in all_tiers() {
            let mut sums = if accumulate { before.clone() } else { Guarded::empty(cols) };
            kernels.column_sums(rows, cols, &x, &mut sums, accumulate);
            assert_rounded(kernels.tier(), &sums, &want, &sizes, rows + 1);
        }
    }

    #[test]
    fn softmax_and_its_gradient((rows, width) in shape(), seed: u32) {
        let x = logits(seed, rows * width);
        let dy = Guarded::new(&numbers(!seed, rows * width));
        let mut want = widen(&x);
        let mut want_dx = widen(&dy);
        F64Kernels.softmax(width, &mut want);
        F64Kernels.softmax_grad(width, &want, &mut want_dx);
        for kernels in all_tiers() {
            let mut y = x.clone();
            let mut dx = dy.clone();
            kernels.softmax(width, &mut y);
            assert_close(kernels.tier(), &y, &want, 1e-6);
            kernels.softmax_grad(width, &y, &mut dx);
            assert_close(kernels.tier(), &dx, &want_dx, 2e-6);
        }
    }

    #[test]
    fn cross_entropy((rows, classes) in shape(), seed: u32, shift in -1e4_f32..1e4) {
        let mut x = logits(seed, rows * classes);
        x.iter_mut().for_each(|x| *x += shift);
        let labels: Vec<u32> = (0..rows)
            .map(|r| (r * 7 + seed as usize % 5) as u32 % classes as u32)
            .collect();
        let weights: Vec<f32> = (0..rows).map(|r| [1.0, 0.0, 0.25, 3.0][r % 4]).collect();

        for weights in [&[][..], &weights] {
            let mut want = vec![0.0; x.len()];
            let loss = F64Kernels.cross_entropy(
                classes,
                &widen(&x),
                &labels,
                &widen(weights),
                0.25,
                &mut want,
            );

            for kernels in all_tiers() {
                let mut grad = Guarded::empty(x.len());
                let got = kernels.cross_entropy(classes, &x, &labels, weights, 0.25, &mut grad);
                assert_close(kernels.tier(), &grad, &want, 1e-6);
                assert_close(kernels.tier(), &[got], &[loss], 3e-6);
            }
        }
    }
}

#[test]
fn elementwise_losses() {
    for &len in LENGTHS {
        let x = logits(len as u32, len);
        let t = Guarded::new(&numbers(9, len));
        let mut bce = vec![0.0; len];
        let mut mse = vec![0.0; len];
        let want = [
            F64Kernels.bce_with_logits(&widen(&x), &widen(&t), 0.5, &mut bce),
            F64Kernels.mse(&widen(&x), &widen(&t), 0.5, &mut mse),
        ];

        for kernels in all_tiers() {
            let mut grad = Guarded::empty(len);
            let loss = kernels.bce_with_logits(&x, &t, 0.5, &mut grad);
            assert_close(kernels.tier(), &grad, &bce, 1e-6);
            assert_close(kernels.tier(), &[loss], &want[..1], 1e-6);

            let loss = kernels.mse(&x, &t, 0.5, &mut grad);
            assert_close(kernels.tier(), &grad, &mse, 1e-6);
            assert_close(kernels.tier(), &[loss], &want[1..], 1e-6);

            for (at, curve, slope) in [(0.0, 0.0, 1.0), (0.75, 1.0, 0.75), (3.0, 1.0 / 3.0, 1.0)] {
                let bend = Bend { at, curve, slope };
                let mut bent = vec![0.0; len];
                let want = F64Kernels.smooth_l1(bend, &widen(&x), &widen(&t), 0.5, &mut bent);
                let loss = kernels.smooth_l1(bend, &x, &t, 0.5, &mut grad);
                assert_close(kernels.tier(), &grad, &bent, 1e-6);
                assert_close(kernels.tier(), &[loss], &[want], 1e-6);
            }
        }
    }
}

#[test]
fn a_nan_spoils_its_row_and_the_loss_alone() {
    for kernels in all_tiers() {
        for classes in [3, 50] {
            for bad in [0, classes - 1] {
                let mut x = vec![0.5; 2 * classes];
                x[bad] = f32::NAN;
                let mut grad = vec![0.0; 2 * classes];
                assert!(
                    kernels
                        .cross_entropy(classes, &x, &[0, 1], &[], 1.0, &mut grad)
                        .is_nan()
                );
                assert!(grad[..classes].iter().all(|x| x.is_nan()));
                assert!(grad[classes..].iter().all(|x| x.is_finite()));

                kernels.softmax(classes, &mut x);
                assert!(x[..classes].iter().all(|x| x.is_nan()));
                assert!(x[classes..].iter().all(|x| x.is_finite()));
            }
        }

        let mut grad = [0.0; 2];
        assert!(
            kernels
                .bce_with_logits(&[f32::NAN, 0.0], &[0.0, 1.0], 1.0, &mut grad)
                .is_nan()
        );
        assert!(grad[0].is_nan() && grad[1] == -0.5);

        assert!(
            kernels
                .mse(&[f32::NAN, 0.0], &[0.0, 1.0], 1.0, &mut grad)
                .is_nan()
        );

        let bend = Bend {
            at: 1.0,
            curve: 1.0,
            slope: 1.0,
        };
        assert!(
            kernels
                .smooth_l1(bend, &[f32::NAN, 0.0], &[0.0, 0.0], 1.0, &mut grad)
                .is_nan()
        );
        assert!(grad[0].is_nan() && grad[1] == 0.0);
    }
}

#[test]
fn a_row_that_counts_0_times_is_not_looked_at() {
    for kernels in all_tiers() {
        for classes in [3, 50] {
            let mut x = vec![0.5; 2 * classes];
            x[0] = f32::NAN;
            let mut grad = vec![f32::NAN; 2 * classes];
            let loss = kernels.cross_entropy(classes, &x, &[0, 1], &[0.0, 1.0], 1.0, &mut grad);
            assert_close(kernels.tier(), &[loss], &[(classes as f64).ln()], 1e-6);
            assert_eq!(grad[..classes], vec![0.0; classes]);
            assert!(grad[classes..].iter().all(|x| x.is_finite()));
        }
    }
}

#[test]
fn extreme_logits_stay_finite() {
    for kernels in all_tiers() {
        let mut grad = [0.0; 4];
        let loss =
            kernels.cross_entropy(2, &[1e30, -1e30, -3e38, 0.0], &[0, 1], &[], 1.0, &mut grad);
        assert_eq!((loss, grad), (0.0, [0.0; 4]), "{}", kernels.tier());
        let loss = kernels.bce_with_logits(
            &[1e30, -1e30, 200.0, -200.0],
            &[1.0, 0.0, 1.0, 0.0],
            1.0,
            &mut grad,
        );
        assert_eq!((loss, grad), (0.0, [0.0; 4]), "{}", kernels.tier());
    }
}

#[test]
#[should_panic(expected = "label 3 of 3 classes")]
fn a_label_beyond_the_classes_is_refused() {
    let kernels = all_tiers().last().unwrap();
    kernels.cross_entropy(3, &[0.0; 6], &[2, 3], &[], 1.0, &mut [0.0; 6]);
}

#[test]
#[should_panic(expected = "7 elements are not whole rows of 3")]
fn ragged_rows_are_refused() {
    let kernels = all_tiers().last().unwrap();
    kernels.softmax(3, &mut [0.0; 7]);
}

#[test]
#[should_panic(expected = "slices of different lengths")]
fn different_lengths_are_refused() {
    let kernels = all_tiers().last().unwrap();
    kernels.function(crate::function::Gelu, Some(&[0.0; 8]), &mut [0.0; 7]);
}

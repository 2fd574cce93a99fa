//! Normalizations in every tier: against `f64`, where the mean is large, and in parts.

use super::super::norm::{
    BatchNorm, GroupNorm, Normalize, RowNorm, RowNormSums, RunningNorm, STATISTICS,
};
use super::super::{F32Kernels, F64Kernels, Kernels};
use super::{Guarded, all_tiers, assert_close, bits, numbers, widen};

const EPS: f32 = 1e-5;

/// Returns numbers around a mean, at most `deviation` from it.
fn around(mean: f32, deviation: f32, seed: u32, len: usize) -> Guarded {
    Guarded::new(
        &numbers(seed, len)
            .iter()
            .map(|x| mean + deviation * x)
            .collect::<Vec<_>>(),
    )
}

/// Means and deviations: small and large ones, and means of a thousand deviations.
const SPREADS: &[(f32, f32)] = if cfg!(miri) {
    &[(1000.0, 1.0)]
} else {
    &[(0.0, 1.0), (-3.0, 0.01), (50.0, 100.0), (1000.0, 1.0)]
};

/// Means and deviations of rows and groups, also some whose squares no `f32` can hold, with `eps`.
fn spreads_of_groups() -> impl Iterator<Item = (f32, f32, f32)> {
    let extreme: &[(f32, f32, f32)] = if cfg!(miri) {
        &[(0.0, 1e25, EPS)]
    } else {
        &[
            (0.0, 1e15, EPS),
            (0.0, 1e25, EPS),
            (1e26, 1e25, EPS),
            (0.0, 1e35, EPS),
            (1e38, 1e35, EPS),
            (0.0, 1e-25, EPS),
            (0.0, 1e-25, 0.0),
            (1e-24, 1e-25, 0.0),
            (0.0, 1e-17, 0.0),
        ]
    };
    let usual = SPREADS
        .iter()
        .map(|&(mean, deviation)| (mean, deviation, EPS));
    usual.chain(extreme.iter().copied())
}

fn weights(with: bool, seed: u32, len: usize) -> Guarded {
    Guarded::new(&if with { numbers(seed, len) } else { Vec::new() })
}

/// Returns the numbers divided by the largest expected one.
#[track_caller]
fn close(kernels: F32Kernels, got: &[f32], want: &[f64]) {
    let scale = want.iter().fold(1e-30, |most: f64, x| most.max(x.abs()));
    let relative: Vec<f32> = got.iter().map(|x| (f64::from(*x) / scale) as f32).collect();
    let want: Vec<f64> = want.iter().map(|x| x / scale).collect();
    assert_close(kernels.tier(), &relative, &want, 1e-5);
}

/// Sums over long rows keep their digits, also where the squares are out of range.
#[test]
#[cfg_attr(miri, ignore = "long rows")]
fn long_rows_of_large_or_small_numbers_keep_their_digits() {
    const WIDTH: usize = (1 << 24) + 5;
    for size in [0.1, 1e25, 1e-25] {
        let x = vec![size; WIDTH];
        let mut y = vec![0.0; WIDTH];
        for kernels in all_tiers() {
            let norm = RowNorm {
                width: WIDTH,
                centered: false,
                eps: 0.0,
                weight: &[],
                bias: &[],
            };
            kernels.row_norm(norm, &x, &mut y, &mut []);
            let tier = kernels.tier();
            assert!((y[7] - 1.0).abs() < 1e-5, "{tier:?}, {size}: {}", y[7]);
        }
    }
}

/// Products of gradients and distances overflow, and those with normalized elements do not.
#[test]
fn products_of_large_batches_are_finite() {
    fn check<T: num_traits::Float + From<f32> + std::fmt::Debug>(
        kernels: impl Kernels<T>,
        size: T,
    ) {
        let one = T::one();
        let slope: T = 300.0.into();
        let x = [size, -size, size, one];
        let dy = [slope, slope, -slope, one];
        let norm = BatchNorm {
            near: &[T::zero(), T::zero()],
            rest: &[T::zero(), T::zero()],
            inverse: &[size.recip(), one],
            weight: &[],
            bias: &[],
        };

        let mut products = [T::zero(); 2];
        let mut totals = [T::zero(); 2];
        kernels.batch_grad_sums(norm.near, &x, &dy, &mut products, &mut totals);
        kernels.batch_products(norm, &x, &dy, &mut products, &totals);
        assert!(products[0].abs() < 1e-3.into(), "{products:?}");
        let want = one - slope * size;
        assert!(products[1] == want || want.is_infinite(), "{products:?}");
    }
    for kernels in all_tiers() {
        check::<f32>(kernels, 2e37);
    }
    check::<f64>(F64Kernels, 1e307);
}

#[test]
fn rows_match_the_reference() {
    let sizes: &[(usize, usize)] = if cfg!(miri) {
        &[(3, 2), (37, 2)]
    } else {
        &[
            (1, 0),
            (1, 3),
            (2, 5),
            (3, 1),
            (10, 4),
            (16, 2),
            (31, 3),
            (33, 3),
            (64, 2),
            (130, 150),
            (1000, 2),
        ]
    };

    for kernels in all_tiers() {
        for (case, &(width, rows)) in sizes.iter().enumerate() {
            for (mean, deviation, eps) in spreads_of_groups() {
                // A single number has no variance.
                if width == 1 && eps == 0.0 {
                    continue;
                }
                for centered in [false, true] {
                    let len = width * rows;
                    let x = around(mean, deviation, 1, len);
                    let dy = Guarded::new(&numbers(2, len));
                    let weight = weights(case % 2 == 0, 3, width);
                    let bias = weights(case % 3 == 0, 4, width);
                    check_rows(kernels, [&x, &dy, &weight, &bias], centered, width, eps);
                }
            }
        }
    }
}

fn check_rows(
    kernels: F32Kernels,
    [x, dy, weight, bias]: [&Guarded; 4],
    centered: bool,
    width: usize,
    eps: f32,
) {
    let rows = x.len() / width;
    let len = x.len();
    let norm = RowNorm {
        width,
        centered,
        eps,
        weight,
        bias,
    };

    let weight64 = widen(weight);
    let bias64 = widen(bias);
    let norm64 = RowNorm {
        width,
        centered,
        eps: f64::from(eps),
        weight: &weight64[..],
        bias: &bias64[..],
    };

    let x64 = widen(x);
    let dy64 = widen(dy);
    let mut y = Guarded::empty(len);
    let mut again = vec![0.0; len];
    let mut kept = Guarded::empty(STATISTICS * rows);
    let mut y64 = vec![0.0; len];
    let mut kept64 = vec![0.0; STATISTICS * rows];

    kernels.row_norm(norm, x, &mut y, &mut kept);
    kernels.row_norm(norm, x, &mut again, &mut []);
    assert_eq!(bits(&y), bits(&again));
    F64Kernels.row_norm(norm64, &x64, &mut y64, &mut kept64);
    close(kernels, &y, &y64);

    let mut dx = Guarded::empty(len);
    let mut dx64 = vec![0.0; len];
    kernels.row_norm_grad(norm, x, &kept, dy, &mut dx);
    F64Kernels.row_norm_grad(norm64, &x64, &kept64, &dy64, &mut dx64);

    // The remainder of a gradient without its mean and slope is small compared with both.
    let most = kept64
        .chunks(STATISTICS)
        .fold(0.0, |most: f64, kept| most.max(kept[2]));
    let relative = |dx: f64| dx / most;
    assert_close(
        kernels.tier(),
        &dx.iter()
            .map(|&dx| relative(f64::from(dx)) as f32)
            .collect::<Vec<_>>(),
        &dx64.iter().map(|&dx| relative(dx)).collect::<Vec<_>>(),
        1e-5,
    );

    for (accumulate, with_bias) in [(false, true), (true, false)] {
        let mut sums = Guarded::new(&numbers(5, width));
        let mut totals = weights(with_bias, 6, width);
        let mut sums64 = widen(&sums);
        let mut totals64 = widen(&totals);
        let mut cut = sums.to_vec();

        let sum = |first, weight, bias| {
            let x = &x[..];
            let dy = &dy[..];
            let statistics = &kept[..];
            kernels.row_norm_sums(RowNormSums {
                width,
                first,
                x,
                statistics,
                dy,
                weight,
                bias,
                accumulate,
            });
        };

        sum(0, &mut sums, &mut totals);
        let (left, right) = cut.split_at_mut(width / 3);
        sum(0, left, &mut []);
        sum(width / 3, right, &mut []);
        assert_eq!(bits(&sums), bits(&cut), "the sums depend on the cut");

        F64Kernels.row_norm_sums(RowNormSums {
            width,
            first: 0,
            x: &x64,
            statistics: &kept64,
            dy: &dy64,
            weight: &mut sums64,
            bias: &mut totals64,
            accumulate,
        });

        close(kernels, &sums, &sums64);
        close(kernels, &totals, &totals64);
    }
}

/// Rows, groups and their sizes: below and above the width of a strip, with and without a fold.
const GROUPS: &[(usize, usize, usize)] = if cfg!(miri) {
    &[(3, 2, 3), (2, 1, 67)]
} else {
    &[
        (1, 1, 1),
        (1, 4, 8),
        (5, 1, 3),
        (7, 3, 1),
        (20, 1, 1),
        (49, 4, 2),
        (6, 2, 16),
        (3, 1, 64),
        (4, 1, 65),
        (3, 2, 130),
        (9, 32, 1),
        (300, 3, 1),
        (300, 40, 1),
        (30, 5, 7),
        (2, 33, 2),
        (17, 1, 33),
        (5, 3, 40),
        (1, 70, 1),
    ]
};

#[test]
fn groups_match_the_reference() {
    for kernels in all_tiers() {
        for (case, &sizes) in GROUPS.iter().enumerate() {
            for (mean, deviation, eps) in spreads_of_groups() {
                if sizes.0 * sizes.2 == 1 && eps == 0.0 {
                    continue;
                }
                let columns = sizes.1 * sizes.2;
                let len = [0, 1, 3][case % 3] * sizes.0 * columns;
                let x = around(mean, deviation, 1, len);
                let dy = Guarded::new(&numbers(2, len));
                let weight = weights(case % 2 == 0, 3, columns);
                let bias = weights(case % 4 < 2, 4, columns);
                check_groups(kernels, sizes, [&x, &dy, &weight, &bias], eps);
            }
        }
    }
}

fn check_groups(
    kernels: F32Kernels,
    (rows, groups, size): (usize, usize, usize),
    [x, dy, weight, bias]: [&Guarded; 4],
    eps: f32,
) {
    let len = x.len();
    let columns = groups * size;
    let samples = len / (rows * columns);

    let norm = GroupNorm {
        rows,
        groups,
        size,
        eps,
        weight,
        bias,
    };

    let weight64 = widen(weight);
    let bias64 = widen(bias);
    let eps = f64::from(eps);
    let norm64 = GroupNorm {
        rows,
        groups,
        size,
        eps,
        weight: &weight64[..],
        bias: &bias64[..],
    };

    let x64 = widen(x);
    let dy64 = widen(dy);
    let many = STATISTICS * samples * groups;
    let mut y = Guarded::empty(len);
    let mut again = vec![0.0; len];
    let mut kept = Guarded::empty(many);
    let mut y64 = vec![0.0; len];
    let mut kept64 = vec![0.0; many];

    kernels.group_norm(norm, x, &mut y, &mut kept);
    kernels.group_norm(norm, x, &mut again, &mut []);
    assert_eq!(bits(&y), bits(&again));
    F64Kernels.group_norm(norm64, &x64, &mut y64, &mut kept64);
    close(kernels, &y, &y64);

    let sums = samples * columns;
    let mut dx = Guarded::empty(len);
    let mut weight_sums = Guarded::empty(sums);
    let mut bias_sums = Guarded::empty(sums);
    let mut dx64 = vec![0.0; len];
    let mut weight_sums64 = vec![0.0; sums];
    let mut bias_sums64 = vec![0.0; sums];

    kernels.group_norm_grad(
        norm,
        x,
        &kept,
        dy,
        Some(&mut dx),
        &mut weight_sums,
        &mut bias_sums,
    );
    F64Kernels.group_norm_grad(
        norm64,
        &x64,
        &kept64,
        &dy64,
        Some(&mut dx64),
        &mut weight_sums64,
        &mut bias_sums64,
    );

    let inverses = |dx: &[f64]| -> Vec<f64> {
        let most = kept64
            .chunks(STATISTICS)
            .fold(0.0, |most: f64, kept| most.max(kept[2]));
        dx.iter().map(|dx| dx / most).collect()
    };
    let narrow: Vec<f32> = inverses(&widen(&dx)).iter().map(|&dx| dx as f32).collect();
    assert_close(kernels.tier(), &narrow, &inverses(&dx64), 1e-5);
    close(kernels, &weight_sums, &weight_sums64);
    close(kernels, &bias_sums, &bias_sums64);

    // Each result can be omitted.
    let mut alone = vec![0.0; len];
    kernels.group_norm_grad(norm, x, &kept, dy, Some(&mut alone), &mut [], &mut []);
    assert_eq!(bits(&alone), bits(&dx));
    let mut alone = vec![0.0; sums];
    kernels.group_norm_grad(norm, x, &kept, dy, None, &mut alone, &mut []);
    assert_eq!(bits(&alone), bits(&weight_sums));
}

/// The results of batch normalization for a batch and the gradient of its outputs.
struct Batch<T> {
    y: Vec<T>,
    dx: Vec<T>,
    products: Vec<T>,
    totals: Vec<T>,
    variances: Vec<T>,
    inverse: Vec<T>,
}

/// Runs all steps in one element type. The passes over the batch are split after some rows.
macro_rules! batch {
    ($name:ident, $kernels:ty, $t:ty) => {
        fn $name(
            kernels: $kernels,
            x: &[$t],
            dy: &[$t],
            weight: &[$t],
            bias: &[$t],
            cut: usize,
        ) -> Batch<$t> {
            let columns = weight.len();
            let len = x.len();
            let rows = len / columns;
            let at = cut * columns;
            let zeros = || vec![0.0; columns];
            let mut near = zeros();
            let mut rest = zeros();
            let mut inverse = zeros();
            let mut part = [zeros(), zeros()];

            kernels.column_sums(rows, columns, x, &mut near, false);
            kernels.batch_near(x, &mut near);

            kernels.batch_sums(&near, &x[..at], &mut rest, &mut inverse);
            let [distances, squares] = &mut part;
            kernels.batch_sums(&near, &x[at..], distances, squares);
            let add = |to: &mut [$t], part: &[$t]| {
                to.iter_mut().zip(part).for_each(|(to, part)| *to += part)
            };
            add(&mut rest, distances);
            add(&mut inverse, squares);

            let mut variances = zeros();
            kernels.batch_statistics(
                x,
                EPS.into(),
                &near,
                &mut rest,
                &mut inverse,
                &mut variances,
            );
            let norm = BatchNorm {
                near: &near,
                rest: &rest,
                inverse: &inverse,
                weight,
                bias,
            };

            let (mut y, mut dx) = (vec![<$t>::NAN; len], vec![<$t>::NAN; len]);
            kernels.batch_norm(norm, &x[..at], &mut y[..at]);
            kernels.batch_norm(norm, &x[at..], &mut y[at..]);

            let mut products = zeros();
            let mut totals = zeros();
            kernels.batch_grad_sums(&near, &x[..at], &dy[..at], &mut products, &mut totals);
            kernels.batch_grad_sums(&near, &x[at..], &dy[at..], distances, squares);
            add(&mut products, distances);
            add(&mut totals, squares);
            kernels.batch_products(norm, &x, &dy, &mut products, &totals);

            for here in [0..at, at..len] {
                let x = &x[here.clone()];
                let dy = &dy[here.clone()];
                let dx = &mut dx[here];
                kernels.batch_norm_grad(norm, rows, &products, &totals, x, dy, dx);
            }

            Batch {
                y,
                dx,
                products,
                totals,
                variances,
                inverse,
            }
        }
    };
}
batch!(batch, F32Kernels, f32);
batch!(batch64, F64Kernels, f64);

#[test]
fn batches_match_the_reference() {
    let sizes: &[(usize, usize)] = if cfg!(miri) {
        &[(3, 5), (67, 2)]
    } else {
        &[
            (1, 1),
            (1, 7),
            (3, 2),
            (3, 700),
            (16, 9),
            (33, 5),
            (40, 300),
            (64, 4),
            (65, 3),
            (130, 6),
        ]
    };

    for kernels in all_tiers() {
        for &(columns, rows) in sizes {
            // No number is the square of the second, nor the sum of a few of the third.
            let large = [(0.0, 1e17), (0.0, 1e25), (1e38, 1e35)];
            for &(mean, deviation) in SPREADS.iter().chain(&large) {
                let x = around(mean, deviation, 1, columns * rows);
                let dy = numbers(2, columns * rows);
                let weight = numbers(3, columns);
                let bias = numbers(4, columns);

                let want = batch64(
                    F64Kernels,
                    &widen(&x),
                    &widen(&dy),
                    &widen(&weight),
                    &widen(&bias),
                    0,
                );

                for cut in [0, rows / 3, rows] {
                    let got = batch(kernels, &x, &dy, &weight, &bias, cut);
                    close(kernels, &got.y, &want.y);
                    close(kernels, &got.products, &want.products);
                    close(kernels, &got.totals, &want.totals);
                    if rows > 1 && deviation < 1e18 {
                        close(kernels, &got.variances, &want.variances);
                    }

                    // Relative to the result of a gradient of 1.
                    let steepest = want.inverse.iter().copied().fold(0.0, f64::max);
                    let relative =
                        |dx: &[f64]| dx.iter().map(|dx| dx / steepest).collect::<Vec<_>>();
                    let narrow: Vec<f32> = relative(&widen(&got.dx))
                        .iter()
                        .map(|&dx| dx as f32)
                        .collect();
                    assert_close(kernels.tier(), &narrow, &relative(&want.dx), 1e-5);
                }
            }
        }
    }
}

/// A single chain over all rows would be off by much more.
#[test]
fn sums_over_many_rows_are_exact() {
    let columns = if cfg!(miri) { 1 } else { 64 };
    let rows = if cfg!(miri) { 300 } else { 30_000 };
    let x: Vec<f32> = (0..columns * rows)
        .map(|i| 0.1 + (i % 7) as f32 / 1024.0)
        .collect();
    let want: f64 = widen(&x).iter().step_by(columns).map(|x| x * x).sum();
    for kernels in all_tiers() {
        let mut distances = vec![0.0; columns];
        let mut squares = vec![0.0; columns];
        kernels.batch_sums(&vec![0.0; columns], &x, &mut distances, &mut squares);
        let off = (f64::from(squares[0]) / want - 1.0).abs();
        assert!(off < 2e-6, "{}: {off:e}", kernels.tier());
    }
}

/// The variance is the unbiased estimate, which does not exist for a single row.
#[test]
fn variances_are_those_of_samples() {
    let run = |x: &[f64]| {
        let mut rest = [0.0];
        let mut inverse = [0.0];
        let mut variance = [0.0];
        F64Kernels.batch_sums(&[0.0], x, &mut rest, &mut inverse);
        F64Kernels.batch_statistics(x, 0.0, &[0.0], &mut rest, &mut inverse, &mut variance);
        (rest[0], inverse[0], variance[0])
    };
    // 1, 2 and 6 have the mean 3, the variance 14 / 3, and the unbiased estimate 7.
    let (rest, inverse, variance) = run(&[1.0, 2.0, 6.0]);
    assert!((rest - 3.0).abs() < 1e-15 && (inverse - (3.0_f64 / 14.0).sqrt()).abs() < 1e-15);
    assert!((variance - 7.0).abs() < 1e-14);
    assert!(run(&[3.0]).2.is_nan());
}

#[test]
fn running_norm_matches_the_reference() {
    for kernels in all_tiers() {
        for (columns, rows) in [(1, 0), (1, 5), (3, 50), (16, 2), (33, 3), (64, 1), (100, 3)] {
            let x = around(2.0, 3.0, 1, columns * rows);
            let mut y = Guarded::empty(columns * rows);
            let mean = Guarded::new(&numbers(5, columns));
            let mut variance = Guarded::new(&numbers(6, columns));
            variance
                .iter_mut()
                .for_each(|variance| *variance = *variance * *variance + 0.1);

            for with in [false, true] {
                let weight = weights(with, 3, columns);
                let bias = weights(with, 4, columns);
                kernels.running_norm(
                    RunningNorm {
                        mean: &mean,
                        variance: &variance,
                        eps: EPS,
                        weight: &weight,
                        bias: &bias,
                    },
                    &x,
                    &mut y,
                );

                let mut want = vec![0.0; y.len()];
                F64Kernels.running_norm(
                    RunningNorm {
                        mean: &widen(&mean),
                        variance: &widen(&variance),
                        eps: EPS.into(),
                        weight: &widen(&weight),
                        bias: &widen(&bias),
                    },
                    &widen(&x),
                    &mut want,
                );
                close(kernels, &y, &want);
            }
        }
    }
}

/// A NaN spoils its row or group and no other.
#[test]
fn nan_stays_where_it_is() {
    for kernels in all_tiers() {
        let mut x = numbers(1, 80);
        x[45] = f32::NAN;
        let mut y = vec![0.0; 80];

        let norm = RowNorm {
            width: 20,
            centered: true,
            eps: EPS,
            weight: &[],
            bias: &[],
        };

        kernels.row_norm(norm, &x, &mut y, &mut []);
        assert!(
            y.iter()
                .enumerate()
                .all(|(i, y)| y.is_nan() == (i / 20 == 2))
        );

        let norm = GroupNorm {
            rows: 20,
            groups: 2,
            size: 1,
            eps: EPS,
            weight: &[],
            bias: &[],
        };
        kernels.group_norm(norm, &x, &mut y, &mut []);
        assert!(
            y.iter()
                .enumerate()
                .all(|(i, y)| y.is_nan() == (i >= 40 && i % 2 == 1))
        );
    }
}

/// Returns all results, for the comparison of tiers.
pub(super) fn everything(kernels: F32Kernels, out: &mut Vec<f32>) {
    for &(rows, groups, size) in GROUPS {
        let columns = groups * size;
        let len = rows * columns;
        let x = around(5.0, 2.0, 1, len);
        let dy = numbers(2, len);
        let weight = numbers(3, columns);
        let bias = numbers(4, columns);

        let mut y = vec![0.0; len];
        let mut dx = y.clone();
        let mut sums = vec![0.0; columns];
        let mut totals = vec![0.0; columns];
        let mut kept = vec![0.0; STATISTICS * groups];

        let norm = GroupNorm {
            rows,
            groups,
            size,
            eps: EPS,
            weight: &weight,
            bias: &bias,
        };

        kernels.group_norm(norm, &x, &mut y, &mut kept);
        kernels.group_norm_grad(norm, &x, &kept, &dy, Some(&mut dx), &mut sums, &mut totals);
        out.extend([&y[..], &kept, &dx, &sums, &totals].concat());

        for centered in [false, true] {
            let norm = RowNorm {
                width: columns,
                centered,
                eps: EPS,
                weight: &weight,
                bias: &bias,
            };

            let mut kept = vec![0.0; STATISTICS * rows];
            kernels.row_norm(norm, &x, &mut y, &mut kept);
            kernels.row_norm_grad(norm, &x, &kept, &dy, &mut dx);
            kernels.row_norm_sums(RowNormSums {
                width: columns,
                first: 0,
                x: &x,
                statistics: &kept,
                dy: &dy,
                weight: &mut sums,
                bias: &mut totals,
                accumulate: false,
            });
            out.extend([&y[..], &kept, &dx, &sums, &totals].concat());
        }

        let Batch {
            y,
            dx,
            products,
            totals,
            variances,
            inverse: _,
        } = batch(kernels, &x, &dy, &weight, &bias, rows / 2);
        out.extend([y, dx, products, totals, variances].concat());

        let mut y = vec![0.0; len];
        let variance: Vec<f32> = bias.iter().map(|x| x * x + 0.1).collect();
        let norm = RunningNorm {
            mean: &weight,
            variance: &variance,
            eps: EPS,
            weight: &weight,
            bias: &bias,
        };

        kernels.running_norm(norm, &x, &mut y);
        out.extend(y);
    }
}

#[test]
#[should_panic(expected = "group_norm: 10 elements are not whole samples of 12")]
fn groups_take_whole_samples() {
    let norm = GroupNorm {
        rows: 2,
        groups: 2,
        size: 3,
        eps: EPS,
        weight: &[],
        bias: &[],
    };
    F32Kernels::now().group_norm(norm, &[0.0; 10], &mut [0.0; 10], &mut []);
}

#[test]
#[should_panic(expected = "row_norm: 4 weights, not 3 or none")]
fn rows_take_a_weight_for_each_element() {
    let norm = RowNorm {
        width: 3,
        centered: true,
        eps: EPS,
        weight: &[1.0; 4],
        bias: &[],
    };
    F32Kernels::now().row_norm(norm, &[0.0; 6], &mut [0.0; 6], &mut []);
}

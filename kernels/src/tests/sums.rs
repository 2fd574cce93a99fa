//! Every sum of the kernels over many terms, in every tier and in `f64`. The crate's documentation
//! states the bounds of the rounding.

use super::super::{
    Axis, Bend, Conv, ConvInputGrad, ConvSizes, ConvWeightGrad, Divisor, F32Kernels, F64Kernels,
    GroupNorm, Kernels, Matrix, Normalize, Plane, Product, Reach, RowNorm, RowNormSums, Start,
    product_memory,
};
use super::{Guarded, all_tiers, bits, fused_tiers, mean_pool, numbers};
use crate::reference::Real;

/// A type of numbers, with the kernels that sum them.
trait Number: Real + Sync + std::fmt::Debug + std::fmt::Display {
    const EPSILON: f64;
    /// The number of terms of the sums. A single chain of equal terms would be off by at least an
    /// eighth of their number in units of `EPSILON / 2`: a hundred times the bound. Miri has time
    /// for the shortest sums that are longer than a block.
    const SIZES: &[usize];
    type Kernels: Kernels<Self>;

    /// The kernels of all tiers.
    fn kernels() -> impl Iterator<Item = Self::Kernels>;
    /// The kernels with products of their own.
    fn product_kernels() -> impl Iterator<Item = Self::Kernels>;
    fn wide(self) -> f64;
}

impl Number for f32 {
    const EPSILON: f64 = f32::EPSILON as f64;
    const SIZES: &[usize] = if cfg!(miri) {
        &[300]
    } else {
        &[1000, (1 << 17) + 77, 1 << 20]
    };
    type Kernels = F32Kernels;

    fn kernels() -> impl Iterator<Item = F32Kernels> {
        all_tiers()
    }

    fn product_kernels() -> impl Iterator<Item = F32Kernels> {
        all_tiers().chain([F32Kernels(super::Level::Foreign)])
    }

    fn wide(self) -> f64 {
        f64::from(self)
    }
}

impl Number for f64 {
    const EPSILON: f64 = f64::EPSILON;
    const SIZES: &[usize] = if cfg!(miri) {
        &[300]
    } else {
        &[1000, (1 << 18) + 77]
    };
    type Kernels = F64Kernels;

    fn kernels() -> impl Iterator<Item = F64Kernels> {
        std::iter::once(F64Kernels)
    }

    fn product_kernels() -> impl Iterator<Item = F64Kernels> {
        Self::kernels()
    }

    fn wide(self) -> f64 {
        self
    }
}

/// Each property is a test of both types.
macro_rules! tests_of_both {
    ($($name:ident)*) => {
        mod kernels_f32 {
            $( #[test] fn $name() { super::$name::<f32>(); } )*
        }
        mod kernels_f64 {
            $( #[test] fn $name() { super::$name::<f64>(); } )*
        }
    };
}
tests_of_both! {
    sums_and_dot_products column_sums losses cross_entropies denominators_of_softmax
    statistics_of_norms gradients_of_norms gradients_of_slopes averages gradients_of_averages gradients_of_maxima
    products gradients_of_convolutions convolutions_of_many_channels
}

/// A sum of blocks that are added in pairs.
fn pairs(terms: usize) -> f64 {
    64.0 + (terms as f64).log2()
}

/// A sum of runs of blocks.
fn runs(terms: usize) -> f64 {
    768.0 + terms as f64 / 65536.0
}

/// Panics unless a sum is as near to `want` as the bound allows, with `own` more roundings of each
/// term.
#[track_caller]
fn check<T: Number>(
    what: &str,
    kernels: T::Kernels,
    got: T,
    want: f64,
    size: f64,
    roundings: f64,
    own: f64,
) {
    let bound = (roundings + own) * T::EPSILON / 2.0 * size;
    let error = (got.wide() - want).abs();
    assert!(
        error <= bound,
        "{what}, {}: {got}, should be {want} by {bound}",
        kernels.tier()
    );
}

/// Calls `f` with the numbers of each kind of terms: equal ones, whose roundings do not cancel,
/// and, if that is quick, others.
fn each_kind<T: Number>(len: usize, mut f: impl FnMut(&[T])) {
    f(&vec![tenth(); len]);
    if len < 1 << 20 {
        f(&various(7, len));
    }
}

fn tenth<T: Number>() -> T {
    T::of(0.1)
}

fn various<T: Number>(seed: u32, len: usize) -> Vec<T> {
    let numbers = numbers(seed, len);
    numbers.into_iter().map(|x| T::of(f64::from(x))).collect()
}

/// Returns the sum, with compensation of its rounding (Neumaier 1974), and the sum of the
/// magnitudes.
fn sum_of(terms: impl Iterator<Item = f64>) -> (f64, f64) {
    let mut sum = 0.0;
    let mut lost = 0.0;
    let mut size = 0.0;
    for term in terms {
        let next: f64 = sum + term;
        let added = next - sum;
        lost += (sum - (next - added)) + (term - added);
        sum = next;
        size += term.abs();
    }
    (sum + lost, size)
}

fn wide<T: Number>(x: &[T]) -> impl Iterator<Item = f64> {
    x.iter().map(|&x| x.wide())
}

fn sums_and_dot_products<T: Number>() {
    for &len in T::SIZES {
        each_kind::<T>(len, |x| {
            let (want, size) = sum_of(wide(x));
            let (square, _) = sum_of(wide(x).map(|x| x * x));

            for kernels in T::kernels() {
                check("sum", kernels, kernels.sum(x), want, size, pairs(len), 0.0);
                check(
                    "dot",
                    kernels,
                    kernels.dot(x, x),
                    square,
                    square,
                    pairs(len),
                    1.0,
                );
            }
        });
    }
}

#[test]
fn twenty_million_ones() {
    let len = if cfg!(miri) { 5000 } else { 20_000_000 };
    let ones = vec![1.0; len];
    for kernels in all_tiers() {
        assert_eq!(
            (kernels.sum(&ones), kernels.dot(&ones, &ones)),
            (len as f32, len as f32)
        );
    }
}

fn column_sums<T: Number>() {
    for &len in T::SIZES {
        each_kind::<T>(len, |x| {
            for cols in [1, 3, 70] {
                let rows = len / cols;
                let x = &x[..rows * cols];

                for kernels in T::kernels() {
                    let mut sums = vec![T::of(0.5); cols];
                    kernels.column_sums(rows, cols, x, &mut sums, true);
                    for j in [0, cols - 1] {
                        let (want, size) = sum_of(wide(&x[j..]).step_by(cols));
                        check(
                            "column",
                            kernels,
                            sums[j],
                            want + 0.5,
                            size + 0.5,
                            pairs(rows),
                            1.0,
                        );
                    }
                }
            }
        });
    }
}

/// The losses' own roundings are those of `exp` and `ln`, and of differences.
fn losses<T: Number>() {
    let bend = Bend {
        at: 0.5,
        curve: 2.0,
        slope: 1.0,
    };

    for &len in T::SIZES {
        each_kind::<T>(len, |x| {
            let zeros = vec![T::of(0.0); len];
            let mut grad = vec![T::of(0.0); len];
            let squares = sum_of(wide(x).map(|x| x * x)).0;
            let smooth =
                sum_of(wide(x).map(|x| if x.abs() < 0.5 { x * x } else { x.abs() - 0.25 })).0;
            let bce = sum_of(wide(x).map(|x| x.max(0.0) + (-x.abs()).exp().ln_1p())).0;

            for kernels in T::kernels() {
                let got = kernels.mse(x, &zeros, T::one(), &mut grad);
                check("mse", kernels, got, squares, squares, pairs(len), 1.0);

                let got = kernels.smooth_l1(bend, x, &zeros, T::one(), &mut grad);
                check("smooth l1", kernels, got, smooth, smooth, pairs(len), 3.0);

                let got = kernels.bce_with_logits(x, &zeros, T::one(), &mut grad);
                check("bce", kernels, got, bce, bce, pairs(len), 8.0);
            }
        });
    }
}

fn cross_entropies<T: Number>() {
    for &len in T::SIZES {
        each_kind::<T>(len, |x| {
            for classes in [3, 40] {
                let rows = len / classes;
                let x = &x[..rows * classes];

                let labels = vec![1; rows];
                let terms = x.chunks_exact(classes).map(|row| {
                    let sum: f64 = wide(row).map(f64::exp).sum();
                    sum.ln() - row[1].wide()
                });
                let (want, size) = sum_of(terms);

                let mut grad = vec![T::of(0.0); x.len()];
                for kernels in T::kernels() {
                    for weights in [&[][..], &vec![T::of(1.0); rows]] {
                        let got = kernels.cross_entropy(
                            classes,
                            x,
                            &labels,
                            weights,
                            T::one(),
                            &mut grad,
                        );
                        check("cross entropy", kernels, got, want, size, pairs(rows), 12.0);
                    }
                }
            }
        });
    }
}

/// Rows of the full length. The largest probability is the inverse of the sum of the exponentials.
fn denominators_of_softmax<T: Number>() {
    for &len in T::SIZES {
        each_kind::<T>(len, |x| {
            let (denominator, _) = sum_of(wide(x).map(f64::exp));
            let want = x[1].wide().exp() / denominator;
            let (weighted, size) = sum_of(wide(x).map(|x| x.exp() / denominator * x));

            for kernels in T::kernels() {
                let mut y = x.to_vec();
                kernels.softmax(len, &mut y);
                check("softmax", kernels, y[1], want, want, pairs(len), 10.0);

                let mut dy = x.to_vec();
                kernels.softmax_grad(len, &y, &mut dy);

                let slope = want * (x[1].wide() - weighted);
                check(
                    "softmax_grad",
                    kernels,
                    dy[1],
                    slope,
                    want * (size + 1.0),
                    2.0 * pairs(len),
                    20.0,
                );

                y.copy_from_slice(x);
                kernels.log_softmax(len, &mut y);
                check(
                    "log_softmax",
                    kernels,
                    y[1],
                    want.ln(),
                    want.ln().abs() + 1.0,
                    pairs(len),
                    10.0,
                );

                let mut dy = x.to_vec();
                kernels.log_softmax_grad(len, &y, &mut dy);
                let (total, size) = sum_of(wide(x));
                let slope = x[1].wide() - want * total;

                check(
                    "log_softmax_grad",
                    kernels,
                    dy[1],
                    slope,
                    1.0 + want * size,
                    2.0 * pairs(len),
                    30.0,
                );
            }
        });
    }
}

/// Mean and deviation of numbers far from zero, in each layout.
fn statistics_of_norms<T: Number>() {
    for &len in T::SIZES {
        let x: Vec<T> = various(3, len)
            .into_iter()
            .map(|x: T| x + T::of(3.0))
            .collect();
        let mean = sum_of(wide(&x)).0 / len as f64;
        let variance = sum_of(wide(&x).map(|x| (x - mean) * (x - mean))).0 / len as f64;
        let weight = &[][..];
        let bias = &[][..];
        let eps = T::zero();

        for kernels in T::kernels() {
            let mut y = vec![T::of(0.0); len];
            let mut kept = [T::zero(); 3];
            let compare = |what: &str, [near, rest, inverse]: [T; 3]| {
                let error = (near.wide() + rest.wide() - mean).abs();
                assert!(
                    error < 200.0 * T::EPSILON,
                    "{what}, {}: the mean is off by {error}",
                    kernels.tier()
                );
                let want = 1.0 / variance.sqrt();
                check(what, kernels, inverse, want, want, pairs(len), 10.0);
            };

            kernels.row_norm(
                RowNorm {
                    width: len,
                    centered: true,
                    eps,
                    weight,
                    bias,
                },
                &x,
                &mut y,
                &mut kept,
            );
            compare("row_norm", kept);

            for (rows, size) in [(len, 1), (1, len), (len / 4, 4)] {
                if rows * size == len {
                    let norm = GroupNorm {
                        rows,
                        groups: 1,
                        size,
                        eps,
                        weight,
                        bias,
                    };
                    kernels.group_norm(norm, &x, &mut y, &mut kept);
                    compare("group_norm", kept);
                }
            }

            let near = [T::of(3.0)];
            let mut distances = [T::zero()];
            let mut squares = [T::zero()];
            let mut variances = [T::zero()];

            kernels.batch_sums(&near, &x, &mut distances, &mut squares);
            kernels.batch_statistics(&x, eps, &near, &mut distances, &mut squares, &mut variances);
            compare("batch_norm", [near[0], distances[0], squares[0]]);
        }
    }
}

/// The sums that normalizations need for their gradients, where `near` is 0 and everything else is
/// 1.
fn gradients_of_norms<T: Number>() {
    for &len in T::SIZES {
        each_kind::<T>(len, |x| {
            let dy = vec![T::of(0.1); len];
            let (products, product_size) = sum_of(wide(x).map(|x| x * tenth::<T>().wide()));
            let (totals, _) = sum_of(wide(&dy));

            for kernels in T::kernels() {
                let compare = |what: &str, product: T, total: T| {
                    check(
                        what,
                        kernels,
                        product,
                        products,
                        product_size,
                        pairs(len),
                        4.0,
                    );
                    check(what, kernels, total, totals, totals, pairs(len), 1.0);
                };

                let statistics = [0.0, 0.0, 1.0].map(T::of);
                let mut weight = [T::zero()];
                let mut bias = [T::zero()];
                kernels.row_norm_sums(RowNormSums {
                    width: 1,
                    first: 0,
                    x,
                    statistics: &statistics.repeat(len),
                    dy: &dy,
                    weight: &mut weight,
                    bias: &mut bias,
                    accumulate: false,
                });
                compare("row_norm_sums", weight[0], bias[0]);

                let norm = GroupNorm {
                    rows: len,
                    groups: 1,
                    size: 1,
                    eps: T::zero(),
                    weight: &[],
                    bias: &[],
                };
                kernels.group_norm_grad(norm, x, &statistics, &dy, None, &mut weight, &mut bias);
                compare("group_norm_grad", weight[0], bias[0]);

                kernels.batch_grad_sums(&[T::zero()], x, &dy, &mut weight, &mut bias);
                compare("batch_grad_sums", weight[0], bias[0]);

                // With the mean of `dy` for a single row, and of `dy * x` for another: a gradient
                // has both.
                let mut dx = vec![T::of(0.0); len];
                let norm = RowNorm {
                    width: len,
                    centered: true,
                    eps: T::zero(),
                    weight: &[],
                    bias: &[],
                };
                kernels.row_norm_grad(norm, x, &statistics, &dy, &mut dx);
                let mean = totals / len as f64;
                let product = products / len as f64;
                let want = tenth::<T>().wide() - mean - x[1].wide() * product;
                check("row_norm_grad", kernels, dx[1], want, 0.3, pairs(len), 8.0);

                let norm = GroupNorm {
                    rows: 1,
                    groups: 1,
                    size: len,
                    eps: T::zero(),
                    weight: &[],
                    bias: &[],
                };
                kernels.group_norm_grad(norm, x, &statistics, &dy, Some(&mut dx), &mut [], &mut []);
                check(
                    "group_norm_grad",
                    kernels,
                    dx[1],
                    want,
                    0.3,
                    pairs(len),
                    8.0,
                );
            }
        });
    }
}

fn gradients_of_slopes<T: Number>() {
    for &len in T::SIZES {
        each_kind::<T>(len, |dy| {
            let x = vec![T::of(-1.5); len];

            for kernels in T::kernels() {
                for weights in [1, 4, 20] {
                    let len = len / weights * weights;
                    let mut sums = vec![T::of(0.0); weights];
                    kernels.prelu_weight_grad(&x[..len], &dy[..len], &mut sums, false);

                    let terms = wide(&dy[..len]).map(|dy| -1.5 * dy).step_by(weights);
                    let (want, size) = sum_of(terms);
                    check(
                        "prelu",
                        kernels,
                        sums[0],
                        want,
                        size,
                        pairs(len / weights),
                        2.0,
                    );
                }
            }
        });
    }
}

fn windows(input: usize, kernel: usize) -> Axis {
    let reach = Reach::Windows {
        kernel,
        stride: kernel,
        pad: 0,
        dilation: 1,
    };
    Axis {
        input,
        output: input / kernel,
        reach,
    }
}

fn averages<T: Number>() {
    for &len in T::SIZES {
        let side = len.isqrt();
        let even = Axis {
            input: len,
            output: 1,
            reach: Reach::Even,
        };

        let planes = [
            Plane {
                rows: Axis::ONE,
                cols: windows(len, len),
                channels: 1,
            },
            Plane {
                rows: windows(len / 2, len / 2),
                cols: windows(2, 2),
                channels: 1,
            },
            Plane {
                rows: windows(side, side),
                cols: windows(side, side),
                channels: 1,
            },
            Plane {
                rows: windows(len / 5, len / 5),
                cols: Axis::ONE,
                channels: 5,
            },
            Plane {
                rows: even,
                cols: Axis::ONE,
                channels: 1,
            },
        ];

        each_kind::<T>(len, |x| {
            for plane in planes {
                let channels = plane.channels;
                let places = plane.rows.input * plane.cols.input;
                let x = &x[..places * channels];
                let (sum, size) = sum_of(wide(x).step_by(channels));

                for kernels in T::kernels() {
                    let mut y = vec![T::of(0.0); channels];
                    for (divide, by) in [(Divisor::One, 1.0), (Divisor::Kernel, places as f64)] {
                        if plane.rows == even && by > 1.0 {
                            continue;
                        }

                        mean_pool(kernels, &plane, divide, false, x, &mut y);
                        check(
                            "mean_pool",
                            kernels,
                            y[0],
                            sum / by,
                            size / by,
                            pairs(places),
                            1.0,
                        );
                    }
                }
            }
        });
    }
}

/// One position is read by all outputs: its gradient is the sum of theirs.
fn gradients_of_averages<T: Number>() {
    for &len in T::SIZES {
        let planes = [Reach::Even, Reach::Linear { factor: len }].map(|reach| Plane {
            rows: Axis {
                input: 1,
                output: len,
                reach,
            },
            cols: Axis::ONE,
            channels: 1,
        });

        each_kind::<T>(len, |dy| {
            let (want, size) = sum_of(wide(dy));
            for kernels in T::kernels() {
                for plane in planes {
                    let mut dx = [T::zero()];
                    mean_pool(kernels, &plane, Divisor::One, true, dy, &mut dx);
                    check(
                        "mean_pool transposed",
                        kernels,
                        dx[0],
                        want,
                        size,
                        pairs(len),
                        3.0,
                    );
                }
            }
        });
    }
}

/// One position is the maximum of all windows: its gradient is the sum of theirs.
fn gradients_of_maxima<T: Number>() {
    for &len in T::SIZES {
        let plane = Plane {
            rows: Axis {
                input: 1,
                output: len,
                reach: Reach::Even,
            },
            cols: Axis::ONE,
            channels: 1,
        };

        each_kind::<T>(len, |dy| {
            let (want, size) = sum_of(wide(dy));
            for kernels in T::kernels() {
                let mut y = vec![T::zero(); len];
                let mut codes = vec![T::zero(); len];
                kernels.max_pool(&plane, &[tenth()], &mut y, Some(&mut codes));

                let mut dx = [T::zero()];
                kernels.max_pool_grad(&plane, &codes, dy, &mut dx);
                check("max_pool_grad", kernels, dx[0], want, size, pairs(len), 0.0);
            }
        });
    }
}

/// A tall and a flat product, and the products of one row, each with the long inner dimension.
fn products<T: Number>() {
    // With these numbers, the roundings of a chain go in one direction.
    let factor = T::of(if size_of::<T>() == 4 { 0.1 } else { 0.3 });
    // Blocks in one chain would do for fewer of them. All tiers have the runs in common.
    const LONGEST: usize = 1 << 24;
    let longest = (!cfg!(miri)).then_some(&LONGEST);
    for &len in T::SIZES.iter().chain(longest) {
        let k = len / 4;
        each_kind::<T>(len, |b| {
            let a = vec![factor; 2 * k];
            let (want, size) = sum_of(wide(b).step_by(4).take(k).map(|b| b * factor.wide()));
            let tiers = if len == LONGEST { 1 } else { usize::MAX };

            for kernels in T::product_kernels().take(tiers) {
                for m in [1, 2] {
                    let mut c = vec![T::of(0.5); 4 * m];
                    let a = Matrix::row_major(&a, k);
                    let b = Matrix::row_major(b, 4);

                    kernels.product(Product {
                        m,
                        n: 4,
                        k,
                        a,
                        b,
                        c: &mut c,
                        c_stride: 4,
                        start: Start::Accumulate,
                        relu: false,
                        whole: m,
                        memory: &mut vec![T::zero(); product_memory(m, 4, k, false)],
                    });

                    for i in 0..m {
                        check(
                            "product",
                            kernels,
                            c[4 * i],
                            want + 0.5,
                            size + 0.5,
                            runs(k),
                            2.0,
                        );
                    }
                }

                let mut c = [T::zero()];
                let b: Vec<T> = b.iter().copied().step_by(4).take(k).collect();
                let a = Matrix::row_major(&a[..k], k);
                let b = Matrix {
                    data: &b,
                    row_stride: 1,
                    col_stride: k,
                };
                let start = Start::Bias(&[T::of(-0.5)]);
                let relu = true;

                kernels.product(Product {
                    m: 1,
                    n: 1,
                    k,
                    a,
                    b,
                    c: &mut c,
                    c_stride: 1,
                    start,
                    relu,
                    whole: 1,
                    memory: &mut [],
                });

                check(
                    "dots",
                    kernels,
                    c[0],
                    (want - 0.5).max(0.0),
                    size + 0.5,
                    runs(k),
                    2.0,
                );
            }
        });
    }
}

/// Neither the distribution of the rows nor the tier of fused multiply-adds changes a bit of a
/// product that has runs.
#[test]
fn long_products_have_the_same_bits() {
    let k = if cfg!(miri) { 300 } else { 200_000 };
    let n = 5;
    let a = numbers(1, 4 * k);
    let b = numbers(2, n * k);

    let of = |kernels: F32Kernels, cut: usize| {
        let mut c = vec![0.0; 4 * n];
        for rows in [0..cut, cut..4] {
            let m = rows.len();
            let c = &mut c[rows.start * n..];
            let a = Matrix {
                data: &a[rows.start..],
                row_stride: 1,
                col_stride: 4,
            };
            let b = Matrix::row_major(&b, n);
            let start = Start::Zero;

            kernels.product(Product {
                m,
                n,
                k,
                a,
                b,
                c,
                c_stride: n,
                start,
                relu: false,
                whole: 4,
                memory: &mut Guarded::empty(product_memory(4, n, k, false)),
            });
        }

        bits(&c)
    };

    for kernels in all_tiers() {
        assert_eq!(of(kernels, 0), of(kernels, 1), "{}", kernels.tier());
    }

    let mut fused = fused_tiers().map(|kernels| of(kernels, 0));
    if let Some(first) = fused.next() {
        assert!(fused.all(|bits| bits == first));
    }
}

fn sizes_of(
    size: [usize; 2],
    channels: usize,
    out_channels: usize,
    kernel: usize,
    groups: usize,
) -> ConvSizes {
    let pad = [kernel / 2; 2].map(|pad| if size[0] == 1 { 0 } else { pad });
    let kernel = [if size[0] == 1 { 1 } else { kernel }, kernel];
    let out = [0, 1].map(|axis| size[axis] + 2 * pad[axis] + 1 - kernel[axis]);

    let stride = [1, 1];
    let dilation = [1, 1];
    ConvSizes {
        size,
        channels,
        out,
        out_channels,
        kernel,
        stride,
        pad,
        dilation,
        groups,
    }
}

fn cut<T>(gradient: &mut [T], len: usize, f: &(dyn Fn(usize, &mut [T]) + Sync)) {
    gradient
        .chunks_mut(len)
        .enumerate()
        .for_each(|(part, gradient)| f(part, gradient));
}

/// Images of equal numbers: the gradient of the weight in the middle of the window is a sum over
/// all pixels, as is that of the bias.
fn gradients_of_convolutions<T: Number>() {
    let most = if cfg!(miri) {
        60
    } else {
        T::SIZES[T::SIZES.len() - 1] / 4
    };

    let square = |side: usize, channels, out_channels, groups| {
        let sizes = sizes_of([side, side], channels, out_channels, 3, groups);
        (sizes, most / (side * side))
    };
    let [medium, small, large] = if cfg!(miri) { [9, 5, 8] } else { [28, 16, 64] };
    let layers = [
        square(medium, 1, 4, 1),
        square(2, 3, 2, 1),
        (sizes_of([1, most], 1, 2, 3, 1), 1),
        square(small, 4, 4, 4),
        (sizes_of([1, most / 2], 2, 2, 3, 2), 1),
        square(large, 16, 16, 1),
    ];

    for (sizes, samples) in layers {
        let samples = samples.max(1);
        let x = vec![T::of(0.1); samples * sizes.input_len()];
        let dy = vec![T::of(0.1); samples * sizes.output_len()];
        let places = samples * sizes.out[0] * sizes.out[1];
        let row = sizes.weight_rows() / 2;
        let co = sizes.out_channels;

        for kernels in T::kernels() {
            let mut of_parts = [1, 3].map(|parts| {
                let mut gradient = vec![T::of(0.5); (sizes.weight_rows() + 1) * co];
                let gradient_of = &mut gradient;
                let accumulate = true;
                kernels.conv_weight_grad(ConvWeightGrad {
                    sizes: &sizes,
                    whole: samples,
                    x: &x,
                    dy: &dy,
                    gradient: gradient_of,
                    accumulate,
                    parts,
                    share: cut,
                    memory: &mut vec![T::zero(); sizes.weight_grad_memory(samples, parts)],
                });
                gradient
            });

            let gradient = std::mem::take(&mut of_parts[0]);
            assert_eq!(
                gradient,
                of_parts[1],
                "{}: the parts change bits",
                kernels.tier()
            );

            let step = tenth::<T>().wide();
            // The sums that Winograd's filtering adds up are up to four times as large as the
            // terms.
            let want = step * step * places as f64;
            check(
                "weight",
                kernels,
                gradient[row * co],
                want + 0.5,
                4.0 * want + 0.5,
                runs(places),
                8.0,
            );

            let bias = step * places as f64;
            check(
                "bias",
                kernels,
                gradient[sizes.weight_rows() * co],
                bias + 0.5,
                bias + 0.5,
                runs(places),
                2.0,
            );
        }
    }
}

/// A window over very many channels, and gradients of the input over very many output channels:
/// blocks of 512, and all of them in one chain.
fn convolutions_of_many_channels<T: Number>() {
    let channels = if cfg!(miri) { 600 } else { 1 << 20 };
    let sizes = sizes_of([1, 2], channels, 2, 1, 1);
    let x = vec![T::of(0.1); sizes.input_len()];
    let weight = vec![T::of(0.1); 2 * channels];
    let roundings = 512.0 + channels as f64 / 512.0;
    let square = tenth::<T>().wide() * tenth::<T>().wide();
    let (want, size) = sum_of(std::iter::repeat_n(square, channels));

    for kernels in T::kernels() {
        let mut y = [T::zero(); 4];
        let bias = [T::of(0.5); 2];
        let sizes = &sizes;
        let x = &x[..];
        let y_of = &mut y[..];
        kernels.conv(Conv {
            sizes,
            whole: 1,
            x,
            first_row: 0,
            weight: &weight,
            bias: Some(&bias),
            y: y_of,
            relu: false,
            memory: &mut vec![T::zero(); sizes.forward_memory(1, 1)],
        });

        check(
            "conv",
            kernels,
            y[0],
            want + 0.5,
            size + 0.5,
            roundings,
            2.0,
        );
    }

    let sizes = sizes_of([1, 2], 2, channels, 1, 1);
    for kernels in T::kernels() {
        let mut dx = [T::zero(); 4];
        kernels.conv_input_grad(ConvInputGrad {
            sizes: &sizes,
            whole: 1,
            weight: &weight,
            dy: &x,
            bias: Some(&[T::of(0.5); 2]),
            dx: &mut dx,
            relu: false,
            memory: &mut vec![T::zero(); sizes.input_grad_memory(1, 1)],
        });

        check(
            "input grad",
            kernels,
            dx[0],
            want + 0.5,
            size + 0.5,
            roundings,
            2.0,
        );
    }
}

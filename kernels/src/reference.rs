//! Plain loops in any float: all kernels of `f64`, and the reference for those of `f32`.

use num_traits::Float;

use super::args::{
    check_column_sums, check_cross_entropy, check_glu, check_prelu, check_same, rows_of,
};
use super::denormals::{plain_flush_denormal as flush, plain_flush_tail as flush_tail};
use super::pairs::{Pairs, TERMS};
use super::product::{LONG, long};
use super::{ANY_SHAPE, Bend, Matrix, Product, Start};

/// The operations that the loops need beyond [`Float`].
pub(super) trait Real: Float + 'static {
    fn of(x: f64) -> Self;
    fn erfc(self) -> Self;
    /// Computes `C += A * B` for sizes that are worth packing.
    #[cfg(feature = "std")]
    fn large_product(p: &mut Product<'_, Self>);
}

/// The number of multiplications below which loops without packing are as fast.
const LARGE_PRODUCT: usize = 1 << 13;

macro_rules! real {
    ($float:ty, $erfc:path, $gemm:path) => {
        impl Real for $float {
            fn of(x: f64) -> Self {
                x as Self
            }

            fn erfc(self) -> Self {
                $erfc(self)
            }

            #[cfg(feature = "std")]
            fn large_product(p: &mut Product<'_, Self>) {
                let stride = |stride: usize| isize::try_from(stride).expect("strides fit in isize");

                // SAFETY: `Product::check` has shown that all elements lie within the slices and
                // that the rows of C do not overlap. C is borrowed mutably, so it overlaps neither
                // A nor B. A stride that does not fit in isize, which only a single row or column
                // can have, panics.
                unsafe {
                    $gemm(
                        p.m,
                        p.k,
                        p.n,
                        1.0,
                        p.a.data.as_ptr(),
                        stride(p.a.row_stride),
                        stride(p.a.col_stride),
                        p.b.data.as_ptr(),
                        stride(p.b.row_stride),
                        stride(p.b.col_stride),
                        1.0,
                        p.c.as_mut_ptr(),
                        stride(p.c_stride),
                        1,
                    );
                }
            }
        }
    };
}
real!(f64, libm::erfc, matrixmultiply::dgemm);
real!(f32, libm::erfcf, matrixmultiply::sgemm);

/// Returns `max(0, x)`, keeping NaN.
pub(super) fn relu<T: Real>(x: T) -> T {
    if x < T::zero() { T::zero() } else { x }
}

/// Returns whether `product` passes it on to `matrixmultiply`.
pub(super) fn is_large<T>(p: &Product<'_, T>) -> bool {
    cfg!(feature = "std")
        && !cfg!(miri)
        && p.whole > 1
        && (p.n > 1 || p.whole == ANY_SHAPE)
        && p.whole.saturating_mul(p.n).saturating_mul(p.k) > LARGE_PRODUCT
}

/// Computes `C = start + A * B`, then `max(0, C)` if `relu`.
pub(super) fn product<T: Real>(mut p: Product<'_, T>) {
    p.check();

    let m = p.m;
    let n = p.n;
    if m == 0 || n == 0 {
        return;
    }
    if is_large(&p) && p.k > LONG {
        return long(p, product);
    }
    for i in 0..m {
        let row = &mut p.c[i * p.c_stride..][..n];
        match p.start {
            Start::Zero => row.fill(T::zero()),
            Start::Bias(bias) => row.copy_from_slice(bias),
            Start::Accumulate => {}
        }
    }

    #[cfg(feature = "std")]
    if is_large(&p) {
        T::large_product(&mut p);
        return end(&mut p);
    }
    small_product(&mut p);
    end(&mut p);
}

/// Applies `max(0, C)`, if it is wanted.
fn end<T: Real>(p: &mut Product<'_, T>) {
    let n = p.n;

    if p.relu {
        for i in 0..p.m {
            p.c[i * p.c_stride..][..n]
                .iter_mut()
                .for_each(|x| *x = relu(*x));
        }
    }
}

/// Computes `C += A * B`, row by row.
fn small_product<T: Real>(p: &mut Product<'_, T>) {
    let Matrix {
        data: b,
        row_stride,
        col_stride,
    } = p.b;
    for i in 0..p.m {
        let row = &mut p.c[i * p.c_stride..][..p.n];

        let x = |q: usize| p.a.data[i * p.a.row_stride + q * p.a.col_stride];
        if p.k > TERMS {
            sums_of_columns(p.k, row, true, |q, j| {
                x(q) * b[q * row_stride + j * col_stride]
            });
            continue;
        }

        for q in 0..p.k {
            let x = x(q);
            if col_stride == 1 {
                for (c, &b) in row.iter_mut().zip(&b[q * row_stride..][..p.n]) {
                    *c = *c + x * b;
                }
            } else {
                for (j, c) in row.iter_mut().enumerate() {
                    *c = *c + x * b[q * row_stride + j * col_stride];
                }
            }
        }
    }
}

pub(super) fn column_sums<T: Real>(
    rows: usize,
    cols: usize,
    x: &[T],
    sums: &mut [T],
    accumulate: bool,
) {
    check_column_sums(rows, cols, x.len(), sums.len());
    sums_of_columns(rows, sums, accumulate, |row, col| x[row * cols + col]);
}

pub(super) fn sigmoid<T: Real>(x: T) -> T {
    T::one() / (T::one() + (-x).exp())
}

/// Returns the normal distribution function at `x`: half of `erfc(-x / sqrt(2))`, accurate in the
/// left tail.
pub(super) fn normal<T: Real>(x: T) -> T {
    T::of(0.5) * (-x * T::of(core::f64::consts::FRAC_1_SQRT_2)).erfc()
}

pub(super) fn prelu<T: Real>(weight: &[T], x: &[T], y: &mut [T]) {
    check_prelu(weight.len(), x.len(), y.len());
    for ((&x, y), &w) in x.iter().zip(y).zip(weight.iter().cycle()) {
        *y = flush(if x > T::zero() { x } else { w * x });
    }
}

pub(super) fn prelu_grad<T: Real>(weight: &[T], x: &[T], dy: &mut [T]) {
    check_prelu(weight.len(), x.len(), dy.len());
    for ((&x, dy), &w) in x.iter().zip(dy).zip(weight.iter().cycle()) {
        *dy = flush(if x > T::zero() { *dy } else { w * *dy });
    }
}

pub(super) fn prelu_weight_grad<T: Real>(x: &[T], dy: &[T], sums: &mut [T], accumulate: bool) {
    check_prelu(sums.len(), x.len(), dy.len());

    let weights = sums.len();
    sums_of_columns(x.len() / weights.max(1), sums, accumulate, |row, col| {
        let i = row * weights + col;
        if x[i] > T::zero() {
            T::zero()
        } else {
            x[i] * dy[i]
        }
    });
}

pub(super) fn glu<T: Real>(half: usize, x: &[T], y: &mut [T]) {
    check_glu(half, x.len(), y.len());
    for (x, y) in x
        .chunks_exact(2 * half.max(1))
        .zip(y.chunks_exact_mut(half.max(1)))
    {
        let (a, b) = x.split_at(half);
        for ((&a, &b), y) in a.iter().zip(b).zip(y) {
            *y = flush(a * sigmoid(b));
        }
    }
}

pub(super) fn glu_grad<T: Real>(half: usize, x: &[T], dy: &[T], dx: &mut [T]) {
    check_glu(half, x.len(), dy.len());
    check_same("glu_grad", x.len(), dx.len());

    let rows = x
        .chunks_exact(2 * half.max(1))
        .zip(dx.chunks_exact_mut(2 * half.max(1)));
    for ((x, dx), dy) in rows.zip(dy.chunks_exact(half.max(1))) {
        for i in 0..half {
            let gate = sigmoid(x[half + i]);
            dx[i] = flush(dy[i] * gate);
            dx[half + i] = flush(dx[i] * x[i] * (T::one() - gate));
        }
    }
}

/// Computes `row = exp(row - max)`. Returns the sum and the maximum.
fn exponentials<T: Real>(row: &mut [T]) -> (T, T) {
    let max = row.iter().copied().fold(T::neg_infinity(), T::max);
    row.iter_mut()
        .for_each(|x| *x = flush_tail((*x - max).exp()));
    (sum(row), max)
}

pub(super) fn softmax<T: Real>(width: usize, x: &mut [T]) {
    rows_of("softmax", x.len(), width);
    for row in x.chunks_exact_mut(width.max(1)) {
        let (sum, _) = exponentials(row);
        row.iter_mut().for_each(|x| *x = flush(*x / sum));
    }
}

pub(super) fn softmax_grad<T: Real>(width: usize, y: &[T], dy: &mut [T]) {
    check_same("softmax_grad", y.len(), dy.len());
    rows_of("softmax_grad", y.len(), width);
    for (y, dy) in y
        .chunks_exact(width.max(1))
        .zip(dy.chunks_exact_mut(width.max(1)))
    {
        let mean = dot(y, dy);
        for (&y, dy) in y.iter().zip(dy) {
            *dy = flush(y * (*dy - mean));
        }
    }
}

pub(super) fn log_softmax<T: Real>(width: usize, x: &mut [T]) {
    rows_of("log_softmax", x.len(), width);
    for row in x.chunks_exact_mut(width.max(1)) {
        let max = row.iter().copied().fold(T::neg_infinity(), T::max);
        let log = sum_of(row.len(), |i| (row[i] - max).exp()).ln();
        row.iter_mut().for_each(|x| *x = (*x - max) - log);
    }
}

pub(super) fn log_softmax_grad<T: Real>(width: usize, y: &[T], dy: &mut [T]) {
    check_same("log_softmax_grad", y.len(), dy.len());
    rows_of("log_softmax_grad", y.len(), width);
    for (y, dy) in y
        .chunks_exact(width.max(1))
        .zip(dy.chunks_exact_mut(width.max(1)))
    {
        let total = sum(dy);
        for (&y, dy) in y.iter().zip(dy) {
            *dy = flush(*dy - flush_tail(y.exp()) * total);
        }
    }
}

pub(super) fn cross_entropy<T: Real>(
    classes: usize,
    logits: &[T],
    labels: &[u32],
    weights: &[T],
    scale: T,
    grad: &mut [T],
) -> T {
    check_cross_entropy(classes, logits.len(), labels, weights.len(), grad.len());

    let mut rows = logits
        .chunks_exact(classes.max(1))
        .zip(grad.chunks_exact_mut(classes.max(1)));

    sum_of(labels.len(), |r| {
        let Some((logits, grad)) = rows.next() else {
            return T::zero();
        };

        let label = labels[r] as usize;
        let weight = weights.get(r).copied().unwrap_or(T::one());
        if weight == T::zero() {
            grad.fill(T::zero());
            return T::zero();
        }

        grad.copy_from_slice(logits);
        let (mut sum, max) = exponentials(grad);
        let mut term = sum.ln() - (logits[label] - max);

        if max == T::infinity()
            && let Some(class) = certain_class(logits)
        {
            grad.fill(T::zero());
            grad[class] = T::one();
            sum = T::one();
            term = if class == label {
                T::zero()
            } else {
                T::infinity()
            };
        }

        let scale = scale * weight;
        grad.iter_mut().for_each(|x| *x = *x / sum * scale);
        grad[label] = grad[label] - scale;
        term * weight
    })
}

/// Returns the class whose logit alone is plus infinity, so that its probability is 1, if there is
/// one. NaN and two infinities have no softmax, not even as a limit.
#[cold]
pub(super) fn certain_class<T: Real>(logits: &[T]) -> Option<usize> {
    let class = logits.iter().position(|&x| x == T::infinity())?;
    let others = |(i, &x): (usize, &T)| i == class || x < T::infinity();
    logits.iter().enumerate().all(others).then_some(class)
}

pub(super) fn bce_with_logits<T: Real>(logits: &[T], targets: &[T], scale: T, grad: &mut [T]) -> T {
    check_same("bce_with_logits", logits.len(), targets.len());
    check_same("bce_with_logits", logits.len(), grad.len());

    // The part of the logit that the target contradicts: none of it where the target is right,
    // however large the logit is.
    let times = |part: T, x: T| {
        if part == T::zero() {
            T::zero()
        } else {
            part * x
        }
    };

    sum_of(logits.len(), |i| {
        let x = logits[i];
        let t = targets[i];
        grad[i] = (sigmoid(x) - t) * scale;
        times(T::one() - t, relu(x)) + times(t, relu(-x)) + (-x.abs()).exp().ln_1p()
    })
}

pub(super) fn mse<T: Real>(output: &[T], target: &[T], scale: T, grad: &mut [T]) -> T {
    check_same("mse", output.len(), target.len());
    check_same("mse", output.len(), grad.len());

    sum_of(output.len(), |i| {
        let d = output[i] - target[i];
        grad[i] = d * (scale + scale);
        d * d
    })
}

pub(super) fn smooth_l1<T: Real>(
    bend: Bend,
    output: &[T],
    target: &[T],
    scale: T,
    grad: &mut [T],
) -> T {
    check_same("smooth_l1", output.len(), target.len());
    check_same("smooth_l1", output.len(), grad.len());

    let bend = bend.in_range(f64::MAX);
    let at = T::of(bend.at);
    let curve = T::of(bend.curve);
    let slope = T::of(bend.slope);

    sum_of(output.len(), |i| {
        let d = output[i] - target[i];

        let a = d.abs();
        let (term, rise) = if a < at {
            (T::of(0.5) * curve * d * d, curve * d)
        } else {
            // A difference of zero has the gradient zero, and NaN stays.
            let rise = if a > T::zero() { slope.copysign(d) } else { d };
            (slope * (a - T::of(0.5) * at), rise)
        };

        grad[i] = rise * scale;
        term
    })
}

pub(super) fn flush_denormals<T: Real>(x: &mut [T]) {
    x.iter_mut().for_each(|x| *x = flush(*x));
}

/// Long sums of terms that arrive one after the other, `N` sums at a time, by [`Pairs`].
pub(super) struct Sums<T, const N: usize> {
    pairs: Pairs<[T; N]>,
    block: [T; N],
    terms: usize,
}

impl<T: Real, const N: usize> Sums<T, N> {
    pub(super) fn new() -> Self {
        Sums {
            pairs: Pairs::new(),
            block: [T::zero(); N],
            terms: 0,
        }
    }

    /// Returns the sums to which the next terms are to be added.
    #[inline(always)]
    pub(super) fn next(&mut self) -> &mut [T; N] {
        if self.terms == TERMS {
            self.pairs.push(self.block, add_all);
            self.block = [T::zero(); N];
            self.terms = 0;
        }
        self.terms += 1;
        &mut self.block
    }

    pub(super) fn finish(self) -> [T; N] {
        self.pairs.finish(self.block, add_all)
    }
}

#[inline(always)]
fn add_all<T: Real, const N: usize>(mut a: [T; N], b: [T; N]) -> [T; N] {
    a.iter_mut().zip(b).for_each(|(a, b)| *a = *a + b);
    a
}

/// The number of adjacent sums that are computed at a time.
pub(super) const WIDE: usize = 8;

/// Sums the terms of each column over the rows into `sums`, or adds them to it if `accumulate`.
pub(super) fn sums_of_columns<T: Real>(
    rows: usize,
    sums: &mut [T],
    accumulate: bool,
    term: impl Fn(usize, usize) -> T,
) {
    for (block, sums) in sums.chunks_mut(WIDE).enumerate() {
        let first = block * WIDE;
        let mut wide = Sums::<T, WIDE>::new();

        for row in 0..rows {
            for (j, sum) in wide.next()[..sums.len()].iter_mut().enumerate() {
                *sum = *sum + term(row, first + j);
            }
        }

        for (sum, total) in sums.iter_mut().zip(wide.finish()) {
            *sum = if accumulate { *sum + total } else { total };
        }
    }
}

/// Returns the sum of the terms at some indices, which are requested in order.
#[inline]
pub(super) fn sum_over<T: Real>(
    indices: impl Iterator<Item = usize>,
    mut term: impl FnMut(usize) -> T,
) -> T {
    let mut sums = Sums::<T, 1>::new();
    for i in indices {
        let [sum] = sums.next();
        *sum = *sum + term(i);
    }
    let [sum] = sums.finish();
    sum
}

/// Returns the sum of `terms` terms.
#[inline]
fn sum_of<T: Real>(terms: usize, term: impl FnMut(usize) -> T) -> T {
    sum_over(0..terms, term)
}

pub(super) fn sum<T: Real>(x: &[T]) -> T {
    sum_of(x.len(), |i| x[i])
}

pub(super) fn dot<T: Real>(x: &[T], y: &[T]) -> T {
    check_same("dot", x.len(), y.len());
    sum_of(x.len(), |i| x[i] * y[i])
}

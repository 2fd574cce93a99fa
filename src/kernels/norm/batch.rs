//! Normalization of columns over all rows of a batch. Every step takes any of the rows, so that callers can cut them:
//! the sums of some rows are added up by whoever cut them, in an order of their own choice.

use super::super::args::{check_same, rows_of};
use super::super::plain::Real;
use super::super::simd::{Op, Simd};
use super::columns::{Bundle, STRIP, Strip, at};
use super::groups::{grad, grad_sums, offset, scaled, slope};
use super::{Statistics, bias_at, check_optional, variance, weight_at};

/// `y = ((x - near) - rest) * inverse * weight + bias` in each column; as many columns as there are numbers.
#[derive(Clone, Copy, Debug)]
pub struct BatchNorm<'a, T> {
    pub near: &'a [T],
    pub rest: &'a [T],
    pub inverse: &'a [T],
    /// One for each column, or none.
    pub weight: &'a [T],
    /// Likewise.
    pub bias: &'a [T],
}

impl<T: Copy> BatchNorm<'_, T> {
    /// Panics unless the lengths fit.
    pub(super) fn check(&self, x: usize, y: usize) {
        let columns = self.near.len();
        check_same("batch_norm", self.rest.len(), columns);
        check_same("batch_norm", self.inverse.len(), columns);
        check_optional("batch_norm", "weights", self.weight.len(), columns);
        check_optional("batch_norm", "biases", self.bias.len(), columns);
        rows_of("batch_norm", x, columns);
        check_same("batch_norm", x, y);
    }

    #[inline(always)]
    pub(super) fn of(&self, column: usize) -> Statistics<T> {
        Statistics { near: self.near[column], rest: self.rest[column], inverse: self.inverse[column] }
    }
}

/// `y = (x - mean) / sqrt(variance + eps) * weight + bias` in each column.
#[derive(Clone, Copy, Debug)]
pub struct RunningNorm<'a, T> {
    pub mean: &'a [T],
    pub variance: &'a [T],
    pub eps: T,
    /// One for each column, or none.
    pub weight: &'a [T],
    /// Likewise.
    pub bias: &'a [T],
}

impl<T: Copy> RunningNorm<'_, T> {
    /// Panics unless the lengths fit.
    pub(super) fn check(&self, x: usize, y: usize) {
        let columns = self.mean.len();
        check_same("running_norm", self.variance.len(), columns);
        check_optional("running_norm", "weights", self.weight.len(), columns);
        check_optional("running_norm", "biases", self.bias.len(), columns);
        rows_of("running_norm", x, columns);
        check_same("running_norm", x, y);
    }
}

/// What a column's distances from the mean are multiplied by.
#[inline(always)]
pub(super) fn running_scale<T: Real>(norm: &RunningNorm<'_, T>, column: usize) -> T {
    weight_at(norm.weight, column) / (norm.variance[column] + norm.eps).sqrt()
}

/// The strips of columns of a matrix.
#[inline(always)]
fn strips(len: usize, columns: usize) -> impl Iterator<Item = Strip> {
    let columns = columns.max(1);
    Bundle::all(len / columns, columns, 1).flat_map(Bundle::strips)
}

/// Calls `f` with each strip and the numbers of `near` that belong to it.
#[inline(always)]
fn with_shift(len: usize, near: &[f32], mut f: impl FnMut(Strip, &[f32; STRIP])) {
    for strip in strips(len, near.len()) {
        let shift = strip.each(
            #[inline(always)]
            |_, column| near[column],
        );
        f(strip, &shift);
    }
}

/// Puts the sums of a strip's columns where they belong.
#[inline(always)]
fn put(to: &mut [f32], strip: &Strip, sums: &[f32; STRIP]) {
    to[strip.first..][..strip.width()].copy_from_slice(&sums[..strip.width()]);
}

/// `distances = sum(x - near)` and `squares = sum((x - near)^2)` of each column.
pub(super) struct BatchSumsOp<'a> {
    pub near: &'a [f32],
    pub x: &'a [f32],
    pub distances: &'a mut [f32],
    pub squares: &'a mut [f32],
}

impl Op for BatchSumsOp<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let BatchSumsOp { near, x, distances, squares } = self;
        rows_of("batch_sums", x.len(), near.len());
        check_same("batch_sums", distances.len(), near.len());
        check_same("batch_sums", squares.len(), near.len());
        let p = x.as_ptr();
        with_shift(
            x.len(),
            near,
            #[inline(always)]
            |strip, shift| {
                let [by_column, squares_by_column] = strip.sum(
                    s,
                    x.len(),
                    #[inline(always)]
                    |i, j, n| {
                        // SAFETY: `sum` gives i + n <= the length and j + n <= STRIP.
                        let distance = unsafe { s.sub(s.get(p.add(i), n), at(s, shift, j, n)) };
                        [distance, s.mul(distance, distance)]
                    },
                );
                put(distances, &strip, &by_column);
                put(squares, &strip, &squares_by_column);
            },
        );
    }
}

/// Turns the sums of all `count` rows, `distances` and `squares`, into `rest` and `inverse`, and sets the variances as
/// they are estimated from a sample: times `count / (count - 1)`. Of one row nothing can be estimated: they are NaN.
pub(super) fn batch_statistics<T: Real>(
    count: usize,
    eps: T,
    near: &[T],
    distances: &mut [T],
    squares: &mut [T],
    variances: &mut [T],
) {
    check_same("batch_statistics", distances.len(), near.len());
    check_same("batch_statistics", squares.len(), near.len());
    check_same("batch_statistics", variances.len(), near.len());
    let rows = T::of(count as f64);
    for column in 0..near.len() {
        let of = Statistics::new(near[column], distances[column], squares[column], rows, eps);
        variances[column] = variance(of.rest, squares[column], rows) * (rows / (rows - T::one()));
        (distances[column], squares[column]) = (of.rest, of.inverse);
    }
}

pub(super) struct BatchNormOp<'a> {
    pub norm: BatchNorm<'a, f32>,
    pub x: &'a [f32],
    pub y: &'a mut [f32],
}

impl Op for BatchNormOp<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let BatchNormOp { norm, x, y } = self;
        norm.check(x.len(), y.len());
        with_shift(
            x.len(),
            norm.near,
            #[inline(always)]
            |strip, shift| {
                let scale = strip.each(
                    #[inline(always)]
                    |_, column| norm.inverse[column] * weight_at(norm.weight, column),
                );
                let offset = strip.each(
                    #[inline(always)]
                    |_, column| {
                        let scale = norm.inverse[column] * weight_at(norm.weight, column);
                        bias_at(norm.bias, column) - norm.rest[column] * scale
                    },
                );
                scaled(s, strip, shift, &scale, &offset, x, y);
            },
        );
    }
}

pub(super) struct RunningNormOp<'a> {
    pub norm: RunningNorm<'a, f32>,
    pub x: &'a [f32],
    pub y: &'a mut [f32],
}

impl Op for RunningNormOp<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let RunningNormOp { norm, x, y } = self;
        norm.check(x.len(), y.len());
        with_shift(
            x.len(),
            norm.mean,
            #[inline(always)]
            |strip, shift| {
                let scale = strip.each(
                    #[inline(always)]
                    |_, column| running_scale(&norm, column),
                );
                let offset = strip.each(
                    #[inline(always)]
                    |_, column| bias_at(norm.bias, column),
                );
                scaled(s, strip, shift, &scale, &offset, x, y);
            },
        );
    }
}

/// `products = sum(dy * (x - near))` and `totals = sum(dy)` of each column.
pub(super) struct GradSumsOp<'a> {
    pub near: &'a [f32],
    pub x: &'a [f32],
    pub dy: &'a [f32],
    pub products: &'a mut [f32],
    pub totals: &'a mut [f32],
}

impl Op for GradSumsOp<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let GradSumsOp { near, x, dy, products, totals } = self;
        rows_of("batch_grad_sums", x.len(), near.len());
        check_same("batch_grad_sums", products.len(), near.len());
        check_same("batch_grad_sums", totals.len(), near.len());
        with_shift(
            x.len(),
            near,
            #[inline(always)]
            |strip, shift| {
                let [by_column, totals_by_column] = grad_sums(s, strip, shift, x, dy);
                put(products, &strip, &by_column);
                put(totals, &strip, &totals_by_column);
            },
        );
    }
}

/// Turns `sum(dy * (x - near))` over all rows into `sum(dy * normalized(x))`, the gradient of the weight.
pub(super) fn batch_products<T: Real>(rest: &[T], inverse: &[T], products: &mut [T], totals: &[T]) {
    check_same("batch_products", rest.len(), products.len());
    check_same("batch_products", inverse.len(), products.len());
    check_same("batch_products", totals.len(), products.len());
    for column in 0..products.len() {
        products[column] = (products[column] - rest[column] * totals[column]) * inverse[column];
    }
}

/// `dx`, from the sums over all `count` rows of `dy * normalized(x)` and of `dy`.
pub(super) struct BatchNormGradOp<'a> {
    pub norm: BatchNorm<'a, f32>,
    pub count: usize,
    pub products: &'a [f32],
    pub totals: &'a [f32],
    pub x: &'a [f32],
    pub dy: &'a [f32],
    pub dx: &'a mut [f32],
}

impl Op for BatchNormGradOp<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let BatchNormGradOp { norm, count, products, totals, x, dy, dx } = self;
        norm.check(x.len(), dx.len());
        check_same("batch_norm_grad", products.len(), norm.near.len());
        check_same("batch_norm_grad", totals.len(), norm.near.len());
        let count = count as f32;
        with_shift(
            x.len(),
            norm.near,
            #[inline(always)]
            |strip, shift| {
                let mean = {
                    #[inline(always)]
                    |sums: &[f32], column: usize| sums[column] * weight_at(norm.weight, column) / count
                };
                let scale = strip.each(
                    #[inline(always)]
                    |_, column| norm.inverse[column] * weight_at(norm.weight, column),
                );
                let slope = strip.each(
                    #[inline(always)]
                    |_, column| slope(norm.of(column), mean(products, column)),
                );
                let offset = strip.each(
                    #[inline(always)]
                    |_, column| offset(norm.of(column), mean(products, column), mean(totals, column)),
                );
                grad(s, strip, [shift, &scale, &slope, &offset], x, dy, dx);
            },
        );
    }
}

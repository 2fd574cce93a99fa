//! Normalization of columns over all rows of a batch. Every function processes any of the rows, so
//! that callers can distribute them. The caller adds up the sums of its parts, in an order of its
//! own choice.

use super::super::F32Kernels;
use super::super::args::{check_same, rows_of};
use super::super::reference::Real;
use super::columns::{Bundle, Columns, Strip};
use super::groups::{GradColumn, write_grad};
use super::passes::{Distances, GradSums, Scaled};
use super::{Statistics, bias_at, check_optional, near_mean, variance, weight_at};

/// The normalization `y = ((x - near) - rest) * inverse * weight + bias` of each column, with one
/// number of each kind per column.
#[derive(Clone, Copy, Debug)]
pub struct BatchNorm<'a, T> {
    pub near: &'a [T],
    pub rest: &'a [T],
    pub inverse: &'a [T],
    /// One for each column, or none.
    pub weight: &'a [T],
    /// One for each column, or none.
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
        Statistics {
            near: self.near[column],
            rest: self.rest[column],
            inverse: self.inverse[column],
        }
    }
}

/// The normalization `y = (x - mean) / sqrt(variance + eps) * weight + bias` of each column.
#[derive(Clone, Copy, Debug)]
pub struct RunningNorm<'a, T> {
    pub mean: &'a [T],
    pub variance: &'a [T],
    pub eps: T,
    /// One for each column, or none.
    pub weight: &'a [T],
    /// One for each column, or none.
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

/// Returns the factor of a column's distances from the mean.
#[inline(always)]
pub(super) fn running_scale<T: Real>(norm: &RunningNorm<'_, T>, column: usize) -> T {
    weight_at(norm.weight, column) / (norm.variance[column] + norm.eps).sqrt()
}

/// Calls `f` with each strip of columns and its part of `near`.
fn with_shift(len: usize, near: &[f32], mut f: impl FnMut(Strip, &Columns)) {
    for strip in strips(len, near.len()) {
        f(strip, &strip.each(|_, column| near[column]));
    }
}

/// Returns the strips of `len` elements.
fn strips(len: usize, columns: usize) -> impl Iterator<Item = Strip> {
    let columns = columns.max(1);
    Bundle::all(len / columns, columns, 1).flat_map(Bundle::strips)
}

/// Stores the sums of a strip's columns.
fn put(to: &mut [f32], strip: &Strip, sums: &Columns) {
    to[strip.first..][..strip.width()].copy_from_slice(&sums[..strip.width()]);
}

/// Converts the sums of the columns to numbers near their means.
pub(super) fn batch_near<T: Real>(x: &[T], near: &mut [T]) {
    let rows = T::of(rows_of("batch_near", x.len(), near.len()) as f64);
    for (near, &one) in near.iter_mut().zip(x) {
        *near = near_mean(*near, rows, one);
    }
}

/// `distances = sum(x - near)` and `squares = sum((x - near)^2)` of each column.
pub(super) fn batch_sums(
    kernels: F32Kernels,
    near: &[f32],
    x: &[f32],
    distances: &mut [f32],
    squares: &mut [f32],
) {
    rows_of("batch_sums", x.len(), near.len());
    check_same("batch_sums", distances.len(), near.len());
    check_same("batch_sums", squares.len(), near.len());

    with_shift(x.len(), near, |strip, shift| {
        let [by_column, squares_by_column] = kernels.run(Distances { strip, shift, x });
        put(distances, &strip, &by_column);
        put(squares, &strip, &squares_by_column);
    });
}

/// Converts the sums over all rows of `x`, `distances` and `squares`, to `rest` and `inverse`, and
/// sets the variances to the unbiased estimates: times `rows / (rows - 1)`. They are NaN for a
/// single row, from which nothing can be estimated.
pub(super) fn batch_statistics<T: Real>(
    x: &[T],
    eps: T,
    near: &[T],
    distances: &mut [T],
    squares: &mut [T],
    variances: &mut [T],
) {
    let columns = near.len();
    let rows = T::of(rows_of("batch_statistics", x.len(), columns) as f64);
    check_same("batch_statistics", distances.len(), columns);
    check_same("batch_statistics", squares.len(), columns);
    check_same("batch_statistics", variances.len(), columns);

    for column in 0..columns {
        let near = near[column];
        let sums = [distances[column], squares[column]];
        let statistics = Statistics::in_range(near, true, sums, rows, eps, || {
            x[column..].iter().step_by(columns).map(|&x| x - near)
        });

        variances[column] =
            variance(statistics.rest, squares[column], rows) * (rows / (rows - T::one()));
        distances[column] = statistics.rest;
        squares[column] = statistics.inverse;
    }
}

pub(super) fn batch_norm(kernels: F32Kernels, norm: BatchNorm<'_, f32>, x: &[f32], y: &mut [f32]) {
    norm.check(x.len(), y.len());

    with_shift(x.len(), norm.near, |strip, shift| {
        let scale = strip.each(|_, column| norm.inverse[column] * weight_at(norm.weight, column));
        let offset = strip.each(|_, column| {
            let scale = norm.inverse[column] * weight_at(norm.weight, column);
            bias_at(norm.bias, column) - norm.rest[column] * scale
        });

        kernels.run(Scaled {
            strip,
            shift,
            scale: &scale,
            offset: &offset,
            x,
            y,
        });
    });
}

pub(super) fn running_norm(
    kernels: F32Kernels,
    norm: RunningNorm<'_, f32>,
    x: &[f32],
    y: &mut [f32],
) {
    norm.check(x.len(), y.len());

    with_shift(x.len(), norm.mean, |strip, shift| {
        let scale = strip.each(|_, column| running_scale(&norm, column));
        let offset = strip.each(|_, column| bias_at(norm.bias, column));
        kernels.run(Scaled {
            strip,
            shift,
            scale: &scale,
            offset: &offset,
            x,
            y,
        });
    });
}

/// `products = sum(dy * (x - near))` and `totals = sum(dy)` of each column.
pub(super) fn batch_grad_sums(
    kernels: F32Kernels,
    near: &[f32],
    x: &[f32],
    dy: &[f32],
    products: &mut [f32],
    totals: &mut [f32],
) {
    rows_of("batch_grad_sums", x.len(), near.len());
    check_same("batch_grad_sums", products.len(), near.len());
    check_same("batch_grad_sums", totals.len(), near.len());

    with_shift(x.len(), near, |strip, shift| {
        let [by_column, totals_by_column] = kernels.run(GradSums {
            strip,
            shift,
            x,
            dy,
        });
        put(products, &strip, &by_column);
        put(totals, &strip, &totals_by_column);
    });
}

/// Converts `sum(dy * (x - near))` over all rows to `sum(dy * normalized(x))`, the gradient of the
/// weight.
pub(super) fn batch_products<T: Real>(
    norm: BatchNorm<'_, T>,
    x: &[T],
    dy: &[T],
    products: &mut [T],
    totals: &[T],
) {
    norm.check(x.len(), dy.len());
    let columns = products.len();
    check_same("batch_products", norm.near.len(), columns);
    check_same("batch_products", totals.len(), columns);

    for column in 0..columns {
        let sums = [products[column], totals[column]];
        let first = column.min(x.len());
        products[column] = norm
            .of(column)
            .product(sums, columns, &x[first..], &dy[first..]);
    }
}

/// Computes `dx` from the sums over all `count` rows of `dy * normalized(x)` and of `dy`.
#[allow(clippy::too_many_arguments)]
pub(super) fn batch_norm_grad(
    kernels: F32Kernels,
    norm: BatchNorm<'_, f32>,
    count: usize,
    products: &[f32],
    totals: &[f32],
    x: &[f32],
    dy: &[f32],
    dx: &mut [f32],
) {
    norm.check(x.len(), dx.len());
    check_same("batch_norm_grad", products.len(), norm.near.len());
    check_same("batch_norm_grad", totals.len(), norm.near.len());
    let count = count as f32;

    for strip in strips(x.len(), norm.near.len()) {
        let of = |_, column: usize| {
            let weight = weight_at(norm.weight, column);
            GradColumn {
                statistics: norm.of(column),
                weight,
                product: products[column] * weight / count,
                total: totals[column] * weight / count,
            }
        };
        write_grad(kernels, strip, of, x, dy, dx);
    }
}

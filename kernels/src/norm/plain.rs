//! Normalizations as plain loops: those of `f64`, and the reference for those of `f32`.

use super::super::args::{check_same, rows_of};
use super::super::plain::Real;
use super::batch::running_scale;
use super::groups::check_sums;
use super::{
    BatchNorm, GroupNorm, RowNorm, RowNormSums, RunningNorm, Statistics, bias_at, weight_at,
};

/// The statistics of the elements at `indices`.
fn statistics<T: Real>(
    x: &[T],
    indices: impl Iterator<Item = usize> + Clone,
    centered: bool,
    eps: T,
) -> Statistics<T> {
    let (mut count, mut sum) = (T::zero(), T::zero());
    for i in indices.clone() {
        (count, sum) = (count + T::one(), sum + x[i]);
    }
    let near = if centered { sum / count } else { T::zero() };
    let (mut distances, mut squares) = (T::zero(), T::zero());
    for i in indices {
        let distance = x[i] - near;
        (distances, squares) = (distances + distance, squares + distance * distance);
    }
    Statistics::new(
        near,
        if centered { distances } else { T::zero() },
        squares,
        count,
        eps,
    )
}

pub(super) fn row_norm<T: Real>(norm: RowNorm<'_, T>, x: &[T], y: &mut [T], kept: &mut [T]) {
    norm.check(x.len(), y.len(), kept.len(), true);
    let width = norm.width.max(1);
    for (index, (x, y)) in x
        .chunks_exact(width)
        .zip(y.chunks_exact_mut(width))
        .enumerate()
    {
        let row = statistics(x, 0..width, norm.centered, norm.eps);
        row.write(kept, index);
        for (i, (&x, y)) in x.iter().zip(y).enumerate() {
            *y = row.normalize(x) * weight_at(norm.weight, i) + bias_at(norm.bias, i);
        }
    }
}

pub(super) fn row_norm_grad<T: Real>(
    norm: RowNorm<'_, T>,
    x: &[T],
    kept: &[T],
    dy: &[T],
    dx: &mut [T],
) {
    norm.check(x.len(), dx.len(), kept.len(), false);
    check_same("row_norm_grad", x.len(), dy.len());
    let width = norm.width.max(1);
    let count = T::of(width as f64);
    let rows = x
        .chunks_exact(width)
        .zip(dy.chunks_exact(width))
        .zip(dx.chunks_exact_mut(width));
    for (index, ((x, dy), dx)) in rows.enumerate() {
        let row = Statistics::read(kept, index);
        let (mut sum, mut product) = (T::zero(), T::zero());
        for i in 0..width {
            let gradient = dy[i] * weight_at(norm.weight, i);
            (sum, product) = (sum + gradient, product + gradient * row.normalize(x[i]));
        }
        let mean = if norm.centered {
            sum / count
        } else {
            T::zero()
        };
        for i in 0..width {
            let gradient = dy[i] * weight_at(norm.weight, i);
            dx[i] = (gradient - mean - row.normalize(x[i]) * (product / count)) * row.inverse;
        }
    }
}

pub(super) fn row_norm_sums<T: Real>(sums: RowNormSums<'_, T>) {
    let rows = sums.check();
    if !sums.accumulate {
        sums.weight.fill(T::zero());
        sums.bias.fill(T::zero());
    }
    for index in 0..rows {
        let row = Statistics::read(sums.statistics, index);
        for i in 0..sums.weight.len() {
            let at = index * sums.width + sums.first + i;
            sums.weight[i] = sums.weight[i] + sums.dy[at] * row.normalize(sums.x[at]);
            if let Some(bias) = sums.bias.get_mut(i) {
                *bias = *bias + sums.dy[at];
            }
        }
    }
}

/// Where the elements of a group of a sample are.
fn members<T>(
    norm: &GroupNorm<'_, T>,
    sample: usize,
    group: usize,
) -> impl Iterator<Item = usize> + Clone {
    let (columns, elements) = norm.sizes();
    let (first, size) = (sample * elements + group * norm.size, norm.size);
    (0..norm.rows).flat_map(move |row| (0..size).map(move |i| first + row * columns + i))
}

pub(super) fn group_norm<T: Real>(norm: GroupNorm<'_, T>, x: &[T], y: &mut [T], kept: &mut [T]) {
    let samples = norm.check(x.len(), y.len(), kept.len(), true);
    let (columns, _) = norm.sizes();
    for sample in 0..samples {
        for group in 0..norm.groups {
            let of = statistics(x, members(&norm, sample, group), true, norm.eps);
            of.write(kept, sample * norm.groups + group);
            for i in members(&norm, sample, group) {
                let column = i % columns;
                y[i] = of.normalize(x[i]) * weight_at(norm.weight, column)
                    + bias_at(norm.bias, column);
            }
        }
    }
}

#[allow(clippy::too_many_arguments)]
pub(super) fn group_norm_grad<T: Real>(
    norm: GroupNorm<'_, T>,
    x: &[T],
    kept: &[T],
    dy: &[T],
    mut dx: Option<&mut [T]>,
    weight_sums: &mut [T],
    bias_sums: &mut [T],
) {
    let samples = norm.check(x.len(), dy.len(), kept.len(), false);
    if let Some(dx) = &dx {
        check_same("group_norm_grad", x.len(), dx.len());
    }
    let (columns, _) = norm.sizes();
    check_sums(samples, columns, weight_sums.len(), bias_sums.len());
    weight_sums.fill(T::zero());
    bias_sums.fill(T::zero());
    let count = T::of((norm.rows * norm.size) as f64);
    for sample in 0..samples {
        for group in 0..norm.groups {
            let of = Statistics::read(kept, sample * norm.groups + group);
            let (mut sum, mut product) = (T::zero(), T::zero());
            for i in members(&norm, sample, group) {
                let column = i % columns;
                if let Some(sum) = weight_sums.get_mut(sample * columns + column) {
                    *sum = *sum + dy[i] * of.normalize(x[i]);
                }
                if let Some(sum) = bias_sums.get_mut(sample * columns + column) {
                    *sum = *sum + dy[i];
                }
                let gradient = dy[i] * weight_at(norm.weight, column);
                (sum, product) = (sum + gradient, product + gradient * of.normalize(x[i]));
            }
            let Some(dx) = dx.as_deref_mut() else {
                continue;
            };
            for i in members(&norm, sample, group) {
                let gradient = dy[i] * weight_at(norm.weight, i % columns);
                dx[i] =
                    (gradient - sum / count - of.normalize(x[i]) * (product / count)) * of.inverse;
            }
        }
    }
}

pub(super) fn batch_sums<T: Real>(near: &[T], x: &[T], distances: &mut [T], squares: &mut [T]) {
    rows_of("batch_sums", x.len(), near.len());
    check_same("batch_sums", distances.len(), near.len());
    check_same("batch_sums", squares.len(), near.len());
    distances.fill(T::zero());
    squares.fill(T::zero());
    for row in x.chunks_exact(near.len().max(1)) {
        for (column, &x) in row.iter().enumerate() {
            let distance = x - near[column];
            distances[column] = distances[column] + distance;
            squares[column] = squares[column] + distance * distance;
        }
    }
}

pub(super) fn batch_norm<T: Real>(norm: BatchNorm<'_, T>, x: &[T], y: &mut [T]) {
    norm.check(x.len(), y.len());
    for (i, (&x, y)) in x.iter().zip(y).enumerate() {
        let column = i % norm.near.len();
        *y = norm.of(column).normalize(x) * weight_at(norm.weight, column)
            + bias_at(norm.bias, column);
    }
}

pub(super) fn running_norm<T: Real>(norm: RunningNorm<'_, T>, x: &[T], y: &mut [T]) {
    norm.check(x.len(), y.len());
    for (i, (&x, y)) in x.iter().zip(y).enumerate() {
        let column = i % norm.mean.len();
        *y = (x - norm.mean[column]) * running_scale(&norm, column) + bias_at(norm.bias, column);
    }
}

pub(super) fn batch_grad_sums<T: Real>(
    near: &[T],
    x: &[T],
    dy: &[T],
    products: &mut [T],
    totals: &mut [T],
) {
    rows_of("batch_grad_sums", x.len(), near.len());
    check_same("batch_grad_sums", x.len(), dy.len());
    check_same("batch_grad_sums", products.len(), near.len());
    check_same("batch_grad_sums", totals.len(), near.len());
    products.fill(T::zero());
    totals.fill(T::zero());
    for (i, (&x, &dy)) in x.iter().zip(dy).enumerate() {
        let column = i % near.len();
        products[column] = products[column] + dy * (x - near[column]);
        totals[column] = totals[column] + dy;
    }
}

pub(super) fn batch_norm_grad<T: Real>(
    norm: BatchNorm<'_, T>,
    count: usize,
    products: &[T],
    totals: &[T],
    x: &[T],
    dy: &[T],
    dx: &mut [T],
) {
    norm.check(x.len(), dx.len());
    check_same("batch_norm_grad", x.len(), dy.len());
    check_same("batch_norm_grad", products.len(), norm.near.len());
    check_same("batch_norm_grad", totals.len(), norm.near.len());
    let count = T::of(count as f64);
    for (i, ((&x, &dy), dx)) in x.iter().zip(dy).zip(dx).enumerate() {
        let column = i % norm.near.len();
        let of = norm.of(column);
        let mean = totals[column] / count + of.normalize(x) * (products[column] / count);
        *dx = (dy - mean) * weight_at(norm.weight, column) * of.inverse;
    }
}

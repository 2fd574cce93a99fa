//! Normalizations as plain loops: those of `f64`, and the reference for those of `f32`.

use super::super::args::{check_same, rows_of};
use super::super::reference::{Real, sum_over, sums_of_columns};
use super::batch::running_scale;
use super::groups::check_sums;
use super::{
    BatchNorm, GroupNorm, RowNorm, RowNormSums, RunningNorm, Statistics, bias_at, near_mean,
    weight_at,
};

/// Returns the statistics of the elements at `indices`.
fn statistics<T: Real>(
    x: &[T],
    indices: impl Iterator<Item = usize> + Clone,
    centered: bool,
    eps: T,
) -> Statistics<T> {
    let count = T::of(indices.clone().count() as f64);
    let near = if centered {
        let first = indices.clone().next().map_or(T::zero(), |i| x[i]);
        near_mean(sum_over(indices.clone(), |i| x[i]), count, first)
    } else {
        T::zero()
    };

    let distance = |i: usize| x[i] - near;
    let distances = if centered {
        sum_over(indices.clone(), distance)
    } else {
        T::zero()
    };
    let squares = sum_over(indices.clone(), |i| distance(i) * distance(i));
    let sums = [distances, squares];
    Statistics::in_range(near, centered, sums, count, eps, || indices.map(distance))
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
        let gradient = |i: usize| dy[i] * weight_at(norm.weight, i);
        let mean = if norm.centered {
            sum_over(0..width, gradient) / count
        } else {
            T::zero()
        };

        let product = sum_over(0..width, |i| gradient(i) * row.normalize(x[i]));
        for i in 0..width {
            dx[i] = (gradient(i) - mean - row.normalize(x[i]) * (product / count)) * row.inverse;
        }
    }
}

pub(super) fn row_norm_sums<T: Real>(sums: RowNormSums<'_, T>) {
    let rows = sums.check();
    let at = |row: usize, i: usize| row * sums.width + sums.first + i;
    sums_of_columns(rows, sums.weight, sums.accumulate, |row, i| {
        let at = at(row, i);
        sums.dy[at] * Statistics::read(sums.statistics, row).normalize(sums.x[at])
    });
    sums_of_columns(rows, sums.bias, sums.accumulate, |row, i| {
        sums.dy[at(row, i)]
    });
}

/// Returns the positions of the elements of a group of a sample.
fn members<T>(
    norm: &GroupNorm<'_, T>,
    sample: usize,
    group: usize,
) -> impl Iterator<Item = usize> + Clone {
    let (columns, elements) = norm.sizes();
    let first = sample * elements + group * norm.size;
    let size = norm.size;
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
    let (columns, elements) = norm.sizes();
    check_sums(samples, columns, weight_sums.len(), bias_sums.len());

    let count = T::of((norm.rows * norm.size) as f64);

    for sample in 0..samples {
        let of = |group: usize| Statistics::read(kept, sample * norm.groups + group);
        let at = |row: usize, column: usize| sample * elements + row * columns + column;

        let sums = sample * columns..(sample + 1) * columns;
        if let Some(sums) = weight_sums.get_mut(sums.clone()) {
            sums_of_columns(norm.rows, sums, false, |row, column| {
                let at = at(row, column);
                dy[at] * of(column / norm.size).normalize(x[at])
            });
        }
        if let Some(sums) = bias_sums.get_mut(sums) {
            sums_of_columns(norm.rows, sums, false, |row, column| dy[at(row, column)]);
        }

        let Some(dx) = dx.as_deref_mut() else {
            continue;
        };
        for group in 0..norm.groups {
            let of = of(group);
            let members = members(&norm, sample, group);
            let gradient = |i: usize| dy[i] * weight_at(norm.weight, i % columns);
            let sum = sum_over(members.clone(), gradient);

            let product = sum_over(members.clone(), |i| gradient(i) * of.normalize(x[i]));
            for i in members {
                dx[i] = (gradient(i) - sum / count - of.normalize(x[i]) * (product / count))
                    * of.inverse;
            }
        }
    }
}

pub(super) fn batch_sums<T: Real>(near: &[T], x: &[T], distances: &mut [T], squares: &mut [T]) {
    rows_of("batch_sums", x.len(), near.len());
    check_same("batch_sums", distances.len(), near.len());
    check_same("batch_sums", squares.len(), near.len());

    let columns = near.len();
    let rows = x.len() / columns.max(1);
    let distance = |row: usize, column: usize| x[row * columns + column] - near[column];

    sums_of_columns(rows, distances, false, distance);
    sums_of_columns(rows, squares, false, |row, column| {
        distance(row, column) * distance(row, column)
    });
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

    let columns = near.len();
    let rows = x.len() / columns.max(1);

    sums_of_columns(rows, products, false, |row, column| {
        let i = row * columns + column;
        dy[i] * (x[i] - near[column])
    });
    sums_of_columns(rows, totals, false, |row, column| {
        dy[row * columns + column]
    });
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

//! Normalization of groups of columns, sample by sample, with one weight and one bias for each
//! column.

use super::super::F32Kernels;
use super::super::args::check_same;
use super::super::pairs::Pairs;
use super::columns::{Bundle, Columns, STRIP, Strip, add_columns};
use super::passes::{Distances, Grad, GradSums, Scaled, Sums};
use super::{ORDINARY, STATISTICS, Statistics, bias_at, check_optional, near_mean, weight_at};

/// The normalization `y = normalized(x) * weight + bias`, where `normalized` has mean 0 and
/// variance 1 over each group of each sample. A sample is `rows` rows of `groups` groups of `size`
/// columns.
#[derive(Clone, Copy, Debug)]
pub struct GroupNorm<'a, T> {
    pub rows: usize,
    pub groups: usize,
    pub size: usize,
    pub eps: T,
    /// One for each column, or none.
    pub weight: &'a [T],
    /// One for each column, or none.
    pub bias: &'a [T],
}

impl<T> GroupNorm<'_, T> {
    /// Returns the number of columns, and the number of elements of a sample.
    pub(super) fn sizes(&self) -> (usize, usize) {
        (self.groups * self.size, self.rows * self.groups * self.size)
    }

    /// Panics unless the lengths fit. Returns the number of samples. `kept` is the number of
    /// statistics, which may be 0 if `optional`.
    pub(super) fn check(&self, x: usize, y: usize, kept: usize, optional: bool) -> usize {
        let columns = self
            .groups
            .checked_mul(self.size)
            .filter(|&columns| columns > 0);
        let sample = columns
            .and_then(|columns| columns.checked_mul(self.rows))
            .filter(|&sample| sample > 0);
        let (Some(columns), Some(sample)) = (columns, sample) else {
            panic!(
                "group_norm: {} rows of {} groups of {}",
                self.rows, self.groups, self.size
            );
        };
        assert!(
            x.is_multiple_of(sample),
            "group_norm: {x} elements are not whole samples of {sample}"
        );
        check_same("group_norm", x, y);
        check_optional("group_norm", "weights", self.weight.len(), columns);
        check_optional("group_norm", "biases", self.bias.len(), columns);

        let samples = x / sample;
        let fits = kept == samples * self.groups * STATISTICS || optional && kept == 0;
        assert!(fits, "group_norm: {kept} statistics for {samples} samples");
        samples
    }
}

/// Returns the sums over the columns of a strip, each times its weight, for each group.
fn sum_groups(strip: &Strip, columns: &Columns, weight: &[f32]) -> Columns {
    let mut groups = Columns::ZERO;
    let mut column = strip.first;
    for (group, sum) in columns
        .chunks_exact(strip.group_width)
        .zip(&mut *groups)
        .take(strip.groups)
    {
        for of_column in group {
            *sum += of_column * weight_at(weight, column);
            column += 1;
        }
    }
    groups
}

/// Returns the sums over all columns of each group, from those over each strip.
fn over_strips<const N: usize>(
    bundle: Bundle,
    mut of: impl FnMut(Strip) -> [Columns; N],
) -> [Columns; N] {
    let mut pairs = Pairs::new();
    let mut last = None;
    for strip in bundle.strips() {
        if let Some(before) = last.replace(of(strip)) {
            pairs.push(before, add_columns);
        }
    }
    pairs.finish(last.unwrap_or([Columns::ZERO; N]), add_columns)
}

pub(super) fn group_norm(
    kernels: F32Kernels,
    norm: GroupNorm<'_, f32>,
    x: &[f32],
    y: &mut [f32],
    statistics: &mut [f32],
) {
    norm.check(x.len(), y.len(), statistics.len(), true);
    let (columns, sample) = norm.sizes();

    for (index, (x, y)) in x
        .chunks_exact(sample)
        .zip(y.chunks_exact_mut(sample))
        .enumerate()
    {
        for bundle in Bundle::all(norm.rows, columns, norm.size) {
            let groups = of_groups(kernels, &norm, bundle, x);
            for (group, groups) in groups.iter().enumerate().take(bundle.groups) {
                groups.write(
                    statistics,
                    index * norm.groups + bundle.first / norm.size + group,
                );
            }

            for strip in bundle.strips() {
                let shift = strip.each(|group, _| groups[group].near);
                let scale = strip
                    .each(|group, column| groups[group].inverse * weight_at(norm.weight, column));
                let offset = strip.each(|group, column| {
                    let Statistics { rest, inverse, .. } = groups[group];
                    bias_at(norm.bias, column) - rest * inverse * weight_at(norm.weight, column)
                });

                kernels.run(Scaled {
                    strip,
                    shift: &shift,
                    scale: &scale,
                    offset: &offset,
                    x,
                    y,
                });
            }
        }
    }
}

/// Returns the statistics of the groups of a bundle.
fn of_groups(
    kernels: F32Kernels,
    norm: &GroupNorm<'_, f32>,
    bundle: Bundle,
    x: &[f32],
) -> [Statistics<f32>; STRIP] {
    let count = (norm.rows * norm.size) as f32;
    let [mut near] = over_strips(bundle, |strip| {
        [sum_groups(&strip, &kernels.run(Sums { strip, x }), &[])]
    });
    for (group, near) in near.iter_mut().enumerate().take(bundle.groups) {
        *near = near_mean(*near, count, x[bundle.first + group * norm.size]);
    }

    let [distances, squares] = over_strips(bundle, |strip| {
        let shift = strip.each(|group, _| near[group]);
        kernels
            .run(Distances {
                strip,
                shift: &shift,
                x,
            })
            .map(|columns| sum_groups(&strip, &columns, &[]))
    });

    let mut groups = [Statistics::default(); STRIP];
    for (group, statistics) in groups.iter_mut().enumerate().take(bundle.groups) {
        let near = near[group];
        let sums = [distances[group], squares[group]];
        *statistics = Statistics::in_range(near, true, sums, count, norm.eps, || {
            let first = bundle.first + group * norm.size;
            let rows = x.chunks_exact(norm.groups * norm.size);
            rows.flat_map(move |row| &row[first..first + norm.size])
                .map(move |x| x - near)
        });
    }
    groups
}

/// Panics unless the sums of the gradients fit: one for each column of each sample, or none.
pub(super) fn check_sums(samples: usize, columns: usize, weight_sums: usize, bias_sums: usize) {
    check_optional(
        "group_norm_grad",
        "sums for the weights",
        weight_sums,
        samples * columns,
    );
    check_optional(
        "group_norm_grad",
        "sums for the biases",
        bias_sums,
        samples * columns,
    );
}

#[allow(clippy::too_many_arguments)]
pub(super) fn group_norm_grad(
    kernels: F32Kernels,
    norm: GroupNorm<'_, f32>,
    x: &[f32],
    statistics: &[f32],
    dy: &[f32],
    mut dx: Option<&mut [f32]>,
    weight_sums: &mut [f32],
    bias_sums: &mut [f32],
) {
    let samples = norm.check(x.len(), dy.len(), statistics.len(), false);
    if let Some(dx) = &dx {
        check_same("group_norm_grad", x.len(), dx.len());
    }
    let (columns, sample) = norm.sizes();
    check_sums(samples, columns, weight_sums.len(), bias_sums.len());

    for index in 0..samples {
        let here = index * sample..(index + 1) * sample;
        let x = &x[here.clone()];
        let dy = &dy[here.clone()];
        for bundle in Bundle::all(norm.rows, columns, norm.size) {
            let mut groups = [Statistics::default(); STRIP];
            for (group, groups) in groups.iter_mut().enumerate().take(bundle.groups) {
                let group = index * norm.groups + bundle.first / norm.size + group;
                *groups = Statistics::read(statistics, group);
            }

            let keep = |strip: Strip, products: &Columns, totals: &Columns| {
                let first = index * columns + strip.first;
                let width = strip.width();
                if !weight_sums.is_empty() {
                    weight_sums[first..][..width].copy_from_slice(&products[..width]);
                }
                if !bias_sums.is_empty() {
                    bias_sums[first..][..width].copy_from_slice(&totals[..width]);
                }
            };

            let [products, totals] = means(kernels, &norm, bundle, &groups, x, dy, keep);
            let Some(dx) = dx.as_deref_mut() else {
                continue;
            };
            for strip in bundle.strips() {
                let of = |group: usize, column: usize| GradColumn {
                    statistics: groups[group],
                    weight: weight_at(norm.weight, column),
                    product: products[group],
                    total: totals[group],
                };
                write_grad(kernels, strip, of, x, dy, &mut dx[here.clone()]);
            }
        }
    }
}

/// Returns the means over each group of `dy * weight * normalized(x)` and of `dy * weight`. `keep`
/// receives, for each strip, the sums by columns of `dy * normalized(x)` and of `dy`.
fn means(
    kernels: F32Kernels,
    norm: &GroupNorm<'_, f32>,
    bundle: Bundle,
    groups: &[Statistics<f32>; STRIP],
    x: &[f32],
    dy: &[f32],
    mut keep: impl FnMut(Strip, &Columns, &Columns),
) -> [Columns; 2] {
    let (columns, _) = norm.sizes();
    let mut means = over_strips(bundle, |strip| {
        let shift = strip.each(|group, _| groups[group].near);
        let [raw, totals] = kernels.run(GradSums {
            strip,
            shift: &shift,
            x,
            dy,
        });

        let products = strip.each(|group, column| {
            let i = column - strip.first;
            groups[group].product([raw[i], totals[i]], columns, &x[column..], &dy[column..])
        });
        keep(strip, &products, &totals);
        [products, totals].map(|columns| sum_groups(&strip, &columns, norm.weight))
    });

    let count = (norm.rows * norm.size) as f32;
    means
        .iter_mut()
        .flat_map(|means| means.iter_mut())
        .for_each(|mean| *mean /= count);
    means
}

/// The values of a column that the gradients of its elements depend on: the statistics, the
/// weight, and the means of `dy * weight * normalized(x)` and of `dy * weight`.
pub(super) struct GradColumn {
    pub statistics: Statistics<f32>,
    pub weight: f32,
    pub product: f32,
    pub total: f32,
}

/// Writes `dx` of a strip. `of(group, column)` returns the values of a column.
pub(super) fn write_grad(
    kernels: F32Kernels,
    strip: Strip,
    of: impl Fn(usize, usize) -> GradColumn,
    x: &[f32],
    dy: &[f32],
    dx: &mut [f32],
) {
    let shift = strip.each(|group, column| of(group, column).statistics.near);
    let inverse = strip.each(|group, column| of(group, column).statistics.inverse);

    // All terms have the factor `inverse`, and one of them has its square. Where the square may
    // overflow or vanish, the common factor is applied last.
    let is_ordinary = inverse[..strip.width()]
        .iter()
        .all(|&inverse| ORDINARY.contains(&f64::from(inverse)));
    let factor = |inverse: f32| if is_ordinary { inverse } else { 1.0 };

    let scale = strip.each(|group, column| {
        let GradColumn {
            statistics, weight, ..
        } = of(group, column);
        factor(statistics.inverse) * weight
    });
    let slope = strip.each(|group, column| {
        let GradColumn {
            statistics: Statistics { inverse, .. },
            product,
            ..
        } = of(group, column);
        -factor(inverse) * inverse * product
    });
    let offset = strip.each(|group, column| {
        let GradColumn {
            statistics: Statistics { rest, inverse, .. },
            product,
            total,
            ..
        } = of(group, column);
        factor(inverse) * (rest * inverse * product - total)
    });

    kernels.run(Grad {
        strip,
        shift: &shift,
        scale: &scale,
        slope: &slope,
        offset: &offset,
        last: (!is_ordinary).then_some(&inverse),
        x,
        dy,
        dx,
    });
}

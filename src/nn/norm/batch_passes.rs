//! The passes of a normalization over a whole batch, shared between threads.

use core::ops::Range;

use super::BatchNormArguments;
use crate::kernels::{BatchNorm, Kernels, Normalize, RunningNorm};
use crate::memory::flatten;
use crate::network::{ActivationStore, Context};
use crate::tensor::{Element, Shape, Tensor};
use crate::threads;

/// The numbers of each feature that forward keeps for backward, and that backward adds.
pub(super) const CACHE_PER_FEATURE: usize = 6;

/// The cache of a batch. Its first numbers are those of each feature; the rest is a workspace for
/// partial sums.
///
/// The mean of a feature is `near + rest`: a first estimate and a correction.
pub(super) struct BatchCache<'a, T> {
    near: &'a mut [T],
    /// `rest` and `inverse` (of the standard deviation); before them, the sums of distances from
    /// `near` and of their squares.
    rest_and_inverse: &'a mut [T],
    /// The variances, as estimated from a sample.
    variance: &'a mut [T],
    /// The gradients of weight and bias.
    gradients: &'a mut [T],
    workspace: &'a mut [T],
}

impl<'a, T: Element> BatchCache<'a, T> {
    /// Splits the cache of a batch that is not empty.
    pub(super) fn new(mut cache: ActivationStore<'a>, features: usize) -> Self {
        let (near, tail) = cache
            .take(CACHE_PER_FEATURE * features)
            .split_at_mut(features);
        let (rest_and_inverse, tail) = tail.split_at_mut(2 * features);
        let (variance, tail) = tail.split_at_mut(features);
        let (gradients, workspace) = tail.split_at_mut(2 * features);
        BatchCache {
            near,
            rest_and_inverse,
            variance,
            gradients,
            workspace,
        }
    }

    /// Adds the gradients of weight and bias, if there are any. Returns the part of `gradient` for
    /// the changes of the running statistics.
    pub(super) fn add_gradients<'b>(&self, affine: bool, gradient: &'b mut [T]) -> &'b mut [T] {
        let (trained, change) =
            gradient.split_at_mut(if affine { self.gradients.len() } else { 0 });
        trained
            .iter_mut()
            .zip(&*self.gradients)
            .for_each(|(to, &from)| *to += from);
        change
    }

    /// Adds the changes that optimizers subtract from the running statistics, after a batch of
    /// `rows` rows. If there are changes of earlier batches, these go first, so that the statistics
    /// become what they would be if they had been updated after each batch.
    pub(super) fn add_changes(
        &self,
        config: &BatchNormArguments,
        rows: usize,
        running: &[T],
        change: &mut [T],
    ) {
        let features = self.near.len();
        let momentum = T::from_f64_lossy(config.momentum);

        for i in 0..features {
            let mean = self.near[i] + self.rest_and_inverse[i];
            let earlier = running[i] - change[i];
            change[i] += part_of_difference(momentum, earlier, mean);

            // A single row has no variance.
            if rows > 1 {
                let variance = self.variance[i];
                let earlier = running[features + i] - change[features + i];
                change[features + i] += part_of_difference(momentum, earlier, variance);
            }
        }

        // The number of batches grows by one.
        change[2 * features] -= T::one();
    }

    /// Returns the normalization of the batch, with this weight and bias.
    fn norm<'b>(&'b self, weight: &'b [T], bias: &'b [T]) -> BatchNorm<'b, T> {
        let (rest, inverse) = self.rest_and_inverse.split_at(self.near.len());
        BatchNorm {
            near: self.near,
            rest,
            inverse,
            weight,
            bias,
        }
    }
}

/// Returns `part * (a - b)`, also where the difference is out of range.
fn part_of_difference<T: Element>(part: T, a: T, b: T) -> T {
    let difference = a - b;
    if difference.is_finite() {
        part * difference
    } else {
        part * a - part * b
    }
}

/// The input of a batch, as one slice.
#[derive(Clone, Copy)]
pub(super) struct Input<'a, T> {
    samples: usize,
    x: &'a [T],
}

impl<'a, T: Element> Input<'a, T> {
    pub(super) fn new<S: Shape>(x: &'a [Tensor<S, T>]) -> Self {
        Input {
            samples: x.len(),
            x: flatten(x),
        }
    }
}

/// The number of blocks of the sums over a large batch. It does not depend on the number of
/// threads, so that threads change no bit.
const BLOCKS: usize = 32;

/// The smallest number of elements whose sums are split into blocks.
const LARGE: usize = 1 << 15;

/// The cost of an element of a pass in multiply-adds, for the decision whether threads share it.
const PASS: usize = 8;

/// Sums over a batch: calls `sum_block` with the range of some samples and the memory for their
/// sums.
///
/// `workspace` holds at least the sums of one block for each sample but the first.
fn sum<T: Element>(
    input: Input<'_, T>,
    sums: &mut [T],
    workspace: &mut [T],
    sum_block: &(dyn Fn(Range<usize>, &mut [T]) + Sync),
) {
    let samples = input.samples;
    let len = input.x.len();
    let blocks = if len < LARGE { 1 } else { samples.min(BLOCKS) };
    let block_samples = samples.div_ceil(blocks);
    if block_samples == samples {
        return sum_block(0..len, sums);
    }

    // The sums of each block, in a slot of its own.
    let block_len = block_samples * (len / samples);
    let partial_sums = &mut workspace[..samples.div_ceil(block_samples) * sums.len()];
    threads::split_mut(partial_sums, sums.len(), &|block, sums: &mut [T]| {
        let start = block * block_len;
        sum_block(start..(start + block_len).min(len), sums);
    });

    // Their sum, in the order of the batch.
    sums.fill(T::zero());
    for partial in partial_sums.chunks_exact(sums.len()) {
        sums.iter_mut()
            .zip(partial)
            .for_each(|(sum, &partial)| *sum += partial);
    }
}

/// Splits `y` between threads at whole rows. Calls `f` with each part and its range.
fn for_each_part<T: Element>(
    features: usize,
    y: &mut [T],
    f: &(dyn Fn(Range<usize>, &mut [T]) + Sync),
) {
    let rows = y.len() / features;
    let part_len = rows.div_ceil(threads::parts(y.len().saturating_mul(PASS))) * features;
    threads::split_mut(y, part_len, &|part, y: &mut [T]| {
        let start = part * part_len;
        f(start..start + y.len(), y)
    });
}

/// Computes mean and variance of the batch, keeps them and normalizes with them.
pub(super) fn forward_train<T: Element>(
    config: &BatchNormArguments,
    (weight, bias): (&[T], &[T]),
    input: Input<'_, T>,
    y: &mut [T],
    mut cache: BatchCache<'_, T>,
    cx: &Context<T>,
) {
    let kernels = cx.kernels;
    let x = input.x;
    let features = cache.near.len();
    let BatchCache {
        near,
        rest_and_inverse,
        variance,
        workspace,
        ..
    } = &mut cache;

    // First pass: an estimate of the mean, which is off by the rounding of large sums.
    sum(input, near, workspace, &|range, sums: &mut [T]| {
        kernels.column_sums(range.len() / features, features, &x[range], sums, false);
    });
    kernels.batch_near(x, near);

    // Second pass: the distances from it correct the mean and give the variance.
    sum(
        input,
        rest_and_inverse,
        workspace,
        &|range, sums: &mut [T]| {
            let (distances, squares) = sums.split_at_mut(features);
            kernels.batch_sums(near, &x[range], distances, squares);
        },
    );
    let (distances, squares) = rest_and_inverse.split_at_mut(features);
    let eps = T::from_f64_lossy(config.eps);
    kernels.batch_statistics(x, eps, near, distances, squares, variance);

    // Third pass: the outputs.
    let norm = cache.norm(weight, bias);
    for_each_part(features, y, &|range, y: &mut [T]| {
        kernels.batch_norm(norm, &x[range], y)
    });
}

/// Normalizes as in inference, with the running statistics, and keeps them as if they were those of
/// the batch.
pub(super) fn forward_frozen<T: Element>(
    config: &BatchNormArguments,
    (weight, bias): (&[T], &[T]),
    running: &[T],
    input: Input<'_, T>,
    y: &mut [T],
    cache: BatchCache<'_, T>,
    cx: &Context<T>,
) {
    let kernels = cx.kernels;
    let features = cache.near.len();
    let mean = &running[..features];
    let variance = &running[features..2 * features];
    let eps = T::from_f64_lossy(config.eps);

    cache.near.copy_from_slice(mean);
    let (rest, inverse) = cache.rest_and_inverse.split_at_mut(features);
    rest.fill(T::zero());
    inverse
        .iter_mut()
        .zip(variance)
        .for_each(|(inverse, &variance)| *inverse = (variance + eps).sqrt().recip());

    let norm = RunningNorm {
        mean,
        variance,
        eps,
        weight,
        bias,
    };
    for_each_part(features, y, &|range, y: &mut [T]| {
        kernels.running_norm(norm, &input.x[range], y)
    });
}

/// Computes the gradients of weight and bias, which it keeps, and of the input. Mean and variance
/// of a `frozen` layer do not depend on the input.
pub(super) fn backward_input<T: Element>(
    (weight, bias): (&[T], &[T]),
    input: Input<'_, T>,
    dy: &[T],
    dx: Option<&mut [T]>,
    mut cache: BatchCache<'_, T>,
    frozen: bool,
    cx: &Context<T>,
) {
    let kernels = cx.kernels;
    let x = input.x;
    let features = cache.near.len();
    let BatchCache {
        near,
        rest_and_inverse,
        gradients,
        workspace,
        ..
    } = &mut cache;

    // First pass: the gradients of weight and bias.
    sum(input, gradients, workspace, &|range, sums: &mut [T]| {
        let (products, totals) = sums.split_at_mut(features);
        kernels.batch_grad_sums(near, &x[range.clone()], &dy[range], products, totals);
    });
    let (products, totals) = gradients.split_at_mut(features);
    let (rest, inverse) = rest_and_inverse.split_at(features);
    let statistics = BatchNorm {
        near,
        rest,
        inverse,
        weight: &[],
        bias: &[],
    };
    kernels.batch_products(statistics, x, dy, products, totals);

    // Second pass: the gradient of the input.
    let Some(dx) = dx else { return };
    if frozen {
        // The variances of the batch are not read then: they serve as zeros in place of the sums.
        cache.variance.fill(T::zero());
    }
    let (products, totals) = if frozen {
        (&*cache.variance, &*cache.variance)
    } else {
        cache.gradients.split_at(features)
    };
    let norm = cache.norm(weight, bias);
    let rows = x.len() / features;
    for_each_part(features, dx, &|range, dx: &mut [T]| {
        kernels.batch_norm_grad(
            norm,
            rows,
            products,
            totals,
            &x[range.clone()],
            &dy[range],
            dx,
        );
    });
}

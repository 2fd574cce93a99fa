//! The passes of a normalization over a whole batch, shared between threads.

use core::ops::Range;

use super::BatchNormArguments;
use crate::kernels::{BatchNorm, Kernels, Normalize, RunningNorm};
use crate::network::{ActivationStore, Context};
use crate::tensor::Element;
use crate::threads;

/// What is kept of each feature from forward to backward, and what backward adds.
pub(super) const KEPT: usize = 6;

/// What the cache of a batch holds: the first numbers are those of each feature, the rest is room
/// for sums.
pub(super) struct Kept<'a, T> {
    near: &'a mut [T],
    /// `rest` and `inverse`; the sums of distances and squares before.
    rest_and_inverse: &'a mut [T],
    /// The variances as they are estimated from a sample.
    variance: &'a mut [T],
    /// The gradients of weight and bias.
    gradients: &'a mut [T],
    room: &'a mut [T],
}

impl<'a, T: Element> Kept<'a, T> {
    /// From the cache of a batch that is not empty.
    pub(super) fn new(cache: ActivationStore<'a, T>, features: usize) -> Self {
        let (near, all) = cache.into_slice().split_at_mut(features);
        let (rest_and_inverse, all) = all.split_at_mut(2 * features);
        let (variance, all) = all.split_at_mut(features);
        let (gradients, room) = all.split_at_mut(2 * features);
        Kept {
            near,
            rest_and_inverse,
            variance,
            gradients,
            room,
        }
    }

    /// Adds the gradients of weight and bias, if there are any. Gives the place for the changes of
    /// running statistics.
    pub(super) fn add_gradients<'b>(&self, affine: bool, gradient: &'b mut [T]) -> &'b mut [T] {
        let (trained, change) =
            gradient.split_at_mut(if affine { self.gradients.len() } else { 0 });
        trained
            .iter_mut()
            .zip(&*self.gradients)
            .for_each(|(to, &from)| *to += from);
        change
    }

    /// Adds what optimizers take from the running statistics, after a batch with this many rows.
    pub(super) fn add_changes(
        &self,
        config: &BatchNormArguments,
        rows: usize,
        running: &[T],
        change: &mut [T],
    ) {
        let (features, momentum) = (self.near.len(), T::from_f64_lossy(config.momentum));
        for i in 0..features {
            let mean = self.near[i] + self.rest_and_inverse[i];
            change[i] += momentum * (running[i] - mean);
            if rows > 1 {
                change[features + i] += momentum * (running[features + i] - self.variance[i]);
            }
        }
        change[2 * features] -= T::one();
    }

    /// How the batch is normalized, with these weights and biases.
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

/// Into how many blocks the sums of a large batch are cut: always the same, so that threads change
/// no bit.
const BLOCKS: usize = 32;
/// Sums over fewer numbers are not cut.
const LARGE: usize = 1 << 15;
/// What an element of a pass is worth in multiply-adds, when it is decided whether threads share
/// it.
const PASS: usize = 8;

/// Sums over a batch: calls `block` with the numbers of some samples and the place for their sums.
/// `room` is for as many sums of each sample at least, but that of the first.
fn sum<T: Element>(
    samples: usize,
    len: usize,
    sums: &mut [T],
    room: &mut [T],
    block: &(dyn Fn(Range<usize>, &mut [T]) + Sync),
) {
    let blocks = if len < LARGE { 1 } else { samples.min(BLOCKS) };
    let (step, sample) = (samples.div_ceil(blocks), len / samples);
    if step == samples {
        return block(0..len, sums);
    }
    let room = &mut room[..samples.div_ceil(step) * sums.len()];
    threads::split_mut(room, sums.len(), &|index, part: &mut [T]| {
        block(
            index * step * sample..((index + 1) * step * sample).min(len),
            part,
        );
    });
    sums.fill(T::zero());
    for part in room.chunks_exact(sums.len()) {
        sums.iter_mut()
            .zip(part)
            .for_each(|(sum, &part)| *sum += part);
    }
}

/// Calls with pieces of whole rows of `y`, and where they begin.
fn each_piece<T: Element>(
    features: usize,
    y: &mut [T],
    f: &(dyn Fn(Range<usize>, &mut [T]) + Sync),
) {
    let rows = y.len() / features;
    let chunk = rows.div_ceil(threads::parts(y.len().saturating_mul(PASS))) * features;
    threads::split_mut(y, chunk, &|piece, y: &mut [T]| {
        f(piece * chunk..piece * chunk + y.len(), y)
    });
}

pub(super) fn forward_train<T: Element>(
    config: &BatchNormArguments,
    (weight, bias): (&[T], &[T]),
    samples: usize,
    x: &[T],
    y: &mut [T],
    mut kept: Kept<'_, T>,
    cx: &Context<T>,
) {
    let (features, kernels) = (kept.near.len(), cx.kernels);
    let rows = x.len() / features;
    let Kept {
        near,
        rest_and_inverse,
        variance,
        room,
        ..
    } = &mut kept;
    sum(samples, x.len(), near, room, &|here, sums: &mut [T]| {
        kernels.column_sums(here.len() / features, features, &x[here], sums, false);
    });
    let count = T::from_f64_lossy(rows as f64);
    near.iter_mut().for_each(|near| *near /= count);
    sum(
        samples,
        x.len(),
        rest_and_inverse,
        room,
        &|here, sums: &mut [T]| {
            let (distances, squares) = sums.split_at_mut(features);
            kernels.batch_sums(near, &x[here], distances, squares);
        },
    );
    let (distances, squares) = rest_and_inverse.split_at_mut(features);
    kernels.batch_statistics(
        rows,
        T::from_f64_lossy(config.eps),
        near,
        distances,
        squares,
        variance,
    );
    let norm = kept.norm(weight, bias);
    each_piece(features, y, &|here, y: &mut [T]| {
        kernels.batch_norm(norm, &x[here], y)
    });
}

/// Normalizes as in inference, with the running statistics, and keeps them as if they were those of
/// the batch.
pub(super) fn forward_frozen<T: Element>(
    config: &BatchNormArguments,
    (weight, bias): (&[T], &[T]),
    running: &[T],
    x: &[T],
    y: &mut [T],
    kept: Kept<'_, T>,
    cx: &Context<T>,
) {
    let (features, kernels) = (kept.near.len(), cx.kernels);
    let (mean, variance) = (&running[..features], &running[features..2 * features]);
    let eps = T::from_f64_lossy(config.eps);
    kept.near.copy_from_slice(mean);
    let (rest, inverse) = kept.rest_and_inverse.split_at_mut(features);
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
    each_piece(features, y, &|here, y: &mut [T]| {
        kernels.running_norm(norm, &x[here], y)
    });
}

/// The gradients of weight and bias, which are kept, and of the input. A `frozen` layer's mean and
/// variance do not depend on the input.
#[allow(clippy::too_many_arguments)]
pub(super) fn backward_input<T: Element>(
    (weight, bias): (&[T], &[T]),
    samples: usize,
    x: &[T],
    dy: &[T],
    dx: Option<&mut [T]>,
    mut kept: Kept<'_, T>,
    frozen: bool,
    cx: &Context<T>,
) {
    let (features, kernels) = (kept.near.len(), cx.kernels);
    let Kept {
        near,
        rest_and_inverse,
        gradients,
        room,
        ..
    } = &mut kept;
    sum(
        samples,
        x.len(),
        gradients,
        room,
        &|here, sums: &mut [T]| {
            let (products, totals) = sums.split_at_mut(features);
            kernels.batch_grad_sums(near, &x[here.clone()], &dy[here], products, totals);
        },
    );
    let (products, totals) = gradients.split_at_mut(features);
    let (rest, inverse) = rest_and_inverse.split_at(features);
    kernels.batch_products(rest, inverse, products, totals);
    let Some(dx) = dx else { return };
    if frozen {
        // Nobody reads the variances of the batch then: zeros in place of the sums.
        kept.variance.fill(T::zero());
    }
    let norm = kept.norm(weight, bias);
    let (products, totals) = if frozen {
        (&*kept.variance, &*kept.variance)
    } else {
        kept.gradients.split_at(features)
    };
    let rows = x.len() / features;
    each_piece(features, dx, &|here, dx: &mut [T]| {
        kernels.batch_norm_grad(
            norm,
            rows,
            products,
            totals,
            &x[here.clone()],
            &dy[here],
            dx,
        );
    });
}

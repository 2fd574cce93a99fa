//! Losses of sequences that have lengths.

use super::{Label, Loss, Reduction, SettingError, check_lengths};
use crate::memory::{flatten_mut, tensors, tensors_mut};
use crate::sum::Sum;
use crate::tensor::{Element, Rank0, Rank1, Rank2, Rank3, Shape, Tensor, double};

/// The target of a sequence that may be shorter than its output. The first axis is that of the
/// positions, of which the first `length` count; the rest is padding of any numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Padded<Y> {
    /// The targets of all positions.
    pub target: Y,
    /// The number of positions that count. A number above that of the positions counts all.
    pub length: usize,
}

impl<Y> Padded<Y> {
    /// Creates a target of which the first `length` positions count.
    pub const fn new(target: Y, length: usize) -> Self {
        Padded { target, length }
    }
}

/// A loss or a metric of each position of a sequence, without its padding. The targets are
/// [`Padded`], and the loss is one of a single position: `IgnorePadding(Mse)` for outputs
/// `[length, features]` takes the errors of the positions `[features]`.
///
/// The mean is over all positions of the batch that are not padding, as of PyTorch's loss of
/// `output[mask]` and `target[mask]`; if there are none, it is NaN, and the gradient is 0. Padding
/// has a gradient of 0, also where an output or a target is NaN.
///
/// ```
/// use shapewright::loss::{IgnorePadding, Padded};
/// use shapewright::metrics::MeanAbsoluteError;
/// use shapewright::prelude::*;
/// let outputs = [Tensor2::from([[1.0], [3.0], [f32::NAN]])];
/// let targets = [Padded::new(Tensor2::from([[0.0], [0.0], [0.0]]), 2)];
/// let mut gradients = [Tensor2::zeros()];
/// let loss = IgnorePadding(Mse).loss(&outputs, &targets, &mut gradients);
/// assert_eq!(loss, (1.0 + 9.0) / 2.0);
/// assert_eq!(gradients[0], Tensor2::from([[1.0], [3.0], [0.0]]));
///
/// let metric = IgnorePadding(MeanAbsoluteError::new());
/// assert_eq!(metric.of(&outputs, &targets)?, 2.0);
/// # Ok::<(), shapewright::metrics::MetricError>(())
/// ```
///
/// For classes, [`optional_labels`](struct@crate::loss::CrossEntropy#method.optional_labels) does the same with
/// targets in which padding is `None`, wherever it is in the sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IgnorePadding<L>(pub L);

/// A loss whose mean gives each sample the same weight.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`IgnorePadding` and `NegativeElbo` do not take `{Self}`",
    label = "not a loss of the library whose mean gives each position the same weight",
    note = "for classes with weights, take targets of `Option<Label<N>>` and `optional_labels()`"
)]
pub trait EqualWeights {
    /// Returns the reduction that was set.
    fn used_reduction(&self) -> Reduction;

    /// Returns the loss with another reduction.
    fn with_reduction(self, reduction: Reduction) -> Self
    where
        Self: Sized;
}

/// The target of one position.
#[doc(hidden)]
pub trait PositionTarget: Sized {
    /// The targets of `L` positions.
    type Sequence<const L: usize>;

    fn positions<const L: usize>(sequence: &Self::Sequence<L>) -> &[Self];
}

impl<const N: usize> PositionTarget for Label<N> {
    type Sequence<const L: usize> = [Self; L];

    fn positions<const L: usize>(sequence: &[Self; L]) -> &[Self] {
        sequence
    }
}

macro_rules! sequences {
    ($($shape:ident<$($size:ident),*> of $at:ident;)*) => { $(
        impl<$(const $size: usize,)* T: Element> PositionTarget for Tensor<$at<$($size),*>, T> {
            type Sequence<const L: usize> = Tensor<$shape<L, $($size),*>, T>;

            fn positions<const L: usize>(sequence: &Self::Sequence<L>) -> &[Self] {
                tensors(sequence.as_slice(), L)
            }
        }

        impl<const L: usize, $(const $size: usize,)* T: Element, X>
            Loss<$shape<L, $($size),*>, T> for IgnorePadding<X>
        where
            X: Loss<$at<$($size),*>, T, Target: PositionTarget> + EqualWeights,
        {
            type Target = Padded<<X::Target as PositionTarget>::Sequence<L>>;
            type Accepts = X::Accepts;

            fn check(&self) -> Result<(), SettingError> {
                self.0.check()
            }

            fn weight(&self, targets: &[Self::Target]) -> f64 {
                let positions: usize = targets.iter().map(|padded| padded.length.min(L)).sum();
                self.0
                    .used_reduction()
                    .batch_weight(targets.len(), targets.len() * L, positions as f64)
            }

            fn loss(
                &self,
                outputs: &[Tensor<$shape<L, $($size),*>, T>],
                targets: &[Self::Target],
                gradients: &mut [Tensor<$shape<L, $($size),*>, T>],
            ) -> T {
                check_lengths(outputs.len(), targets.len(), gradients.len());
                let lengths = targets.iter().map(|padded| padded.length.min(L));
                let mut mean = PaddedMean::new(self.0.used_reduction(), lengths);

                for ((output, padded), gradient) in outputs.iter().zip(targets).zip(gradients) {
                    let outputs = tensors(output.as_slice(), L);
                    let targets = X::Target::positions(&padded.target);
                    let gradients = tensors_mut(gradient.as_mut_slice(), L);
                    let length = padded.length.min(L);
                    mean.add(&self.0, &outputs[..length], &targets[..length], gradients);
                }
                mean.value()
            }
        }
    )* };
}
sequences! {
    Rank1<> of Rank0;
    Rank2<A> of Rank1;
    Rank3<A, B> of Rank2;
}

/// The loss of a batch of sequences.
struct PaddedMean {
    reduction: Reduction,
    sequences: usize,
    /// The number of positions that count.
    positions: usize,
    sum: Sum,
}

impl PaddedMean {
    fn new(reduction: Reduction, lengths: impl ExactSizeIterator<Item = usize>) -> Self {
        PaddedMean {
            reduction,
            sequences: lengths.len(),
            positions: lengths.sum(),
            sum: Sum::default(),
        }
    }

    /// Adds the loss of a sequence's positions, and sets the gradient of all, also of those that
    /// are padding.
    fn add<S: Shape, T: Element, X: Loss<S, T>>(
        &mut self,
        loss: &X,
        outputs: &[Tensor<S, T>],
        targets: &[X::Target],
        gradients: &mut [Tensor<S, T>],
    ) {
        let (gradients, padding) = gradients.split_at_mut(outputs.len());
        flatten_mut(padding).fill(T::zero());
        if outputs.is_empty() {
            return;
        }

        let value = loss.loss(outputs, targets, gradients);
        let length = outputs.len() as f64;
        let share = match self.reduction {
            Reduction::Mean => length / self.positions as f64,
            Reduction::Sum => 1.0,
            Reduction::SampleMean => length / self.sequences as f64,
        };
        self.sum.add(double(value) * share);
        if share != 1.0 {
            let share = T::from_f64_lossy(share);
            flatten_mut(gradients)
                .iter_mut()
                .for_each(|gradient| *gradient *= share);
        }
    }

    fn value<T: Element>(&self) -> T {
        if self.positions == 0 && self.reduction == Reduction::Mean {
            return T::nan();
        }
        T::from_f64_lossy(self.sum.value())
    }
}

//! Losses and labels.
//!
//! | outputs | losses |
//! |---|---|
//! | classes | [`struct@CrossEntropy`], [`struct@Nll`] |
//! | yes or no | [`struct@BceWithLogits`], [`struct@Bce`] |
//! | numbers | [`struct@Mse`], [`struct@Mae`], [`struct@Huber`], [`struct@SmoothL1`] |
//! | quantiles of numbers | [`struct@Quantile`] |
//! | distributions | [`struct@KlDiv`], [`struct@PoissonNll`], [`struct@GaussianNll`] |
//! | a teacher, and hidden layers | [`Distillation`], [`struct@CosineDistance`], [`Joint`] |
//! | boxes in a grid of cells | [`GridLoss`](crate::detection::GridLoss) |
//! | variational autoencoders | [`struct@NegativeElbo`], [`struct@KlStandardNormal`] |
//! | distances and order | [`struct@HingeEmbedding`], [`struct@MarginRanking`], [`struct@CosineEmbedding`], [`struct@TripletMargin`] |
//!
//! [`IgnorePadding`] makes a loss of sequences of these, without the positions that are padding.
//! Custom losses implement [`Loss`].

mod binary;
mod classes;
#[cfg(feature = "alloc")]
mod classify;
mod cross_entropy;
#[cfg(feature = "alloc")]
mod distillation;
mod distribution;
mod embedding;
mod label;
mod padding;
#[cfg(feature = "std")]
mod pass;
mod quantile;
mod regression;
mod variational;

pub use binary::{Bce, BceWithLogits};
#[cfg(feature = "std")]
pub(crate) use classes::{ClassScores, Classes, MaybeLabel};
pub use classes::{Labels, OptionalLabels};
#[cfg(feature = "alloc")]
pub use classify::Classify;
pub use cross_entropy::{CrossEntropy, Nll};
#[cfg(feature = "alloc")]
pub use distillation::{CosineDistance, Distillation, Joint, Taught};
pub use distribution::{GaussianNll, KlDiv, PoissonNll};
pub use embedding::{CosineEmbedding, HingeEmbedding, MarginRanking, TripletMargin};
pub use label::{Label, LabelError};
pub use padding::{IgnorePadding, Padded};
pub use quantile::Quantile;
pub use regression::{Huber, Mae, Mse, SmoothL1};
pub use variational::{KlStandardNormal, NegativeElbo};

use crate::memory::{flatten, flatten_mut};
use crate::setting_error::{SettingError, not_negative};
use crate::sum::{Sum, sum_of};
use crate::tensor::{Element, Shape, Tensor, double};

/// The reduction of a batch's losses to one number. As in PyTorch, the mean is the default.
///
/// The sum and the mean of `n` losses have an error of at most `(64 + log2(n)) * EPSILON / 2` times
/// the sum or the mean of their magnitudes, in addition to the rounding of each loss. A mean that is
/// in range is right also where the sum is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reduction {
    /// The mean over the labels for losses on classes, over the samples for
    /// [`KlDiv`](struct@KlDiv), [`CosineEmbedding`](struct@CosineEmbedding) and
    /// [`TripletMargin`](struct@TripletMargin), over all elements otherwise.
    #[default]
    Mean,
    /// The sum. A [trainer](crate::train::Trainer) treats every loss as a mean: it
    /// [weights](Loss::weight) accumulated batches, and the batches of an epoch in its history, by
    /// their numbers of samples, and does not add them up.
    Sum,
    /// The sum over the elements of a sample, and the mean over the samples: the usual form of the
    /// reconstruction loss of a variational autoencoder, and of a loss over all actions or pixels
    /// whose size is not to depend on the batch. PyTorch's `reduction="sum"` divided by the length
    /// of the batch.
    ///
    /// ```
    /// use shapewright::loss::Reduction;
    /// use shapewright::prelude::*;
    /// let outputs = [[1.0, 2.0], [0.0, 1.0]].map(Tensor1::from);
    /// let targets = [Tensor1::zeros(); 2];
    /// let loss: f32 = Mse
    ///     .reduction(Reduction::SampleMean)
    ///     .loss(&outputs, &targets, &mut [Tensor1::zeros(); 2]);
    /// assert_eq!(loss, (1.0 + 4.0 + 0.0 + 1.0) / 2.0);
    /// ```
    SampleMean,
}

/// A loss on outputs of the shape `Out`.
///
/// A custom loss is a type with this trait; the example `custom_layer` has one with its gradient
/// check.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a loss for outputs of `{Out}` with numbers of `{T}`",
    label = "no loss for these outputs",
    note = "`CrossEntropy` and `Nll` want an axis of classes; weights want one number for each \
            class or feature of the last axis",
    note = "`GaussianNll`, `MarginRanking` and `CosineEmbedding` want a tuple of two tensors of \
            one shape, `TripletMargin` one of three",
    note = "the others take any shape; a loss of your own implements `shapewright::loss::Loss`"
)]
pub trait Loss<Out: Shape, T: Element> {
    /// The target of one sample.
    type Target;
    /// The outputs that it accepts: [`AnyOutput`], [`Logits`] to refuse networks that end in
    /// probabilities, or [`Probabilities`] or [`LogProbabilities`] to refuse those that don't.
    type Accepts;

    /// Checks that the settings are in their ranges, such as weights that must not be negative. A
    /// trainer calls this before the first step.
    ///
    /// # Errors
    /// Returns an error for the first setting that is out of its range.
    fn check(&self) -> Result<(), SettingError> {
        Ok(())
    }

    /// Returns the weight of a batch with these targets in a mean over several batches: the number
    /// of its samples, which is the default.
    ///
    /// Losses that are a mean over the labels count a sample by the weights of its labels, and not
    /// at all if it has none. A [trainer](crate::train::Trainer) averages the losses of batches by
    /// these weights, so that they are those of one large batch.
    fn weight(&self, targets: &[Self::Target]) -> f64 {
        targets.len() as f64
    }

    /// Returns the loss of a batch, and sets `gradients` to its gradient with respect to the
    /// outputs.
    ///
    /// The three slices have the same length.
    ///
    /// # Panics
    /// The losses of this crate panic if the lengths differ.
    fn loss(
        &self,
        outputs: &[Tensor<Out, T>],
        targets: &[Self::Target],
        gradients: &mut [Tensor<Out, T>],
    ) -> T;
}

/// Any outputs, for [`Loss::Accepts`].
pub struct AnyOutput;

/// Outputs that are not probabilities yet, because the loss converts them, for [`Loss::Accepts`].
pub struct Logits;

/// Probabilities, as `Sigmoid` and `Softmax` output them, for [`Loss::Accepts`]. A custom layer
/// that outputs probabilities declares it with its
/// [`OUTPUT_KIND`](crate::ext::Infer::OUTPUT_KIND).
pub struct Probabilities;

/// Logarithms of probabilities, as `LogSoftmax` outputs them, for [`Loss::Accepts`]. A custom layer
/// that outputs them declares it with its [`OUTPUT_KIND`](crate::ext::Infer::OUTPUT_KIND).
pub struct LogProbabilities;

/// The end of a network without a final `Softmax`, `LogSoftmax` or `Sigmoid`.
#[doc(hidden)]
pub struct Values;

/// Outputs of which a part come from `Softmax`.
#[doc(hidden)]
pub struct PartlySoftmax;

/// The [`OutputKind`](crate::network::OutputKind) of a network's last layer as a type.
#[doc(hidden)]
pub struct EndsIn<const OUTPUT_KIND: usize>;

/// The type that stands for the end of a network in the bounds of losses.
#[doc(hidden)]
pub trait End {
    type Ends;
}
impl End for EndsIn<{ crate::network::OutputKind::Values as usize }> {
    type Ends = Values;
}
impl End for EndsIn<{ crate::network::OutputKind::Inputs as usize }> {
    type Ends = Values;
}
impl End for EndsIn<{ crate::network::OutputKind::PartlySoftmax as usize }> {
    type Ends = PartlySoftmax;
}
impl End for EndsIn<{ crate::network::OutputKind::Softmax as usize }> {
    type Ends = crate::nn::Softmax;
}
impl End for EndsIn<{ crate::network::OutputKind::Sigmoid as usize }> {
    type Ends = crate::nn::Sigmoid;
}
impl End for EndsIn<{ crate::network::OutputKind::LogSoftmax as usize }> {
    type Ends = crate::nn::LogSoftmax;
}

/// A kind of outputs that accepts the end of a network. Each kind has a trait of its own, whose
/// diagnostic explains a refusal in a sentence.
pub trait Accepts<Ends, L, N> {}
#[diagnostic::do_not_recommend]
impl<Ends, L, N> Accepts<Ends, L, N> for AnyOutput {}
impl<Ends: NotProbable<L, N>, L, N> Accepts<Ends, L, N> for Logits {}
impl<Ends: Probable<L, N>, L, N> Accepts<Ends, L, N> for Probabilities {}
impl<Ends: LogProbable<L, N>, L, N> Accepts<Ends, L, N> for LogProbabilities {}

/// The end of a network that a loss on logits accepts. `LogSoftmax` is accepted because applying it
/// twice changes nothing.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{L}` takes logits, but `{N}` ends in `{Self}`: remove that layer, the loss applies \
               it itself",
    label = "takes logits, not probabilities",
    note = "for probabilities during inference, apply `{Self}` to the outputs"
)]
pub trait NotProbable<L, N> {}
#[diagnostic::do_not_recommend]
impl<L, N> NotProbable<L, N> for Values {}
#[diagnostic::do_not_recommend]
impl<L, N> NotProbable<L, N> for crate::nn::LogSoftmax {}

/// The end of a network that a loss on probabilities accepts.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{L}` takes probabilities, but `{N}` does not end in `Sigmoid` or `Softmax`: add \
               that layer",
    label = "takes probabilities",
    note = "better: `BceWithLogits` takes the outputs as they are, and applies `Sigmoid` itself",
    note = "a layer of your own that gives probabilities says so with `const OUTPUT_KIND: \
            OutputKind = OutputKind::Sigmoid`"
)]
pub trait Probable<L, N> {}
#[diagnostic::do_not_recommend]
impl<L, N> Probable<L, N> for crate::nn::Sigmoid {}
#[diagnostic::do_not_recommend]
impl<L, N> Probable<L, N> for crate::nn::Softmax {}

/// The end of a network that a loss on log-probabilities accepts.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{L}` takes log-probabilities, but `{N}` does not end in `LogSoftmax`: make that \
               the last layer",
    label = "takes log-probabilities",
    note = "better than `Nll`: `CrossEntropy` takes the outputs of the layer before, and applies \
            `LogSoftmax` itself",
    note = "a layer of your own that gives log-probabilities says so with `const OUTPUT_KIND: \
            OutputKind = OutputKind::LogSoftmax`"
)]
pub trait LogProbable<L, N> {}
#[diagnostic::do_not_recommend]
impl<L, N> LogProbable<L, N> for crate::nn::LogSoftmax {}

/// Values that are targets of a loss on a network's outputs. The diagnostic explains in a sentence
/// why others are not.
#[diagnostic::on_unimplemented(
    message = "`{L}` on the outputs of `{N}` takes targets of `{Expected}`, but these are `{Self}`",
    label = "not targets for `{N}`",
    note = "make the targets fit the output that `{N}` declares, or change the declaration",
    note = "`Label::from_numbers(&numbers)` makes labels of whole numbers, `Tensor1::from([y])` a \
            tensor of an array"
)]
pub trait TargetOf<Expected, L, N>: Sized {
    #[doc(hidden)]
    fn expected(targets: &[Self]) -> &[Expected];
}

impl<Expected, L, N> TargetOf<Expected, L, N> for Expected {
    fn expected(targets: &[Self]) -> &[Expected] {
        targets
    }
}

impl Reduction {
    /// Returns the weight of each of the losses of a batch in the result, of which each of `samples`
    /// samples has `each`.
    fn weight<T: Element>(self, samples: usize, each: usize) -> T {
        self.share(samples, samples as f64 * each as f64)
    }

    /// Returns the share of a loss of weight 1 among losses of `samples` samples with this total
    /// weight.
    fn share<T: Element>(self, samples: usize, total: f64) -> T {
        match self {
            Reduction::Mean => T::one() / T::from_f64_lossy(total),
            Reduction::Sum => T::one(),
            Reduction::SampleMean => T::one() / T::from_f64_lossy(samples as f64),
        }
    }

    /// Returns the weight of a batch among others, in samples, if `places` labels or positions have
    /// the weight `total` together.
    fn batch_weight(self, samples: usize, places: usize, total: f64) -> f64 {
        let samples = samples as f64;
        match self {
            Reduction::Mean if places > 0 => samples * (total / places as f64),
            _ => samples,
        }
    }
}

/// Declares a loss: the struct of its options, the constant with their defaults, and a method that
/// sets each option. PyTorch's name is an alias, for which the compiler suggests the constant.
macro_rules! loss {
    (
        $(#[$doc:meta])*
        $name:ident as $pytorch:literal {
            $(
                $(#[$option_doc:meta])*
                $option:ident: $type:ty = $default:expr $(, if $check:expr, $sentence:literal)?;
            )*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name {
            reduction: Reduction,
            $($option: $type,)*
        }

        /// The loss with its defaults.
        #[doc(alias = $pytorch)]
        #[allow(non_upper_case_globals)]
        pub const $name: $name = $name { reduction: Reduction::Mean, $($option: $default,)* };

        impl Default for $name {
            fn default() -> Self {
                $name
            }
        }

        impl $crate::loss::padding::EqualWeights for $name {
            fn used_reduction(&self) -> Reduction {
                self.reduction
            }

            fn with_reduction(self, reduction: Reduction) -> Self {
                Self::reduction(self, reduction)
            }
        }

        #[allow(clippy::needless_update)]
        impl $name {
            /// Sets the reduction; the mean by default.
            pub const fn reduction(self, reduction: Reduction) -> Self {
                $name { reduction, ..self }
            }

            $(
                $(#[$option_doc])*
                pub const fn $option(self, $option: $type) -> Self {
                    $(assert!($check, $sentence);)?
                    $name { $option, ..self }
                }
            )*
        }
    };
}
use loss;

/// The constant that keeps PyTorch's losses from dividing by zero: 1e-12 as an `f32`, also for
/// `f64`.
const TINY: f64 = 1e-12_f32 as f64;

/// Panics unless a loss has as many targets and gradients as outputs.
pub(crate) fn check_lengths(outputs: usize, targets: usize, gradients: usize) {
    assert!(
        outputs == targets && outputs == gradients,
        "a loss has {outputs} outputs, {targets} targets and {gradients} gradients; give it as \
         many of each"
    );
}

/// Checks that the weights of classes or features are finite and not negative.
pub(crate) fn check_weights(setting: &'static str, weights: &[f64]) -> Result<(), SettingError> {
    weights.iter().try_for_each(|&weight| {
        not_negative(&[(setting, weight)]).map_err(|error| error.of("the loss"))
    })
}

/// Returns `weight * term`, or 0 if the weight is 0, even where the term is infinite. NaN stays
/// NaN.
fn times<T: Element>(weight: T, term: T) -> T {
    if weight.is_zero() && !term.is_nan() {
        T::zero()
    } else {
        weight * term
    }
}

/// Scales the sum of a batch's losses, which is accumulated in `f64`.
fn scaled<T: Element>(sum: Sum, scale: T) -> T {
    T::from_f64_lossy(sum.times(double(scale)))
}

/// Scales the sum of a batch's losses that a kernel has computed. If the sum has overflowed, `exact`
/// computes the loss, which may be in range: the mean of large numbers is.
fn reduced<T: Element>(sum: T, scale: T, inputs: [&[T]; 2], exact: impl FnOnce() -> f64) -> T {
    let loss = sum * scale;
    if loss.is_finite() || !inputs.iter().all(|input| all_finite(input)) {
        loss
    } else {
        T::from_f64_lossy(exact())
    }
}

/// Returns whether no number is infinite or NaN.
#[cold]
fn all_finite<T: Element>(numbers: &[T]) -> bool {
    numbers.iter().all(|x| x.is_finite())
}

/// Returns a loss whose elements are independent of each other. `f(position, output, target)`
/// returns the loss of an element and its slope.
fn elementwise<S: Shape, T: Element>(
    outputs: &[Tensor<S, T>],
    targets: &[Tensor<S, T>],
    gradients: &mut [Tensor<S, T>],
    scale: T,
    f: impl FnMut(usize, T, T) -> (T, T),
) -> T {
    let outputs = flatten(outputs);
    let targets = flatten(targets);
    let sum = sum_elements(outputs, targets, flatten_mut(gradients), scale, f);
    scaled(sum, scale)
}

/// Sums the losses that `f(position, output, target)` returns. The slope that it returns with each
/// loss is multiplied by `scale` and written to `gradients`.
///
/// The loop is plain and the same in every tier: its losses are rarer than those with a kernel, or
/// spend their time in `exp` and `ln`. The sum is in `f64` and keeps its digits, however long it
/// is.
fn sum_elements<T: Element>(
    outputs: &[T],
    targets: &[T],
    gradients: &mut [T],
    scale: T,
    mut f: impl FnMut(usize, T, T) -> (T, T),
) -> Sum {
    check_lengths(outputs.len(), targets.len(), gradients.len());
    sum_of(outputs, |i, output| {
        let (loss, slope) = f(i, output, targets[i]);
        gradients[i] = slope * scale;
        double(loss)
    })
}

/// Returns a loss on pairs of tensors `(S, S)`, element by element. `f(first, second, target)`
/// returns the loss of an element and its slopes in the two numbers.
fn of_pairs<S: Shape, T: Element>(
    outputs: &[Tensor<(S, S), T>],
    targets: &[Tensor<S, T>],
    gradients: &mut [Tensor<(S, S), T>],
    scale: T,
    mut f: impl FnMut(T, T, T) -> (T, [T; 2]),
) -> T {
    check_lengths(outputs.len(), targets.len(), gradients.len());
    let mut sum = Sum::default();
    for ((output, target), gradient) in outputs.iter().zip(targets).zip(gradients) {
        let (first, second) = output.as_slice().split_at(S::LEN);
        let (first_slopes, second_slopes) = gradient.as_mut_slice().split_at_mut(S::LEN);

        sum.add_sum(sum_elements(
            first,
            target.as_slice(),
            first_slopes,
            scale,
            |i, first, target| {
                let (loss, [first_slope, second_slope]) = f(first, second[i], target);
                second_slopes[i] = second_slope * scale;
                (loss, first_slope)
            },
        ));
    }
    scaled(sum, scale)
}

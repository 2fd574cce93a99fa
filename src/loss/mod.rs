//! Losses and labels.
//!
//! | outputs | losses |
//! |---|---|
//! | classes | [`struct@CrossEntropy`], [`struct@Nll`] |
//! | yes or no | [`struct@BceWithLogits`], [`struct@Bce`] |
//! | numbers | [`struct@Mse`], [`struct@Mae`], [`struct@Huber`], [`struct@SmoothL1`] |
//! | distributions | [`struct@KlDiv`], [`struct@PoissonNll`], [`struct@GaussianNll`] |
//! | distances and order | [`struct@HingeEmbedding`], [`struct@MarginRanking`], [`struct@CosineEmbedding`], [`struct@TripletMargin`] |
//!
//! A loss of your own implements [`Loss`].

mod binary;
mod classes;
mod cross_entropy;
mod distribution;
mod embedding;
mod label;
mod regression;

pub use binary::{Bce, BceWithLogits};
pub(crate) use classes::{Classes, MaybeLabel};
pub use classes::{Labels, OptionalLabels};
pub use cross_entropy::{CrossEntropy, Nll};
pub use distribution::{GaussianNll, KlDiv, PoissonNll};
pub use embedding::{CosineEmbedding, HingeEmbedding, MarginRanking, TripletMargin};
pub use label::{Label, LabelError};
pub use regression::{Huber, Mae, Mse, SmoothL1};

use crate::optim::{SettingError, from_zero};
use crate::sum::Sum;
use crate::tensor::{Element, Shape, Tensor, double};

/// How the losses of a batch become one number. As in PyTorch, the mean is the default.
///
/// Sum and mean of `n` losses are off by at most `(64 + log2(n)) * EPSILON / 2` times the sum or
/// mean of their magnitudes, beside the rounding of each loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reduction {
    /// The mean: over the labels for losses on classes, over the samples for
    /// [`KlDiv`](struct@KlDiv), [`CosineEmbedding`](struct@CosineEmbedding) and
    /// [`TripletMargin`](struct@TripletMargin), over all elements otherwise.
    #[default]
    Mean,
    /// The sum. A [trainer](crate::train::Trainer) takes all losses for means: accumulated batches, and
    /// the batches of an epoch in its history, are each counted by their samples, not added up.
    Sum,
}

/// A loss on outputs of the shape `Out`.
///
/// A loss of your own is a type with this trait; the example `custom_layer` has one with its
/// gradient check.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a loss for outputs of `{Out}` with numbers of `{T}`",
    label = "no loss for these outputs",
    note = "`CrossEntropy` and `Nll` want an axis of classes; weights want one number for each class or feature of the \
            last axis",
    note = "`GaussianNll`, `MarginRanking` and `CosineEmbedding` want a tuple of two tensors of one shape, \
            `TripletMargin` one of three",
    note = "the others take any shape; a loss of your own implements `shapewright::loss::Loss`"
)]
pub trait Loss<Out: Shape, T: Element> {
    /// The target of one sample.
    type Target;
    /// Which outputs it takes: [`AnyOutput`], [`Logits`] to refuse networks that end in
    /// probabilities, or [`Probabilities`] or [`LogProbabilities`] to refuse those that don't.
    type Accepts;

    /// Whether its settings are in their ranges, such as weights that are not negative. A trainer
    /// asks before it begins.
    ///
    /// # Errors
    /// If one is not: the first.
    fn check(&self) -> Result<(), SettingError> {
        Ok(())
    }

    /// The loss of a batch; sets `gradients` to its gradient with respect to the outputs.
    ///
    /// The three slices have the same length.
    ///
    /// # Panics
    /// Those of this crate panic if they have not.
    fn loss(
        &self,
        outputs: &[Tensor<Out, T>],
        targets: &[Self::Target],
        gradients: &mut [Tensor<Out, T>],
    ) -> T;
}

/// For [`Loss::Accepts`]: any outputs.
pub struct AnyOutput;

/// For [`Loss::Accepts`]: outputs that are not probabilities yet, because the loss makes them so.
pub struct Logits;

/// For [`Loss::Accepts`]: probabilities, as `Sigmoid` and `Softmax` give. A layer of your own that
/// gives them says so with its [`OUTPUT_KIND`](crate::ext::Compute::OUTPUT_KIND).
pub struct Probabilities;

/// For [`Loss::Accepts`]: logarithms of probabilities, as `LogSoftmax` gives. A layer of your own
/// that gives them says so with its [`OUTPUT_KIND`](crate::ext::Compute::OUTPUT_KIND).
pub struct LogProbabilities;

/// What a network without a final `Softmax`, `LogSoftmax` or `Sigmoid` ends in.
#[doc(hidden)]
pub struct Values;

/// The end of a network as a type.
#[doc(hidden)]
pub struct EndsIn<const OUTPUT_KIND: usize>;
#[doc(hidden)]
pub trait End {
    type Ends;
}
impl End for EndsIn<{ crate::network::OutputKind::Values as usize }> {
    type Ends = Values;
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

/// Whether a loss takes what a network ends in. Each answer is a trait of its own, which says so in
/// a sentence.
pub trait Accepts<Ends, L, N> {}
#[diagnostic::do_not_recommend]
impl<Ends, L, N> Accepts<Ends, L, N> for AnyOutput {}
impl<Ends: NotProbable<L, N>, L, N> Accepts<Ends, L, N> for Logits {}
impl<Ends: Probable<L, N>, L, N> Accepts<Ends, L, N> for Probabilities {}
impl<Ends: LogProbable<L, N>, L, N> Accepts<Ends, L, N> for LogProbabilities {}

/// What a loss on logits takes. `LogSoftmax` does no harm: it does nothing to what it gives.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{L}` takes logits, but `{N}` ends in `{Self}`: remove that layer, the loss applies it itself",
    label = "takes logits, not probabilities",
    note = "for probabilities during inference, apply `{Self}` to the outputs"
)]
pub trait NotProbable<L, N> {}
#[diagnostic::do_not_recommend]
impl<L, N> NotProbable<L, N> for Values {}
#[diagnostic::do_not_recommend]
impl<L, N> NotProbable<L, N> for crate::nn::LogSoftmax {}

/// What a loss on probabilities takes.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{L}` takes probabilities, but `{N}` does not end in `Sigmoid` or `Softmax`: add that layer",
    label = "takes probabilities",
    note = "better: `BceWithLogits` takes the outputs as they are, and applies `Sigmoid` itself",
    note = "a layer of your own that gives probabilities says so with `const OUTPUT_KIND: OutputKind = OutputKind::Sigmoid`"
)]
pub trait Probable<L, N> {}
#[diagnostic::do_not_recommend]
impl<L, N> Probable<L, N> for crate::nn::Sigmoid {}
#[diagnostic::do_not_recommend]
impl<L, N> Probable<L, N> for crate::nn::Softmax {}

/// What a loss on log-probabilities takes.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{L}` takes log-probabilities, but `{N}` does not end in `LogSoftmax`: make that the last layer",
    label = "takes log-probabilities",
    note = "better than `Nll`: `CrossEntropy` takes the outputs of the layer before, and applies `LogSoftmax` itself",
    note = "a layer of your own that gives log-probabilities says so with `const OUTPUT_KIND: OutputKind = OutputKind::LogSoftmax`"
)]
pub trait LogProbable<L, N> {}
#[diagnostic::do_not_recommend]
impl<L, N> LogProbable<L, N> for crate::nn::LogSoftmax {}

/// Whether values are targets of a loss on a network's outputs; says so in a sentence if they are
/// not.
#[diagnostic::on_unimplemented(
    message = "`{L}` on the outputs of `{N}` takes targets of `{Expected}`, but these are `{Self}`",
    label = "not targets for `{N}`",
    note = "make the targets fit the output that `{N}` declares, or change the declaration"
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
    /// What one of `count` losses counts for.
    fn weight<T: Element>(self, count: usize) -> T {
        self.share(count as f64)
    }

    /// What a loss of weight 1 counts for among losses of this weight together.
    fn share<T: Element>(self, total: f64) -> T {
        match self {
            Reduction::Mean => T::one() / T::from_f64_lossy(total),
            Reduction::Sum => T::one(),
        }
    }
}

/// The struct of a loss's options, the constant with their defaults, and a method to set each.
macro_rules! loss {
    (
        $(#[$doc:meta])*
        $name:ident {
            $($(#[$option_doc:meta])* $option:ident: $type:ty = $default:expr $(, if $check:expr, $sentence:literal)?;)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name {
            reduction: Reduction,
            $($option: $type,)*
        }

        /// The loss with its defaults.
        #[allow(non_upper_case_globals)]
        pub const $name: $name = $name { reduction: Reduction::Mean, $($option: $default,)* };

        impl Default for $name {
            fn default() -> Self {
                $name
            }
        }

        #[allow(clippy::needless_update)]
        impl $name {
            /// The same loss with this reduction.
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

/// What keeps PyTorch's losses from dividing by zero: 1e-12 in f32, in f64 as well.
const TINY: f64 = 1e-12_f32 as f64;

/// Panics unless a loss has as many targets and gradients as outputs.
fn check_lengths(outputs: usize, targets: usize, gradients: usize) {
    assert!(
        outputs == targets && outputs == gradients,
        "a loss has {outputs} outputs, {targets} targets and {gradients} gradients; give it as many of each"
    );
}

/// Whether the weights of classes or features are numbers from 0 up.
fn check_weights(setting: &'static str, weights: &[f64]) -> Result<(), SettingError> {
    weights.iter().try_for_each(|&weight| {
        from_zero(&[(setting, weight)]).map_err(|error| error.of("the loss"))
    })
}

/// What a term counts for: nothing if its weight is 0, not even infinity. NaN stays.
fn times<T: Element>(weight: T, term: T) -> T {
    if weight.is_zero() && !term.is_nan() {
        T::zero()
    } else {
        weight * term
    }
}

/// A loss from the sum in `f64` of its parts.
fn scaled<T: Element>(sum: f64, scale: T) -> T {
    T::from_f64_lossy(sum * double(scale))
}

/// The sum of the losses that `f(position, output, target)` gives, each with its gradient, which
/// goes to `gradients` times `scale`.
///
/// Plain loops, the same in every tier: the losses on it are rarer than those with a kernel, or
/// spend their time in `exp` and `ln`. The sum is in `f64` and keeps its digits however long it is.
fn elementwise<T: Element>(
    outputs: &[T],
    targets: &[T],
    gradients: &mut [T],
    scale: T,
    mut f: impl FnMut(usize, T, T) -> (T, T),
) -> f64 {
    /// The terms that are added in plain chains before their sum goes to the exact one.
    const BLOCK: usize = 512;

    check_lengths(outputs.len(), targets.len(), gradients.len());
    let mut sum = Sum::default();
    let blocks = outputs
        .chunks(BLOCK)
        .zip(targets.chunks(BLOCK))
        .zip(gradients.chunks_mut(BLOCK));
    for (block, ((outputs, targets), gradients)) in blocks.enumerate() {
        let mut sums = [0.0; 8];
        for (i, ((&output, &target), gradient)) in
            outputs.iter().zip(targets).zip(gradients).enumerate()
        {
            let (loss, slope) = f(block * BLOCK + i, output, target);
            sums[i % 8] += double(loss);
            *gradient = slope * scale;
        }
        sum.add(sums.into_iter().sum());
    }
    sum.value()
}

//! Losses on classes, with labels as targets.

use super::classes::{ClassLabel, ClassWeights, Classes, LabelKind, WeightArray};
use super::padding::EqualWeights;
use super::{
    Labels, LogProbabilities, Logits, Loss, OptionalLabels, Reduction, all_finite, check_lengths,
    check_weights, scaled, times,
};
use crate::kernels::Kernels;
use crate::memory::{flatten, flatten_mut};
use crate::setting_error::{SettingError, assert_setting};
use crate::sum::{Sum, sum_of};
use crate::tensor::{Element, Tensor, double};

/// Softmax and negative log-likelihood in one loss on logits. PyTorch's `nn.CrossEntropyLoss` with
/// class indices. The last axis is that of the classes, and the mean is over all labels.
///
/// The target of outputs `[classes]` is a [`Label<N>`](crate::loss::Label). The target of
/// `[length, classes]` has a label for each position, `[Label<N>; LENGTH]`, and that of
/// `[height, width, classes]` one for each pixel, `[[Label<N>; WIDTH]; HEIGHT]`;
/// [`Label::from_tensors`](crate::loss::Label::from_tensors) makes them.
///
/// A network that ends in `Softmax` is a compile error, because the loss applies it itself.
///
/// ```
/// use shapewright::prelude::*;
/// let (logits, targets) = ([Tensor1::from([2.0, 0.0])], [Label::<2>::new(0)?]);
/// let mut gradients = [Tensor1::zeros()];
/// let loss: f32 = CrossEntropy.loss(&logits, &targets, &mut gradients);
/// assert!((loss - 0.126_928).abs() < 1e-6);
/// # Ok::<(), shapewright::loss::LabelError>(())
/// ```
///
/// With options: the second class has a weight of 3, labels are smoothed by 0.1, and a sample
/// without a label does not count.
///
/// ```
/// use shapewright::prelude::*;
/// let loss = CrossEntropy
///     .class_weights([1.0, 3.0])
///     .label_smoothing(0.1)
///     .optional_labels();
/// let logits = [Tensor1::from([2.0, 0.0]), Tensor1::from([0.0, 1.0])];
/// let mut gradients = [Tensor1::full(f32::NAN); 2];
/// loss.loss(&logits, &[None, Some(Label::<2>::new(1)?)], &mut gradients);
/// assert_eq!(gradients[0], Tensor1::zeros());
/// # Ok::<(), shapewright::loss::LabelError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrossEntropy<Y = Labels, W = ()> {
    reduction: Reduction,
    label_smoothing: f64,
    labels: Y,
    weights: W,
}

/// The loss with its defaults.
#[doc(alias = "CrossEntropyLoss")]
#[allow(non_upper_case_globals)]
pub const CrossEntropy: CrossEntropy = CrossEntropy {
    reduction: Reduction::Mean,
    label_smoothing: 0.0,
    labels: Labels,
    weights: (),
};

/// The negative log-likelihood: the negated log-probability of the label's class. PyTorch's
/// `nn.NLLLoss`. The last axis is that of the classes, and the mean is over all labels.
///
/// For logits, use [`struct@CrossEntropy`]. A network that does not end in `LogSoftmax` is a
/// compile error.
///
/// ```
/// use shapewright::prelude::*;
/// let (outputs, targets) = ([Tensor1::from([-0.5, -1.0])], [Label::<2>::new(1)?]);
/// let mut gradients = [Tensor1::zeros()];
/// let loss: f32 = Nll.loss(&outputs, &targets, &mut gradients);
/// assert_eq!((loss, gradients[0]), (1.0, Tensor1::from([0.0, -1.0])));
/// # Ok::<(), shapewright::loss::LabelError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nll<Y = Labels, W = ()> {
    reduction: Reduction,
    labels: Y,
    weights: W,
}

/// The loss with its defaults.
#[doc(alias = "NLLLoss")]
#[allow(non_upper_case_globals)]
pub const Nll: Nll = Nll {
    reduction: Reduction::Mean,
    labels: Labels,
    weights: (),
};

/// Implements the options that both losses have.
macro_rules! options {
    ($($name:ident { $($other:ident),* })*) => { $(
        impl Default for $name {
            fn default() -> Self {
                $name
            }
        }

        impl EqualWeights for $name {
            fn used_reduction(&self) -> Reduction {
                self.reduction
            }

            fn with_reduction(self, reduction: Reduction) -> Self {
                Self::reduction(self, reduction)
            }
        }

        impl<Y: Copy, W: Copy> $name<Y, W> {
            /// Sets the reduction; the mean by default.
            pub const fn reduction(self, reduction: Reduction) -> Self {
                $name { reduction, ..self }
            }

            /// Sets the weights of the classes; 1 by default. The mean divides by the sum of the
            /// weights of all labels.
            ///
            /// A label of weight 0 adds nothing, even where its loss is infinite; only a loss of
            /// NaN stays NaN.
            ///
            /// They are an array, or a reference to one: an array of a million classes is too large
            /// for the stack. A number of weights other than that of the classes is a compile error.
            /// Weights must be finite and not negative: a trainer refuses others, and [`Loss::loss`]
            /// panics.
            pub const fn class_weights<V: WeightArray>(self, weights: V) -> $name<Y, V> {
                $name {
                    reduction: self.reduction,
                    $($other: self.$other,)*
                    labels: self.labels,
                    weights,
                }
            }

            /// Takes targets of `Option<Label<N>>`. An output whose label is `None` does not count,
            /// as with PyTorch's `ignore_index`.
            ///
            /// The mean is over the labels that are not `None`; if there are none, it is NaN, and
            /// the gradient is 0. A [trainer](crate::train::Trainer) stops at a step without a
            /// label: make batches so large, or [accumulate](crate::train::Trainer::accumulate) so
            /// many, that each step has one.
            #[doc(alias = "ignore_index")]
            pub const fn optional_labels(self) -> $name<OptionalLabels, W> {
                $name {
                    reduction: self.reduction,
                    $($other: self.$other,)*
                    labels: OptionalLabels,
                    weights: self.weights,
                }
            }
        }
    )* };
}
options! {
    CrossEntropy { label_smoothing }
    Nll {}
}

impl<Y: Copy, W: Copy> CrossEntropy<Y, W> {
    /// Sets the share of the target that is spread over all classes, including the label's own; 0
    /// by default. Szegedy et al., 2016.
    ///
    /// # Panics
    /// Panics if it is not from 0 to 1.
    pub const fn label_smoothing(self, label_smoothing: f64) -> Self {
        assert!(
            0.0 <= label_smoothing && label_smoothing <= 1.0,
            "the label smoothing of `CrossEntropy` must be from 0 to 1"
        );
        CrossEntropy {
            label_smoothing,
            ..self
        }
    }
}

impl<Y: LabelKind, W: Copy> CrossEntropy<Y, W> {
    /// Computes the loss with a factor for each row, which comes from the weight of its label and
    /// from smoothing.
    ///
    /// With smoothing, the loss of a row is a multiple of the loss without smoothing, plus the term
    /// of [`smooth`], which is not added here.
    fn weighted<L: ClassLabel, T: Element>(
        &self,
        labels: &[Y::Of<L>],
        weights: &[f64],
        logits: &[T],
        scale: T,
        gradients: &mut [T],
    ) -> Sum {
        let classes = L::CLASSES;
        let factor = self.factors::<L>(weights);
        let blocks = logits
            .chunks(ROWS * classes.max(1))
            .zip(gradients.chunks_mut(ROWS * classes.max(1)));

        let mut sum = Sum::default();
        for ((logits, gradients), labels) in blocks.zip(labels.chunks(ROWS)) {
            // The factor of a row without a label stays 0.
            let mut numbers = [0; ROWS];
            let mut factors = [T::zero(); ROWS];
            for ((&label, number), row_factor) in labels.iter().zip(&mut numbers).zip(&mut factors)
            {
                if let Some(class) = Y::class(label) {
                    *number = class as u32;
                    *row_factor = T::from_f64_lossy(factor(class));
                }
            }

            let numbers = &numbers[..labels.len()];
            let factors = &factors[..labels.len()];
            sum.add(double(T::kernels().cross_entropy(
                classes, logits, numbers, factors, scale, gradients,
            )));

            // To the kernel, a label of weight 0 is no label. Only the latter hides NaN.
            let rows = logits
                .chunks_exact(classes.max(1))
                .zip(gradients.chunks_exact_mut(classes.max(1)));
            for (((logits, gradient), &factor), &label) in rows.zip(factors).zip(labels) {
                if factor.is_zero() && Y::class(label).is_some() && !has_softmax(logits) {
                    sum.add(f64::NAN);
                    gradient.fill(T::nan());
                }
            }
        }
        sum
    }

    /// Returns the function from the class of a row's label to the factor of the row.
    fn factors<L: ClassLabel>(&self, weights: &[f64]) -> impl Fn(usize) -> f64 {
        let classes = L::CLASSES;
        let weight_sum: f64 = (0..classes).map(|class| weight(weights, class)).sum();
        let spread = self.label_smoothing * weight_sum / classes as f64;
        move |class| (1.0 - self.label_smoothing) * weight(weights, class) + spread
    }

    /// Computes the sum of [`weighted`](Self::weighted) for finite logits whose differences, or the
    /// sum of the losses, are out of range, though their mean may not be.
    #[cold]
    fn of_large_logits<L: ClassLabel, T: Element>(
        &self,
        labels: &[Y::Of<L>],
        weights: &[f64],
        logits: &[T],
    ) -> Sum {
        let factor = self.factors::<L>(weights);
        let mut sum = Sum::default();
        for (logits, &label) in logits.chunks_exact(L::CLASSES.max(1)).zip(labels) {
            let Some(class) = Y::class(label) else {
                continue;
            };
            let factor = factor(class);
            let max = logits
                .iter()
                .fold(f64::NEG_INFINITY, |max, &x| max.max(double(x)));
            let powers = sum_of(logits, |_, x| libm::exp(double(x) - max));
            sum.add(factor * max);
            sum.add(factor * libm::log(powers.value()));
            sum.add(-factor * double(logits[class]));
        }
        sum
    }
}

/// Returns whether logits have a softmax, at least as a limit: NaN, two of plus infinity and minus
/// infinity alone have none.
fn has_softmax<T: Element>(logits: &[T]) -> bool {
    let above = |bound: T| logits.iter().filter(|&&logit| logit >= bound).count();
    let finite = logits.iter().any(|&logit| logit > T::neg_infinity());
    finite && above(T::infinity()) < 2 && !logits.iter().any(|logit| logit.is_nan())
}

/// The number of rows whose labels and weights are on the stack at the same time.
const ROWS: usize = 64;

/// Returns the sum of the weights of all labels.
fn total_weight<Y: LabelKind, L: ClassLabel>(labels: &[Y::Of<L>], weights: &[f64]) -> f64 {
    match (Y::numbers(labels), weights) {
        (Some(labels), []) => labels.len() as f64,
        _ => sum_of(labels, |_, label| {
            Y::class(label).map_or(0.0, |class| weight(weights, class))
        })
        .value(),
    }
}

/// Returns the weight of a class; 1 if there are no weights.
fn weight(weights: &[f64], class: usize) -> f64 {
    weights.get(class).copied().unwrap_or(1.0)
}

#[diagnostic::do_not_recommend]
impl<Out: Classes, T: Element, Y: LabelKind, W: ClassWeights<Out::Label>> Loss<Out, T>
    for CrossEntropy<Y, W>
{
    type Target = Out::Each<Y::Of<Out::Label>>;
    type Accepts = Logits;

    fn check(&self) -> Result<(), SettingError> {
        check_weights("class_weights", self.weights.as_slice())
    }

    fn weight(&self, targets: &[Self::Target]) -> f64 {
        let labels = Out::flatten(targets);
        let total = total_weight::<Y, Out::Label>(labels, self.weights.as_slice());
        self.reduction
            .batch_weight(targets.len(), labels.len(), total)
    }

    fn loss(
        &self,
        outputs: &[Tensor<Out, T>],
        targets: &[Self::Target],
        gradients: &mut [Tensor<Out, T>],
    ) -> T {
        check_lengths(outputs.len(), targets.len(), gradients.len());
        let labels = Out::flatten(targets);
        let weights = self.weights.as_slice();
        assert_setting(check_weights("class_weights", weights));

        let logits = flatten(outputs);
        let gradients = flatten_mut(gradients);
        let classes = Out::Label::CLASSES;
        let total = total_weight::<Y, Out::Label>(labels, weights);
        let scale = self.reduction.share(outputs.len(), total);

        let mut sum = Sum::default();
        if let (Some(labels), []) = (Y::numbers(labels), weights) {
            let kernels = T::kernels();
            sum.add(double(kernels.cross_entropy(
                classes,
                logits,
                labels,
                &[],
                scale,
                gradients,
            )));
        } else {
            sum = self.weighted::<Out::Label, T>(labels, weights, logits, scale, gradients);
        }
        if !sum.value().is_finite() && all_finite(logits) {
            sum = self.of_large_logits::<Out::Label, T>(labels, weights, logits);
        }

        if self.label_smoothing > 0.0 {
            let labels = labels.iter().map(|&label| Y::class(label));
            sum.add_sum(smooth(
                self.label_smoothing,
                weights,
                classes,
                logits,
                labels,
                scale,
                gradients,
            ));
        }
        scaled(sum, scale)
    }
}

/// Adds the second term of label smoothing to the gradient, and returns its sum over all rows. The
/// first is a multiple of the loss without smoothing.
///
/// With smoothing `s`, `n` classes, weights `w` with the sum `W`, logits `x` and the label's class
/// `y`, the loss of a row is `(1 - s) w_y l(y) + s/n sum(w_c l(c))`, where
/// `l(c) = l(y) + x_y - x_c`. Hence it is `((1 - s) w_y + s/n W) l(y) + s/n sum(w_c (x_y - x_c))`.
fn smooth<T: Element>(
    smoothing: f64,
    weights: &[f64],
    classes: usize,
    logits: &[T],
    labels: impl Iterator<Item = Option<usize>>,
    scale: T,
    gradients: &mut [T],
) -> Sum {
    let mut sum = Sum::default();
    let rows = logits
        .chunks_exact(classes.max(1))
        .zip(gradients.chunks_exact_mut(classes.max(1)));
    for ((x, gradient), label) in rows.zip(labels) {
        let Some(label) = label else { continue };
        // If the loss of the label is infinite, the loss of the row is infinite without this term.
        let infinite = x[label] == T::neg_infinity()
            || (x[label] < T::infinity() && x.contains(&T::infinity()));

        let mut all = 0.0;
        for (class, (&logit, slope)) in x.iter().zip(&mut *gradient).enumerate() {
            let share = smoothing / classes as f64 * weight(weights, class);
            if class != label && !infinite {
                // One after the other, as their difference may be out of range.
                sum.add(times(share, double(x[label])));
                sum.add(-times(share, double(logit)));
            }
            *slope -= T::from_f64_lossy(share) * scale;
            all += share;
        }
        gradient[label] += T::from_f64_lossy(all) * scale;
    }
    sum
}

#[diagnostic::do_not_recommend]
impl<Out: Classes, T: Element, Y: LabelKind, W: ClassWeights<Out::Label>> Loss<Out, T>
    for Nll<Y, W>
{
    type Target = Out::Each<Y::Of<Out::Label>>;
    type Accepts = LogProbabilities;

    fn check(&self) -> Result<(), SettingError> {
        check_weights("class_weights", self.weights.as_slice())
    }

    fn weight(&self, targets: &[Self::Target]) -> f64 {
        let labels = Out::flatten(targets);
        let total = total_weight::<Y, Out::Label>(labels, self.weights.as_slice());
        self.reduction
            .batch_weight(targets.len(), labels.len(), total)
    }

    fn loss(
        &self,
        outputs: &[Tensor<Out, T>],
        targets: &[Self::Target],
        gradients: &mut [Tensor<Out, T>],
    ) -> T {
        check_lengths(outputs.len(), targets.len(), gradients.len());
        let labels = Out::flatten(targets);
        let weights = self.weights.as_slice();
        assert_setting(check_weights("class_weights", weights));

        let classes = Out::Label::CLASSES;
        let total = total_weight::<Y, Out::Label>(labels, weights);
        let scale = self.reduction.share(outputs.len(), total);
        let gradients = flatten_mut(gradients);
        gradients.fill(T::zero());

        let mut sum = Sum::default();
        let rows = flatten(outputs)
            .chunks_exact(classes.max(1))
            .zip(gradients.chunks_exact_mut(classes.max(1)));
        for ((x, gradient), &label) in rows.zip(labels) {
            if let Some(class) = Y::class(label) {
                let weight = weight(weights, class);
                sum.add(-times(weight, double(x[class])));
                gradient[class] = -times(T::from_f64_lossy(weight), scale);
            }
        }
        scaled(sum, scale)
    }
}

//! Metrics of the order that scores bring samples into.

use super::scores::{Outputs, Positive, Score, rows};
use super::{Measures, Metric, MetricError, assert_same_length};
use crate::loss::{Classes, Label};
use crate::sum::Sum;
use crate::tensor::{Element, Tensor, double};

macro_rules! rankings {
    ($($(#[$doc:meta])* $name:ident named $text:literal, $read:ident;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, Default)]
        pub struct $name {
            samples: Vec<(f64, bool)>,
        }

        impl $name {
            /// Creates the metric, before the first sample.
            pub fn new() -> Self {
                Self::default()
            }
        }

        impl Metric for $name {
            fn name(&self) -> String {
                $text.to_owned()
            }
            fn value(&self) -> Result<f64, MetricError> {
                $read(&mut self.samples.clone())
            }
            fn reset(&mut self) {
                self.samples.clear();
            }
        }

        #[diagnostic::do_not_recommend]
        impl<O: Score, G: Positive> Measures<O, G> for $name {
            fn update(&mut self, outputs: &[O], targets: &[G]) {
                assert_same_length(outputs, targets);
                let sample = |(output, target): (&O, &G)| (output.score(), target.is_positive());
                self.samples.extend(outputs.iter().zip(targets).map(sample));
            }
        }
    )* };
}

rankings! {
    /// The area under the receiver operating characteristic: the probability that a positive sample has a larger
    /// score than a negative one, where equals count half.
    ///
    /// It keeps the score of every sample until it is reset. Its value is an error if all samples are of one class
    /// (where scikit-learn warns and gives NaN) or a score is NaN.
    ///
    /// ```
    /// use shapewright::metrics::RocAuc;
    /// use shapewright::prelude::*;
    /// let auc = RocAuc::new().of(&[0.1, 0.4, 0.35, 0.8], &[false, false, true, true])?;
    /// assert_eq!(auc, 0.75);
    /// # Ok::<(), shapewright::metrics::MetricError>(())
    /// ```
    RocAuc named "ROC AUC", roc_auc;

    /// The mean of the precisions at each threshold, weighted by how much the recall grows there: the area under
    /// the precision-recall curve as a step function.
    ///
    /// It keeps the score of every sample until it is reset. Its value is an error if no sample is positive (where
    /// scikit-learn warns and gives 0) or a score is NaN.
    ///
    /// ```
    /// use shapewright::metrics::AveragePrecision;
    /// use shapewright::prelude::*;
    /// let precision = AveragePrecision::new().of(&[0.1, 0.4, 0.35, 0.8], &[false, false, true, true])?;
    /// assert!((precision - 5.0 / 6.0).abs() < 1e-12);
    /// # Ok::<(), shapewright::metrics::MetricError>(())
    /// ```
    AveragePrecision named "average precision", average_precision;
}

/// The mean, over all classes, of the [`RocAuc`] of that class's probability against all other
/// classes.
///
/// It keeps the probabilities of every sample until it is reset. Its value is an error if a class
/// has no samples or a score is NaN.
///
/// ```
/// use shapewright::metrics::{Outputs, RocAucOneVsRest};
/// use shapewright::prelude::*;
/// let labels = Label::<3>::from_numbers(&[0_u8, 1, 2, 1])?;
/// let outputs = [
///     [0.7, 0.2, 0.1],
///     [0.1, 0.8, 0.1],
///     [0.2, 0.5, 0.3],
///     [0.4, 0.4, 0.2],
/// ]
/// .map(Tensor1::from);
/// let auc = RocAucOneVsRest::new(Outputs::Probabilities).of(&outputs, &labels)?;
/// assert!((auc - 11.0 / 12.0).abs() < 1e-12);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct RocAucOneVsRest<const N: usize> {
    outputs: Outputs,
    weighted: bool,
    /// A row of `N` for each sample.
    probabilities: Vec<f64>,
    labels: Vec<usize>,
}

impl<const N: usize> RocAucOneVsRest<N> {
    /// Creates the metric, before the first sample; every class counts the same.
    pub fn new(outputs: Outputs) -> Self {
        RocAucOneVsRest {
            outputs,
            weighted: false,
            probabilities: Vec::new(),
            labels: Vec::new(),
        }
    }

    /// Weights each class by its number of samples.
    pub fn weighted(self) -> Self {
        RocAucOneVsRest {
            weighted: true,
            ..self
        }
    }
}

impl<const N: usize> Metric for RocAucOneVsRest<N> {
    fn name(&self) -> String {
        let average = if self.weighted { "weighted" } else { "macro" };
        format!("{average} ROC AUC")
    }

    fn value(&self) -> Result<f64, MetricError> {
        let mut sum = 0.0;
        let mut samples = Vec::with_capacity(self.labels.len());
        for class in 0..N {
            samples.clear();
            let pairs = self.probabilities.chunks_exact(N).zip(&self.labels);
            samples.extend(
                pairs.map(|(probabilities, &label)| (probabilities[class], label == class)),
            );

            let positive = samples.iter().filter(|(_, positive)| *positive).count();
            if positive == 0 && !samples.is_empty() {
                return Err(MetricError::MissingClass {
                    class,
                    samples: samples.len(),
                });
            }

            let weight = if self.weighted {
                positive as f64 / samples.len() as f64
            } else {
                1.0 / N as f64
            };
            sum += weight * roc_auc(&mut samples)?;
        }
        Ok(sum)
    }

    fn reset(&mut self) {
        self.probabilities.clear();
        self.labels.clear();
    }
}

impl<Out: Classes<Label = Label<N>>, T: Element, const N: usize>
    Measures<Tensor<Out, T>, Out::Each<Label<N>>> for RocAucOneVsRest<N>
{
    fn update(&mut self, outputs: &[Tensor<Out, T>], targets: &[Out::Each<Label<N>>]) {
        for (scores, label) in rows(outputs, targets) {
            let begin = self.probabilities.len();
            self.probabilities
                .extend(scores.iter().map(|&score| double(score)));
            if let Outputs::Logits = self.outputs {
                softmax(&mut self.probabilities[begin..]);
            }
            self.labels.push(label.index());
        }
    }
}

/// Turns logits into probabilities. Logits that differ by the same number in every class give the same
/// probabilities to the last bit, so that rounding does not put samples in an order that have none.
fn softmax(logits: &mut [f64]) {
    let max = logits
        .iter()
        .fold(f64::NEG_INFINITY, |max, &logit| max.max(logit));
    logits
        .iter_mut()
        .for_each(|logit| *logit = libm::exp(*logit - max));
    let sum: f64 = logits.iter().sum();
    logits.iter_mut().for_each(|power| *power /= sum);
}

/// Sorts samples by falling score.
fn sort(samples: &mut [(f64, bool)]) -> Result<(), MetricError> {
    MetricError::unless_any(samples.len())?;
    if let Some(sample) = samples.iter().position(|(score, _)| score.is_nan()) {
        return Err(MetricError::NotANumber { sample });
    }
    // -0.0 comes after 0.0, and `for_each_score` takes the two for one.
    samples.sort_unstable_by(|(a, _), (b, _)| b.total_cmp(a));
    Ok(())
}

/// Sorts samples by falling score and calls `f` with the number of positive and of negative samples
/// of each score.
fn for_each_score(
    samples: &mut [(f64, bool)],
    mut f: impl FnMut(u64, u64),
) -> Result<(), MetricError> {
    sort(samples)?;
    for group in samples.chunk_by(|(a, _), (b, _)| a == b) {
        let positive = group.iter().filter(|(_, positive)| *positive).count();
        f(positive as u64, (group.len() - positive) as u64);
    }
    Ok(())
}

fn roc_auc(samples: &mut [(f64, bool)]) -> Result<f64, MetricError> {
    // Twice the number of pairs of a positive sample before a negative one: whole numbers, so
    // nothing is rounded.
    let mut twice_ordered = 0_u128;
    let mut positives = 0_u64;
    let mut negatives = 0_u64;
    for_each_score(samples, |positive, negative| {
        twice_ordered += u128::from(negative) * u128::from(2 * positives + positive);
        positives += positive;
        negatives += negative;
    })?;

    for (class, count) in [(0, negatives), (1, positives)] {
        if count == 0 {
            return Err(MetricError::MissingClass {
                class,
                samples: samples.len(),
            });
        }
    }
    Ok(twice_ordered as f64 / (2.0 * positives as f64 * negatives as f64))
}

fn average_precision(samples: &mut [(f64, bool)]) -> Result<f64, MetricError> {
    let mut positives = 0_u64;
    let mut seen = 0_u64;
    let mut sum = Sum::default();
    for_each_score(samples, |positive, negative| {
        positives += positive;
        seen += positive + negative;
        sum.add(positive as f64 * (positives as f64 / seen as f64));
    })?;
    if positives == 0 {
        return Err(MetricError::MissingClass {
            class: 1,
            samples: samples.len(),
        });
    }
    Ok(sum.value() / positives as f64)
}

//! Metrics of predicted classes.

use super::scores::{measures_optional_labels, rows};
use super::tally::Tally;
use super::{Average, Measures, Metric, MetricError, assert_same_length, ratio};
use crate::loss::{Classes, Label};
use crate::tensor::{Element, Tensor, Tensor1, double};

/// A metric that needs nothing but the predicted and the right class of each sample.
pub trait CountsPredictions<const N: usize>: Metric {
    /// Counts one sample.
    fn add(&mut self, prediction: Label<N>, label: Label<N>);

    /// Takes samples into account, of each the prediction and the label.
    #[doc(hidden)]
    fn add_all(&mut self, pairs: impl Iterator<Item = (Label<N>, Label<N>)>) {
        pairs.for_each(|(prediction, label)| self.add(prediction, label));
    }
}

/// The class with the largest score.
fn predicted<T: Element, const N: usize>(scores: &Tensor1<N, T>) -> Label<N> {
    const { Label::<N>::assert_numbers() };
    Label::new(scores.argmax()).expect("the position of a score is a class")
}

/// Implements `Measures` for scores, and for labels that are predicted already.
macro_rules! measures_classes {
    ($name:ident) => {
        impl<Out: Classes<Label = Label<N>>, T: Element, const N: usize>
            Measures<Tensor<Out, T>, Out::Each<Label<N>>> for $name<N>
        {
            fn update(&mut self, outputs: &[Tensor<Out, T>], targets: &[Out::Each<Label<N>>]) {
                let rows = rows(outputs, targets);
                self.add_all(rows.map(|(scores, label)| (predicted(scores), label)));
            }
        }

        measures_optional_labels!($name, |metric: &mut $name<N>, rows| {
            let pairs = Iterator::map(rows, |(scores, label)| (predicted(scores), label));
            metric.add_all(pairs);
        });

        impl<const N: usize> Measures<Label<N>, Option<Label<N>>> for $name<N> {
            fn update(&mut self, outputs: &[Label<N>], targets: &[Option<Label<N>>]) {
                assert_same_length(outputs, targets);
                let pairs = outputs.iter().zip(targets);
                self.add_all(pairs.filter_map(|(&output, &target)| Some((output, target?))));
            }
        }

        impl<const N: usize> Measures<Label<N>, Label<N>> for $name<N> {
            fn update(&mut self, outputs: &[Label<N>], targets: &[Label<N>]) {
                assert_same_length(outputs, targets);
                self.add_all(outputs.iter().copied().zip(targets.iter().copied()));
            }
        }
    };
}

/// The part of the samples whose class has the largest score (the first of equals; NaN counts as
/// larger than every number).
///
/// ```
/// use shapewright::metrics::Accuracy;
/// use shapewright::prelude::*;
/// let labels = Label::<3>::from_numbers(&[0_u8, 2])?;
/// let outputs = [[2.0, 0.5, 0.1], [0.2, 0.9, 0.5]].map(Tensor1::from);
/// assert_eq!(Accuracy::new().of(&outputs, &labels)?, 0.5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accuracy<const N: usize> {
    correct: u64,
    total: u64,
}

impl<const N: usize> Accuracy<N> {
    /// Creates the metric, before the first sample.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<const N: usize> CountsPredictions<N> for Accuracy<N> {
    fn add(&mut self, prediction: Label<N>, label: Label<N>) {
        self.correct += u64::from(prediction == label);
        self.total += 1;
    }
}

impl<const N: usize> Metric for Accuracy<N> {
    fn name(&self) -> String {
        "accuracy".to_owned()
    }
    fn value(&self) -> Result<f64, MetricError> {
        MetricError::unless_any(self.total as usize)?;
        Ok(ratio(self.correct, self.total))
    }
    fn reset(&mut self) {
        *self = Self::default();
    }
}

measures_classes!(Accuracy);

/// The part of the samples whose class is among the `k` largest scores.
///
/// Of equal scores, the class with the smaller number comes first, so that the top-1 accuracy is
/// [`Accuracy`] (in scikit-learn, the larger number comes first); NaN counts as larger than every
/// number. With `k` of all classes the value is 1.
///
/// ```
/// use shapewright::metrics::TopKAccuracy;
/// use shapewright::prelude::*;
/// let labels = Label::<3>::from_numbers(&[0_u8, 2])?;
/// let outputs = [[0.1, 0.5, 2.0], [0.2, 0.9, 0.5]].map(Tensor1::from);
/// assert_eq!(TopKAccuracy::new(2).of(&outputs, &labels)?, 0.5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopKAccuracy<const N: usize> {
    k: usize,
    correct: u64,
    total: u64,
}

impl<const N: usize> TopKAccuracy<N> {
    /// Creates the metric, before the first sample.
    ///
    /// # Panics
    /// Panics if `k` is 0.
    pub fn new(k: usize) -> Self {
        assert!(
            k > 0,
            "the top-0 accuracy is always 0; ask for the top 1 or more"
        );
        TopKAccuracy {
            k,
            correct: 0,
            total: 0,
        }
    }

    fn add_rows<'a, T: Element>(
        &mut self,
        rows: impl Iterator<Item = (&'a Tensor1<N, T>, Label<N>)>,
    ) {
        for (scores, label) in rows {
            self.correct += u64::from(rank(scores, label) < self.k);
            self.total += 1;
        }
    }
}

impl<const N: usize> Metric for TopKAccuracy<N> {
    fn name(&self) -> String {
        format!("top-{} accuracy", self.k)
    }
    fn value(&self) -> Result<f64, MetricError> {
        MetricError::unless_any(self.total as usize)?;
        Ok(ratio(self.correct, self.total))
    }
    fn reset(&mut self) {
        *self = Self::new(self.k);
    }
}

impl<Out: Classes<Label = Label<N>>, T: Element, const N: usize>
    Measures<Tensor<Out, T>, Out::Each<Label<N>>> for TopKAccuracy<N>
{
    fn update(&mut self, outputs: &[Tensor<Out, T>], targets: &[Out::Each<Label<N>>]) {
        self.add_rows(rows(outputs, targets));
    }
}

measures_optional_labels!(TopKAccuracy, TopKAccuracy::add_rows);

/// The number of classes that come before the label's.
fn rank<T: Element, const N: usize>(scores: &Tensor1<N, T>, label: Label<N>) -> usize {
    let own = double(scores[label.index()]);
    let before = |&(class, &score): &(usize, &T)| {
        let score = double(score);
        let equal = score == own || (score.is_nan() && own.is_nan());
        (equal && class < label.index()) || score > own || (score.is_nan() && !own.is_nan())
    };
    scores.iter().enumerate().filter(before).count()
}

macro_rules! confusion_metrics {
    ($($(#[$doc:meta])* $name:ident($($average:ident: Average)?) named $text:literal, $read:ident;)*) => { $(
        $(#[$doc])*
        ///
        /// It keeps three counts of each class; of up to 90 classes, those of pairs of classes.
        #[derive(Clone, Debug)]
        pub struct $name<const N: usize> {
            counts: Tally,
            $($average: Average,)?
        }

        impl<const N: usize> Default for $name<N> {
            fn default() -> Self {
                $(let $average = Average::default();)?
                Self::new($($average)?)
            }
        }

        impl<const N: usize> $name<N> {
            /// Creates the metric, before the first sample.
            $(
                #[doc = ""]
                #[doc = "# Panics"]
                #[doc = concat!("If there is no class with the number in [`Average::Class`] of the ", stringify!($average), ".")]
            )?
            pub fn new($($average: Average)?) -> Self {
                $($average.assert_class(N);)?
                $name { counts: Tally::new(N), $($average)? }
            }
        }

        impl<const N: usize> CountsPredictions<N> for $name<N> {
            fn add(&mut self, prediction: Label<N>, label: Label<N>) {
                self.add_all(core::iter::once((prediction, label)));
            }

            fn add_all(&mut self, pairs: impl Iterator<Item = (Label<N>, Label<N>)>) {
                let indices = pairs.map(|(prediction, label)| (prediction.index(), label.index()));
                self.counts.add_all(indices);
            }
        }

        impl<const N: usize> Metric for $name<N> {
            fn name(&self) -> String {
                let text: &str = $text;
                $(let text = format!("{} {text}", self.$average);)?
                text.to_owned()
            }
            fn value(&self) -> Result<f64, MetricError> {
                self.counts.counts().$read($(self.$average)?)
            }
            fn reset(&mut self) {
                self.counts.reset();
            }
        }

        measures_classes!($name);
    )* };
}

confusion_metrics! {
    /// The part of a class's predictions that is right: [`ConfusionMatrix::precision`](super::ConfusionMatrix::precision).
    Precision(average: Average) named "precision", precision;

    /// The part of a class's samples that is predicted right: [`ConfusionMatrix::recall`](super::ConfusionMatrix::recall).
    Recall(average: Average) named "recall", recall;

    /// The harmonic mean of precision and recall: [`ConfusionMatrix::f1`](super::ConfusionMatrix::f1).
    F1(average: Average) named "F1", f1;

    /// The mean recall of the classes that have samples: [`ConfusionMatrix::balanced_accuracy`](super::ConfusionMatrix::balanced_accuracy).
    BalancedAccuracy() named "balanced accuracy", balanced_accuracy;

    /// The mean intersection over union: [`ConfusionMatrix::mean_iou`](super::ConfusionMatrix::mean_iou).
    MeanIou() named "mean IoU", mean_iou;

    /// The correlation of predictions and labels: [`ConfusionMatrix::matthews_correlation`](super::ConfusionMatrix::matthews_correlation).
    MatthewsCorrelation() named "Matthews correlation", matthews_correlation;
}

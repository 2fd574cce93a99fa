//! Metrics: how good outputs are, in numbers for people.
//!
//! A metric is a small value that is updated with batches and read at the end, so that evaluation
//! needs no memory for all outputs. All sums are in `f64`, for any type of outputs, and compensate
//! rounding errors: a mean over any number of elements is right to the last digit but one of an
//! `f64`, and so is [`R2Score`] of targets far from zero. Squares and sums neither overflow nor vanish
//! on the way to a value that is in range, such as the root of a mean of squares.
//!
//! ```
//! use shapewright::metrics::{Accuracy, Average, F1};
//! use shapewright::prelude::*;
//!
//! let outputs = [[2.0, 0.5, 0.1], [0.2, 0.9, 1.5], [0.1, 0.7, 0.3]].map(Tensor1::from);
//! let labels = Label::<3>::from_numbers(&[0_u8, 1, 1])?;
//!
//! let (mut accuracy, mut f1) = (Accuracy::new(), F1::new(Average::Macro));
//! for (outputs, labels) in outputs.chunks(2).zip(labels.chunks(2)) {
//!     accuracy.update(outputs, labels);
//!     f1.update(outputs, labels);
//! }
//! assert_eq!(
//!     format!("{}: {:.3}", accuracy.name(), accuracy.value()?),
//!     "accuracy: 0.667"
//! );
//! assert_eq!(
//!     format!("{}: {:.3}", f1.name(), f1.value()?),
//!     "macro F1: 0.556"
//! );
//!
//! // The same in one go:
//! assert_eq!(F1::new(Average::Macro).of(&outputs, &labels)?, f1.value()?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | outputs | targets | metrics |
//! |---|---|---|
//! | [`Tensor1<N>`](crate::Tensor1), logits or probabilities (or rows of them, as for [`CrossEntropy`](struct@crate::loss::CrossEntropy)) | [`Label<N>`](crate::loss::Label) | [`Accuracy`], [`TopKAccuracy`], [`BalancedAccuracy`], [`Precision`], [`Recall`], [`F1`], [`MeanIou`], [`MatthewsCorrelation`], [`LogLoss`], [`Perplexity`], [`RocAucOneVsRest`]; [`ConfusionMatrix`] |
//! | one [`Score`] each | [`Positive`] or not | [`RocAuc`], [`AveragePrecision`] |
//! | tensors of scores | tensors of 0 and 1 | those of the first row up to `MatthewsCorrelation`, but for `TopKAccuracy`, through [`AtThreshold`] |
//! | the [`Detection`](crate::detection::Detection)s of an image | its [`GroundTruth`](crate::detection::GroundTruth)s | [`MeanAveragePrecision`] |
//! | tensors | tensors of the same shape | [`MeanSquaredError`], [`RootMeanSquaredError`], [`MeanAbsoluteError`], [`R2Score`] |
//!
//! Labels may be of `Option<Label<N>>`, as for a loss with
//! [`optional_labels`](struct@crate::loss::CrossEntropy#method.optional_labels): `None`, such as
//! the padding of a sequence, does not count. Only [`RocAucOneVsRest`] needs all of them.
//! [`IgnorePadding`](crate::loss::IgnorePadding) makes a metric of sequences with lengths.
//!
//! Definitions and edge cases are scikit-learn's, but for those that are documented otherwise;
//! where scikit-learn warns that a value is not defined, [`Metric::value`] is an error. A metric of
//! your own implements [`Metric`] and [`Measures`].

mod average;
mod binary;
mod cells;
mod class_metrics;
mod confusion;
mod confusion_table;
mod counts;
mod evaluate;
mod log_loss;
mod mean_average_precision;
mod named;
mod padding;
mod ranking;
mod regression;
mod scores;
mod tally;

pub use average::Average;
pub use binary::AtThreshold;
pub use class_metrics::{
    Accuracy, BalancedAccuracy, CountsPredictions, F1, MatthewsCorrelation, MeanIou, Precision,
    Recall, TopKAccuracy,
};
pub use confusion::{ConfusionMatrix, Normalize};
pub use confusion_table::NamedConfusionMatrix;
pub use evaluate::{CountError, Evaluate};
pub use log_loss::{LogLoss, Perplexity};
pub use mean_average_precision::MeanAveragePrecision;
pub use named::Named;
pub use ranking::{AveragePrecision, RocAuc, RocAucOneVsRest};
pub use regression::{MeanAbsoluteError, MeanSquaredError, R2Score, RootMeanSquaredError};
pub use scores::{Outputs, Positive, Score};

use core::fmt;

/// A number about the outputs and targets that were seen since the last reset.
pub trait Metric {
    /// Returns the name that is printed before the value: "accuracy", "macro F1".
    fn name(&self) -> String;

    /// Returns the value over everything seen.
    ///
    /// # Errors
    /// Returns an error if the metric is not defined for the samples it has seen, such as a mean
    /// over no samples.
    fn value(&self) -> Result<f64, MetricError>;

    /// Forgets everything seen, for the next epoch.
    fn reset(&mut self);

    /// Gives the metric another name. In a [trainer](crate::train::Trainer::metric) each metric has a name of
    /// its own, which is the name of its column in the history.
    ///
    /// ```
    /// use shapewright::metrics::{Accuracy, AtThreshold};
    /// use shapewright::prelude::*;
    /// let strict = AtThreshold::new(0.9, Accuracy::new()).named("accuracy at 0.9");
    /// assert_eq!(strict.name(), "accuracy at 0.9");
    /// ```
    fn named(self, name: impl Into<String>) -> Named<Self>
    where
        Self: Sized,
    {
        Named {
            name: name.into(),
            metric: self,
        }
    }
}

/// A metric of these outputs and targets. It can be a trait object: a list of metrics is a
/// `&mut [&mut dyn Measures<Output, Target>]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not measure outputs of `{Output}` against targets of `{Target}`",
    label = "not a metric for these",
    note = "which metric takes which outputs and targets is in the table of `shapewright::metrics`"
)]
pub trait Measures<Output, Target>: Metric {
    /// Counts a batch.
    ///
    /// # Panics
    /// Panics if there are not as many targets as outputs.
    fn update(&mut self, outputs: &[Output], targets: &[Target]);

    /// Returns the value over these outputs and targets, and those seen before.
    ///
    /// # Errors
    /// Returns the errors of [`Metric::value`].
    ///
    /// # Panics
    /// Panics if there are not as many targets as outputs.
    fn of(mut self, outputs: &[Output], targets: &[Target]) -> Result<f64, MetricError>
    where
        Self: Sized,
    {
        self.update(outputs, targets);
        self.value()
    }
}

/// The error of a metric that is not defined for the samples it has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetricError {
    /// There are not enough samples.
    TooFewSamples {
        /// The number of samples.
        found: usize,
        /// The least number of samples that the metric takes.
        needed: usize,
    },
    /// No sample is of a class that the metric compares with others.
    MissingClass {
        /// The class, counted from 0; for two classes, 1 is the positive one.
        class: usize,
        /// The number of samples.
        samples: usize,
    },
    /// No image has an object to be found.
    NoObjects {
        /// The number of images.
        images: usize,
    },
    /// A score is NaN, so that the samples have no order.
    NotANumber {
        /// The sample, counted from 0 since the last reset.
        sample: usize,
    },
}

impl MetricError {
    /// Returns an error if there are no samples.
    fn unless_any(found: usize) -> Result<(), Self> {
        if found == 0 {
            Err(MetricError::TooFewSamples { found, needed: 1 })
        } else {
            Ok(())
        }
    }
}

impl fmt::Display for MetricError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MetricError::TooFewSamples { found, needed } => {
                let s = if *needed == 1 { "" } else { "s" };
                write!(
                    f,
                    "this takes at least {needed} sample{s}, but has seen {found}; update the metric first"
                )
            }
            MetricError::MissingClass { class, samples } => write!(
                f,
                "this compares each class with the others, but none of {samples} samples is of class {class}; \
                 measure on samples of every class"
            ),
            MetricError::NoObjects { images } => write!(
                f,
                "this compares detections with objects, but none of {images} images has one; measure on \
                 images with objects"
            ),
            MetricError::NotANumber { sample } => write!(
                f,
                "this sorts the samples by score, but the score of sample {sample} is NaN; see whether the \
                 training diverged"
            ),
        }
    }
}

impl std::error::Error for MetricError {}

#[track_caller]
fn assert_same_length<O, G>(outputs: &[O], targets: &[G]) {
    assert!(
        outputs.len() == targets.len(),
        "the metric was given {} outputs but {} targets; give it one target for each output",
        outputs.len(),
        targets.len()
    );
}

/// A ratio, and 0 where it would be 0 / 0.
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

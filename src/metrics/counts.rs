//! The numbers of samples, predictions and right predictions of each class, from which most metrics
//! of classes follow. Their memory grows with the number of classes, that of a confusion matrix with
//! its square.

use super::{Average, MetricError, ratio};

/// Counts of each class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Counts {
    /// Samples of the class.
    pub support: Vec<u64>,
    /// Samples that were taken for the class.
    pub predicted: Vec<u64>,
    /// Samples of the class that were taken for it.
    pub correct: Vec<u64>,
}

impl Counts {
    pub fn new(classes: usize) -> Self {
        Counts {
            support: vec![0; classes],
            predicted: vec![0; classes],
            correct: vec![0; classes],
        }
    }

    #[inline]
    pub fn add(&mut self, prediction: usize, label: usize) {
        self.add_many(prediction, label, 1);
    }

    #[inline]
    pub fn add_many(&mut self, prediction: usize, label: usize, count: u64) {
        self.support[label] += count;
        self.predicted[prediction] += count;
        if prediction == label {
            self.correct[label] += count;
        }
    }

    pub fn reset(&mut self) {
        for counts in [&mut self.support, &mut self.predicted, &mut self.correct] {
            counts.fill(0);
        }
    }

    pub fn total(&self) -> u64 {
        self.support.iter().sum()
    }

    pub fn all_correct(&self) -> u64 {
        self.correct.iter().sum()
    }

    pub fn precision_of(&self, class: usize) -> f64 {
        ratio(self.correct[class], self.predicted[class])
    }

    pub fn recall_of(&self, class: usize) -> f64 {
        ratio(self.correct[class], self.support[class])
    }

    pub fn f1_of(&self, class: usize) -> f64 {
        ratio(
            2 * self.correct[class],
            self.support[class] + self.predicted[class],
        )
    }

    pub fn iou_of(&self, class: usize) -> f64 {
        let both = self.correct[class];
        ratio(both, self.support[class] + self.predicted[class] - both)
    }

    #[track_caller]
    pub fn precision(&self, average: Average) -> Result<f64, MetricError> {
        self.averaged(average, |class| self.precision_of(class))
    }

    #[track_caller]
    pub fn recall(&self, average: Average) -> Result<f64, MetricError> {
        self.averaged(average, |class| self.recall_of(class))
    }

    #[track_caller]
    pub fn f1(&self, average: Average) -> Result<f64, MetricError> {
        self.averaged(average, |class| self.f1_of(class))
    }

    pub fn mean_iou(&self) -> Result<f64, MetricError> {
        self.averaged(Average::Macro, |class| self.iou_of(class))
    }

    pub fn accuracy(&self) -> Result<f64, MetricError> {
        self.unless_empty()?;
        Ok(ratio(self.all_correct(), self.total()))
    }

    pub fn balanced_accuracy(&self) -> Result<f64, MetricError> {
        self.unless_empty()?;
        let present = self.support.iter().filter(|&&support| support > 0).count();
        Ok(self
            .classes()
            .map(|class| self.recall_of(class))
            .sum::<f64>()
            / present as f64)
    }

    pub fn matthews_correlation(&self) -> Result<f64, MetricError> {
        self.unless_empty()?;
        let dot = |a: &[u64], b: &[u64]| {
            a.iter()
                .zip(b)
                .map(|(&a, &b)| a as f64 * b as f64)
                .sum::<f64>()
        };
        let support = &self.support[..];
        let predicted = &self.predicted[..];
        let total = self.total() as f64;
        let covariance = self.all_correct() as f64 * total - dot(support, predicted);

        // Rounding may make one negative if counts are so large that their squares are not exact.
        let variance = |counts: &[u64]| (total * total - dot(counts, counts)).max(0.0);
        let variances = variance(predicted) * variance(support);
        Ok(if variances == 0.0 {
            0.0
        } else {
            covariance / variances.sqrt()
        })
    }

    #[track_caller]
    fn averaged(&self, average: Average, value: impl Fn(usize) -> f64) -> Result<f64, MetricError> {
        self.unless_empty()?;

        Ok(match average {
            Average::Micro => ratio(self.all_correct(), self.total()),
            Average::Macro => {
                let occurs = |&class: &usize| self.support[class] + self.predicted[class] > 0;
                let classes = self.classes().filter(occurs).count();
                self.classes().map(value).sum::<f64>() / classes as f64
            }
            Average::Weighted => {
                let weighted = self
                    .classes()
                    .map(|class| value(class) * self.support[class] as f64);
                weighted.sum::<f64>() / self.total() as f64
            }
            Average::Class(class) => {
                average.assert_class(self.support.len());
                value(class)
            }
        })
    }

    fn unless_empty(&self) -> Result<(), MetricError> {
        MetricError::unless_any(self.total() as usize)
    }

    fn classes(&self) -> core::ops::Range<usize> {
        0..self.support.len()
    }
}

//! Metrics of two classes, decided at a threshold.

use super::class_metrics::CountsPredictions;
use super::{Measures, Metric, MetricError, assert_same_length};
use crate::loss::Label;
use crate::memory::flatten;
use crate::tensor::{Element, Shape, Tensor, double};

/// A metric of two classes on scores of any shape, each of which means class 1 above a threshold:
/// for networks trained with [`BceWithLogits`](struct@crate::loss::BceWithLogits), whose
/// targets are tensors of 0 and 1.
///
/// Every element is a decision of its own. A target means class 1 above 0.5. NaN, as a score or as
/// a target, means class 0.
///
/// ```
/// use shapewright::metrics::{Accuracy, AtThreshold, Average, Recall};
/// use shapewright::prelude::*;
/// let logits = [[1.5], [-0.5], [-2.0]].map(Tensor1::from);
/// let targets = [[1.0], [1.0], [0.0]].map(Tensor1::from);
/// let accuracy = AtThreshold::new(0.0, Accuracy::new()).of(&logits, &targets)?;
/// let recall = AtThreshold::new(0.0, Recall::new(Average::Class(1))).of(&logits, &targets)?;
/// assert_eq!((accuracy, recall), (2.0 / 3.0, 0.5));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct AtThreshold<M> {
    threshold: f64,
    metric: M,
}

impl<M: CountsPredictions<2>> AtThreshold<M> {
    /// Creates the metric, with class 1 above the threshold: 0 for logits, 0.5 for probabilities.
    ///
    /// # Panics
    /// Panics if the threshold is NaN, which nothing is above.
    pub fn new(threshold: f64, metric: M) -> Self {
        assert!(
            !threshold.is_nan(),
            "a threshold of NaN; take 0 for logits, 0.5 for probabilities"
        );
        AtThreshold { threshold, metric }
    }
}

impl<M: Metric> Metric for AtThreshold<M> {
    fn name(&self) -> String {
        self.metric.name()
    }
    fn value(&self) -> Result<f64, MetricError> {
        self.metric.value()
    }
    fn reset(&mut self) {
        self.metric.reset();
    }
}

impl<S: Shape, T: Element, M: CountsPredictions<2>> Measures<Tensor<S, T>, Tensor<S, T>>
    for AtThreshold<M>
{
    fn update(&mut self, outputs: &[Tensor<S, T>], targets: &[Tensor<S, T>]) {
        assert_same_length(outputs, targets);
        let class = |yes: bool| Label::new(usize::from(yes)).expect("one of two classes");
        for (&score, &target) in flatten(outputs).iter().zip(flatten(targets)) {
            self.metric.add(
                class(double(score) > self.threshold),
                class(double(target) > 0.5),
            );
        }
    }
}

//! Metrics under other names.

use super::{Measures, Metric, MetricError};

/// A metric under another name; see [`Metric::named`].
#[derive(Clone, Debug)]
pub struct Named<M> {
    pub(super) name: String,
    pub(super) metric: M,
}

impl<M: Metric> Metric for Named<M> {
    fn name(&self) -> String {
        self.name.clone()
    }
    fn value(&self) -> Result<f64, MetricError> {
        self.metric.value()
    }
    fn reset(&mut self) {
        self.metric.reset();
    }
}

impl<Output, Target, M: Measures<Output, Target>> Measures<Output, Target> for Named<M> {
    fn update(&mut self, outputs: &[Output], targets: &[Target]) {
        self.metric.update(outputs, targets);
    }
}

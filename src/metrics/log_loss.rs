//! The log loss as a metric, and the perplexity.

use super::scores::{Outputs, measures_optional_labels, rows};
use super::{Measures, Metric, MetricError};
use crate::loss::{Classes, Label};
use crate::sum::Sum;
use crate::tensor::{Element, Tensor, Tensor1, double};

/// The mean negative logarithm of the probability of the right class, which
/// [`CrossEntropy`](struct@crate::loss::CrossEntropy) minimizes, in `f64`.
///
/// Probabilities are kept one machine precision of their type away from 0 and 1, as in
/// scikit-learn, so that a certain mistake costs much and not infinitely much; logits need no such
/// care. NaN in the score of any class and logits of plus infinity give NaN.
///
/// ```
/// use shapewright::metrics::{LogLoss, Outputs};
/// use shapewright::prelude::*;
/// let labels = Label::<2>::from_numbers(&[0_u8, 1])?;
/// let probabilities = [[0.9, 0.1], [0.4, 0.6]].map(Tensor1::from);
/// let loss = LogLoss::new(Outputs::Probabilities).of(&probabilities, &labels)?;
/// assert!((loss - 0.308_093).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct LogLoss<const N: usize> {
    outputs: Outputs,
    sum: Sum,
    total: usize,
}

impl<const N: usize> LogLoss<N> {
    /// Creates the metric, before the first sample.
    pub fn new(outputs: Outputs) -> Self {
        LogLoss {
            outputs,
            sum: Sum::default(),
            total: 0,
        }
    }

    fn add_rows<'a, T: Element>(
        &mut self,
        rows: impl Iterator<Item = (&'a Tensor1<N, T>, Label<N>)>,
    ) {
        for (scores, label) in rows {
            let score = double(scores[label.index()]);
            match self.outputs {
                // Two terms, as their difference may be infinite where the mean of all is not.
                Outputs::Logits => self.sum.extend([log_sum_exp(scores), -score]),
                // The right class may have a probability if another one is NaN.
                Outputs::Probabilities if scores.iter().any(|score| score.is_nan()) => {
                    self.sum.add(f64::NAN)
                }
                Outputs::Probabilities => {
                    let precision = double(T::epsilon());
                    let probability = score.clamp(precision, 1.0 - precision);
                    self.sum.add(-libm::log(probability));
                }
            }
            self.total += 1;
        }
    }
}

impl<const N: usize> Metric for LogLoss<N> {
    fn name(&self) -> String {
        "log loss".to_owned()
    }
    fn value(&self) -> Result<f64, MetricError> {
        MetricError::unless_any(self.total)?;
        Ok(self.sum.mean(self.total))
    }
    fn reset(&mut self) {
        *self = Self::new(self.outputs);
    }
}

impl<Out: Classes<Label = Label<N>>, T: Element, const N: usize>
    Measures<Tensor<Out, T>, Out::Each<Label<N>>> for LogLoss<N>
{
    fn update(&mut self, outputs: &[Tensor<Out, T>], targets: &[Out::Each<Label<N>>]) {
        self.add_rows(rows(outputs, targets));
    }
}

measures_optional_labels!(LogLoss, LogLoss::add_rows);

/// The exponential of the [`LogLoss`]: the number of equally likely tokens among which a language
/// model would be as uncertain. torchmetrics' `Perplexity`; labels that are `None` are ignored, as
/// with its `ignore_index`.
///
/// ```
/// use shapewright::metrics::{Outputs, Perplexity};
/// use shapewright::prelude::*;
/// // Two positions, of which the second is padding.
/// let outputs = [Tensor2::from([[0.0, 0.0, 0.0], [9.0, 0.0, 0.0]])];
/// let targets = [[Some(Label::<3>::new(1)?), None]];
/// let perplexity = Perplexity::new(Outputs::Logits).of(&outputs, &targets)?;
/// assert!((perplexity - 3.0).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Perplexity<const N: usize> {
    loss: LogLoss<N>,
}

impl<const N: usize> Perplexity<N> {
    /// Creates the metric, before the first sample.
    pub fn new(outputs: Outputs) -> Self {
        Perplexity {
            loss: LogLoss::new(outputs),
        }
    }

    fn add_rows<'a, T: Element>(
        &mut self,
        rows: impl Iterator<Item = (&'a Tensor1<N, T>, Label<N>)>,
    ) {
        self.loss.add_rows(rows);
    }
}

impl<const N: usize> Metric for Perplexity<N> {
    fn name(&self) -> String {
        "perplexity".to_owned()
    }
    fn value(&self) -> Result<f64, MetricError> {
        Ok(libm::exp(self.loss.value()?))
    }
    fn reset(&mut self) {
        self.loss.reset();
    }
}

impl<Out: Classes<Label = Label<N>>, T: Element, const N: usize>
    Measures<Tensor<Out, T>, Out::Each<Label<N>>> for Perplexity<N>
{
    fn update(&mut self, outputs: &[Tensor<Out, T>], targets: &[Out::Each<Label<N>>]) {
        self.add_rows(rows(outputs, targets));
    }
}

measures_optional_labels!(Perplexity, Perplexity::add_rows);

/// The logarithm of the sum of the exponentials, without overflow: `logit - log_sum_exp` is the
/// logarithm of the probability.
fn log_sum_exp<T: Element, const N: usize>(logits: &Tensor1<N, T>) -> f64 {
    let max = double(logits.max());
    max + libm::log(
        logits
            .iter()
            .map(|&logit| libm::exp(double(logit) - max))
            .sum(),
    )
}

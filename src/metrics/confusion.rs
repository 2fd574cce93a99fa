//! The confusion matrix, and what can be read from it.

use core::fmt;

use super::scores::rows;
use super::{MetricError, assert_same_length, ratio};
use crate::loss::{Classes, Label, MaybeLabel};
use crate::tensor::{Element, Tensor};

/// How the values of the classes become one. As in scikit-learn, a class without predictions has the precision 0,
/// and one without samples the recall 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Average {
    /// The mean over the classes that occur among the labels or the predictions.
    #[default]
    Macro,
    /// Over all samples at once; of one label per sample, that is the accuracy.
    Micro,
    /// The mean over the classes, each weighted by its number of samples.
    Weighted,
    /// No mean: the value of this class, counted from 0. For two classes, scikit-learn's default is class 1.
    Class(usize),
}

impl Average {
    #[track_caller]
    pub(super) fn assert_class(self, classes: usize) {
        if let Average::Class(class) = self {
            assert!(
                class < classes,
                "class {class} is not one of {classes} classes, which are counted from 0"
            );
        }
    }
}

impl fmt::Display for Average {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Average::Macro => f.write_str("macro"),
            Average::Micro => f.write_str("micro"),
            Average::Weighted => f.write_str("weighted"),
            Average::Class(class) => write!(f, "class {class}"),
        }
    }
}

/// What the counts of a [`ConfusionMatrix`] are divided by; what would be 0 / 0 is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalize {
    /// The number of samples of the class: the diagonal is the recall.
    Labels,
    /// The number of predictions of the class: the diagonal is the precision.
    Predictions,
    /// The number of all samples.
    All,
}

/// How often samples of each class were taken for each class.
///
/// ```
/// use shapewright::metrics::ConfusionMatrix;
/// use shapewright::prelude::*;
/// let outputs = [[2.0, 0.5, 0.1], [0.2, 0.9, 1.5], [0.1, 0.7, 0.3]].map(Tensor1::from);
/// let labels = Label::<3>::from_numbers(&[0_u8, 1, 1])?;
/// let matrix = ConfusionMatrix::of(&outputs, &labels);
/// assert_eq!(matrix.counts(), [[1, 0, 0], [0, 1, 1], [0, 0, 0]]);
/// assert_eq!(matrix.recalls(), [1.0, 0.5, 0.0]);
/// assert_eq!(
///     matrix.named(["cat", "dog", "bird"]).to_string(),
///     "label \\ predicted  cat  dog  bird\n\
///      cat                  1    0     0\n\
///      dog                  0    1     1\n\
///      bird                 0    0     0\n"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// It is fed batch after batch with [`update`](ConfusionMatrix::update). The prediction is the class with the
/// largest score, the first of equals; NaN counts as larger than every number (see [`Tensor::argmax`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfusionMatrix<const N: usize> {
    counts: Vec<[u64; N]>,
}

impl<const N: usize> Default for ConfusionMatrix<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> ConfusionMatrix<N> {
    /// A matrix of zeros.
    pub fn new() -> Self {
        ConfusionMatrix { counts: vec![[0; N]; N] }
    }

    /// The matrix of these outputs, logits or probabilities, and their labels. Of labels of `Option<Label<N>>`, a `None`
    /// does not count.
    ///
    /// # Panics
    /// If there are not as many labels as outputs.
    pub fn of<Out: Classes<Label = Label<N>>, T: Element>(
        outputs: &[Tensor<Out, T>],
        labels: &[Out::Each<impl MaybeLabel<N>>],
    ) -> Self {
        let mut matrix = Self::new();
        matrix.update(outputs, labels);
        matrix
    }

    /// The matrix of classes that are predicted already.
    ///
    /// # Panics
    /// If there are not as many labels as predictions.
    pub fn of_predictions(predictions: &[Label<N>], labels: &[Label<N>]) -> Self {
        assert_same_length(predictions, labels);
        let mut matrix = Self::new();
        predictions.iter().zip(labels).for_each(|(&prediction, &label)| matrix.add(prediction, label));
        matrix
    }

    /// Counts a batch; a label that is `None` does not count.
    ///
    /// # Panics
    /// If there are not as many labels as outputs.
    pub fn update<Out: Classes<Label = Label<N>>, T: Element>(
        &mut self,
        outputs: &[Tensor<Out, T>],
        labels: &[Out::Each<impl MaybeLabel<N>>],
    ) {
        for (scores, label) in rows(outputs, labels) {
            if let Some(label) = label.label() {
                self.counts[label.index()][scores.argmax()] += 1;
            }
        }
    }

    /// Counts one sample.
    pub fn add(&mut self, prediction: Label<N>, label: Label<N>) {
        self.counts[label.index()][prediction.index()] += 1;
    }

    /// Adds the counts of another matrix.
    pub fn merge(&mut self, other: &Self) {
        let others = other.counts.as_flattened();
        self.counts.as_flattened_mut().iter_mut().zip(others).for_each(|(count, other)| *count += other);
    }

    /// Sets all counts to zero.
    pub fn reset(&mut self) {
        self.counts.as_flattened_mut().fill(0);
    }

    /// The counts: a row for each class that samples are of, a column for each class that is predicted.
    pub fn counts(&self) -> &[[u64; N]] {
        &self.counts
    }

    /// How many samples of the class `label` were taken for the class `prediction`.
    pub fn count(&self, label: Label<N>, prediction: Label<N>) -> u64 {
        self.counts[label.index()][prediction.index()]
    }

    /// The number of samples.
    pub fn total(&self) -> u64 {
        self.counts.as_flattened().iter().sum()
    }

    /// The number of samples that were predicted right.
    pub fn correct(&self) -> u64 {
        self.counts.iter().enumerate().map(|(class, row)| row[class]).sum()
    }

    /// The number of samples of each class.
    pub fn support(&self) -> [u64; N] {
        core::array::from_fn(|class| self.counts[class].iter().sum())
    }

    /// The number of predictions of each class.
    pub fn predicted(&self) -> [u64; N] {
        let mut sums = [0; N];
        for row in &self.counts {
            sums.iter_mut().zip(row).for_each(|(sum, count)| *sum += count);
        }
        sums
    }

    /// The counts as parts of their row, column or sum.
    pub fn normalized(&self, by: Normalize) -> Vec<[f64; N]> {
        let (support, predicted, total) = (self.support(), self.predicted(), self.total());
        let row = |(label, row): (usize, &[u64; N])| {
            core::array::from_fn(|prediction| {
                let whole = match by {
                    Normalize::Labels => support[label],
                    Normalize::Predictions => predicted[prediction],
                    Normalize::All => total,
                };
                ratio(row[prediction], whole)
            })
        };
        self.counts.iter().enumerate().map(row).collect()
    }

    /// Of each class's predictions, the part that is right; 0 without predictions.
    pub fn precisions(&self) -> [f64; N] {
        let predicted = self.predicted();
        core::array::from_fn(|class| ratio(self.counts[class][class], predicted[class]))
    }

    /// Of each class's samples, the part that is predicted right; 0 without samples.
    pub fn recalls(&self) -> [f64; N] {
        let support = self.support();
        core::array::from_fn(|class| ratio(self.counts[class][class], support[class]))
    }

    /// The harmonic mean of each class's precision and recall; 0 if both are.
    pub fn f1_scores(&self) -> [f64; N] {
        let (support, predicted) = (self.support(), self.predicted());
        core::array::from_fn(|class| ratio(2 * self.counts[class][class], support[class] + predicted[class]))
    }

    /// The intersection over union of each class: of all samples that are of the class or taken for it, the part that is
    /// both; 0 if there are none. Jaccard, 1912; where the samples are the pixels of images, the measure of
    /// segmentations (Everingham et al., 2015, "The Pascal Visual Object Classes Challenge: A Retrospective").
    ///
    /// ```
    /// use shapewright::metrics::ConfusionMatrix;
    /// use shapewright::prelude::*;
    /// // Two pixels of each class; one of class 0 is taken for class 1.
    /// let outputs = [Tensor3::from([[[0.9, 0.1], [0.2, 0.8]], [[0.3, 0.7], [0.4, 0.6]]])];
    /// let labels = Label::from_tensors(&[Tensor2::from([[0_u8, 0], [1, 1]])])?;
    /// let confusion = ConfusionMatrix::<2>::of(&outputs, &labels);
    /// assert_eq!(confusion.iou(), [1.0 / 2.0, 2.0 / 3.0]);
    /// # Ok::<(), shapewright::LabelError>(())
    /// ```
    pub fn iou(&self) -> [f64; N] {
        let (support, predicted) = (self.support(), self.predicted());
        core::array::from_fn(|class| {
            let both = self.counts[class][class];
            ratio(both, support[class] + predicted[class] - both)
        })
    }

    /// The mean of [`iou`](ConfusionMatrix::iou) over the classes that occur among the labels or the predictions;
    /// scikit-learn's `jaccard_score` with `average="macro"`.
    ///
    /// # Errors
    /// Without samples.
    pub fn mean_iou(&self) -> Result<f64, MetricError> {
        self.averaged(Average::Macro, &self.iou())
    }

    /// The part of the samples that is predicted right; of the pixels, if they are the samples.
    ///
    /// # Errors
    /// Without samples.
    pub fn accuracy(&self) -> Result<f64, MetricError> {
        self.unless_empty()?;
        Ok(ratio(self.correct(), self.total()))
    }

    /// The mean recall of the classes that have samples.
    ///
    /// # Errors
    /// Without samples.
    pub fn balanced_accuracy(&self) -> Result<f64, MetricError> {
        self.unless_empty()?;
        let present = self.support().iter().filter(|&&support| support > 0).count();
        Ok(self.recalls().iter().sum::<f64>() / present as f64)
    }

    /// The precision.
    ///
    /// # Errors
    /// Without samples.
    ///
    /// # Panics
    /// If there is no class with the number in [`Average::Class`].
    pub fn precision(&self, average: Average) -> Result<f64, MetricError> {
        self.averaged(average, &self.precisions())
    }

    /// The recall.
    ///
    /// # Errors
    /// Without samples.
    ///
    /// # Panics
    /// If there is no class with the number in [`Average::Class`].
    pub fn recall(&self, average: Average) -> Result<f64, MetricError> {
        self.averaged(average, &self.recalls())
    }

    /// The F1 score.
    ///
    /// # Errors
    /// Without samples.
    ///
    /// # Panics
    /// If there is no class with the number in [`Average::Class`].
    pub fn f1(&self, average: Average) -> Result<f64, MetricError> {
        self.averaged(average, &self.f1_scores())
    }

    /// The correlation of predictions and labels, from -1 to 1 (Matthews 1975; for many classes Gorodkin 2004);
    /// 0 if all samples are of one class or all predictions are.
    ///
    /// # Errors
    /// Without samples.
    pub fn matthews_correlation(&self) -> Result<f64, MetricError> {
        self.unless_empty()?;
        let (support, predicted) = (self.support().map(|n| n as f64), self.predicted().map(|n| n as f64));
        let dot = |a: &[f64; N], b: &[f64; N]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let total = self.total() as f64;
        let covariance = self.correct() as f64 * total - dot(&support, &predicted);
        // Rounding may make one negative, where counts are so large that their squares are not exact.
        let variance = |counts: &[f64; N]| (total * total - dot(counts, counts)).max(0.0);
        let variances = variance(&predicted) * variance(&support);
        Ok(if variances == 0.0 { 0.0 } else { covariance / variances.sqrt() })
    }

    #[track_caller]
    fn averaged(&self, average: Average, values: &[f64; N]) -> Result<f64, MetricError> {
        self.unless_empty()?;
        let (support, predicted) = (self.support(), self.predicted());
        Ok(match average {
            Average::Micro => ratio(self.correct(), self.total()),
            Average::Macro => {
                let classes = support.iter().zip(predicted).filter(|&(&support, n)| support + n > 0).count();
                values.iter().sum::<f64>() / classes as f64
            }
            Average::Weighted => {
                let sum: f64 = values.iter().zip(support).map(|(value, n)| value * n as f64).sum();
                sum / self.total() as f64
            }
            Average::Class(class) => {
                average.assert_class(N);
                values[class]
            }
        })
    }

    fn unless_empty(&self) -> Result<(), MetricError> {
        MetricError::unless_any(self.total() as usize)
    }

    /// The matrix with the classes' names, to be printed.
    pub fn named<'a>(&'a self, names: [&'a str; N]) -> NamedConfusionMatrix<'a, N> {
        NamedConfusionMatrix { matrix: self, names }
    }
}

/// A [`ConfusionMatrix`] whose `Display` prints the classes' names.
#[derive(Clone, Debug)]
pub struct NamedConfusionMatrix<'a, const N: usize> {
    pub(crate) matrix: &'a ConfusionMatrix<N>,
    pub(crate) names: [&'a str; N],
}

impl<const N: usize> fmt::Display for NamedConfusionMatrix<'_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        table(f, &self.matrix.counts, |class| self.names[class].to_owned())
    }
}

/// A table: a row for each class that samples are of, a column for each class that is predicted.
impl<const N: usize> fmt::Display for ConfusionMatrix<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        table(f, &self.counts, |class| class.to_string())
    }
}

fn table<const N: usize>(
    f: &mut fmt::Formatter<'_>,
    counts: &[[u64; N]],
    name: impl Fn(usize) -> String,
) -> fmt::Result {
    const CORNER: &str = "label \\ predicted";
    let names: Vec<String> = (0..N).map(name).collect();
    let length = |text: &str| text.chars().count();
    let first = names.iter().map(|name| length(name)).fold(CORNER.len(), usize::max);
    let width = |class: usize| {
        let digits = counts.iter().map(|row| row[class].max(1).ilog10() as usize + 1);
        digits.fold(length(&names[class]), usize::max)
    };
    write!(f, "{CORNER:first$}")?;
    for (class, name) in names.iter().enumerate() {
        write!(f, "  {name:>0$}", width(class))?;
    }
    for (row, name) in counts.iter().zip(&names) {
        write!(f, "\n{name:first$}")?;
        for (class, count) in row.iter().enumerate() {
            write!(f, "  {count:>0$}", width(class))?;
        }
    }
    writeln!(f)
}

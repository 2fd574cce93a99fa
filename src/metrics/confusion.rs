//! The confusion matrix and its metrics.

use super::cells::Cells;
use super::confusion_table::NamedConfusionMatrix;
use super::counts::Counts;
use super::scores::rows;
use super::{Average, MetricError, assert_same_length, ratio};
use crate::loss::{ClassScores, Classes, Label, MaybeLabel};
use crate::memory;
use crate::tensor::{Element, Tensor};

/// The divisor of the counts of a [`ConfusionMatrix`]. A quotient of 0 / 0 counts as 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalize {
    /// The number of samples of the class: the diagonal is the recall.
    Labels,
    /// The number of predictions of the class: the diagonal is the precision.
    Predictions,
    /// The number of all samples.
    All,
}

/// A confusion matrix: the number of samples of each class that were predicted as each class.
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
///     matrix.named(&["cat", "dog", "bird"]).to_string(),
///     "label \\ predicted  cat  dog  bird\n\
///      cat                  1    0     0\n\
///      dog                  0    1     1\n\
///      bird                 0    0     0\n"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [`update`](ConfusionMatrix::update) adds a batch. The prediction is the class with the largest
/// score, the first of equals; NaN counts as larger than every number (see [`Tensor::argmax`]).
///
/// With more than 1024 classes, only the counts that are not zero are stored, so that the memory of
/// the matrix is bounded by the number of samples; [`nonzero`](ConfusionMatrix::nonzero) returns
/// these, [`counts`](ConfusionMatrix::counts) all of them. Printed, such a matrix is a list of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfusionMatrix<const N: usize> {
    cells: Cells,
}

impl<const N: usize> Default for ConfusionMatrix<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> ConfusionMatrix<N> {
    /// Returns a matrix of zeros.
    pub fn new() -> Self {
        ConfusionMatrix {
            cells: Cells::new(N),
        }
    }

    /// Returns the matrix of these outputs, logits or probabilities, and their labels. Labels may
    /// be of `Option<Label<N>>`; a sample whose label is `None` does not count.
    ///
    /// # Panics
    /// Panics if there are not as many labels as outputs.
    pub fn of<Out, L, T>(outputs: &[Tensor<Out, T>], labels: &[Out::Each<Out::Then<L>>]) -> Self
    where
        Out: ClassScores<N>,
        L: Copy,
        Out::Then<L>: MaybeLabel<N>,
        T: Element,
    {
        let mut matrix = Self::new();
        matrix.add_batch(outputs, labels);
        matrix
    }

    /// Returns the matrix of these predicted classes and their labels.
    ///
    /// # Panics
    /// Panics if there are not as many labels as predictions.
    pub fn of_predictions(predictions: &[Label<N>], labels: &[Label<N>]) -> Self {
        assert_same_length(predictions, labels);
        let mut matrix = Self::new();
        let pairs = predictions
            .iter()
            .zip(labels)
            .map(|(prediction, label)| (prediction.index(), label.index()));
        matrix.cells.add_all(N, pairs);
        matrix
    }

    /// Counts a batch. A sample whose label is `None` does not count.
    ///
    /// # Panics
    /// Panics if there are not as many labels as outputs.
    pub fn update<Out, L, T>(
        &mut self,
        outputs: &[Tensor<Out, T>],
        labels: &[Out::Each<Out::Then<L>>],
    ) where
        Out: ClassScores<N>,
        L: Copy,
        Out::Then<L>: MaybeLabel<N>,
        T: Element,
    {
        self.add_batch(outputs, labels);
    }

    /// Counts a batch as [`update`](Self::update) does, for callers with these simpler bounds.
    pub(super) fn add_batch<Out, M, T>(
        &mut self,
        outputs: &[Tensor<Out, T>],
        labels: &[Out::Each<M>],
    ) where
        Out: Classes<Label = Label<N>>,
        M: MaybeLabel<N>,
        T: Element,
    {
        const { Label::<N>::assert_numbers() };
        let pairs = rows(outputs, labels)
            .filter_map(|(scores, label)| Some((label.label()?.index(), scores.argmax())))
            .map(|(label, prediction)| (prediction, label));
        self.cells.add_all(N, pairs);
    }

    /// Counts one sample.
    pub fn add(&mut self, prediction: Label<N>, label: Label<N>) {
        let pair = (prediction.index(), label.index());
        self.cells.add_all(N, core::iter::once(pair));
    }

    fn sums(&self) -> Counts {
        self.cells.sums(N)
    }

    /// Adds the counts of another matrix.
    pub fn merge(&mut self, other: &Self) {
        self.cells.merge(N, &other.cells);
    }

    /// Sets all counts to zero.
    pub fn reset(&mut self) {
        self.cells.reset();
    }

    /// Returns the counts: a row for each label, a column for each prediction. With more than 1024
    /// classes, the first call lays them out in memory, which takes `8 * N * N` bytes.
    ///
    /// # Panics
    /// Panics if they do not fit into memory.
    pub fn counts(&self) -> &[[u64; N]] {
        match N {
            // Chunks have a size.
            0 => &[],
            _ => self.cells.dense(N).as_chunks().0,
        }
    }

    /// Returns an iterator over the counts that are not zero, as label, prediction and count, in
    /// the order of [`counts`](ConfusionMatrix::counts).
    ///
    /// ```
    /// use shapewright::metrics::ConfusionMatrix;
    /// use shapewright::prelude::*;
    /// let labels = Label::<50_000>::from_numbers(&[7_u16, 7, 40_000])?;
    /// let predictions = Label::from_numbers(&[7_u16, 8, 40_000])?;
    /// let matrix = ConfusionMatrix::of_predictions(&predictions, &labels);
    /// let wrong = matrix
    ///     .nonzero()
    ///     .find(|(label, prediction, _)| label != prediction);
    /// assert_eq!(
    ///     wrong.map(|(label, prediction, count)| (label.index(), prediction.index(), count)),
    ///     Some((7, 8, 1))
    /// );
    /// # Ok::<(), shapewright::loss::LabelError>(())
    /// ```
    pub fn nonzero(&self) -> impl Iterator<Item = (Label<N>, Label<N>, u64)> {
        let class = |number: usize| Label::new(number).expect("a class of the matrix");
        self.cells
            .nonzero(N)
            .map(move |((label, prediction), count)| (class(label), class(prediction), count))
    }

    /// Returns the number of samples of the class `label` that were predicted as the class
    /// `prediction`.
    pub fn count(&self, label: Label<N>, prediction: Label<N>) -> u64 {
        self.cells.at(N, prediction.index(), label.index())
    }

    /// Returns the number of samples.
    pub fn total(&self) -> u64 {
        self.cells.nonzero(N).map(|(_, count)| count).sum()
    }

    /// Returns the number of correct predictions.
    pub fn correct(&self) -> u64 {
        self.sums().all_correct()
    }

    /// Returns the number of samples of each class.
    pub fn support(&self) -> Vec<u64> {
        self.sums().support
    }

    /// Returns the number of predictions of each class.
    pub fn predicted(&self) -> Vec<u64> {
        self.sums().predicted
    }

    /// Returns the counts divided by the sum of their row, of their column or of all.
    ///
    /// # Panics
    /// Panics if they do not fit into memory.
    pub fn normalized(&self, by: Normalize) -> Vec<[f64; N]> {
        let counts = self.cells.dense(N);
        let sums = self.sums();
        let total = sums.total();

        let mut shares = memory::zeroed_rows(N);
        for (cell, (share, &count)) in shares.as_flattened_mut().iter_mut().zip(counts).enumerate()
        {
            let whole = match by {
                Normalize::Labels => sums.support[cell / N],
                Normalize::Predictions => sums.predicted[cell % N],
                Normalize::All => total,
            };
            *share = ratio(count, whole);
        }
        shares
    }

    /// Returns the precision of each class: the fraction of its predictions that are correct; 0
    /// without predictions.
    pub fn precisions(&self) -> Vec<f64> {
        let counts = self.sums();
        (0..N).map(|class| counts.precision_of(class)).collect()
    }

    /// Returns the recall of each class: the fraction of its samples that are predicted correctly;
    /// 0 without samples.
    pub fn recalls(&self) -> Vec<f64> {
        let counts = self.sums();
        (0..N).map(|class| counts.recall_of(class)).collect()
    }

    /// Returns the F1 score of each class: the harmonic mean of its precision and recall; 0 if both
    /// are 0.
    pub fn f1_scores(&self) -> Vec<f64> {
        let counts = self.sums();
        (0..N).map(|class| counts.f1_of(class)).collect()
    }

    /// Returns the intersection over union of each class (Jaccard, 1912): among the samples that
    /// are of the class or predicted as it, the fraction that are both; 0 if there are none.
    ///
    /// With pixels as samples, it is the usual metric of segmentation (Everingham et al., 2015,
    /// "The Pascal Visual Object Classes Challenge: A Retrospective").
    ///
    /// ```
    /// use shapewright::metrics::ConfusionMatrix;
    /// use shapewright::prelude::*;
    /// // Two pixels of each class; one of class 0 is predicted as class 1.
    /// let outputs = [Tensor3::from([
    ///     [[0.9, 0.1], [0.2, 0.8]],
    ///     [[0.3, 0.7], [0.4, 0.6]],
    /// ])];
    /// let labels = Label::from_tensors(&[Tensor2::from([[0_u8, 0], [1, 1]])])?;
    /// let confusion = ConfusionMatrix::<2>::of(&outputs, &labels);
    /// assert_eq!(confusion.iou(), [1.0 / 2.0, 2.0 / 3.0]);
    /// # Ok::<(), shapewright::loss::LabelError>(())
    /// ```
    pub fn iou(&self) -> Vec<f64> {
        let counts = self.sums();
        (0..N).map(|class| counts.iou_of(class)).collect()
    }

    /// Returns the mean of [`iou`](ConfusionMatrix::iou) over the classes that occur among the labels or
    /// the predictions; scikit-learn's `jaccard_score` with `average="macro"`.
    ///
    /// # Errors
    /// Returns an error if there are no samples.
    pub fn mean_iou(&self) -> Result<f64, MetricError> {
        self.sums().mean_iou()
    }

    /// Returns the fraction of the samples that are predicted correctly.
    ///
    /// # Errors
    /// Returns an error if there are no samples.
    pub fn accuracy(&self) -> Result<f64, MetricError> {
        self.sums().accuracy()
    }

    /// Returns the mean recall of the classes that have samples.
    ///
    /// # Errors
    /// Returns an error if there are no samples.
    pub fn balanced_accuracy(&self) -> Result<f64, MetricError> {
        self.sums().balanced_accuracy()
    }

    /// Returns the precision.
    ///
    /// # Errors
    /// Returns an error if there are no samples.
    ///
    /// # Panics
    /// Panics if there is no class with the number in [`Average::Class`].
    pub fn precision(&self, average: Average) -> Result<f64, MetricError> {
        self.sums().precision(average)
    }

    /// Returns the recall.
    ///
    /// # Errors
    /// Returns an error if there are no samples.
    ///
    /// # Panics
    /// Panics if there is no class with the number in [`Average::Class`].
    pub fn recall(&self, average: Average) -> Result<f64, MetricError> {
        self.sums().recall(average)
    }

    /// Returns the F1 score.
    ///
    /// # Errors
    /// Returns an error if there are no samples.
    ///
    /// # Panics
    /// Panics if there is no class with the number in [`Average::Class`].
    pub fn f1(&self, average: Average) -> Result<f64, MetricError> {
        self.sums().f1(average)
    }

    /// Returns the correlation of predictions and labels, from -1 to 1 (Matthews, 1975; for more
    /// than two classes Gorodkin, 2004); 0 if all labels or all predictions are the same class.
    ///
    /// # Errors
    /// Returns an error if there are no samples.
    pub fn matthews_correlation(&self) -> Result<f64, MetricError> {
        self.sums().matthews_correlation()
    }

    /// Returns the matrix with names for the classes, to be printed.
    pub fn named<'a>(&'a self, names: &'a [&'a str; N]) -> NamedConfusionMatrix<'a, N> {
        NamedConfusionMatrix {
            matrix: self,
            names,
        }
    }
}

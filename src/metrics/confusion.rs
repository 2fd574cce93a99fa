//! The confusion matrix, and what can be read from it.

use super::cells::Cells;
use super::confusion_table::NamedConfusionMatrix;
use super::counts::Counts;
use super::scores::rows;
use super::{Average, MetricError, assert_same_length, ratio};
use crate::loss::{Classes, Label, MaybeLabel};
use crate::tensor::{Element, Tensor};

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
/// It is fed batch after batch with [`update`](ConfusionMatrix::update). The prediction is the
/// class with the largest score, the first of equals; NaN counts as larger than every number (see
/// [`Tensor::argmax`]).
///
/// Of more than 1024 classes only the counts that are not zero are kept, so that the matrix is no
/// larger than the number of samples and classes; [`counts`](ConfusionMatrix::counts) has all of
/// them, [`nonzero`](ConfusionMatrix::nonzero) those that are kept.
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
    /// A matrix of zeros.
    pub fn new() -> Self {
        ConfusionMatrix {
            cells: Cells::new(N),
        }
    }

    /// The matrix of these outputs, logits or probabilities, and their labels. Of labels of
    /// `Option<Label<N>>`, a `None` does not count.
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
        let pairs = predictions.iter().zip(labels);
        let pairs = pairs.map(|(prediction, label)| (prediction.index(), label.index()));
        matrix.cells.add_all(N, pairs);
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
        let pairs = rows(outputs, labels)
            .filter_map(|(scores, label)| Some((scores.argmax(), label.label()?.index())));
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

    /// The counts: a row for each class that samples are of, a column for each class that is
    /// predicted. Of more than 1024 classes they are laid out in memory when they are asked
    /// for: `8 * N * N` bytes.
    ///
    /// # Panics
    /// If they are more than memory can have.
    pub fn counts(&self) -> &[[u64; N]] {
        self.cells.all(N).as_chunks().0
    }

    /// The counts that are not zero, as label, prediction and count, in the order of
    /// [`counts`](ConfusionMatrix::counts).
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

    /// How many samples of the class `label` were taken for the class `prediction`.
    pub fn count(&self, label: Label<N>, prediction: Label<N>) -> u64 {
        self.cells.at(N, prediction.index(), label.index())
    }

    /// The number of samples.
    pub fn total(&self) -> u64 {
        self.cells.nonzero(N).map(|(_, count)| count).sum()
    }

    /// The number of samples that were predicted right.
    pub fn correct(&self) -> u64 {
        self.sums().all_correct()
    }

    /// The number of samples of each class.
    pub fn support(&self) -> Vec<u64> {
        self.sums().support
    }

    /// The number of predictions of each class.
    pub fn predicted(&self) -> Vec<u64> {
        self.sums().predicted
    }

    /// The counts as parts of their row, column or sum.
    ///
    /// # Panics
    /// If they are more than memory can have.
    pub fn normalized(&self, by: Normalize) -> Vec<[f64; N]> {
        let all = self.counts();
        let counts = self.sums();
        let total = counts.total();
        let mut shares = vec![[0.0; N]; N];
        for (label, (shares, row)) in shares.iter_mut().zip(all).enumerate() {
            for (prediction, (share, &count)) in shares.iter_mut().zip(row).enumerate() {
                let whole = match by {
                    Normalize::Labels => counts.support[label],
                    Normalize::Predictions => counts.predicted[prediction],
                    Normalize::All => total,
                };
                *share = ratio(count, whole);
            }
        }
        shares
    }

    /// Of each class's predictions, the part that is right; 0 without predictions.
    pub fn precisions(&self) -> Vec<f64> {
        let counts = self.sums();
        (0..N).map(|class| counts.precision_of(class)).collect()
    }

    /// Of each class's samples, the part that is predicted right; 0 without samples.
    pub fn recalls(&self) -> Vec<f64> {
        let counts = self.sums();
        (0..N).map(|class| counts.recall_of(class)).collect()
    }

    /// The harmonic mean of each class's precision and recall; 0 if both are.
    pub fn f1_scores(&self) -> Vec<f64> {
        let counts = self.sums();
        (0..N).map(|class| counts.f1_of(class)).collect()
    }

    /// The intersection over union of each class: of all samples that are of the class or taken for
    /// it, the part that is both; 0 if there are none. Jaccard, 1912; where the samples are the
    /// pixels of images, the measure of segmentations (Everingham et al., 2015, "The Pascal
    /// Visual Object Classes Challenge: A Retrospective").
    ///
    /// ```
    /// use shapewright::metrics::ConfusionMatrix;
    /// use shapewright::prelude::*;
    /// // Two pixels of each class; one of class 0 is taken for class 1.
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

    /// The mean of [`iou`](ConfusionMatrix::iou) over the classes that occur among the labels or
    /// the predictions; scikit-learn's `jaccard_score` with `average="macro"`.
    ///
    /// # Errors
    /// Without samples.
    pub fn mean_iou(&self) -> Result<f64, MetricError> {
        self.sums().mean_iou()
    }

    /// The part of the samples that is predicted right; of the pixels, if they are the samples.
    ///
    /// # Errors
    /// Without samples.
    pub fn accuracy(&self) -> Result<f64, MetricError> {
        self.sums().accuracy()
    }

    /// The mean recall of the classes that have samples.
    ///
    /// # Errors
    /// Without samples.
    pub fn balanced_accuracy(&self) -> Result<f64, MetricError> {
        self.sums().balanced_accuracy()
    }

    /// The precision.
    ///
    /// # Errors
    /// Without samples.
    ///
    /// # Panics
    /// If there is no class with the number in [`Average::Class`].
    pub fn precision(&self, average: Average) -> Result<f64, MetricError> {
        self.sums().precision(average)
    }

    /// The recall.
    ///
    /// # Errors
    /// Without samples.
    ///
    /// # Panics
    /// If there is no class with the number in [`Average::Class`].
    pub fn recall(&self, average: Average) -> Result<f64, MetricError> {
        self.sums().recall(average)
    }

    /// The F1 score.
    ///
    /// # Errors
    /// Without samples.
    ///
    /// # Panics
    /// If there is no class with the number in [`Average::Class`].
    pub fn f1(&self, average: Average) -> Result<f64, MetricError> {
        self.sums().f1(average)
    }

    /// The correlation of predictions and labels, from -1 to 1 (Matthews 1975; for many classes
    /// Gorodkin 2004); 0 if all samples are of one class or all predictions are.
    ///
    /// # Errors
    /// Without samples.
    pub fn matthews_correlation(&self) -> Result<f64, MetricError> {
        self.sums().matthews_correlation()
    }

    /// The matrix with the classes' names, to be printed.
    pub fn named<'a>(&'a self, names: [&'a str; N]) -> NamedConfusionMatrix<'a, N> {
        NamedConfusionMatrix {
            matrix: self,
            names,
        }
    }
}

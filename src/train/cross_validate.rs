//! Cross-validation: a model for each fold, and its score on the samples that it has not seen.

use core::fmt;

use crate::data::{Fold, Sample, gather};
use crate::sum::{Squares, Sum};

/// Trains a model for each fold and returns their scores on the validation samples; scikit-learn's
/// `cross_val_score`.
///
/// `train` makes a model from the inputs and targets of a fold's training part: everything that is
/// fitted, also scalers and imputers, is fitted there alone. `score` measures the model with the
/// rest.
///
/// ```
/// use shapewright::data::stratified_k_fold;
/// use shapewright::prelude::*;
/// use shapewright::train::cross_validate;
/// network! { struct Net: [2] -> [2] { scale: Standardize<_>, Linear<_, 8>, Relu, Linear<_, 2> } }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut rng = shapewright::rng(0);
/// let x: Vec<Tensor1<2>> = (0..60)
///     .map(|_| Tensor::random(rand::distr::StandardUniform, &mut rng))
///     .collect();
/// let labels = Label::<2>::from_values(x.iter().map(|x| usize::from(x[0] > x[1])))?;
///
/// let folds = stratified_k_fold(&labels, 5, &mut rng)?;
/// let scores = cross_validate(
///     &x,
///     &labels,
///     &folds,
///     |x, labels| -> Result<_, Box<dyn std::error::Error>> {
///         let mut net = Net::init(&mut shapewright::rng(1));
///         net.scale.fit(x)?;
///         Net::trainer(Adam::new(0.05), CrossEntropy).epochs(20).fit(&mut net, x, labels)?;
///         Ok(net)
///     },
///     |net, x, labels| Ok(net.evaluate(x, labels)?.accuracy()?),
/// )?;
/// println!("accuracy {scores:.3}");
/// assert!(scores.folds.len() == 5 && scores.mean() > 0.7);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Returns the first error of `train` or `score`.
///
/// # Panics
/// Panics if inputs and targets differ in length, or a fold has a position beyond them.
pub fn cross_validate<X: Sample, G: Sample, M, E>(
    inputs: &[X],
    targets: &[G],
    folds: &[Fold],
    mut train: impl FnMut(&[X], &[G]) -> Result<M, E>,
    mut score: impl FnMut(&M, &[X], &[G]) -> Result<f64, E>,
) -> Result<Scores, E> {
    assert!(
        inputs.len() == targets.len(),
        "cross_validate has {} inputs but {} targets; give it one target for each input",
        inputs.len(),
        targets.len()
    );

    let mut scores = Vec::with_capacity(folds.len());
    for Fold {
        train: seen,
        validation,
    } in folds
    {
        let model = train(&gather(inputs, seen), &gather(targets, seen))?;
        let unseen = gather(inputs, validation);
        scores.push(score(&model, &unseen, &gather(targets, validation))?);
    }
    Ok(Scores { folds: scores })
}

/// The scores of a cross-validation. `Display` prints mean and deviation: `0.83 ± 0.02`.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// The score of each fold.
    pub folds: Vec<f64>,
}

impl Scores {
    /// Returns the mean of the scores; NaN without folds.
    pub fn mean(&self) -> f64 {
        let sum: Sum = self.folds.iter().copied().collect();
        sum.mean(self.folds.len())
    }

    /// Returns the sample standard deviation of the scores (over `n - 1`); NaN with less than two
    /// folds.
    pub fn deviation(&self) -> f64 {
        let mean = self.mean();
        let mut squares = Squares::default();
        for &score in &self.folds {
            squares.add_difference(score, mean);
        }
        match self.folds.len() {
            0 | 1 => f64::NAN,
            count => squares.root_mean(count - 1),
        }
    }
}

impl fmt::Display for Scores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.mean().fmt(f)?;
        f.write_str(" ± ")?;
        self.deviation().fmt(f)
    }
}

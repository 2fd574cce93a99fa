//! Values that are missing.

use super::preprocess_error::{PreprocessError, for_each_value};
use super::sample::SamplesMut;
use super::scale::Ranges;
use crate::derive::Parameters;
use crate::params;
use crate::tensor::{Element, Shape, Tensor};

/// Replaces each missing value (NaN) by a number; scikit-learn's `SimpleImputer`.
///
/// Fit it to the training part alone and use it for all parts. Every element of a tensor is a
/// feature of its own. With the feature `safetensors`, `weights::Saver` puts it into one file with
/// the network.
///
/// ```
/// use shapewright::data::Imputer;
/// use shapewright::prelude::*;
/// let mut x = [[1.0, f32::NAN], [f32::NAN, 5.0], [4.0, 7.0]].map(Tensor1::from);
/// let imputer = Imputer::mean(&x)?;
/// imputer.transform(&mut x);
/// assert_eq!(x, [[1.0, 6.0], [2.5, 5.0], [4.0, 7.0]].map(Tensor1::from));
/// # Ok::<(), shapewright::data::PreprocessError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
pub struct Imputer<S: Shape, T: Element = f32> {
    /// The value of each feature where it is missing.
    pub fill: Tensor<S, T>,
}

impl<S: Shape, T: Element> Imputer<S, T> {
    /// Creates an imputer that fills with the mean of each feature's values.
    ///
    /// The result, as large as a sample, lies on the caller's stack: for large samples, such as
    /// pictures, use [`mean_boxed`](Self::mean_boxed).
    ///
    /// # Errors
    /// Returns an error if a feature has no value, or one that is infinite.
    pub fn mean(samples: &[Tensor<S, T>]) -> Result<Self, PreprocessError> {
        Ok(*Self::mean_boxed(samples)?)
    }

    /// Creates the imputer of [`mean`](Self::mean) on the heap.
    ///
    /// # Errors
    /// Returns an error if a feature has no value, or one that is infinite.
    pub fn mean_boxed(samples: &[Tensor<S, T>]) -> Result<Box<Self>, PreprocessError> {
        let means = Ranges::of(samples)?.means();
        Ok(Self::with(|feature| means[feature]))
    }

    /// Creates an imputer that fills with the median of each feature's values: the mean of the two in
    /// the middle if their number is even.
    ///
    /// The result, as large as a sample, lies on the caller's stack: for large samples, such as
    /// pictures, use [`median_boxed`](Self::median_boxed).
    ///
    /// # Errors
    /// Returns an error if a feature has no value, or one that is infinite.
    pub fn median(samples: &[Tensor<S, T>]) -> Result<Self, PreprocessError> {
        Ok(*Self::median_boxed(samples)?)
    }

    /// Creates the imputer of [`median`](Self::median) on the heap.
    ///
    /// # Errors
    /// Returns an error if a feature has no value, or one that is infinite.
    pub fn median_boxed(samples: &[Tensor<S, T>]) -> Result<Box<Self>, PreprocessError> {
        let values = sorted_values(samples)?;
        Ok(Self::with(|feature| {
            let values = &values[feature];
            let middle = values.len() / 2;
            if values.len() % 2 == 1 {
                values[middle]
            } else {
                values[middle - 1].midpoint(values[middle])
            }
        }))
    }

    /// Creates an imputer that fills with the most frequent of each feature's values, the smallest of
    /// equally frequent ones: for categories, and for numbers that are counts.
    ///
    /// ```
    /// use shapewright::data::Imputer;
    /// use shapewright::prelude::*;
    /// let mut x = [2.0, 1.0, f32::NAN, 2.0].map(|x| Tensor1::from([x]));
    /// Imputer::most_frequent(&x)?.transform(&mut x);
    /// assert_eq!(x[2], Tensor1::from([2.0]));
    /// # Ok::<(), shapewright::data::PreprocessError>(())
    /// ```
    ///
    /// The result, as large as a sample, lies on the caller's stack: for large samples, such as
    /// pictures, use [`most_frequent_boxed`](Self::most_frequent_boxed).
    ///
    /// # Errors
    /// Returns an error if a feature has no value, or one that is infinite.
    pub fn most_frequent(samples: &[Tensor<S, T>]) -> Result<Self, PreprocessError> {
        Ok(*Self::most_frequent_boxed(samples)?)
    }

    /// Creates the imputer of [`most_frequent`](Self::most_frequent) on the heap.
    ///
    /// # Errors
    /// Returns an error if a feature has no value, or one that is infinite.
    pub fn most_frequent_boxed(samples: &[Tensor<S, T>]) -> Result<Box<Self>, PreprocessError> {
        let values = sorted_values(samples)?;
        Ok(Self::with(|feature| {
            let runs = values[feature].chunk_by(|a, b| a == b);
            // Of equal lengths, the last of the reversed runs is the first.
            let longest = runs.rev().max_by_key(|run| run.len());
            longest.map_or(f64::NAN, |run| run[0])
        }))
    }

    /// Creates an imputer that fills with this number. The result lies on the caller's stack, like
    /// that of [`mean`](Self::mean).
    pub fn constant(value: T) -> Self {
        *Self::constant_boxed(value)
    }

    /// Creates the imputer of [`constant`](Self::constant) on the heap.
    pub fn constant_boxed(value: T) -> Box<Self> {
        let mut imputer: Box<Self> = params::zeroed_parameters();
        imputer.fill.fill_with(|_| value);
        imputer
    }

    fn with(value: impl Fn(usize) -> f64) -> Box<Self> {
        let mut imputer: Box<Self> = params::zeroed_parameters();
        imputer
            .fill
            .fill_with(|feature| T::from_f64_lossy(value(feature)));
        imputer
    }

    /// Fills samples, or a single one, where they are.
    pub fn transform(&self, samples: &mut (impl SamplesMut<S, T> + ?Sized)) {
        for sample in samples.samples_mut() {
            for (value, &fill) in sample.iter_mut().zip(&self.fill) {
                if value.is_nan() {
                    *value = fill;
                }
            }
        }
    }
}

/// Returns the values of each feature, without the missing ones, in rising order.
fn sorted_values<S: Shape, T: Element>(
    samples: &[Tensor<S, T>],
) -> Result<Vec<Vec<f64>>, PreprocessError> {
    let mut values = vec![Vec::new(); S::LEN];
    for_each_value(samples, |feature, value| values[feature].push(value))?;
    values
        .iter_mut()
        .for_each(|values| values.sort_unstable_by(f64::total_cmp));
    Ok(values)
}

//! Measures the numbers of a [`Standardize`](crate::nn::Standardize) layer.

use super::{Imputer, PreprocessError, StandardScaler};
use crate::memory::{flatten, tensors};
use crate::nn::StandardizeParams;
use crate::tensor::{Element, Rank1, Shape, Tensor};

/// The rows of features in samples.
type Rows<const N: usize, T> = [Tensor<Rank1<N>, T>];

impl<const N: usize, T: Element> StandardizeParams<N, T> {
    /// Measures mean and standard deviation of each feature in samples whose last axis has the
    /// features, without missing values; these are filled with the mean. Use the training part of
    /// the data alone.
    ///
    /// A constant feature becomes 0, as with a [`StandardScaler`].
    ///
    /// # Errors
    /// Returns an error if a feature has no value, or one that is infinite. The numbers then stay as
    /// they were.
    pub fn fit<S: Shape>(&mut self, samples: &[Tensor<S, T>]) -> Result<(), PreprocessError> {
        self.fit_filled(samples, Imputer::mean_boxed)
    }

    /// Measures as [`fit`](Self::fit) does, and fills missing values with those of an [`Imputer`],
    /// such as [`Imputer::median_boxed`] or [`Imputer::most_frequent_boxed`]. Mean and deviation are
    /// those of the filled features.
    ///
    /// ```
    /// use shapewright::data::Imputer;
    /// use shapewright::prelude::*;
    /// network! { struct Net: [1] -> [1] { scale: Standardize<_> } }
    /// let mut net = Net::init(&mut shapewright::rng(0));
    /// let x = [1.0, 2.0, 9.0, f32::NAN].map(|x| Tensor1::from([x]));
    /// net.scale.fit_filled(&x, Imputer::median_boxed)?;
    /// assert_eq!(net.scale.fill, [2.0]);
    /// assert_eq!(net.scale.mean, [3.5]);
    /// # Ok::<(), shapewright::data::PreprocessError>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error if a feature has no value, or one that is infinite. The numbers then stay as
    /// they were.
    pub fn fit_filled<S: Shape>(
        &mut self,
        samples: &[Tensor<S, T>],
        imputer: impl FnOnce(&Rows<N, T>) -> Result<Box<Imputer<Rank1<N>, T>>, PreprocessError>,
    ) -> Result<(), PreprocessError> {
        const {
            assert!(
                matches!(S::DIMS.last(), Some(last) if last == N),
                "the last axis of the samples has another number of features than the layer"
            )
        };

        let rows: &Rows<N, T> = tensors(flatten(samples), samples.len() * S::LEN / N);
        let imputer = imputer(rows)?;
        let mut filled = super::to_vec(rows);
        imputer.transform(&mut filled);
        let scaler = StandardScaler::fit_boxed(&filled)?;

        self.fill.copy_from_slice(imputer.fill.as_slice());
        self.mean.copy_from_slice(scaler.mean.as_slice());
        self.std.copy_from_slice(scaler.std.as_slice());
        Ok(())
    }
}

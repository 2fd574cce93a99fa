//! Mistakes in samples that something is fitted to.

use core::fmt;

use crate::tensor::{Element, Shape, Tensor};

/// The error of samples that do not determine the values to be fitted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PreprocessError {
    /// A feature has no value: there are no samples, or it is NaN in all of them.
    NoValues {
        /// The feature's position in row order.
        feature: usize,
        /// The number of samples.
        samples: usize,
    },
    /// A value is infinite.
    Infinite {
        /// The feature's position in row order.
        feature: usize,
        /// The sample's position.
        sample: usize,
    },
}

impl fmt::Display for PreprocessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PreprocessError::NoValues { feature, samples } => write!(
                f,
                "feature {feature} has no value in any of {samples} samples; remove it, or take samples that have it"
            ),
            PreprocessError::Infinite { feature, sample } => write!(
                f,
                "feature {feature} of sample {sample} is infinite; make it a number, or NaN if it is missing"
            ),
        }
    }
}

impl std::error::Error for PreprocessError {}

/// Calls `f` with the position and value of each feature of each sample, except missing ones (NaN).
///
/// # Errors
/// Returns an error if a feature has no value, or one that is infinite.
pub(super) fn for_each_value<S: Shape, T: Element>(
    samples: &[Tensor<S, T>],
    mut f: impl FnMut(usize, f64),
) -> Result<(), PreprocessError> {
    let mut found = vec![false; S::LEN];
    for (i, sample) in samples.iter().enumerate() {
        for (feature, value) in sample.iter().enumerate() {
            if value.is_infinite() {
                return Err(PreprocessError::Infinite { feature, sample: i });
            }
            if !value.is_nan() {
                found[feature] = true;
                f(feature, value.to_f64().unwrap_or(f64::NAN));
            }
        }
    }

    match found.iter().position(|found| !found) {
        Some(feature) => Err(PreprocessError::NoValues {
            feature,
            samples: samples.len(),
        }),
        None => Ok(()),
    }
}

//! Layers at the beginning of networks over tables: they fill missing values and scale features.

use rand::Rng;

use super::rule::each_feature;
use crate::derive::Parameters;
use crate::memory::{flatten, flatten_mut};
use crate::network::{
    BackwardInput, BackwardParams, Forward, Infer, Inferred, Layer, Reach, ShapeRule, Train,
};
#[cfg(feature = "onnx-export")]
use crate::nn::export::{self, Export, Exported};
use crate::params::FeatureOrder;
use crate::tensor::{Element, Shape};

/// Fills missing values (NaN) and scales each feature of the last axis to mean 0 and standard
/// deviation 1, by numbers that are measured and not trained: `(x - mean) / std`.
///
/// In a network: `Standardize<_>`, usually as the first layer. The network then takes the values as
/// they are in a table, is saved with these numbers, and has them wherever it runs. `fit` of the
/// parameters (with `std`) measures them in the training data; until then, missing values become 0
/// and others stay as they are. Keras's `Normalization` with a `SimpleImputer` before it.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Net: [2] -> [1] { scale: Standardize<_>, Linear<_, 8>, Relu, Linear<_, 1> } }
/// let x = [[1.0, 700.0], [3.0, f32::NAN], [f32::NAN, 900.0]].map(Tensor1::from);
/// let mut net = Net::init(&mut shapewright::rng(0));
/// net.scale.fit(&x)?;
/// assert_eq!(net.scale.mean, [2.0, 800.0]);
/// assert!(net.forward(&x[1])[0].is_finite());
/// # Ok::<(), shapewright::data::PreprocessError>(())
/// ```
///
/// Optimizers leave its numbers as they are.
pub struct Standardize<const N: usize>;

/// The parameters of a [`Standardize`] layer.
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
pub struct StandardizeParams<const N: usize, T: Element> {
    /// `[num_features]`: the values that missing ones are replaced by.
    #[params(features, statistic)]
    pub fill: [T; N],
    /// `[num_features]`: the numbers that are subtracted.
    #[params(features, statistic)]
    pub mean: [T; N],
    /// `[num_features]`: the numbers that the differences are divided by.
    #[params(features, statistic)]
    pub std: [T; N],
}

impl<In: Shape, const N: usize> ShapeRule<In> for Standardize<N> {
    const OUTPUT: Inferred = each_feature(N, In::DIMS, "Standardize");
    const REACH: Reach = Reach::FEATURES;
}

impl<T: Element, const N: usize> Layer<T> for Standardize<N> {
    type Config = ();
    type Params = StandardizeParams<N, T>;

    fn initialize<R: Rng + ?Sized>(_: &(), params: &mut Self::Params, _: &mut R) {
        params.std.fill(T::one());
    }
}

impl<In: Shape, Out: Shape, T: Element, const N: usize> Infer<In, Out, T> for Standardize<N> {
    const ORDER: FeatureOrder = FeatureOrder::Channels;

    #[cfg(feature = "onnx-export")]
    fn export(_: &(), params: &Self::Params, call: Export<'_>) -> Exported {
        export::simple::standardize::<T, _>(params, call)
    }

    #[inline]
    fn forward(call: Forward<'_, Self, In, Out, T>) {
        let Forward { params, x, y, .. } = call;
        let rows = flatten(x).chunks_exact(N);
        for (x, y) in rows.zip(flatten_mut(y).chunks_exact_mut(N)) {
            for feature in 0..N {
                let value = if x[feature].is_nan() {
                    params.fill[feature]
                } else {
                    x[feature]
                };
                y[feature] = (value - params.mean[feature]) / params.std[feature];
            }
        }
    }
}

impl<In: Shape, Out: Shape, T: Element, const N: usize> Train<In, Out, T> for Standardize<N> {
    const READS_OUTPUT: bool = false;

    fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
        let BackwardInput {
            params, x, dy, dx, ..
        } = call;
        let Some(dx) = dx else { return };
        let rows = flatten(x).chunks_exact(N).zip(flatten(dy).chunks_exact(N));
        for ((x, dy), dx) in rows.zip(flatten_mut(dx).chunks_exact_mut(N)) {
            for feature in 0..N {
                // What replaces a missing value does not depend on it.
                dx[feature] = if x[feature].is_nan() {
                    T::zero()
                } else {
                    dy[feature] / params.std[feature]
                };
            }
        }
    }

    /// Leaves the gradient at 0, so that the numbers stay.
    fn backward_params(_: BackwardParams<'_, Self, In, Out, T>) {}
}

/// A flag for each value: 1 where it is missing, which is NaN, and 0 where it is a number. A network
/// that learns from what is missing has it in a `Concat` beside [`Standardize`]. scikit-learn's
/// `MissingIndicator`.
///
/// ```
/// use shapewright::prelude::*;
/// network! {
///     struct Net: [3] -> [6] { Concat { values: Standardize<_>, missing: IsMissing } }
/// }
/// let net = Net::init(&mut shapewright::rng(0));
/// let y = net.forward(&Tensor1::from([1.0, f32::NAN, 3.0]));
/// assert_eq!(y, Tensor1::from([1.0, 0.0, 3.0, 0.0, 1.0, 0.0]));
/// ```
pub struct IsMissing;

impl<In: Shape> ShapeRule<In> for IsMissing {
    const OUTPUT: Inferred = Inferred::shape(In::DIMS);
    const REACH: Reach = Reach::POSITION;
}

impl<T: Element> Layer<T> for IsMissing {
    type Config = ();
    type Params = ();
}

impl<In: Shape, Out: Shape, T: Element> Infer<In, Out, T> for IsMissing {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;

    #[cfg(feature = "onnx-export")]
    fn export(_: &(), _: &(), call: Export<'_>) -> Exported {
        export::simple::is_missing(call)
    }

    #[inline]
    fn forward(call: Forward<'_, Self, In, Out, T>) {
        let Forward { x, y, .. } = call;
        for (x, y) in flatten(x).iter().zip(flatten_mut(y)) {
            *y = if x.is_nan() { T::one() } else { T::zero() };
        }
    }
}

impl<In: Shape, Out: Shape, T: Element> Train<In, Out, T> for IsMissing {
    const READS_OUTPUT: bool = false;

    fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
        if let Some(dx) = call.dx {
            flatten_mut(dx).fill(T::zero());
        }
    }
}

//! A factor and a summand for each feature.

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

/// Multiplies each feature of the last axis by a weight and adds a bias: `y = weight * x + bias`.
///
/// In a network: `Affine<_>`. Both are trained, and begin at 1 and 0. It is what
/// [`LayerNorm`](struct@super::LayerNorm) does behind its normalization, and what a batch
/// normalization is in inference. PyTorch's `elementwise_affine`; with the bias left at 0,
/// LayerScale (Touvron et al., 2021).
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Net: [3, 2] -> [3, 2] { scale: Affine<_> } }
/// let mut net = Net::init(&mut shapewright::rng(0));
/// net.scale.weight = [2.0, -1.0];
/// net.scale.bias = [0.0, 5.0];
/// assert_eq!(net.forward(&Tensor2::ones()).as_array()[2], [2.0, 4.0]);
/// ```
pub struct Affine<const N: usize>;

/// The parameters of an [`Affine`] layer.
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
pub struct AffineParams<const N: usize, T: Element> {
    /// `[num_features]`
    #[params(features)]
    pub weight: [T; N],
    /// `[num_features]`
    #[params(features)]
    pub bias: [T; N],
}

impl<In: Shape, const N: usize> ShapeRule<In> for Affine<N> {
    const OUTPUT: Inferred = each_feature(N, In::DIMS, "Affine");
    const REACH: Reach = Reach::FEATURES;
}

impl<T: Element, const N: usize> Layer<T> for Affine<N> {
    type Config = ();
    type Params = AffineParams<N, T>;

    fn initialize<R: Rng + ?Sized>(_: &(), params: &mut Self::Params, _: &mut R) {
        params.weight.fill(T::one());
    }
}

impl<In: Shape, Out: Shape, T: Element, const N: usize> Infer<In, Out, T> for Affine<N> {
    const ORDER: FeatureOrder = FeatureOrder::Channels;
    const MULTIPLY_ADDS: usize = In::LEN;

    #[cfg(feature = "onnx-export")]
    fn export(_: &(), params: &Self::Params, call: Export<'_>) -> Exported {
        export::simple::affine(params, call)
    }

    #[inline]
    fn forward(call: Forward<'_, Self, In, Out, T>) {
        let Forward { params, x, y, .. } = call;
        let rows = flatten(x).as_chunks::<N>().0;
        for (x, y) in rows.iter().zip(flatten_mut(y).as_chunks_mut::<N>().0) {
            for i in 0..N {
                y[i] = x[i] * params.weight[i] + params.bias[i];
            }
        }
    }
}

impl<In: Shape, Out: Shape, T: Element, const N: usize> Train<In, Out, T> for Affine<N> {
    const READS_OUTPUT: bool = false;

    fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
        let BackwardInput { params, dy, dx, .. } = call;
        let Some(dx) = dx else { return };
        let rows = flatten(dy).as_chunks::<N>().0;
        for (dy, dx) in rows.iter().zip(flatten_mut(dx).as_chunks_mut::<N>().0) {
            for i in 0..N {
                dx[i] = dy[i] * params.weight[i];
            }
        }
    }

    fn backward_params(call: BackwardParams<'_, Self, In, Out, T>) {
        let BackwardParams {
            x, dy, gradient, ..
        } = call;
        let rows = flatten(x).as_chunks::<N>().0;
        for (x, dy) in rows.iter().zip(flatten(dy).as_chunks::<N>().0) {
            for i in 0..N {
                gradient.weight[i] += dy[i] * x[i];
                gradient.bias[i] += dy[i];
            }
        }
    }
}

//! The rectifier with a learned slope.

use rand::Rng;

use super::rule::{last_size, zero_size};
use crate::derive::Parameters;
use crate::kernels::Kernels;
use crate::memory::{flatten, flatten_mut};
use crate::network::{
    BackwardInput, BackwardParams, Forward, INFER, Infer, Inferred, Layer, Reach, Sentence,
    ShapeRule, Train,
};
#[cfg(feature = "onnx-export")]
use crate::nn::export::{self, Export, Exported};
use crate::params::FeatureOrder;
use crate::tensor::{Element, Shape};

/// The rectifier with a learned slope: `x`, or `weight * x` where `x` is not above 0. The weight
/// starts at 0.25.
///
/// In a network: `PRelu` has one weight for all numbers, and `PRelu<num_parameters>` has one for
/// each feature of the last axis. `PRelu<_>` infers their number from the input.
///
/// PyTorch's `nn.PReLU`; He et al., 2015. PyTorch's features are its second axis; here they are the
/// last, as images are channels-last.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Net: [2] -> [2] { slopes: PRelu<_> } }
/// let mut net = Net::init(&mut shapewright::rng(0));
/// assert_eq!(net.slopes.weight, [0.25, 0.25]);
/// net.slopes.weight = [0.5, 2.0];
/// let y = net.forward(&Tensor1::from([-1.0, -1.0]));
/// assert_eq!(y, Tensor1::from([-0.5, -2.0]));
/// ```
pub struct PRelu<const N: usize = 1>;

/// The parameters of a [`PRelu`] layer.
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
pub struct PReluParams<const N: usize, T: Element> {
    /// `[num_parameters]`
    #[params(features)]
    pub weight: [T; N],
}

impl<In: Shape, const N: usize> ShapeRule<In> for PRelu<N> {
    const OUTPUT: Inferred = {
        let last = In::DIMS.last();
        let fits = match last {
            Some(last) => N == last || N == INFER,
            None => In::DIMS.is_unknown(),
        };

        let inferred = if N == 0 {
            zero_size("num_parameters", In::DIMS)
        } else if N == 1 || fits {
            Inferred::shape(In::DIMS)
        } else {
            let way_out = if last.is_none() {
                "; it has a weight for each feature of the last axis, and there is none: \
                 `PRelu` has one in all"
            } else {
                "; write `PRelu<_>` for a weight per feature, `PRelu` for one in all"
            };
            Inferred::mismatch(
                Sentence::new("[.., ").number(N).text("]"),
                Sentence::new(way_out),
                In::DIMS,
            )
        };

        inferred.infers(last_size(In::DIMS))
    };
    const REACH: Reach = Reach::FEATURES;
}

impl<T: Element, const N: usize> Layer<T> for PRelu<N> {
    type Config = ();
    type Params = PReluParams<N, T>;

    fn initialize<R: Rng + ?Sized>(_: &(), params: &mut Self::Params, _: &mut R) {
        params.weight.fill(T::from_f64_lossy(0.25));
    }
}

impl<In: Shape, Out: Shape, T: Element, const N: usize> Infer<In, Out, T> for PRelu<N> {
    const ORDER: FeatureOrder = if N == 1 {
        FeatureOrder::Keeps
    } else {
        FeatureOrder::Channels
    };

    #[cfg(feature = "onnx-export")]
    fn export(_: &(), params: &Self::Params, call: Export<'_>) -> Exported {
        export::simple::prelu::<T, _>(params, call)
    }

    #[inline(always)]
    fn forward(call: Forward<'_, Self, In, Out, T>) {
        let Forward {
            params, x, y, cx, ..
        } = call;
        cx.kernels.prelu(&params.weight, flatten(x), flatten_mut(y));
    }
}

impl<In: Shape, Out: Shape, T: Element, const N: usize> Train<In, Out, T> for PRelu<N> {
    const READS_OUTPUT: bool = false;
    const OVERWRITES: bool = true;

    #[inline(always)]
    fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
        let BackwardInput {
            params,
            x,
            dy,
            dx,
            cx,
            ..
        } = call;
        let Some(dx) = dx else { return };
        let dx = flatten_mut(dx);
        dx.copy_from_slice(flatten(dy));
        cx.kernels.prelu_grad(&params.weight, flatten(x), dx);
    }

    #[inline(always)]
    fn backward_params(call: BackwardParams<'_, Self, In, Out, T>) {
        let BackwardParams {
            x,
            dy,
            gradient,
            cx,
            ..
        } = call;
        cx.kernels.prelu_weight_grad(
            flatten(x),
            flatten(dy),
            &mut gradient.weight,
            cx.accumulate(),
        );
    }
}

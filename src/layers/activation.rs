//! Activations: element by element, and the softmax over the last axis.

use crate::kernels::{Kernels, Unary};
use crate::memory::{flatten, flatten_mut};
use crate::network::{Compute, Context, Fit, Fits, Flow, Gives, Layer, Sentence, Slab};
use crate::tensor::{Element, Shape, Tensor};

/// So few numbers are a plain loop, inlined into the network's body.
const TINY: usize = 64;

macro_rules! same_shape {
    ($($name:ident),*) => { $(
        impl<In: Shape> Fits<In> for $name {
            const FIT: Fit = Fit::gives(In::DIMS);
        }
        impl<T: Element> Layer<T> for $name {
            type Config = ();
            type Params = ();
        }
    )* };
}
same_shape!(Relu, Tanh, Sigmoid, Gelu);

/// `max(0, x)`. PyTorch's `nn.ReLU`.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Positive: [3] -> [3] { Relu } }
/// let y = Positive::zeros().forward(&Tensor1::from([-1.0, 0.0, 2.0]));
/// assert_eq!(y, Tensor1::from([0.0, 0.0, 2.0]));
/// ```
pub struct Relu;

impl<In: Shape, Out: Shape, T: Element> Compute<In, Out, T> for Relu {
    const FLOW: Flow = Flow::InPlace;
    const READS_OUTPUT: bool = true;

    #[inline(always)]
    fn forward_in_place(_: &(), y: &mut [Tensor<Out, T>], cx: &Context<T>) {
        let y = flatten_mut(y);
        if y.len() <= TINY {
            // Not `max`: NaN stays NaN.
            y.iter_mut().for_each(|y| *y = if *y < T::zero() { T::zero() } else { *y });
        } else {
            cx.kernels.unary(Unary::Relu, y);
        }
    }

    #[inline(always)]
    fn backward_in_place(_: &(), y: &[Tensor<Out, T>], dy: &mut [Tensor<Out, T>], cx: &Context<T>) {
        cx.kernels.unary_grad(Unary::Relu, flatten(y), flatten_mut(dy));
    }
}

macro_rules! from_output {
    ($($(#[$doc:meta])* $name:ident, $gives:expr;)*) => { $(
        $(#[$doc])*
        pub struct $name;

        impl<In: Shape, Out: Shape, T: Element> Compute<In, Out, T> for $name {
            const FLOW: Flow = Flow::InPlace;
            const READS_OUTPUT: bool = true;
            const GIVES: Gives = $gives;

            #[inline(always)]
            fn forward_in_place(_: &(), y: &mut [Tensor<Out, T>], cx: &Context<T>) {
                cx.kernels.unary(Unary::$name, flatten_mut(y));
            }

            #[inline(always)]
            fn backward_in_place(_: &(), y: &[Tensor<Out, T>], dy: &mut [Tensor<Out, T>], cx: &Context<T>) {
                cx.kernels.unary_grad(Unary::$name, flatten(y), flatten_mut(dy));
            }
        }
    )* };
}
from_output! {
    /// The hyperbolic tangent. PyTorch's `nn.Tanh`.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Squash: [2] -> [2] { Tanh } }
    /// let y = Squash::zeros().forward(&Tensor1::from([0.0, 1.0]));
    /// assert!(y[0] == 0.0 && (y[1] - 0.761_594).abs() < 1e-6);
    /// ```
    Tanh, Gives::Values;
    /// `1 / (1 + exp(-x))`. PyTorch's `nn.Sigmoid`. Before [`BceWithLogits`](struct@crate::BceWithLogits), which
    /// applies it itself, it is a compile error.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Squash: [2] -> [2] { Sigmoid } }
    /// let y = Squash::zeros().forward(&Tensor1::from([0.0, 2.0]));
    /// assert!(y[0] == 0.5 && (y[1] - 0.880_797).abs() < 1e-6);
    /// ```
    Sigmoid, Gives::Sigmoid;
}

/// The Gaussian error linear unit `x Φ(x)`, exact, with the error function. PyTorch's `nn.GELU`; Hendrycks
/// and Gimpel, 2016.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Soft: [2] -> [2] { Gelu } }
/// let y = Soft::zeros().forward(&Tensor1::from([0.0, 1.0]));
/// assert!(y[0] == 0.0 && (y[1] - 0.841_345).abs() < 1e-6);
/// ```
pub struct Gelu;

impl<In: Shape, Out: Shape, T: Element> Compute<In, Out, T> for Gelu {
    #[inline(always)]
    fn forward(_: &(), _: &(), x: &[Tensor<In, T>], y: &mut [Tensor<Out, T>], _: &mut [T], cx: &Context<T>) {
        cx.kernels.gelu(flatten(x), flatten_mut(y));
    }

    #[inline(always)]
    fn backward_input(
        _: &(),
        _: &(),
        x: &[Tensor<In, T>],
        _: &[Tensor<Out, T>],
        _: Slab<'_, T>,
        dy: &mut [Tensor<Out, T>],
        dx: Option<&mut [Tensor<In, T>]>,
        cx: &Context<T>,
    ) {
        let Some(dx) = dx else { return };
        let dx = flatten_mut(dx);
        dx.copy_from_slice(flatten(dy));
        cx.kernels.gelu_grad(flatten(x), dx);
    }
}

/// `exp(x)` over its sum along the last axis: probabilities. PyTorch's `nn.Softmax(dim=-1)`. Before
/// [`CrossEntropy`](struct@crate::CrossEntropy), which applies it itself, it is a compile error.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Probabilities: [2] -> [2] { Softmax } }
/// let y = Probabilities::zeros().forward(&Tensor1::from([1.0, 1.0]));
/// assert_eq!(y, Tensor1::from([0.5, 0.5]));
/// ```
pub struct Softmax;

impl<In: Shape> Fits<In> for Softmax {
    const FIT: Fit = if In::DIMS.last().is_some() || In::DIMS.is_unknown() {
        Fit::gives(In::DIMS)
    } else {
        let way_out = Sentence::new("; it sums over the last axis of one tensor, and there is none");
        Fit::mismatch(Sentence::new("[.., _]"), way_out, In::DIMS)
    };
}

impl<T: Element> Layer<T> for Softmax {
    type Config = ();
    type Params = ();
}

impl<In: Shape, Out: Shape, T: Element> Compute<In, Out, T> for Softmax {
    const FLOW: Flow = Flow::InPlace;
    const READS_OUTPUT: bool = true;
    const GIVES: Gives = Gives::Softmax;

    #[inline(always)]
    fn forward_in_place(_: &(), y: &mut [Tensor<Out, T>], cx: &Context<T>) {
        cx.kernels.softmax(width::<Out>(), flatten_mut(y));
    }

    #[inline(always)]
    fn backward_in_place(_: &(), y: &[Tensor<Out, T>], dy: &mut [Tensor<Out, T>], cx: &Context<T>) {
        cx.kernels.softmax_grad(width::<Out>(), flatten(y), flatten_mut(dy));
    }
}

const fn width<S: Shape>() -> usize {
    match S::DIMS.last() {
        Some(last) => last,
        None => 1,
    }
}

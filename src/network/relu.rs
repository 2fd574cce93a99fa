//! The arithmetic of `Relu`, which the flow runs behind other layers as well.

use super::context::Context;
use crate::kernels::{Kernels, function};
use crate::tensor::Element;

/// The largest length that is computed by a plain loop, inlined into the network's body.
const TINY: usize = 64;

/// Replaces negative numbers by 0.
#[inline(always)]
pub(crate) fn relu<T: Element>(y: &mut [T], cx: &Context<T>) {
    if y.len() <= TINY {
        // Unlike `max`, the comparison keeps NaN.
        y.iter_mut()
            .for_each(|y| *y = if *y < T::zero() { T::zero() } else { *y });
    } else {
        cx.kernels.function(function::Relu, None, y);
    }
}

/// Replaces the gradient with respect to the outputs `y` by that with respect to the inputs.
#[inline(always)]
pub(crate) fn relu_grad<T: Element>(y: &[T], dy: &mut [T], cx: &Context<T>) {
    cx.kernels.function_grad(function::Relu, y, dy);
}

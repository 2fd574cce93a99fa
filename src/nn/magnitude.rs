//! Magnitudes of complex numbers.

use num_traits::Float;

use super::rule::{halved, last_size};
use crate::memory::{flatten, flatten_mut};
use crate::network::{BackwardInput, Forward, Infer, Inferred, Layer, Reach, ShapeRule, Train};
use crate::params::FeatureOrder;
use crate::tensor::{Element, Shape};

/// The magnitudes `sqrt(a * a + b * b)` of complex numbers, whose real parts `a` are the first half
/// of the last axis and whose imaginary parts `b` are the second: `[.., 2 n]` becomes `[.., n]`. A
/// last axis of odd size is a compile error.
///
/// It follows a convolution whose kernels are the windowed sines and cosines of a short-time Fourier
/// transform. PyTorch's `(a.square() + b.square()).sqrt()`, where the gradient at 0 is 0, as that of
/// `torch.complex(a, b).abs()` is. Squares that overflow give infinity.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Net: [4] -> [2] { Magnitude } }
/// let y = Net::zeros().forward(&Tensor1::from([3.0, 0.0, -4.0, 2.0]));
/// assert_eq!(y, Tensor1::from([5.0, 2.0]));
/// ```
#[doc(alias = "Abs")]
pub struct Magnitude;

impl<In: Shape> ShapeRule<In> for Magnitude {
    const OUTPUT: Inferred = halved(In::DIMS);
    const REACH: Reach = Reach::FEATURES;
}

impl<T: Element> Layer<T> for Magnitude {
    type Config = ();
    type Params = ();
}

/// Returns the magnitude of a complex number.
#[inline(always)]
fn magnitude<T: Element>(re: T, im: T) -> T {
    Float::sqrt(re * re + im * im)
}

impl<In: Shape, Out: Shape, T: Element> Infer<In, Out, T> for Magnitude {
    /// The order decides which features are real parts.
    const ORDER: FeatureOrder = FeatureOrder::Depends;

    fn forward(call: Forward<'_, Self, In, Out, T>) {
        let Forward { x, y, .. } = call;
        let half = last_size(Out::DIMS);
        let rows = flatten(x).chunks_exact(2 * half);

        for (x, y) in rows.zip(flatten_mut(y).chunks_exact_mut(half)) {
            let (re, im) = x.split_at(half);
            for ((y, &re), &im) in y.iter_mut().zip(re).zip(im) {
                *y = magnitude(re, im);
            }
        }
    }
}

impl<In: Shape, Out: Shape, T: Element> Train<In, Out, T> for Magnitude {
    const READS_OUTPUT: bool = false;

    fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
        let BackwardInput { x, dy, dx, .. } = call;
        let Some(dx) = dx else { return };
        let half = last_size(Out::DIMS);
        let rows = flatten(x).chunks_exact(2 * half);
        let gradients = flatten_mut(dx).chunks_exact_mut(2 * half);

        for ((x, dx), dy) in rows.zip(gradients).zip(flatten(dy).chunks_exact(half)) {
            let (re, im) = x.split_at(half);
            let (d_re, d_im) = dx.split_at_mut(half);
            for (i, &dy) in dy.iter().enumerate() {
                let length = magnitude(re[i], im[i]);
                let scale = match length > T::zero() {
                    true => dy / length,
                    false => T::zero(),
                };
                d_re[i] = scale * re[i];
                d_im[i] = scale * im[i];
            }
        }
    }
}

//! Magnitudes of complex numbers.

use core::ops::RangeInclusive;

use num_traits::Float;

use super::rule::{halved, last_size};
use crate::float;
use crate::kernels::Kernels;
use crate::memory::{flatten, flatten_mut};
use crate::network::{BackwardInput, Forward, Infer, Inferred, Layer, Reach, ShapeRule, Train};
#[cfg(feature = "onnx-export")]
use crate::nn::export::{self, Export, Exported};
use crate::params::FeatureOrder;
use crate::tensor::{Element, Shape, double};

/// The magnitudes `sqrt(a * a + b * b)` of complex numbers, whose real parts `a` are the first half
/// of the last axis and whose imaginary parts `b` are the second: `[.., 2 n]` becomes `[.., n]`. A
/// last axis of odd size is a compile error.
///
/// It follows a convolution whose kernels are the windowed sines and cosines of a short-time Fourier
/// transform. PyTorch's `(a.square() + b.square()).sqrt()`, where the gradient at 0 is 0, as that of
/// `torch.complex(a, b).abs()` is. As there, squares neither overflow nor vanish.
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

/// Returns the magnitude of a complex number, whose parts were numbers of `T`.
#[inline(always)]
fn magnitude<T: Element>(re: f64, im: f64) -> f64 {
    let squares = re * re + im * im;
    // In `f64`, the squares of all `f32` are in range.
    let are_single = const { size_of::<T>() <= 4 };
    if are_single || SAFE_SQUARES.contains(&squares) {
        float::sqrt(squares)
    } else {
        Float::hypot(re, im)
    }
}

/// The sums of squares that have lost nothing.
const SAFE_SQUARES: RangeInclusive<f64> = 1e-280..=1e300;

impl<In: Shape, Out: Shape, T: Element> Infer<In, Out, T> for Magnitude {
    /// The order decides which features are real parts.
    const ORDER: FeatureOrder = FeatureOrder::Depends;

    #[cfg(feature = "onnx-export")]
    fn export(_: &(), _: &(), call: Export<'_>) -> Exported {
        export::simple::magnitude(call)
    }

    fn forward(call: Forward<'_, Self, In, Out, T>) {
        let Forward { x, y, cx, .. } = call;
        let half = last_size(Out::DIMS);
        let rows = flatten(x).chunks_exact(2 * half);
        let y = flatten_mut(y);

        for (x, y) in rows.zip(y.chunks_exact_mut(half)) {
            let (re, im) = x.split_at(half);
            for ((y, &re), &im) in y.iter_mut().zip(re).zip(im) {
                *y = T::from_f64_lossy(magnitude::<T>(double(re), double(im)));
            }
        }
        cx.kernels.flush_denormals(y);
    }
}

impl<In: Shape, Out: Shape, T: Element> Train<In, Out, T> for Magnitude {
    const READS_OUTPUT: bool = false;

    fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
        let BackwardInput { x, dy, dx, cx, .. } = call;
        let Some(dx) = dx else { return };
        let half = last_size(Out::DIMS);
        let rows = flatten(x).chunks_exact(2 * half);
        let dx = flatten_mut(dx);
        let gradients = dx.chunks_exact_mut(2 * half);

        for ((x, dx), dy) in rows.zip(gradients).zip(flatten(dy).chunks_exact(half)) {
            let (re, im) = x.split_at(half);
            let (d_re, d_im) = dx.split_at_mut(half);
            for (i, &dy) in dy.iter().enumerate() {
                let (re, im, dy) = (double(re[i]), double(im[i]), double(dy));
                let length = magnitude::<T>(re, im);
                let [a, b] = match length == 0.0 {
                    true => [0.0; 2],
                    false => [re / length * dy, im / length * dy],
                };
                d_re[i] = T::from_f64_lossy(a);
                d_im[i] = T::from_f64_lossy(b);
            }
        }
        cx.kernels.flush_denormals(dx);
    }
}

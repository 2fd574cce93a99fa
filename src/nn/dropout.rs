//! Dropout.

use rand::Rng;

use crate::memory::flatten_mut;
use crate::network::{
    BackwardInPlace, Configuration, Context, ForwardInPlace, InPlace, Inferred, OutputKind, Reach,
    Sentence, ShapeRule,
};
#[cfg(feature = "onnx-export")]
use crate::nn::export::{self, Export, Exported};
use crate::params::FeatureOrder;
use crate::tensor::{Element, Shape, Tensor};

/// Sets each number to zero with probability `p` during training and multiplies the others by
/// `1 / (1 - p)`; does nothing in inference. `Dropout` alone is `Dropout(0.5)`.
///
/// PyTorch's `nn.Dropout`; Srivastava et al., 2014. What is dropped depends on the workspace's seed
/// and the step, not on the number of threads.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Noisy: [4] -> [4] { Dropout(0.5) } }
/// let (net, mut workspace) = (Noisy::zeros(), Noisy::workspace());
/// let x = Tensor1::from([1.0, 1.0, 1.0, 1.0]);
/// assert_eq!(net.forward(&x), x);
/// let batch = [x];
/// let pass = net.forward_train(&batch, &mut workspace);
/// assert!(pass.outputs()[0].iter().all(|&y| y == 0.0 || y == 2.0));
/// ```
///
/// A probability outside 0 to 1 is a compile error:
///
/// ```compile_fail
/// use shapewright::prelude::*;
/// network! { struct Wrong: [4] -> [4] { Dropout(1.5) } }
/// ```
#[doc(alias = "DropoutOneIn")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    probability: f64,
}

/// Returns a [`struct@Dropout`] layer with this probability.
///
/// # Panics
/// Panics if the probability is not between 0 and 1.
#[allow(non_snake_case)]
#[track_caller]
pub const fn Dropout(probability: f64) -> Dropout {
    assert!(
        probability >= 0.0 && probability <= 1.0,
        "the probability of `Dropout` lies between 0 and 1"
    );
    Dropout { probability }
}

impl Configuration for Dropout {
    const DEFAULT: Self = Dropout(0.5);
}

/// Returns the number below which a draw of 32 bits drops.
fn threshold(probability: f64) -> u64 {
    (probability * 4_294_967_296.0) as u64
}

/// Returns the factor of the numbers that are kept.
fn factor<T: Element>(probability: f64) -> T {
    T::from_f64_lossy(1.0 / (1.0 - probability))
}

impl Dropout {
    /// Applies the mask of this step, which is the same in forward and backward.
    fn apply<S: Shape, T: Element>(&self, samples: &mut [Tensor<S, T>], cx: &Context<T>) {
        if self.probability == 0.0 || cx.is_eval() {
            return;
        }
        for (index, sample) in samples.iter_mut().enumerate() {
            let sample = flatten_mut(core::slice::from_mut(sample));
            drop_out(self.probability, sample, &mut cx.rng(index));
        }
    }
}

/// Sets numbers to zero with this probability, and multiplies the others.
pub(super) fn drop_out<T: Element>(probability: f64, x: &mut [T], rng: &mut impl Rng) {
    let threshold = threshold(probability);
    let factor = factor(probability);

    // Each draw of 64 bits decides about two numbers.
    for pair in x.chunks_mut(2) {
        let mut draws = rng.next_u64();
        for x in pair {
            *x = if (draws & 0xffff_ffff) < threshold {
                T::zero()
            } else {
                *x * factor
            };
            draws >>= 32;
        }
    }
}

impl<In: Shape> ShapeRule<In> for Dropout {
    const OUTPUT: Inferred = Inferred::shape(In::DIMS);
    const REACH: Reach = Reach::POSITION;
}

impl InPlace for Dropout {
    type Config = Dropout;
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    const OUTPUT_KIND: OutputKind = OutputKind::Inputs;
    const READS_OUTPUT: bool = false;

    #[cfg(feature = "onnx-export")]
    fn export_in_place(_: &Dropout, call: Export<'_>) -> Exported {
        export::simple::identity(call)
    }

    #[inline(always)]
    fn forward_in_place<S: Shape, T: Element>(_: ForwardInPlace<'_, Dropout, S, T>) {}

    fn forward_train_in_place<S: Shape, T: Element>(call: ForwardInPlace<'_, Dropout, S, T>) {
        let ForwardInPlace { config, y, cx, .. } = call;
        config.apply(y, cx);
    }

    fn backward_in_place<S: Shape, T: Element>(call: BackwardInPlace<'_, Dropout, S, T>) {
        let BackwardInPlace { config, dy, cx, .. } = call;
        config.apply(dy, cx);
    }
}

/// [`struct@Dropout`] of whole channels of an image, `[height, width, channels]`: sets all pixels
/// of a channel to zero with probability `p` during training, and multiplies the other channels by
/// `1 / (1 - p)`. `Dropout2d` alone is `Dropout2d(0.5)`.
///
/// Neighbouring outputs of a convolution are strongly correlated, so that dropping single pixels
/// removes little information.
///
/// PyTorch's `nn.Dropout2d`; Tompson et al., 2015. What is dropped depends on the workspace's seed
/// and the step, not on the number of threads.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Noisy: [1, 2, 3] -> [1, 2, 3] { Dropout2d(0.5) } }
/// let (net, mut workspace) = (Noisy::zeros(), Noisy::workspace());
/// let batch = [Tensor3::ones()];
/// assert_eq!(net.forward(&batch[0]), batch[0]);
/// let pass = net.forward_train(&batch, &mut workspace);
/// let [[left, right]] = *pass.outputs()[0].as_array();
/// assert_eq!(left, right);
/// assert!(left.iter().all(|&y| y == 0.0 || y == 2.0));
/// ```
///
/// A probability outside 0 to 1 is a compile error:
///
/// ```compile_fail
/// use shapewright::prelude::*;
/// network! { struct Wrong: [2, 2, 4] -> [2, 2, 4] { Dropout2d(-0.1) } }
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout2d {
    probability: f64,
}

/// Returns a [`struct@Dropout2d`] layer with this probability.
///
/// # Panics
/// Panics if the probability is not between 0 and 1.
#[allow(non_snake_case)]
#[track_caller]
pub const fn Dropout2d(probability: f64) -> Dropout2d {
    assert!(
        probability >= 0.0 && probability <= 1.0,
        "the probability of `Dropout2d` lies between 0 and 1"
    );
    Dropout2d { probability }
}

impl Configuration for Dropout2d {
    const DEFAULT: Self = Dropout2d(0.5);
}

/// The number of channels whose masks are drawn together and then applied to all pixels.
const CHANNELS: usize = 64;

impl Dropout2d {
    /// Applies the mask of this step, which is the same in forward and backward.
    fn apply<S: Shape, T: Element>(&self, samples: &mut [Tensor<S, T>], cx: &Context<T>) {
        if self.probability == 0.0 || cx.is_eval() {
            return;
        }
        let threshold = threshold(self.probability);
        let factor = factor(self.probability);
        let channels = S::DIMS.size(2);

        for (index, sample) in samples.iter_mut().enumerate() {
            let mut rng = cx.rng(index);
            let sample = flatten_mut(core::slice::from_mut(sample));

            for first in (0..channels).step_by(CHANNELS) {
                let count = CHANNELS.min(channels - first);

                // Each draw of 64 bits decides about two channels.
                let mut keep = [false; CHANNELS];
                for pair in keep[..count].chunks_mut(2) {
                    let mut draws = rng.next_u64();
                    for keep in pair {
                        *keep = (draws & 0xffff_ffff) >= threshold;
                        draws >>= 32;
                    }
                }

                for pixel in sample.chunks_exact_mut(channels) {
                    for (x, &keep) in pixel[first..][..count].iter_mut().zip(&keep) {
                        *x = if keep { *x * factor } else { T::zero() };
                    }
                }
            }
        }
    }
}

impl<In: Shape> ShapeRule<In> for Dropout2d {
    const OUTPUT: Inferred = if In::DIMS.is_unknown() || In::DIMS.sizes().len() == 3 {
        Inferred::shape(In::DIMS)
    } else {
        let way_out = Sentence::new(
            "; it takes images, [height, width, channels]; `Dropout` takes all shapes",
        );
        Inferred::mismatch(Sentence::new("[_, _, _]"), way_out, In::DIMS)
    };
}

impl InPlace for Dropout2d {
    type Config = Dropout2d;
    const ORDER: FeatureOrder = FeatureOrder::Channels;
    const OUTPUT_KIND: OutputKind = OutputKind::Inputs;
    const READS_OUTPUT: bool = false;

    #[cfg(feature = "onnx-export")]
    fn export_in_place(_: &Dropout2d, call: Export<'_>) -> Exported {
        export::simple::identity(call)
    }

    #[inline(always)]
    fn forward_in_place<S: Shape, T: Element>(_: ForwardInPlace<'_, Dropout2d, S, T>) {}

    fn forward_train_in_place<S: Shape, T: Element>(call: ForwardInPlace<'_, Dropout2d, S, T>) {
        let ForwardInPlace { config, y, cx, .. } = call;
        config.apply(y, cx);
    }

    fn backward_in_place<S: Shape, T: Element>(call: BackwardInPlace<'_, Dropout2d, S, T>) {
        let BackwardInPlace { config, dy, cx, .. } = call;
        config.apply(dy, cx);
    }
}

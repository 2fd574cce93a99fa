//! Normalizations, and the constructor argument and parameters that they share.

mod batch_norm;
mod batch_passes;
mod group_norm;
mod layer_norm;

pub use batch_norm::{
    BatchNorm1d, BatchNorm2d, BatchNormArguments, BatchNormNoAffineParams, BatchNormParams,
};
pub use group_norm::{GroupNorm, InstanceNorm2d};
pub use layer_norm::{LayerNorm, RmsNorm};

use crate::derive::Parameters;
use crate::network::{Configuration, INFER, Sentence};
use crate::tensor::Element;

/// The constructor argument of [`LayerNorm`](struct@LayerNorm), [`RmsNorm`](struct@RmsNorm),
/// [`GroupNorm`](struct@GroupNorm) and [`InstanceNorm2d`](struct@InstanceNorm2d): `eps`, which is
/// added to the variance before its square root is taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormEps {
    /// `None` stands for the layer's default.
    eps: Option<f64>,
}

impl Configuration for NormEps {
    const DEFAULT: Self = NormEps { eps: None };
}

impl NormEps {
    /// Checks and sets `eps`.
    #[track_caller]
    const fn new(eps: f64) -> Self {
        assert!(
            eps >= 0.0 && eps.is_finite(),
            "the eps of a normalization is a finite number, 0 or more"
        );
        NormEps { eps: Some(eps) }
    }

    /// Returns `eps`, or the layer's default.
    fn or<T: Element>(self, default: T) -> T {
        self.eps.map_or(default, T::from_f64_lossy)
    }
}

/// PyTorch's default `eps` of all normalizations but `RMSNorm`.
const EPS: f64 = 1e-5;

/// Declares parameters with and without a bias.
macro_rules! params {
    ($($(#[$doc:meta])* $both:ident $one:ident [$($size:ident),*] #[$axes:meta] $array:ty;)*) => { $(
        #[doc = "The weight and the bias of a normalization"]
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Parameters)]
        #[repr(C)]
        pub struct $both<$(const $size: usize,)* T: Element> {
            /// The factors of the normalized numbers; initially 1.
            #[$axes]
            pub weight: $array,
            /// The numbers added after that; initially 0.
            #[$axes]
            pub bias: $array,
        }

        #[doc = "The weight of a normalization without a bias"]
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Parameters)]
        #[repr(C)]
        pub struct $one<$(const $size: usize,)* T: Element> {
            /// The factors of the normalized numbers; initially 1.
            #[$axes]
            pub weight: $array,
        }
    )* };
}
params! {
    /// over the last axis, `[C]`.
    NormParams NormWeightParams [C] #[params(features)] [T; C];
    /// over the last two axes, `[L][C]`. Files have it as `[C, L]` where PyTorch has channels first.
    NormParams2 NormWeightParams2 [L, C] #[params(axes(1, 0))] [[T; C]; L];
    /// over the last three axes, `[H][W][C]`. Files have it as `[C, H, W]` where PyTorch has channels first.
    NormParams3 NormWeightParams3 [H, W, C] #[params(axes(2, 0, 1))] [[[T; C]; W]; H];
}

/// Splits parameters into weight and bias. They are `len` weights and as many biases, `len` weights
/// alone, or empty.
fn weight_and_bias<T>(params: &[T], len: usize) -> (&[T], &[T]) {
    params.split_at(len.min(params.len()))
}

/// Splits a gradient into those of weight and bias, as [`weight_and_bias`].
fn weight_and_bias_mut<T>(params: &mut [T], len: usize) -> (&mut [T], &mut [T]) {
    params.split_at_mut(len.min(params.len()))
}

/// Sets the initial values.
fn initialize<T: Element>(params: &mut [T], len: usize) {
    let (weight, bias) = weight_and_bias_mut(params, len);
    weight.fill(T::one());
    bias.fill(T::zero());
}

/// Returns "[.., 32]", or "[.., _]" if the number is to be inferred.
const fn with_channels(dots: &str, channels: usize) -> Sentence {
    let sentence = Sentence::new(dots);
    if channels == INFER {
        sentence.text("_]")
    } else {
        sentence.number(channels).text("]")
    }
}

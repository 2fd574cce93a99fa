//! Layers.
//!
//! Definitions, defaults and parameter names are those of PyTorch. Images are channels-last,
//! `[height, width, channels]`, and sequences are `[length, channels]`.
//!
//! | kind | layers |
//! |---|---|
//! | dense | [`Linear`], [`Embedding`] of [indices](Index), [`Unembedding`] |
//! | convolutions | [`Conv1d`], [`Conv2d`], [`ConvTranspose2d`] |
//! | recurrent | [`struct@Lstm`], [`struct@Gru`], [`struct@Rnn`], [`Scan`] of a cell of your own |
//! | attention | [`struct@MultiHeadAttention`], [`PositionalEmbedding`], [`PositionalEncoding`] |
//! | pooling | [`MaxPool1d`], [`MaxPool2d`], [`AvgPool1d`], [`AvgPool2d`], [`AdaptiveMaxPool1d`], [`AdaptiveMaxPool2d`], [`AdaptiveAvgPool1d`], [`AdaptiveAvgPool2d`], [`GlobalAvgPool1d`], [`GlobalAvgPool2d`], [`MeanOverTime`], [`MaxOverTime`] |
//! | shape | [`Flatten`], [`Reshape`], [`Transpose`], [`Permute`], [`SelectLast`], [`Slice`], [`SliceFeatures`], [`Expand`], [`Overlap`], [`ZeroPad1d`], [`ReflectionPad1d`], [`ReplicationPad1d`], [`ZeroPad2d`], [`ReflectionPad2d`], [`ReplicationPad2d`], [`Upsample`], [`UpsampleBilinear`], [`Identity`] |
//! | normalizations | [`struct@LayerNorm`], [`struct@RmsNorm`], [`struct@GroupNorm`], [`struct@InstanceNorm2d`], [`struct@BatchNorm1d`], [`struct@BatchNorm2d`]; [`SpectralNorm`] of a weight |
//! | adapters | [`struct@Lora`] around a layer that is frozen |
//! | 8 bits | [`Int8`] around a layer for inference, [`FakeQuantize`] for training |
//! | activations | [`Relu`], [`Relu6`], [`struct@LeakyRelu`], [`PRelu`], [`struct@Elu`], [`Selu`], [`struct@Celu`], [`Gelu`], [`GeluTanh`], [`Silu`], [`Mish`], [`struct@Softplus`], [`Softsign`], [`Tanh`], [`struct@HardTanh`], [`Sigmoid`], [`LogSigmoid`], [`HardSigmoid`], [`HardSwish`], [`Softmax`], [`LogSoftmax`], [`Glu`], [`Magnitude`] |
//! | functions | [`Affine`], [`Exp`], [`Log`], [`Sqrt`], [`struct@Pow`], [`Abs`], [`Erf`], [`Sin`], [`Cos`], [`Floor`] |
//! | values of tables | [`Standardize`], [`IsMissing`] |
//! | several outputs | [`Add`], [`Sub`], [`Mul`], [`Div`], [`MatMul`], [`Maximum`], [`Minimum`], [`Equal`], [`Greater`], [`Where`], [`Concat`], [`SelectPart`] |
//! | random variables | [`Reparameterize`] |
//! | regularization | [`struct@Dropout`], [`struct@Dropout2d`] |
//!
//! Normalizations take inputs up to half of the largest number, 1.7e38 in `f32`: every distance between
//! two of them is finite then. Their gradients need the sum of the output
//! gradients over the numbers that are normalized together to be in range: output gradients below
//! 3e38 in `f32`, divided by the count of these numbers. Larger ones give gradients that are not
//! finite, which a trainer reports.
//!
//! A network can be a layer of another network, and so can a type of your own: see
//! [`ext`](crate::ext). Blocks, which contain layers, are described at
//! [`network!`](crate::network).

mod activation;
mod activation_with_arguments;
mod affine;
pub(crate) mod attention;
mod avg_pool;
pub(crate) mod blocks;
mod compare;
mod conv;
mod dropout;
mod elementwise;
mod embedding;
mod expand;
#[cfg(feature = "onnx-export")]
mod export;
pub(crate) mod fold;
mod glu;
mod index;
pub(crate) mod int8;
mod joined_rows;
mod kernel_needs;
mod linear;
pub(crate) mod lora;
mod magnitude;
mod mat_mul;
mod math;
mod max_pool;
mod mean_pool;
pub(crate) mod merge;
mod nested;
mod norm;
mod over_time;
mod overlap;
mod pad1d;
mod pad2d;
mod permute;
mod prelu;
mod recurrent;
mod reparameterize;
mod reshape;
mod rule;
mod scan;
mod sequence;
mod slice;
mod softmax;
pub(crate) mod spectral_norm;
mod standardize;
mod unembedding;
mod upsample;
mod window;
mod zero_pad;

pub use activation::{
    Gelu, GeluTanh, HardSigmoid, HardSwish, LogSigmoid, Mish, Relu, Relu6, Selu, Sigmoid, Silu,
    Softsign, Tanh,
};
pub use activation_with_arguments::{Celu, Elu, HardTanh, LeakyRelu, Softplus};
pub use affine::{Affine, AffineParams};
pub use attention::{
    AttentionAdapter, AttentionDropout, AttentionLoraParams, AttentionOutNoBiasParams,
    AttentionOutParams, MultiHeadAttention, MultiHeadAttentionNoBiasParams,
    MultiHeadAttentionParams, MultiHeadAttentionSeparateNoBiasParams,
    MultiHeadAttentionSeparateParams, PositionalEmbedding, PositionalEmbeddingParams,
    PositionalEncoding,
};
pub use avg_pool::{
    AdaptiveAvgPool1d, AdaptiveAvgPool2d, AvgPool1d, AvgPool2d, GlobalAvgPool1d, GlobalAvgPool2d,
};
pub use compare::{Div, Equal, Greater, Maximum, Minimum, Sub, Where};
pub use conv::{
    Conv1d, Conv1dNoBiasParams, Conv1dParams, Conv2d, Conv2dNoBiasParams, Conv2dParams,
    ConvTranspose2d, ConvTranspose2dNoBiasParams, ConvTranspose2dParams,
};
pub use dropout::{Dropout, Dropout2d};
pub use embedding::{Embedding, EmbeddingParams};
pub use expand::Expand;
pub use fold::Foldable;
pub use glu::Glu;
pub use index::{Index, IndexError};
#[cfg(feature = "std")]
pub use int8::{Calibration, QuantizeError, QuantizeErrorKind};
pub use int8::{
    FakeQuantize, FakeQuantizeParams, Int8, Int8Conv1dParams, Int8Conv2dParams,
    Int8EmbeddingParams, Int8LinearParams, Quantizable, QuantizedTraining,
};
pub use linear::{Linear, LinearNoBiasParams, LinearParams};
pub use lora::{Lora, LoraA, LoraAlpha, LoraB, LoraParams, Mergeable};
pub use magnitude::Magnitude;
pub use mat_mul::MatMul;
pub use math::{Abs, Cos, Erf, Exp, Floor, Log, Pow, Sin, Sqrt};
pub use max_pool::{AdaptiveMaxPool1d, AdaptiveMaxPool2d, MaxPool1d, MaxPool2d};
pub use merge::{Add, Concat, Mul, SelectPart};
pub use norm::{
    BatchNorm1d, BatchNorm2d, BatchNormArguments, BatchNormNoAffineParams, BatchNormParams,
    GroupNorm, InstanceNorm2d, LayerNorm, NormEps, NormParams, NormParams2, NormParams3,
    NormWeightParams, NormWeightParams2, NormWeightParams3, RmsNorm,
};
pub use over_time::{MaxOverTime, MeanOverTime};
pub use overlap::Overlap;
pub use pad1d::{ReflectionPad1d, ReplicationPad1d, ZeroPad1d};
pub use pad2d::{ReflectionPad2d, ReplicationPad2d};
pub use permute::Permute;
pub use prelu::{PRelu, PReluParams};
pub use recurrent::{
    Gru, Lstm, RecurrentDropout, RecurrentNoBiasParams, RecurrentNoBiasWeights, RecurrentParams,
    RecurrentWeights, Rnn,
};
pub use reparameterize::Reparameterize;
pub use reshape::{Flatten, Identity, Reshape};
pub use scan::Scan;
pub use sequence::{SelectLast, Transpose};
pub use slice::{Slice, SliceFeatures};
pub use softmax::{LogSoftmax, Softmax};
pub use spectral_norm::{SpectralNorm, SpectralNormParams};
pub use standardize::{IsMissing, Standardize, StandardizeParams};
pub use unembedding::Unembedding;
pub use upsample::{Upsample, UpsampleBilinear};
pub use zero_pad::ZeroPad2d;

/// Adds numbers to others.
fn add_to<T: crate::tensor::Element>(to: &mut [T], numbers: &[T]) {
    for (to, &number) in to.iter_mut().zip(numbers) {
        *to += number;
    }
}

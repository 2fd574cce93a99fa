//! The built-in layers. Definitions and defaults are PyTorch's; images are channels-last.

mod activation;
mod activation_with_arguments;
mod avg_pool;
pub(crate) mod blocks;
mod conv;
mod dropout;
mod elementwise;
mod embedding;
pub(crate) mod fold;
mod glu;
mod index;
mod linear;
mod max_pool;
mod mean_pool;
mod norm;
mod prelu;
mod reshape;
mod softmax;
mod upsample;
mod window;
mod zero_pad;

pub use activation::{
    Gelu, GeluTanh, HardSigmoid, HardSwish, LogSigmoid, Mish, Relu, Relu6, Selu, Sigmoid, Silu,
    Softsign, Tanh,
};
pub use activation_with_arguments::{Celu, Elu, HardTanh, LeakyRelu, Softplus};
pub use avg_pool::{
    AdaptiveAvgPool1d, AdaptiveAvgPool2d, AvgPool1d, AvgPool2d, GlobalAvgPool1d, GlobalAvgPool2d,
};
pub use conv::{
    Conv1d, Conv1dNoBiasParams, Conv1dParams, Conv2d, Conv2dNoBiasParams, Conv2dParams,
    ConvTranspose2d, ConvTranspose2dNoBiasParams, ConvTranspose2dParams,
};
pub use dropout::{Dropout, Dropout2d};
pub use embedding::{Embedding, EmbeddingParams};
pub use fold::Foldable;
pub use glu::Glu;
pub use index::{Index, IndexError};
pub use linear::{Linear, LinearNoBiasParams, LinearParams};
pub use max_pool::{AdaptiveMaxPool1d, AdaptiveMaxPool2d, MaxPool1d, MaxPool2d};
pub use norm::{
    BatchNorm1d, BatchNorm2d, BatchNormArguments, BatchNormNoAffineParams, BatchNormParams,
    GroupNorm, InstanceNorm2d, LayerNorm, NormEps, NormParams, NormParams2, NormParams3,
    NormWeightParams, NormWeightParams2, NormWeightParams3, RmsNorm,
};
pub use prelu::{PRelu, PReluParams};
pub use reshape::{Flatten, Identity, Reshape};
pub use softmax::{LogSoftmax, Softmax};
pub use upsample::{Upsample, UpsampleBilinear};
pub use zero_pad::ZeroPad2d;

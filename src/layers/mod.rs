//! The built-in layers. Definitions and defaults are PyTorch's; images are channels-last.

mod activation;
mod activation_with_arguments;
pub(crate) mod blocks;
mod dropout;
mod elementwise;
mod embedding;
mod glu;
mod index;
mod linear;
mod norm;
mod prelu;
mod reshape;
mod softmax;

pub use activation::{
    Gelu, GeluTanh, HardSigmoid, HardSwish, LogSigmoid, Mish, Relu, Relu6, Selu, Sigmoid, Silu, Softsign,
    Tanh,
};
pub use activation_with_arguments::{Celu, Elu, HardTanh, LeakyRelu, Softplus};
pub use dropout::{Dropout, Dropout2d};
pub use embedding::{Embedding, EmbeddingParams};
pub use glu::Glu;
pub use index::{Index, IndexError};
pub use linear::{Linear, LinearNoBiasParams, LinearParams};
pub use norm::{
    BatchNorm1d, BatchNorm2d, BatchNormArguments, BatchNormNoAffineParams, BatchNormParams, GroupNorm,
    InstanceNorm2d, LayerNorm, NormEps, NormParams, NormParams2, NormParams3, NormWeightParams,
    NormWeightParams2, NormWeightParams3, RmsNorm,
};
pub use prelu::{PRelu, PReluParams};
pub use reshape::{Flatten, Identity, Reshape};
pub use softmax::{LogSoftmax, Softmax};

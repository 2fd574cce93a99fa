//! The built-in layers. Definitions and defaults are PyTorch's; images are channels-last.

mod activation;
mod activation_with_arguments;
pub(crate) mod blocks;
mod conv;
mod dropout;
mod elementwise;
mod embedding;
mod glu;
mod index;
mod linear;
mod prelu;
mod reshape;
mod softmax;

pub use activation::{
    Gelu, GeluTanh, HardSigmoid, HardSwish, LogSigmoid, Mish, Relu, Relu6, Selu, Sigmoid, Silu, Softsign,
    Tanh,
};
pub use activation_with_arguments::{Celu, Elu, HardTanh, LeakyRelu, Softplus};
pub use conv::{
    Conv1d, Conv1dNoBiasParams, Conv1dParams, Conv2d, Conv2dNoBiasParams, Conv2dParams, ConvTranspose2d,
    ConvTranspose2dNoBiasParams, ConvTranspose2dParams,
};
pub use dropout::Dropout;
pub use embedding::{Embedding, EmbeddingParams};
pub use glu::Glu;
pub use index::{Index, IndexError};
pub use linear::{Linear, LinearNoBiasParams, LinearParams};
pub use prelu::{PRelu, PReluParams};
pub use reshape::{Flatten, Identity, Reshape};
pub use softmax::{LogSoftmax, Softmax};

//! The built-in layers. Definitions and defaults are PyTorch's; images are channels-last.

mod activation;
mod activation_with_arguments;
pub(crate) mod blocks;
mod dropout;
mod elementwise;
mod glu;
mod linear;
mod prelu;
mod reshape;
mod softmax;

pub use activation::{
    Gelu, GeluTanh, HardSigmoid, HardSwish, LogSigmoid, Mish, Relu, Relu6, Selu, Sigmoid, Silu, Softsign,
    Tanh,
};
pub use activation_with_arguments::{Celu, Elu, HardTanh, LeakyRelu, Softplus};
pub use dropout::Dropout;
pub use glu::Glu;
pub use linear::{Linear, LinearNoBiasParams, LinearParams};
pub use prelu::{PRelu, PReluParams};
pub use reshape::{Flatten, Identity, Reshape};
pub use softmax::{LogSoftmax, Softmax};

//! The built-in layers. Definitions and defaults are PyTorch's; images are channels-last.

mod activation;
mod dropout;
mod linear;
mod reshape;

pub use activation::{Gelu, Relu, Sigmoid, Softmax, Tanh};
pub use dropout::Dropout;
pub use linear::{Linear, LinearNoBiasParams, LinearParams};
pub use reshape::{Flatten, Reshape};

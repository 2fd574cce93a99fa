//! Neural networks whose shapes are types.

extern crate self as shapewright;

#[allow(dead_code)]
mod kernels;
mod layers;
mod loss;
mod memory;
mod network;
mod optim;
mod tensor;
pub mod threads;
pub mod tier;

pub use layers::*;
pub use loss::{Anything, BceWithLogits, CrossEntropy, Label, LabelError, Logits, Loss, Mse, Reduction};
#[doc(hidden)]
pub use loss::{Takes, TargetOf};
#[doc(hidden)]
pub use network::emitted;
pub use network::{
    Compute, Configuration, Context, Fit, Fits, Flow, Gives, INFER, Layer, LayerSummary, Network, Parameters,
    Pass, Sentence, Slab, Summary, Visitor, VisitorMut, Workspace,
};
#[doc(hidden)]
pub use network::{InputOf, OutputOf};
pub use optim::{Adam, Optimizer, OptimizerState, Sgd};
pub use shapewright_macros::{Parameters, network};
pub use tensor::{
    Dims, Element, LengthError, MAX_RANK, Rank0, Rank1, Rank2, Rank3, Rank4, Scalar, Shape, Tensor, Tensor0,
    Tensor1, Tensor2, Tensor3, Tensor4,
};

pub use rand;

/// The derive macro under its own name, for this crate's layers.
mod derive {
    pub(crate) use shapewright_macros::Parameters;
}

/// A random generator from a seed: the same numbers on every machine and in every later version of this crate.
///
/// ```
/// use shapewright::prelude::*;
/// let mut rng = shapewright::rng(42);
/// let x: Tensor1<3> = Tensor::random(rand::distr::StandardUniform, &mut rng);
/// assert_ne!(x[0], x[1]);
/// ```
pub fn rng(seed: u64) -> rand_xoshiro::Xoshiro256PlusPlus {
    rand::SeedableRng::seed_from_u64(seed)
}

/// What a program that defines and trains networks uses: `use shapewright::prelude::*;`
pub mod prelude {
    pub use crate::{
        Adam, BceWithLogits, CrossEntropy, Dropout, Flatten, Gelu, Label, Linear, Loss, Mse, Network,
        Optimizer, Parameters, Reduction, Relu, Reshape, Sgd, Shape, Sigmoid, Softmax, Tanh, Tensor, Tensor0,
        Tensor1, Tensor2, Tensor3, Tensor4, Workspace, network, rand,
    };
}

//! Explanations of an output by the input: saliency, integrated gradients, attention maps.
//!
//! An [`Explainer`] computes, for one input and one number of the output, how much each number of
//! the input matters:
//!
//! | function | what it gives |
//! |---|---|
//! | [`gradient`](Explainer::gradient) | the change of the output with the input, "saliency" (Simonyan, Vedaldi and Zisserman, 2013) |
//! | [`gradient_times_input`](Explainer::gradient_times_input) | that change times the input |
//! | [`integrated_gradients`](Explainer::integrated_gradients) | shares of the output that add up to its difference from the output of a baseline |
//! | [`token_saliency`](Explainer::token_saliency) | the same as the first two for each token of a text |
//! | [`attention_maps`] | which keys each query of an attention layer has looked at |
//!
//! ```
//! use shapewright::explain::{Explainer, IntegratedGradients};
//! use shapewright::prelude::*;
//! network! { struct Net: [3] -> [2] { Linear<_, 8>, Tanh, Linear<_, 2> } }
//! let net = Net::init(&mut shapewright::rng(0));
//! let x = Tensor1::from([1.0, -2.0, 0.5]);
//!
//! let class = net.forward(&x).argmax();
//! let mut explainer = Explainer::new(&*net);
//! let shares = explainer.integrated_gradients(&x, class, &IntegratedGradients::new());
//! let difference = net.forward(&x)[class] - net.forward(&Tensor1::zeros())[class];
//! assert!((shares.values.iter().sum::<f32>() - difference).abs() < 1e-5);
//! ```
//!
//! Networks compute as in inference here: dropout drops nothing, and batch normalization uses its
//! running statistics. The example `explain` draws all of them.

mod integrated;
mod quadrature;
mod saliency;

pub use crate::nn::attention::maps::{AttentionMap, attention_maps};
pub use integrated::{Attribution, IntegratedGradients};
pub use quadrature::Quadrature;
pub use saliency::{Explainer, TokenSaliency};

//! Generation: the next token from the outputs of a network, and the most likely sequences.
//!
//! [`Sampling`] has the settings of Hugging Face's `generate` with their definitions: temperature,
//! top-k, top-p, min-p and the penalty for repetitions. [`BeamSearch`] finds likely sequences.
//!
//! ```
//! use shapewright::generate::Sampling;
//! use shapewright::prelude::*;
//! network! { struct Next: [1] -> [16] { Embedding<16, 8>, Flatten, Linear<_, 16> } }
//! let net = Next::init(&mut shapewright::rng(0));
//!
//! let mut sampler = Sampling::new().temperature(0.8).top_k(5).seed(1).sampler::<16>()?;
//! let mut tokens = vec![Index::new(3)?];
//! for _ in 0..20 {
//!     let last = Tensor1::from([tokens[tokens.len() - 1].to_element()]);
//!     tokens.push(sampler.next(&net.forward(&last), &tokens)?);
//! }
//! assert_eq!(tokens.len(), 21);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod beam;
mod beam_error;
mod candidates;
mod logit_error;
mod sampler;
mod sampling;

pub use beam::{BeamSearch, Hypothesis};
pub use beam_error::BeamError;
pub use logit_error::LogitError;
pub use sampler::Sampler;
pub use sampling::Sampling;

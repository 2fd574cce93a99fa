//! Training with differential privacy: gradients that are clipped per sample and noised (DP-SGD),
//! and the accountant of what was spent.
//!
//! [`DpSgd`] has the settings. Its [state](DpSgdState) draws each batch by Poisson sampling, computes
//! the gradient that may be published, and counts the step. Any optimizer applies the gradient.
//!
//! ```
//! use shapewright::data::gather;
//! use shapewright::prelude::*;
//! use shapewright::privacy::DpSgd;
//! network! { struct Net: [2] -> [2] { Linear<_, 8>, Tanh, Linear<_, 2> } }
//!
//! let x: Vec<_> = (0..200).map(|i| Tensor1::from([(i % 10) as f32, (i / 10) as f32])).collect();
//! let labels: Vec<_> = x
//!     .iter()
//!     .map(|x| Label::<2>::new(usize::from(x[0] > 4.5)))
//!     .collect::<Result<_, _>>()?;
//!
//! let mut rng = shapewright::rng(0);
//! let mut net = Net::init(&mut rng);
//! let mut gradient = Net::zeros();
//! let mut adam = Adam::new(0.02).state::<Net>();
//! let mut private = DpSgd::new(0.1).noise_multiplier(1.1).state::<Net>(x.len());
//! for _ in 0..30 {
//!     let batch = private.sample(&mut rng);
//!     let (x, labels) = (gather(&x, &batch), gather(&labels, &batch));
//!     private.gradient(&net, &CrossEntropy, &x, &labels, &mut gradient, &mut rng)?;
//!     adam.step(&mut net, &gradient);
//! }
//! let spent = private.accountant().spent(1e-3);
//! assert!(spent.epsilon > 1.0 && spent.epsilon < 5.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Layers that mix the samples of a batch have no gradient of one sample: a network with batch
//! normalization does not compile here. [`GroupNorm`](struct@crate::nn::GroupNorm) and
//! [`LayerNorm`](struct@crate::nn::LayerNorm) take its place.
//!
//! # What the numbers promise
//! A training is (epsilon, delta)-private with respect to the addition or removal of one sample. It
//! covers the parameters after every step. It covers neither the losses and counts of a
//! [`PrivateBatch`], nor hyperparameters that were chosen by looking at the data.
//!
//! The noise comes from the caller's generator. [`shapewright::rng`](crate::rng) makes a run
//! reproducible, and whoever knows its seed can subtract the noise. For an adversary, pass a
//! cryptographic generator with a secret seed. Noise of floating-point numbers has gaps that a
//! determined adversary may use (Mironov, 2012, "On Significance of the Least Significant Bits for
//! Differential Privacy"); as in Opacus without its secure mode, nothing is done about it.

mod accountant;
mod dp_sgd;
mod renyi;
mod sampling;

pub use accountant::{
    NoiseError, NoiseSearch, PrivacySpent, RdpAccountant, default_orders, noise_multiplier_for,
};
pub use dp_sgd::{DpSgd, DpSgdState, PrivateBatch};
pub use sampling::poisson_sample;

//! The results of layers, losses and networks, in every tier and at every number of threads.

#[path = "../common/mod.rs"]
mod common;

mod activations;
mod attention;
mod denormals;
mod detection;
mod distillation;
mod embedding;
mod generation;
mod gradients;
mod inference_workspace;
mod lora;
mod losses;
mod magnitudes;
mod metrics;
mod network;
mod norms;
mod over_time;
mod padding;
mod sums;
mod tensor;
mod variational;
mod workspace;

//! Layers, losses, metrics, optimizers and schedules, compared with PyTorch and scikit-learn.

#[path = "../common/mod.rs"]
mod common;

mod activations;
mod attention;
mod conv;
mod detection;
mod distillation;
mod explain;
mod layers;
mod lora;
mod losses;
mod metrics;
mod norms;
mod optimizers;
mod pixels;
mod pool;
mod privacy;
mod recurrent;
mod schedules;
mod spectral_norm;
mod time;
mod training;

//! Layers, losses, metrics, optimizers and schedules beside the values that PyTorch and scikit-learn give.

#[path = "../common/mod.rs"]
mod common;

mod activations;
mod conv;
mod layers;
mod losses;
mod metrics;
mod norms;
mod optimizers;
mod pixels;
mod pool;
mod schedules;
mod training;

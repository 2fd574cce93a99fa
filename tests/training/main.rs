//! The trainer and what belongs to it: optimizers, checkpoints, search, plots.

#[path = "../common/mod.rs"]
mod common;

mod augmented_training;
mod checkpoint;
mod data_sets;
mod distributed;
mod fine_tuning;
mod optimizer_parts;
mod optimizer_settings;
mod optimizer_state;
mod pipeline;
mod plots;
mod prefetch;
mod search;
mod trainer;
mod trainer_settings;

//! Blocks, tuples, folding, initial values and augmentation.

#[path = "../common/mod.rs"]
mod common;

mod augment;
mod blocks;
mod fold;
mod inference_only;
mod init;
mod int8;
mod memory;
mod nested;
mod number_types;
mod random_streams;
mod random_wiring;
mod recurrent;
mod scan;
mod stories;
mod stream_steps;
mod streams;
mod tuples;
mod whole_batch;
mod wiring;

//! Blocks, tuples, folding, initial values and augmentation.

#[path = "../common/mod.rs"]
mod common;

mod augment;
mod blocks;
mod fold;
mod init;
mod number_types;
mod tuples;
mod whole_batch;
mod wiring;

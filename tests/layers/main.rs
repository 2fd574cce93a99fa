//! Blocks, tuples, folding, initial values and augmentation.

#[path = "../common/mod.rs"]
mod common;

mod augment;
mod blocks;
mod fold;
mod init;
mod random_wiring;
mod tuples;
mod whole_batch;
mod wiring;

//! Data for training: files become tensors and labels, and batches are prepared while the network trains.
//!
//! | | | feature |
//! |---|---|---|
//! | [`idx`] | IDX files, the format of MNIST, and MNIST's usual folder | `gzip` for packed ones |
//!
//! No reader panics on what a file says: a [`ReadError`] names the file and the place in it, what was expected, what
//! came, and what to do.

pub mod idx;
mod pixel;
mod read_error;

pub use pixel::Pixel;
pub use read_error::{Place, ReadError, ReadErrorKind, ReadErrors};

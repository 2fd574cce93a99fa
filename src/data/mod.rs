//! Data for training: files become tensors and labels, and batches are prepared while the network trains.
//!
//! | | | feature |
//! |---|---|---|
//! | [`idx`] | IDX files, the format of MNIST, and MNIST's usual folder | `gzip` for packed ones |
//! | `csv` | tables of comma-separated values, with classes or numbers to be predicted | `csv` |
//! | `images` | pictures in one folder per class | `images` |
//! | `npy` | NumPy's `.npy` and `.npz`, read and written | `npy` |
//! | [`prefetch`] | the next batches on another thread | |
//!
//! No reader panics on what a file says: a [`ReadError`] names the file and the place in it, what was expected, what
//! came, and what to do.

#[cfg(feature = "npy")]
mod beside;
mod bytes;
#[cfg(feature = "csv")]
pub mod csv;
pub mod idx;
#[cfg(feature = "images")]
pub mod images;
#[cfg(feature = "npy")]
pub mod npy;
mod pixel;
pub mod prefetch;
mod read_error;

pub use pixel::Pixel;
pub use prefetch::{Prefetch, Refill};
pub use read_error::{Place, ReadError, ReadErrorKind, ReadErrors};

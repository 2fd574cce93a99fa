//! Data for training: files become tensors and labels, and batches are prepared while the network
//! trains.
//!
//! | | | feature |
//! |---|---|---|
//! | `audio` | WAV files, read and written | `audio` |
//! | [`cifar`] | CIFAR-10's binary files | |
//! | [`idx`] | IDX files, the format of MNIST, and MNIST's usual folder | `gzip` for packed ones |
//! | `csv` | tables of comma-separated values, with classes or numbers to be predicted | `csv` |
//! | `images` | pictures in one folder per class | `images` |
//! | `npy` | NumPy's `.npy` and `.npz`, read and written | `npy` |
//! | [`text`] | vocabularies, and windows of a text with the next token of each position | |
//! | [`prefetch`] | the next batches on another thread | |
//!
//! No reader panics because of a file: a [`ReadError`] names the file and the place in it, what was
//! expected, what was found, and what to do. No small file takes all memory:
//! [`Limits`](crate::Limits) bound the memory of each.
//!
//! Other functions need no file: parts of a data set ([`split()`], [`stratified_split`], [`k_fold`],
//! [`stratified_k_fold`]), [`Batches`], samples that are made when they are needed
//! ([`Dataset`]), features of one size ([`StandardScaler`],
//! [`MinMaxScaler`]), missing values ([`Imputer`]), [`one_hot`], [`frames`] of a recording; copies of samples of any size
//! ([`to_vec`], [`extend_from_slice`], [`repeat`]).
//!
//! ```
//! use shapewright::data::{Batches, StandardScaler, gather, stratified_split};
//! use shapewright::prelude::*;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut rng = shapewright::rng(0);
//! let x: Vec<_> = (0..60).map(|i| Tensor1::from([i as f32, 1000.0])).collect();
//! let labels: Vec<_> = (0..60)
//!     .map(|i| Label::<2>::new(i % 2))
//!     .collect::<Result<_, _>>()?;
//!
//! let [train, test] = stratified_split(&labels, [0.8, 0.2], &mut rng)?;
//! let (mut train_x, mut test_x) = (gather(&x, &train), gather(&x, &test));
//! let (train_labels, test_labels) = (gather(&labels, &train), gather(&labels, &test));
//!
//! // Fitted to the training part alone: the test part must not tell anything about itself.
//! let scaler = StandardScaler::fit(&train_x)?;
//! scaler.transform(&mut train_x);
//! scaler.transform(&mut test_x);
//!
//! let mut batches = Batches::new(&train_x, &train_labels, 16);
//! for epoch in 0..3 {
//!     batches.shuffle(&mut rng);
//!     while let Some((x, labels)) = batches.next_batch() {
//!         assert_eq!(x.len(), labels.len());
//!     }
//! }
//! # assert_eq!((train.len(), test.len(), test_labels.len()), (48, 12, 12));
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "audio")]
pub mod audio;
mod bytes;
pub mod cifar;
#[cfg(feature = "csv")]
pub mod csv;
pub mod idx;
#[cfg(feature = "images")]
pub mod images;
mod labels;
#[cfg(feature = "npy")]
pub mod npy;
mod pixel;
pub mod prefetch;
mod queue;
mod read_error;
pub mod text;

pub use pixel::Pixel;
pub use prefetch::{Prefetch, Refill};
pub use read_error::{Place, ReadError, ReadErrorKind, ReadErrors};

mod batches;
mod changing;
mod dataset;
mod frames;
mod gathering;
mod missing;
mod one_hot;
mod preprocess_error;
mod sample;
mod scale;
mod split;
mod standardize;

pub(crate) use batches::BatchShare;
pub use batches::{Batches, gather};
pub(crate) use changing::Changing;
pub use dataset::Dataset;
pub use frames::frames;
pub(crate) use gathering::{Gathered, Gathering};
pub use missing::Imputer;
pub use one_hot::{one_hot, one_hot_into};
pub use preprocess_error::PreprocessError;
pub use sample::{Cloning, Sample, SamplesMut, extend_from_slice, repeat, to_vec};
pub use scale::{MinMaxScaler, StandardScaler};
pub use split::{Fold, SplitError, k_fold, split, stratified_k_fold, stratified_split};

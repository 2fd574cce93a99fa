//! Weight files: safetensors, with the names, shapes and order of numbers of PyTorch's
//! `state_dict`. Requires the feature `safetensors`.
//!
//! [`save`](SaveLoad::save) and [`load`](SaveLoad::load) write and
//! read the file of one network. [`Saver`] and [`Loader`] are for files of several parts and for
//! other names, [`include_weights!`](crate::include_weights) for weights inside the program.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use shapewright::prelude::*;
//! network! { struct Mlp: [4] -> [3] { fc1: Linear<_, 8>, Relu, head: Linear<_, 3> } }
//!
//! let path = std::env::temp_dir().join(format!("weights-{}.safetensors", std::process::id()));
//! let net = Mlp::init(&mut shapewright::rng(0));
//! net.save(&path)?;
//!
//! let mut other = Mlp::zeros();
//! other.load(&path)?;
//! assert_eq!(other.params(), net.params());
//! # std::fs::remove_file(path)?;
//! # Ok(())
//! # }
//! ```
//!
//! # The format
//! A tensor has the name that [`Network::for_each_param`](crate::Network::for_each_param) gives it,
//! such as `fc1.weight`; a layer without a name has its index, as in `nn.Sequential`. The weight of
//! a `Linear` is `[out_features, in_features]` in the file and its transpose here. Tensors of your
//! own layers have the same axes in the file, unless `#[params(axes(..))]` on the field gives
//! another order.
//!
//! # The order of features
//! Images, `[height, width, channels]`, are `[channels, height, width]` in PyTorch. Sequences,
//! `[length, channels]`, are `[channels, length]` there if a layer works on their channels, as
//! `Conv1d`, `BatchNorm1d` or `GroupNorm` does. After a [`Flatten`](crate::nn::Flatten), their
//! features are therefore in another order in PyTorch, and files have PyTorch's order. This crate
//! follows the order through all layers, blocks and nested networks, and permutes in files:
//!
//! - the input axis of a [`Linear`](crate::nn::Linear), and the weights of normalizations and of
//!   [`PRelu`](crate::nn::PRelu), if their inputs are such features;
//! - the outputs of a layer, if they are added to such features or if a
//!   [`Reshape`](crate::nn::Reshape) makes an image of them. This `Reshape<H, W, C>` is PyTorch's
//!   `nn.Unflatten(1, (C, H, W))`.
//!
//! A layer that names its sources, as `Add <- (a, b)`, is given their orders. A sum or a product has
//! the order that all of its sources have; a dense layer before it makes the order of those sources
//! that come before the dense layer. Write the source that is flattened first.
//!
//! Some results depend on the order itself: PyTorch has other features of a flattened image in the
//! first half of a [`Glu`](crate::nn::Glu) or a [`Magnitude`](crate::nn::Magnitude), and in each group of a
//! [`GroupNorm`](struct@crate::nn::GroupNorm). Other results depend on facts that no file contains:
//!
//! - A layer that works along the last axis, as [`Linear`](crate::nn::Linear),
//!   [`LayerNorm`](struct@crate::nn::LayerNorm) and [`Softmax`](crate::nn::Softmax) do, needs channels last
//!   in PyTorch, too. Behind a convolution, a program there has moved them, as vision transformers
//!   do, and may or may not have moved them back before it flattens. A layer that takes channels
//!   has them first again, and behind an average over all positions there is nothing to ask; but
//!   what has an entry for each flattened feature depends on it.
//! - A [`Scan`](crate::nn::Scan) whose steps are images gives `[length, height, width, channels]`, where
//!   a cell in PyTorch has `[length, channels, height, width]`. What flattens all steps is marked; a
//!   state after the last step is an image as any other.
//! - `Reshape` to other axes than an image's makes rows of flattened channels that have other
//!   features in them there.
//! - A [`LayerNorm`](struct@crate::nn::LayerNorm) or [`RmsNorm`](struct@crate::nn::RmsNorm) over all axes
//!   has weights of all of them: with channels first where they are first in PyTorch, and as they are
//!   here behind an `Embedding` or a `Linear`, which have made them so. Whether a program moves them
//!   before it or behind it is not known where layers on both sides want them otherwise, nor where it
//!   begins a network of sequences; the shapes in the file say what is expected. If all sizes are
//!   equal, no shape tells, and the layer is marked; the sentence says how the weights are read.
//! - Over the last axes of an image, as `LayerNorm<_, _>`, a program in PyTorch has to move the
//!   channels first. It may move them to the end, `x.permute(0, 2, 3, 1)` before
//!   `LayerNorm([width, channels])`, or before the width alone, `x.permute(0, 2, 1, 3)` before
//!   `LayerNorm([channels, width])`. Files are read and written as in the first case, as the axes are
//!   here; in the second case their shape does not fit. If width and channels are equal, no shape
//!   tells, and the layer is marked. Weights of the second case are converted in Python:
//!   `w.transpose(-1, -2)`.
//! - Behind sources whose orders are different, the elements do not belong together in PyTorch.
//!   Where several layers read one output, and one of them works along its last axis, a program may
//!   have moved the axes for all of them.
//! - A network that returns an image or rows that a `Reshape` has made of features returns other ones
//!   if no layer could make the features in the order of the image, as behind a `Glu` or a `Concat`.
//! - A network whose inputs are features, and that makes an image of them, is given them with
//!   channels last here and first in PyTorch. Let it take the image itself, `[H, W, C]`.
//!
//! The file of a network with such a layer contains a mark: an empty tensor named after the layer,
//! with the suffix `.channels_last`. PyTorch refuses the mark, and this crate refuses files without
//! it. If you know that a file was written by a version of this crate without marks, or that all
//! axes were moved back in PyTorch, omit the marks: `loader.only(|name|
//! !name.ends_with(".channels_last"))`. If the axes were not moved back, permute the columns of the
//! next weight in Python: `w.view(out, positions, channels).transpose(1, 2).reshape(out, -1)`.
//!
//! # What a file cannot tell
//! The inputs and outputs of a network are in this crate's order, which no weights can change.
//! Nothing is refused here, so check these cases yourself:
//!
//! - Images are `[height, width, channels]`, both as inputs and as outputs.
//! - A network that ends in a `Flatten` of an image returns its features with channels last, and
//!   PyTorch's model with channels first. Let it return the image, or compare each feature with the
//!   one of the same pixel and channel.
//! - A network that is loaded or saved alone has features of its own. If it follows a `Flatten` of
//!   another network and is loaded by itself, `net.inner.load_from(..)`, it does not know of that
//!   `Flatten`, and its features get the wrong order. Load the outer network, with
//!   [`Loader::rename`] and [`Loader::only`]: `net.load_from(&loader.rename(|name|
//!   format!("inner.{name}")).only(|name| name.starts_with("inner.")))`.
//! - A file from before this crate wrote version numbers (see below) looks like a file of PyTorch,
//!   and is read as one.
//!
//! # The version number
//! Files of this crate have `"shapewright": "1"` in their metadata, the number of the format that
//! is described here; PyTorch ignores it. If the meaning of names, shapes or the order of numbers
//! changes, so does this number, and versions of the crate that do not know it refuse the file.
//! Files without a number are read as PyTorch's.
//!
//! Files with `"shapewright_order": "features_as_here"` in their metadata have features in the order of
//! this crate: they have no marks, and no order is followed. The weights of ONNX files are such. With
//! `"memory"`, the axes of all tensors are those in memory as well.
//!
//! # Number types
//! Files are written in the network's number type, or with trained numbers of 16 bits by
//! [`save_half`](SaveLoad::save_half) and [`Saver::part_half`]. `F32`, `F64`, `F16` and `BF16` are read into
//! both, rounded to the nearest; so is `I64` for tensors that are not trained, such as PyTorch's
//! `num_batches_tracked`. A [`Buffer`](crate::ext::Buffer) has its own type in files, such as `I8`,
//! and is read from this type alone, bit by bit. In Python, `safetensors.torch` reads and writes
//! the files:
//!
//! ```python
//! model.load_state_dict(safetensors.torch.load_file("mlp.safetensors"))
//! safetensors.torch.save_file(model.state_dict(), "mlp.safetensors")
//! ```
//!
//! # Large files
//! [`Loader::open`] reads the header of a file. The numbers of a tensor are read when they are loaded,
//! 64 KiB at a time: besides the parameters, loading takes the memory of the header and of that
//! buffer, whatever the size of the file. A file is not mapped into memory: that would need `unsafe`
//! code, and a program that shortens the file would end this one by a signal. Here, it is an error.
//!
//! # Models in several files
//! Large models are several files and an index, `model.safetensors.index.json`, which says which tensor
//! is in which of them. Its path stands for the whole model, in [`Loader::open`] and
//! [`load`](SaveLoad::load). The files are in the folder of the index, or in folders within; an index
//! that names another place is refused.
//!
//! # Models with other names
//! [`Loader::rename_patterns`] takes a table of patterns. What may be left out of the file or of the
//! network is said by [`Loader::allow_unused`] and [`Loader::allow_missing`], and the [`LoadReport`]
//! lists it:
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use shapewright::prelude::*;
//! use shapewright::weights::Loader;
//! network! { struct Attention: [384] -> [384] { q: Linear<_, 384>, k: Linear<_, 384> } }
//! network! { struct Encoder: [384] -> [384] { layers: Repeat<6> { attention: Attention } } }
//!
//! let loader = Loader::open("bert/model.safetensors.index.json")?
//!     .rename_patterns(&[
//!         ("bert.encoder.layer.{i}.attention.self.query", "layers.{i}.attention.q"),
//!         ("bert.encoder.layer.{i}.attention.self.key", "layers.{i}.attention.k"),
//!     ])?
//!     .allow_unused(|name| name.starts_with("bert."));
//! let mut encoder = Encoder::zeros();
//! let report = encoder.load_from(&loader)?;
//! println!("{report}");
//! # Ok(())
//! # }
//! ```
//!
//! # Why this crate has its own reader
//! The format is eight bytes of length and a flat JSON object. The usual crate for it has eleven
//! dependencies, reports only the first difference, and can't read in constants, which the check at
//! compile time needs.

#[cfg(feature = "std")]
mod concat;
mod difference;
#[cfg(feature = "std")]
mod error;
#[cfg(feature = "std")]
mod escape;
#[cfg(feature = "std")]
mod half;
mod header;
mod included;
#[cfg(feature = "std")]
mod index;
mod json;
mod layout;
#[cfg(feature = "std")]
mod load;
#[cfg(feature = "std")]
mod loader;
#[cfg(feature = "std")]
mod name_patterns;
mod numbers;
mod order;
mod pieces;
#[cfg(feature = "std")]
mod report;
#[cfg(feature = "std")]
mod save;
#[cfg(feature = "std")]
mod save_load;
#[cfg(feature = "std")]
mod source;
mod wanted;
mod wiring;

pub use crate::params::param_tree::Axes;
pub use difference::DifferenceKind;
#[cfg(feature = "std")]
pub use error::{Difference, LoadError, LoadErrorKind, SaveError, SaveErrorKind};
#[cfg(feature = "std")]
pub use half::Half;
#[doc(hidden)]
pub use included::{File, count, count_of, included, included_part};
#[cfg(feature = "std")]
pub use loader::Loader;
#[cfg(feature = "std")]
pub use name_patterns::PatternError;
#[cfg(feature = "std")]
pub use report::LoadReport;
#[cfg(feature = "std")]
pub use save::Saver;
#[cfg(feature = "std")]
pub use save_load::SaveLoad;

//! Weight files: safetensors, with the names, shapes and order of numbers of PyTorch's
//! `state_dict`. With the feature `safetensors`.
//!
//! [`Network::save`](crate::Network::save) and [`Network::load`](crate::Network::load) are for a
//! network and its file, [`Saver`] and [`Loader`] for parts and other names,
//! [`include_weights!`](crate::include_weights) for weights inside the program.
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
//! `fc1.weight`; a layer without a name has its index, as in `nn.Sequential`. The weight of a
//! `Linear` is `[out_features, in_features]` in the file and its transpose here; tensors of your
//! own layers have their axes in one order, unless `#[params(axes(..))]` on the field says otherwise.
//!
//! # The order of features
//! Images, `[height, width, channels]`, are `[channels, height, width]` in PyTorch; sequences,
//! `[length, channels]`, are `[channels, length]` there if a layer works on their channels, as
//! `Conv1d`, `BatchNorm1d` or `GroupNorm` does. Behind a [`Flatten`](crate::nn::Flatten) of them,
//! features are in another order there, and files have PyTorch's. The order is followed through all
//! layers, blocks and nested networks: a [`Linear`](crate::nn::Linear) has the axis of its input in it,
//! normalizations and [`PRelu`](crate::nn::PRelu) their weights, and what makes features that are added
//! to such features, or that a [`Reshape`](crate::nn::Reshape) makes an image of, has its outputs in
//! it. That `Reshape<H, W, C>` is PyTorch's `nn.Unflatten(1, (C, H, W))`.
//!
//! Some results depend on the order itself: which features of a flattened image are the first half
//! for [`Glu`](crate::nn::Glu), and which are one group for [`GroupNorm`](struct@crate::nn::GroupNorm),
//! differs in PyTorch. Others depend on what no file says:
//!
//! - A layer that works along the last axis, as [`Linear`](crate::nn::Linear),
//!   [`LayerNorm`](struct@crate::nn::LayerNorm) and [`Softmax`](crate::nn::Softmax) do, needs channels last
//!   in PyTorch, too. Behind a convolution, a program there has moved them, as vision transformers
//!   do, and may or may not have moved them back before it flattens. A layer that takes channels
//!   has them first again, and behind an average over all positions there is nothing to ask; but
//!   what has an entry for each flattened feature depends on it.
//! - `Reshape` to other axes than an image's makes rows of flattened channels that have other
//!   features in them there.
//! - A [`LayerNorm`](struct@crate::nn::LayerNorm) or [`RmsNorm`](struct@crate::nn::RmsNorm) over all axes
//!   has weights of all of them: with channels first where they are first in PyTorch, and as they are
//!   here behind an `Embedding` or a `Linear`, which have made them so. Whether a program moves them
//!   before it or behind it is not known where layers on both sides want them otherwise, nor where it
//!   begins a network of sequences; the shapes in the file say what is expected. If all sizes are
//!   equal, no shape tells, and the layer is marked; the sentence says how the weights are read.
//!   Over some of the axes, as `LayerNorm<_, _>` on an image, the axes are as here.
//! - A network whose inputs are features, and that makes an image of them, is given them with
//!   channels last here and first in PyTorch. Let it take the image itself, `[H, W, C]`.
//!
//! The file of a network with such a layer has an empty tensor with the name of the layer and
//! `.channels_last`, which PyTorch refuses, and files without it are refused here. If you know that
//! one is this crate's, from before it had such marks, or that all axes in PyTorch were moved back,
//! leave the marks out: `loader.only(|name| !name.ends_with(".channels_last"))`. If they were not
//! moved back, put the columns of the next weight into the other order in Python:
//! `w.view(out, positions, channels).transpose(1, 2).reshape(out, -1)`.
//!
//! # What a file cannot tell
//! Numbers go into a network and come out of it in this crate's order, which no weights can change.
//! Nothing is refused here, so look at these yourself:
//!
//! - Images go in as `[height, width, channels]`, and come out so.
//! - A network that ends in a `Flatten` of an image gives its features with channels last, and
//!   PyTorch's model channels first. Let it give the image, or compare one feature with the one of
//!   the same pixel and channel.
//! - A network that is loaded or saved alone has features of its own. One that stands behind a
//!   `Flatten` of another network, and is loaded by itself, `net.inner.load_from(..)`, does not know
//!   of that `Flatten`, and has its features in the wrong order. Load the outer network, with
//!   [`Loader::rename`] and [`Loader::only`]: `net.load_from(&loader.rename(|name|
//!   format!("inner.{name}")).only(|name| name.starts_with("inner.")))`.
//! - A file of this crate from before it wrote the number of the form of its files (below) looks
//!   like one of PyTorch's, and is read as one.
//!
//! # The form
//! Files of this crate have `"shapewright": "1"` in their metadata, the number of the form that is
//! described here; PyTorch does not look at it. A change of what names, shapes or the order of
//! numbers mean will be another number, which other versions refuse. Files without a number are
//! read as PyTorch's.
//!
//! # The numbers
//! Files are written in the network's number type. `F32`, `F64`, `F16` and `BF16` are read into
//! both, rounded to the nearest; so is `I64` where it is not trained, as PyTorch's
//! `num_batches_tracked`. In Python, `safetensors.torch` reads and writes them:
//!
//! ```python
//! model.load_state_dict(safetensors.torch.load_file("mlp.safetensors"))
//! safetensors.torch.save_file(model.state_dict(), "mlp.safetensors")
//! ```

//! # Why a reader of its own
//! The format is eight bytes of length and a flat JSON object. The usual crate for it brings eleven
//! more, says the first difference alone, and can't read in constants, which is what lets the
//! compiler check a file against a network.

mod error;
mod header;
mod included;
mod layout;
mod loader;
mod numbers;
mod order;
mod pieces;
mod save;
mod wanted;

pub use crate::network::param_tree::Axes;
pub use error::{Difference, DifferenceKind, LoadError, LoadErrorKind, SaveError};
#[doc(hidden)]
pub use included::{count, included};
pub use loader::Loader;
pub use save::Saver;
pub(crate) use save::{save, to_bytes};

//! Neural networks whose shapes are types, trained and run on the CPU inside your own program.
//!
//! ```
//! use shapewright::prelude::*;
//!
//! network! {
//!     /// Grey images of 28 by 28 pixels to ten classes.
//!     #[derive(Clone, Debug)]
//!     pub struct Mlp: [28, 28, 1] -> [10] {
//!         Flatten,
//!         fc1: Linear<_, 128>,
//!         Relu,
//!         Dropout(0.2),
//!         head: Linear<128, 10>,
//!     }
//! }
//!
//! # fn main() -> Result<(), shapewright::loss::LabelError> {
//! let images = vec![Tensor3::<28, 28, 1>::zeros(); 64];
//! let labels = vec![Label::<10>::new(3)?; 64];
//!
//! let mut net = Mlp::init(&mut shapewright::rng(0));
//! let (mut gradient, mut workspace) = (Mlp::zeros(), Mlp::workspace());
//! let mut sgd = Sgd::new(0.01).momentum(0.9).state::<Mlp>();
//! for _ in 0..3 {
//!     let mut pass = net.forward_train(&images, &mut workspace);
//!     let loss = pass.loss(&CrossEntropy, &labels);
//!     pass.backward(&mut gradient);
//!     sgd.step(&mut net, &gradient);
//!     println!("loss {loss}");
//! }
//! let class = net.forward(&images[0]).argmax();
//! # assert_eq!(class, 3);
//! # Ok(())
//! # }
//! ```
//!
//! [`network!`] turns a list of layers into one plain struct. The compiler infers the shapes and
//! checks that they fit: `cargo check` reports a mistake as a sentence at the layer's own line. The
//! struct holds the parameters and nothing else; its methods are those of [`Network`].
//!
//! Definitions, defaults and parameter names are PyTorch's. Images are channels-last.
//!
//! | module | contents |
//! |---|---|
//! | [`nn`] | layers: dense, convolutions, pooling, normalizations, activations, embeddings |
//! | [`loss`] | losses and labels |
//! | [`optim`], [`schedule`] | optimizers, clipping, weight averages; learning rate schedules |
//! | [`train`] | the trainer: batches, validation, early stopping, checkpoints, history |
//! | [`distributed`] | training on several ranks: messages, sums in a fixed order, pipelines |
//! | [`explain`] | which inputs an output depends on: saliency, integrated gradients, attention maps |
//! | [`privacy`] | differentially private training (DP-SGD), and the accountant of epsilon |
//! | [`data`], [`augment`] | readers of data files, text, splits, scalers; random changes to images |
//! | [`generate`] | the next token from logits: temperature, top-k, top-p; beam search |
//! | [`metrics`] | accuracy, F1, ROC AUC, R2, mAP and others |
//! | [`detection`] | boxes and their overlaps, non-maximum suppression, a loss over a grid |
//! | `weights` | safetensors files in PyTorch's form, and weights inside the program |
//! | [`search`] | grid and random search for hyperparameters on all processors, with pruning |
//! | `plots` | learning curves, confusion matrices, charts and grids of images |
//! | [`init`](mod@init) | initial values other than the layers' own |
//! | [`tensor`] | tensors, their shapes and number types |
//! | [`ext`] | traits and types for layers of your own |
//! | [`prelude`] | the names that most programs use |
//! | [`guide`] | how things are done, page by page, from a first network on |
//!
//! # Memory
//! `init` and `zeros` make networks on the heap, never on the stack. A [`Workspace`] holds the
//! buffers of training and is reused: nothing allocates after the first step, except for large
//! products in `f64` and on processors other than x86-64, which `matrixmultiply` computes. The
//! sizes are constants: [`Network::WORKSPACE_BYTES`] and [`Network::TRAIN_WORKSPACE_BYTES`]. An
//! [`InferenceWorkspace`] is the memory of inference as a variable of the program.
//!
//! [Samples](data::Sample) are copied from memory to memory. Data sets, batches and trainings of
//! large samples therefore need no more stack than those of small ones, even without optimization.
//! A function that returns a tensor by value places it on the caller's stack; for large tensors it
//! has a sibling whose name ends in `_boxed`, `_into` or `_in_place`.
//!
//! # Processors and threads
//! Kernels are compiled for the instruction [tiers](tier) of an architecture, and the program chooses
//! one at run time: an ordinary build has the full speed. Large calls use all processors through
//! persistent workers ([`threads`]). Results are bit-identical at every number of threads, and in
//! `f32` on AVX2, AVX-512 and NEON; without fused multiply-add (the portable tier, WebAssembly) they
//! differ by rounding.
//!
//! Arithmetic on denormal numbers (below 1.2e-38 in `f32`) takes up to 100 times as long.
//! Optimizers set decaying values to 0 well above that ([`Optimizer`](optim::Optimizer) gives the
//! thresholds). The outputs of activations, the gradients that pass through them and the gradients
//! of losses are set to 0 where they would be denormal, except that `Relu` passes on a denormal input
//! as it is. So are the states of recurrent layers and of [`Scan`](nn::Scan). Terms of a softmax are
//! 0 where they are below 1.3e-29 (`2^-96`; `2^-992` in `f64`) of the largest one, as their products
//! with other numbers would be denormal. All of this is the same on every processor.
//!
//! Products are not flushed: in dense layers, in convolutions and in their gradients, two numbers
//! that are normal can have a product that is denormal. Training reaches such numbers where weights
//! decay through 1e-18 to 1e-33, under a strong weight decay and without gradients that counteract
//! it; some of its steps then take 15 to 40 times as long. The cure is [`with_flushed_denormals`]
//! around the training, `with_flushed_denormals(|| trainer.fit(..))`, also for weights and inputs
//! that are denormal from the beginning.
//!
//! # Files
//! A file is written under a temporary name in the same folder and then renamed, so that an
//! incomplete file is never visible. It keeps the mode of the file that it replaces. A symbolic
//! link stays one, and the file that it points to is replaced; a pipe, a device or `/dev/stdout`
//! receives the bytes. A temporary file that a killed process left behind is removed by the next
//! process that writes the same file.
//!
//! Readers trust no file: damaged data, and data that would need more memory than the [`Limits`]
//! allow, are errors and not panics.
//!
//! # Features
//! `std` is on by default, all others are off.
//!
//! | feature | effect |
//! |---|---|
//! | `std` | training, data, files and threads; without it the crate is inference for processors [without an operating system](guide::embedding) |
//! | `alloc` | networks and tensors on the heap, also without `std`, which has it |
//! | `audio` | `data::audio`: WAV files, read and written |
//! | `csv` | `data::csv`: tables of comma-separated values |
//! | `ctrlc` | Ctrl-C stops a training, which leaves a checkpoint |
//! | `gzip` | [`data::idx`] reads gzipped files |
//! | `images` | `data::images`: PNG and JPEG pictures in one folder per class, and conversions from and to those of the crate `image` |
//! | `ndarray` | tensors and batches from and to the arrays of the crate `ndarray` |
//! | `npy` | `data::npy`: NumPy's `.npy` and `.npz`, read and written |
//! | `onnx` | [`onnx!`](crate::onnx!) and [`onnx_network!`](crate::onnx_network!): networks from ONNX files |
//! | `onnx-export` | `to_onnx` of a network: ONNX files |
//! | `plots` | `plots`: learning curves, confusion matrices and grids of images, as PNG and SVG |
//! | `progress` | a progress bar for the trainer |
//! | `safetensors` | `weights`: weight files in PyTorch's form, read and written, and inside the program |
//! | `serde` | `Serialize` and `Deserialize` in the derives of a network, and for tensors, labels and indices |
//! | `tokenizers` | `data::text::Tokenizer`: the tokenizers of pretrained models, from their `tokenizer.json` |

#![warn(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(not(any(feature = "std", test)), no_std)]
// Without `std`, functions that only training and files call are unused.
#![cfg_attr(not(feature = "std"), allow(dead_code))]

#[cfg(feature = "alloc")]
extern crate alloc;
extern crate self as shapewright;

#[cfg(feature = "std")]
mod atomic_file;
#[cfg(feature = "std")]
pub mod augment;
#[cfg(feature = "std")]
pub mod data;
#[cfg(feature = "std")]
mod denormals;
#[cfg(not(feature = "std"))]
#[path = "denormals/without_std.rs"]
mod denormals;
#[cfg(feature = "alloc")]
pub mod detection;
#[cfg(feature = "std")]
pub mod distributed;
#[doc(hidden)]
pub mod emitted;
#[cfg(feature = "std")]
pub mod explain;
#[cfg(feature = "onnx-export")]
pub mod export;
#[cfg(feature = "std")]
mod export_c;
pub mod ext;
mod float;
#[cfg(feature = "alloc")]
pub mod generate;
#[cfg(feature = "std")]
pub mod guide;
pub mod init;
#[cfg(feature = "std")]
mod kept;
#[cfg(feature = "std")]
mod limits;
pub mod loss;
mod memory;
#[cfg(feature = "std")]
pub mod metrics;
#[doc(hidden)]
#[allow(missing_docs)]
pub mod missing;
mod network;
pub mod nn;
mod numbered;
#[cfg(feature = "std")]
pub mod optim;
mod params;
#[cfg(feature = "plots")]
pub mod plots;
#[cfg(feature = "std")]
pub mod privacy;
#[cfg(feature = "std")]
pub mod schedule;
#[cfg(feature = "std")]
pub mod search;
#[cfg(feature = "serde")]
#[doc(hidden)]
pub mod serialize;
#[cfg(not(feature = "serde"))]
#[path = "serialize_without_serde.rs"]
mod serialize;
mod setting_error;
mod sum;
pub mod tensor;
#[cfg(feature = "std")]
pub mod threads;
#[cfg(not(feature = "std"))]
#[path = "threads/without_std.rs"]
mod threads;
#[cfg(feature = "std")]
pub mod train;
#[cfg(feature = "safetensors")]
pub mod weights;
#[cfg(feature = "std")]
mod written;

#[cfg(feature = "std")]
pub use denormals::with_flushed_denormals;
#[cfg(feature = "std")]
pub use export_c::ExportC;
#[cfg(feature = "std")]
pub use limits::Limits;
#[cfg(feature = "alloc")]
pub use memory::OutOfMemory;
#[cfg(feature = "std")]
pub use network::{Gradient, Pass, TrainingMemory, Workspace};
pub use network::{
    InferenceWorkspace, LayerSummary, Network, State, Stream, Streaming, Summary, Trainable,
};
#[doc(hidden)]
pub use network::{InputOf, NamedNetwork, OutputOf};
pub use params::Parameters;
/// Implements [`trait@Parameters`] for a `#[repr(C)]` struct whose fields are parameters.
///
/// The last type parameter of the struct is the number type; without type parameters it is `f32`.
/// If this crate has another path, `#[params(crate = my::path)]` on the struct gives it.
pub use shapewright_macros::Parameters;
/// Defines a network: a struct with a list of layers.
///
/// ```
/// use shapewright::prelude::*;
///
/// const CLASSES: usize = 10;
///
/// network! {
///     /// Documentation, attributes and visibility are kept.
///     #[derive(Clone, Debug, PartialEq)]
///     pub struct Encoder: [28, 28, 1] -> [32] {
///         Flatten,
///         /// A name makes a public field, and the prefix of the names of its parameters.
///         fc: Linear<28 * 28, 32>,
///         Tanh,
///     }
/// }
///
/// network! {
///     struct Classifier: [28, 28, 1] -> [CLASSES] {
///         encoder: Encoder,
///         Dropout(0.1),
///         head: Linear<_, CLASSES, NoBias>,
///     }
/// }
///
/// let net = Classifier::init(&mut shapewright::rng(0));
/// assert_eq!(net.encoder.fc.weight.len(), 784);
///
/// network! {
///     struct Deep: [16] -> [4] {
///         blocks: Repeat<3> { Residual { fc: Linear<_, 32>, Relu, out: Linear<_, 16> } },
///         Concat { left: { Linear<_, 8>, Tanh }, right: Linear<_, 4>, skip: {} },
///         head: Linear<_, 4>,
///     }
/// }
/// let deep = Deep::init(&mut shapewright::rng(0));
/// assert_eq!(deep.blocks[2].layer_0.fc.bias.len(), 32);
/// assert_eq!(deep.head.weight.len(), 8 + 4 + 16);
///
/// network! {
///     struct Agent: (state: [4], goal: [2]) -> (value: [1], policy: [3]) {
///         fc: Linear<_, 8> <- state,
///         act: Tanh,
///         both: Concat <- (act, goal),
///         value: Linear<_, 1>,
///         policy: Linear<_, 3> <- both,
///     }
/// }
/// let x = Tensor::from((Tensor1::from([0.0; 4]), Tensor1::from([1.0, 0.0])));
/// let y = Agent::init(&mut shapewright::rng(0)).forward(&x);
/// let (value, policy) = y.parts();
/// assert!(value[0].is_finite() && policy.argmax() < 3);
/// ```
///
/// - **Shapes.** `[28, 28, 1] -> [10]` declares input and output, `-> [10] as f64` also the
///   number type, which is `f32` otherwise. Sizes are literals, constants or expressions of
///   them.
/// - **Layers.** `Layer<sizes and options>(arguments)`, or `name: Layer..`. The names of the
///   parameters begin with the layer's name. A layer without a name has its index there, as in
///   PyTorch's `nn.Sequential`, and its field is `layer_0`. `_` stands for a size that the input
///   determines; a size that is written is checked.
/// - **Blocks.** Layers that contain layers, and can be nested:
///   - `Residual { .. }` adds its input to the output of its layers (He et al., 2015, "Deep
///     Residual Learning for Image Recognition"). If they change the shape, a list in braces
///     of its own after them is the projection: `Residual { Linear<_, 8>, Relu, shortcut: {
///     Linear<_, 8, NoBias> } }`.
///   - `Concat { a: { .. }, b: Linear<_, 4> }` runs 2 to 6 branches, each a layer or a list of
///     layers, on the same input and concatenates their outputs along the last axis, the channels
///     of images. An empty list, `skip: {}`, passes its input on.
///   - `Split { mean: Linear<_, 20>, log_variance: Linear<_, 20> }` runs 2 to 4 branches on the
///     same input and returns their outputs as a tuple.
///   - `Repeat<6> { .. }` runs its layers 6 times, each time with parameters of their own, which
///     are an array.
/// - **Sources.** A layer reads the output before it, or what it names: `Linear<_, 4> <- enc` reads
///   the output of the layer `enc`, `Add <- (a, b)` those of `a` and `b`, and `<- input` reads the
///   input of the list. The names are those of layers before it in the same list. [`Add`](nn::Add),
///   [`Mul`](nn::Mul) and [`Concat`](nn::Concat) read 2 to 6 outputs, and so can a layer of your own
///   ([`Inputs`](ext::Inputs)). Every output has a reader.
/// - **Several inputs and outputs.** `(tokens: [64], mask: [64]) -> (value: [1], policy: [2])` has
///   2 to 4 of each. Layers read the inputs by their names, and an output has the name of the layer
///   that gives it. A sample is a tuple: `Tensor::from((tokens, mask))`. Inside another network, one
///   with several inputs reads an output for each of them: `critic: Critic <- (state, action)`.
/// - **Derives.** `Clone` makes the network `Copy` as well, so that cloning a `Box` of it
///   copies from heap to heap. `Default` is refused: it would make the network on the stack.
///   serde's `Serialize` and `Deserialize` (feature `serde`) write and read a map from the names of
///   the parameter tensors to their numbers, without [buffers](ext::Buffer); with `Deserialize`,
///   the network has a function `deserialize_boxed`, which [reads to the heap](guide::weights#serde).
/// - **Paths and names.** A layer of the library may be written with its path, `nn::Conv2d<_, 8, 3,
///   Pad<1>>` or `shapewright::nn::Conv2d<..>`. Under another name, as after `use
///   shapewright::nn::Linear as Dense`, it takes sizes but no options;
///   [`LayerNorm`](struct@nn::LayerNorm), [`RmsNorm`](struct@nn::RmsNorm) and
///   [`Reshape`](nn::Reshape) have no other names. A layer of your own in a module that is called
///   `nn` too is written `self::nn::Own`. The crate may have another name, and may come through
///   another crate.
/// - **Several sizes.** A definition with sizes as generic parameters is a template. `struct Small =
///   Mlp<4, 8, 3>` is the network with these sizes, under a name of its own. Functions are generic
///   over `N:` [`Network`], or `N:` [`Trainable`] if they train:
///
///   ```
///   use shapewright::prelude::*;
///
///   network! {
///       struct Mlp<const IN: usize, const HIDDEN: usize, const OUT: usize>: [IN] -> [OUT] {
///           Linear<_, HIDDEN>,
///           Relu,
///           Linear<_, OUT>,
///       }
///   }
///   network! { struct Small = Mlp<4, 8, 3>; }
///   network! {
///       #[derive(Clone)]
///       pub struct Large = Mlp<784, { 2 * 64 }, 10>;
///   }
///
///   fn parameters<N: Network>(_: &N) -> usize { N::PARAMS }
///   assert_eq!(parameters(&*Small::zeros()), 67);
///   assert_eq!(Large::NAME, "Large");
///   ```
///
///   Shapes are checked for each network, as they depend on the sizes. The attributes of a template
///   apply to all its networks. A template is a macro, so that it is known inside its crate only,
///   and the names of its layers are looked up where the network is defined.
/// - **Folding.** `#[folded(CnnFolded)]` on `Cnn` defines a second network for inference,
///   without the batch normalizations that can be folded into the layers before them; see
///   [`Foldable`](nn::Foldable).
/// - **Quantization.** `#[quantized(CnnInt8)]` on `Cnn` defines a second network for inference with
///   8-bit weights; see [`Quantizable`](nn::Quantizable) and the [guide](guide::quantization).
/// - **Streams.** `#[stream]` on a network whose first axis is time gives it a
///   [`stream()`](Network::stream), which computes one step at a time.
/// - **Other languages.** `#[export_c]` writes functions for programs in C; see [`ExportC`].
///   `#[export_python]` writes a class for Python, with the crate `shapewright-python`.
///
/// The struct implements [`Network`], with constants for the number of parameters, the
/// multiply-adds and the bytes of memory, and can be a layer of another network.
#[macro_export]
macro_rules! network {
    ($($definition:tt)*) => {
        $crate::emitted::define! { ($crate) $($definition)* }
    };
}
/// Defines a network by an ONNX file, with the weights of the file in the read-only memory of the
/// program. Requires the feature `onnx`.
///
/// ```ignore
/// onnx!(
///     /// Is there speech in 32 ms of sound?
///     pub Vad,
///     "silero_vad_16k_sequence.onnx",
///     sequence_length = 16,
/// );
///
/// let y = Vad::pretrained().forward(&x);
/// ```
///
/// The path is relative to the source file, as in `include_bytes!`, or to the package. Behind it are
/// the sizes that the file leaves open, by the file's names for them: `batch = 1`, or `"batch size" =
/// 1` for a name that is no identifier. `input = [1, 3, 224, 224]` gives an input another shape, and
/// `outputs = ["logits"]` chooses outputs.
///
/// The compiler reads the file, computes its constants and shapes, and writes the definition for
/// [`network!`]; `cargo run --features onnx --example onnx2net model.onnx` prints it. The struct is a
/// network as any other: `Vad::pretrained().to_boxed()` is a copy that can be trained. Its
/// documentation says which axes of the file its inputs and outputs have. The page
/// [`guide::onnx`](crate::guide::onnx) has the operators and the order of axes.
///
/// What is not supported is a compile error that names the node, its operator and its inputs.
#[cfg(feature = "onnx")]
#[cfg_attr(docsrs, doc(cfg(feature = "onnx")))]
#[macro_export]
macro_rules! onnx {
    ($($definition:tt)*) => {
        $crate::emitted::onnx! { ($crate) $($definition)* }
    };
}

/// Defines a network by an ONNX file, without weights: for a large file, whose weights are loaded when
/// the program runs, or for a network that is trained from the beginning. Requires the feature `onnx`.
///
/// It is written as [`onnx!`]. `onnx2net` writes the weights, which
/// [`Loader`](crate::weights::Loader) reads:
///
/// ```ignore
/// onnx_network!(pub Encoder, "minilm.onnx", batch = 1, length = 64);
/// let encoder: Box<Encoder> = Loader::open("minilm.safetensors")?.load()?;
/// ```
#[cfg(feature = "onnx")]
#[cfg_attr(docsrs, doc(cfg(feature = "onnx")))]
#[macro_export]
macro_rules! onnx_network {
    ($($definition:tt)*) => {
        $crate::emitted::onnx_network! { ($crate) $($definition)* }
    };
}

/// Says which feature is missing.
#[cfg(not(feature = "onnx"))]
#[doc(hidden)]
#[macro_export]
macro_rules! onnx {
    ($($definition:tt)*) => {
        ::core::compile_error!("`onnx!` needs the feature `onnx` of the crate `shapewright`");
    };
}

/// Says which feature is missing.
#[cfg(not(feature = "onnx"))]
#[doc(hidden)]
#[macro_export]
macro_rules! onnx_network {
    ($($definition:tt)*) => {
        ::core::compile_error!(
            "`onnx_network!` needs the feature `onnx` of the crate `shapewright`"
        );
    };
}
pub use tensor::{Shape, Tensor, Tensor0, Tensor1, Tensor2, Tensor3, Tensor4};

pub use rand;

use shapewright_kernels as kernels;
use shapewright_kernels::sizes;
#[doc(inline)]
pub use shapewright_kernels::tier;

/// The derive macro under its own name, for this crate's layers.
mod derive {
    pub(crate) use shapewright_macros::Parameters;
}

/// Returns a random generator with a seed: the same numbers on every machine and in every later
/// version of this crate.
///
/// ```
/// use shapewright::prelude::*;
/// let mut rng = shapewright::rng(42);
/// let x: Tensor1<3> = Tensor::random(rand::distr::StandardUniform, &mut rng);
/// assert_ne!(x[0], x[1]);
/// ```
pub fn rng(seed: u64) -> rand_xoshiro::Xoshiro256PlusPlus {
    rand::SeedableRng::seed_from_u64(seed)
}

/// The names of programs that define and train networks: `use shapewright::prelude::*;`
pub mod prelude {
    #[cfg(feature = "std")]
    pub use crate::ExportC;
    #[cfg(feature = "alloc")]
    pub use crate::loss::Classify;
    pub use crate::loss::{
        Bce, BceWithLogits, CosineEmbedding, CrossEntropy, GaussianNll, HingeEmbedding, Huber,
        KlDiv, KlStandardNormal, Label, Loss, Mae, MarginRanking, Mse, NegativeElbo, Nll,
        PoissonNll, Quantile, Reduction, SmoothL1, TripletMargin,
    };
    #[cfg(feature = "std")]
    pub use crate::metrics::{Evaluate, Measures, Metric};
    #[cfg(all(not(feature = "safetensors"), feature = "std"))]
    #[doc(hidden)]
    pub use crate::missing::SaveLoad;
    #[cfg(all(not(feature = "onnx-export"), feature = "std"))]
    #[doc(hidden)]
    pub use crate::missing::ToOnnx;
    pub use crate::nn::{
        Abs, AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveMaxPool1d, AdaptiveMaxPool2d, Affine,
        AvgPool1d, AvgPool2d, BatchNorm1d, BatchNorm2d, Celu, Conv1d, Conv2d, ConvTranspose2d, Cos,
        Div, Dropout, Dropout2d, Elu, Embedding, Equal, Erf, Exp, Expand, FakeQuantize, Flatten,
        Floor, Foldable, Gelu, GeluTanh, GlobalAvgPool1d, GlobalAvgPool2d, Glu, Greater, GroupNorm,
        Gru, HardSigmoid, HardSwish, HardTanh, Identity, Index, InstanceNorm2d, Int8, IsMissing,
        LayerNorm, LeakyRelu, Linear, Log, LogSigmoid, LogSoftmax, Lora, Lstm, Magnitude, MatMul,
        MaxOverTime, MaxPool1d, MaxPool2d, Maximum, MeanOverTime, Mergeable, Minimum, Mish,
        MultiHeadAttention, Overlap, PRelu, Permute, PositionalEmbedding, PositionalEncoding, Pow,
        Quantizable, QuantizedTraining, ReflectionPad1d, ReflectionPad2d, Relu, Relu6,
        Reparameterize, ReplicationPad1d, ReplicationPad2d, Reshape, RmsNorm, Rnn, Scan,
        SelectLast, SelectPart, Selu, Sigmoid, Silu, Sin, Slice, SliceFeatures, Softmax, Softplus,
        Softsign, SpectralNorm, Sqrt, Standardize, Sub, Tanh, Transpose, Unembedding, Upsample,
        UpsampleBilinear, Where, ZeroPad1d, ZeroPad2d,
    };
    #[cfg(feature = "std")]
    pub use crate::optim::{
        Adadelta, Adagrad, Adam, AdamW, Adamax, Lion, NAdam, Optimizer, RAdam, RmsProp, Sgd,
        WeightAverage, clip_grad_norm, clip_grad_value, l1_penalty, l2_penalty,
    };
    #[cfg(feature = "std")]
    pub use crate::schedule::{
        ConstantLr, CosineAnnealingLr, CosineAnnealingWarmRestarts, CyclicLr, ExponentialLr,
        LinearLr, MultiStepLr, OneCycleLr, PolynomialLr, ReduceLrOnPlateau, Schedule, StepLr,
    };
    #[cfg(feature = "std")]
    pub use crate::train::CreateTrainer;
    #[cfg(all(feature = "safetensors", feature = "std"))]
    pub use crate::weights::SaveLoad;
    pub use crate::{
        InferenceWorkspace, Network, Parameters, Shape, State, Stream, Streaming, Tensor, Tensor0,
        Tensor1, Tensor2, Tensor3, Tensor4, Trainable, network,
    };
    #[cfg(feature = "std")]
    pub use crate::{Workspace, layer};
    #[cfg(feature = "onnx")]
    pub use crate::{onnx, onnx_network};
}

/// Compiles the programs in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

//! The items that the code emitted by `network!` refers to. They are not meant for direct use.

use core::any::Any;

#[cfg(feature = "onnx-export")]
pub use crate::export::{Export, Exported};
pub use crate::loss::{End, EndsIn, Values};
pub use crate::memory::sample_bytes;
pub use crate::network::branch::{Branch, Ends};
#[cfg(feature = "onnx-export")]
pub use crate::network::export::ListExport;
pub use crate::network::flow::{Backward, Gradients, Inference, Planned, Training};
pub use crate::network::layer::Field;
pub use crate::network::layer_at::LayerAt;
pub use crate::network::lines::CacheLines;
pub use crate::network::plan::{OutputsAt, Plan, Stage};
pub use crate::network::reach::{ReceptiveField, Streamed, report_causal, report_time};
pub use crate::network::report::{
    Held, Place, report, report_cell, report_named_output, report_output, report_parameters,
    report_shape, report_size, report_traits, report_workspace,
};
pub use crate::network::shape_rule::{has_unknown, is_possible, is_within_memory};
pub use crate::network::stand_in::{Choose, NamedNetwork, OrStub};
pub use crate::network::trains::{Trains, trained_by};
pub use crate::network::{
    BackwardInput, BackwardParams, Batching, Configuration, Forward, ForwardTrain, INFER, Infer,
    Inferred, Inputs, Layer, LayerInput, LayerSummary, NamesOutput, Needs, Network, OutputKind,
    Reach, ShapeRule, Streaming, Train, Trainable, written_size,
};
pub use crate::nn::blocks::{Block, Repeat};
pub use crate::nn::fold::{FoldInto, Nested, copy, fold};
pub use crate::nn::int8::{
    ChooseQuantized, FakeQuantize, Int8, Quantizable, QuantizeNested, QuantizedTraining,
    TrainingNested, quantize,
};
pub use crate::nn::lora::{
    Adapted, CopyPair, Lora, LoraAlpha, MergePair, Mergeable, Pair, SetPair, assert_complete,
    copy_same, zipped,
};
pub use crate::nn::merge::{Add, Concat, Mul, Pack, SelectPart};
pub use crate::nn::spectral_norm::fold_spectral_norm;
pub use crate::nn::{BatchNormArguments, Foldable, Identity, SpectralNorm};
pub use crate::params::param_tree::{Joint, ParamField, ParamTree};
pub use crate::params::{FeatureOrder, Parameters};
#[cfg(feature = "serde")]
pub use crate::serialize as serde;
pub use crate::sizes::sum;
pub use crate::tensor::shape::{Sizes, ToShape, UnknownShape};
pub use crate::tensor::{Dims, Rank0, Rank1, Rank2, Rank3, Rank4, Shape, Tensor};
#[cfg(feature = "safetensors")]
pub use crate::weights::{File, count, count_of, included, included_part};
pub use crate::{
    __deserialize as deserialize, __serialize as serialize, __with_export as with_export,
};
pub use rand::Rng;
pub use shapewright_macros::network as define;
#[cfg(feature = "onnx")]
pub use shapewright_macros::{onnx, onnx_network};

// The code that `network!` emits finds them before a user's types with these names.
pub use core::convert::Infallible;
pub use core::marker::{PhantomData, Sized};
pub use core::primitive::{bool, f32, f64, str, u64, usize};

#[cfg(feature = "std")]
pub mod export_c {
    //! What `#[export_c]` writes calls of.
    pub use crate::export_c::*;
}

use crate::network::stand_in::no_computation;
use crate::sizes;
use crate::tensor::Element;

/// The constants of parameters, which derived code evaluates where the type is defined.
pub struct Checked<P, T>(PhantomData<(P, T)>);

impl<P: Parameters<T>, T: Element> Checked<P, T> {
    pub const LEN: usize = {
        let _tree = P::PARAM_TREE;
        P::LEN
    };
}

/// The constants of what is no parameters, which is an error elsewhere.
pub trait Unchecked {
    const LEN: usize = 0;
}

impl<P, T> Unchecked for Checked<P, T> {}

/// Returns the number of elements that pad a network of `len` elements to a multiple of 64 bytes.
pub const fn padding<T>(len: usize) -> usize {
    up_to_multiple(len, 64 / size_of::<T>())
}

/// Returns the number of elements from the first `len` to the next multiple of `line`.
const fn up_to_multiple(len: usize, line: usize) -> usize {
    (line - len % line) % line
}

/// The gap between a field and the elements before it. It is empty unless the field is a network,
/// which begins at a multiple of 64 bytes.
pub struct Gap {
    /// The number of elements in the gap.
    pub len: usize,
    /// The number of elements before the field, with those of the gap.
    pub end: usize,
}

impl Gap {
    /// Returns the gap between the first `len` elements and a field of the type `P`.
    pub const fn before<P, T>(len: usize) -> Self {
        let line = align_of::<P>() / size_of::<T>();
        let gap = match line {
            0 => 0,
            line => up_to_multiple(len, line),
        };
        Gap {
            len: gap,
            end: len + gap,
        }
    }
}

/// The numbers of elements that [`Parameters`] counts.
#[derive(Clone, Copy)]
pub struct Counts {
    pub numbers: usize,
    pub count: usize,
    pub statistics: usize,
}

impl Counts {
    pub const fn of<P: Parameters<T>, T: Element>() -> Self {
        Counts {
            numbers: P::NUMBERS,
            count: P::COUNT,
            statistics: P::STATISTICS,
        }
    }

    pub const fn sum<const N: usize>(fields: &[Counts; N]) -> Self {
        let mut all = Counts {
            numbers: 0,
            count: 0,
            statistics: 0,
        };
        let mut i = 0;
        while i < N {
            all.numbers = sizes::sum(&[all.numbers, fields[i].numbers]);
            all.count += fields[i].count;
            all.statistics += fields[i].statistics;
            i += 1;
        }
        all
    }
}

/// Stops the compilation unless a struct is `len` contiguous elements, so that a slice of elements
/// can refer to it.
#[track_caller]
pub const fn report_layout<P, T>(name: &str, len: usize) {
    let has_gaps = sizes::product(&[len, size_of::<T>()]) != size_of::<P>();
    let is_unaligned = !align_of::<P>().is_multiple_of(align_of::<T>());

    if has_gaps || is_unaligned {
        let sentence = crate::network::Sentence::new("`")
            .text(name)
            .text("` is not its numbers side by side, as parameters must be: ")
            .text(if is_unaligned {
                "it is packed; give it `#[repr(C)]` alone"
            } else if align_of::<P>() == 8 && size_of::<T>() == 4 {
                "a `Buffer` of 64-bit numbers begins at a multiple of 8 bytes, and there are gaps \
                 between or behind its fields; put it first, with an even number of `f32` behind \
                 it, or take numbers of 32 bits"
            } else {
                "there are gaps between or behind its fields; give it `#[repr(C)]` alone"
            });
        panic!("{}", sentence.as_str())
    }
}

/// Returns the parameters that a layer shares with another one, under the type of its own.
/// [`report_tied`] has stopped the compilation if the types differ.
#[inline(always)]
pub fn tied<To: 'static, From: 'static>(params: &From) -> &To {
    let params: &dyn Any = params;
    params.downcast_ref().expect("the same parameters")
}

/// Like [`tied`], for the gradient.
#[inline(always)]
pub fn tied_mut<To: 'static, From: 'static>(gradient: &mut From) -> &mut To {
    let gradient: &mut dyn Any = gradient;
    gradient.downcast_mut().expect("the same parameters")
}

/// A test of whether two types are the same.
pub struct Same<A, B>(PhantomData<(A, B)>);

impl<A> Same<A, A> {
    pub const IS_SAME: bool = true;
}

/// The answer for types that differ.
pub trait Different {
    const IS_SAME: bool = false;
}

impl<A, B> Different for Same<A, B> {}

/// Stops the compilation if a layer shares the parameters of a layer with others.
#[track_caller]
pub const fn report_tied(layer: &str, base: &str, is_same: bool) {
    if !is_same {
        let sentence = crate::network::Sentence::new("`")
            .text(layer)
            .text("` can't share the parameters of `")
            .text(base)
            .text("`, which has others: the sizes and options of both must be the same");
        panic!("{}", sentence.as_str())
    }
}

/// Stops the compilation with a sentence about what the macro has found.
#[track_caller]
pub const fn mistake(sentence: &str) {
    panic!("{}", sentence)
}

/// Stops the compilation if a layer can't work with numbers of the type `T`.
#[track_caller]
pub const fn report_element<L: Layer<T>, T: Element>(layer: &str) {
    if let Some(sentence) = L::WRONG_ELEMENT {
        let sentence = crate::network::Sentence::new("`")
            .text(layer)
            .text("` ")
            .text(sentence);
        panic!("{}", sentence.as_str())
    }
}

/// A layer, or [`Oversized`] if its parameters do not fit into memory.
pub struct OrOversized<const FITS: bool, L>(PhantomData<L>);

/// The stand-in for a layer whose parameters do not fit into memory: it has none.
pub struct Oversized<L>(PhantomData<L>);

impl<In: LayerInput, L: ShapeRule<In>> ShapeRule<In> for Oversized<L> {
    const OUTPUT: Inferred = L::OUTPUT;
    const REACH: Reach = L::REACH;
}

impl<L: Layer<T>, T: Element> Layer<T> for Oversized<L> {
    type Config = L::Config;
    type Params = ();
}

no_computation!([L: Layer<T> + ShapeRule<In>,] Oversized<L>);

/// The stand-in for a layer that can't be understood: it takes all shapes and gives an unknown one.
pub struct Mistaken;

impl<In: LayerInput> ShapeRule<In> for Mistaken {
    const OUTPUT: Inferred = Inferred::shape(Dims::UNKNOWN);
    const REACH: Reach = Reach::POSITION;
}

impl<T: Element> Layer<T> for Mistaken {
    type Config = ();
    type Params = ();
}

no_computation!([] Mistaken);

/// A test of whether a type implements the traits of a layer.
///
/// Each inherent constant has a trait as its bound. If the bound holds, the constant is found and
/// is `true`; otherwise the constant of the trait [`NotALayer`] is found, which is `false`.
pub struct Probe<L, In, Out, T>(PhantomData<(L, In, Out, T)>);

impl<L: ShapeRule<In>, In: LayerInput, Out, T> Probe<L, In, Out, T> {
    pub const FITS: bool = true;
}

impl<L: Layer<T>, In, Out, T: Element> Probe<L, In, Out, T> {
    pub const LAYER: bool = true;
}

impl<L: Layer<T>, In, Out, T: Element> Probe<L, In, Out, T>
where
    L::Params: Parameters<T>,
{
    /// True if the parameters implement `Parameters`. If they do not, that is reported where they
    /// are named.
    pub const HOLDS: bool = true;
}

impl<L: Infer<In, Out, T>, In: LayerInput, Out: Shape, T: Element> Probe<L, In, Out, T> {
    pub const COMPUTES: bool = true;
}

/// A layer that may have no backward pass.
pub struct Stages<L, In, Out, T>(PhantomData<(L, In, Out, T)>);

impl<L: Train<In, Out, T>, In: LayerInput, Out: Shape, T: Element> Stages<L, In, Out, T> {
    pub const STAGE: Stage = Stage::of::<L, In, Out, T>();
}

/// The stage of a layer without a backward pass.
pub trait InferenceStage {
    const STAGE: Stage;
}

impl<L: Infer<In, Out, T>, In: LayerInput, Out: Shape, T: Element> InferenceStage
    for Stages<L, In, Out, T>
{
    const STAGE: Stage = Stage::infer::<L, In, Out, T>();
}

impl<L: Network, In, Out, T> Probe<L, In, Out, T> {
    pub const NETWORK: bool = true;
}

impl<L: Streaming, In, Out, T> Probe<L, In, Out, T> {
    pub const STREAMS: bool = true;
}

impl<L: crate::network::NamesOutput, In, Out, T> Probe<L, In, Out, T> {
    pub const NAMES_OUTPUT: bool = true;
}

impl<L: Foldable<Element = T>, In, Out, T: Element> Probe<L, In, Out, T> {
    pub const FOLDS: bool = true;
}

impl<L: Quantizable, In, Out, T> Probe<L, In, Out, T> {
    pub const QUANTIZES: bool = true;
}

/// The answers of a [`Probe`] for traits that a type does not implement.
pub trait NotALayer {
    const FOLDS: bool = false;
    const QUANTIZES: bool = false;
    const STREAMS: bool = false;
    const NAMES_OUTPUT: bool = false;
    const FITS: bool = false;
    const LAYER: bool = false;
    const HOLDS: bool = false;
    const COMPUTES: bool = false;
    const NETWORK: bool = false;
}

impl<L, In, Out, T> NotALayer for Probe<L, In, Out, T> {}

/// A layer, or [`Mistaken`] if the type is not a layer.
pub struct Known<const IS: bool, L>(PhantomData<L>);

impl<L> Choose for Known<true, L> {
    type Layer = L;
}

impl<L> Choose for Known<false, L> {
    type Layer = Mistaken;
}

impl<L> Choose for OrOversized<true, L> {
    type Layer = L;
}

impl<L> Choose for OrOversized<false, L> {
    type Layer = Oversized<L>;
}

/// A layer, or if it is a stream, the network over one of its steps.
pub struct Streamable<const IS: bool, L>(PhantomData<L>);

impl<L: Streaming> Choose for Streamable<true, L> {
    type Layer = L::Step;
}

impl<L> Choose for Streamable<false, L> {
    type Layer = L;
}

impl<L: Foldable> Choose for Nested<true, L> {
    type Layer = L::Folded;
}

impl<L> Choose for Nested<false, L> {
    type Layer = L;
}

/// The output shape that a layer names, or the shape with the sizes of a constant.
pub struct OutputShape<const NAMED: bool, L, Sizes>(PhantomData<(L, Sizes)>);

/// The shapes between the layers of a list, some of which may be tuples. Shape `N` is the input of
/// layer `N`.
pub trait ListShapes<const N: usize> {
    type Shape: Shape;
}

/// A type that names shape `N` of a list of layers as the shape of a later output.
pub struct ShapeAt<L, const N: usize>(PhantomData<L>);

impl<L: ListShapes<N>, const N: usize> crate::network::NamesOutput for ShapeAt<L, N> {
    type Output = L::Shape;
}

/// Returns the number of the first shape in the run of equal tuples that ends with shape `number`.
/// It is `number` itself if that shape is not a tuple or differs from the shape before it.
pub const fn origin(number: usize, dims: &Dims, origin_before: usize, before: &Dims) -> usize {
    if dims.is_tuple() && dims.same(before) {
        origin_before
    } else {
        number
    }
}

impl<L: crate::network::NamesOutput, S> ToShape for OutputShape<true, L, S> {
    type Shape = L::Output;
}

impl<L, S: ToShape> ToShape for OutputShape<false, L, S> {
    type Shape = S::Shape;
}

/// A shape, or the unknown one if no tensor can have it.
pub struct Within<const FITS: bool, S>(PhantomData<S>);

impl<S: Shape> ToShape for Within<true, S> {
    type Shape = S;
}

impl<S> ToShape for Within<false, S> {
    type Shape = UnknownShape;
}

/// Stand-ins of the items for a second network made from the same definition. They report nothing:
/// mistakes have been reported for the first network.
pub mod silent {
    pub use super::*;

    pub const fn report(_: &Inferred, _: Place<'_>, _: Dims) {}
    pub const fn report_size(_: &str, _: &str, _: Dims) {}
    pub const fn report_parameters(_: &str, _: &Held) {}
    pub const fn report_workspace(_: &str, _: usize, _: usize) {}
    pub const fn report_output(_: &str, _: &str, _: Dims, _: Dims, _: Dims, _: &Inferred) {}
    pub const fn report_named_output(_: &str, _: &str, _: Dims, _: Dims) {}
    pub const fn report_shape(_: &str, _: Dims, _: Dims, _: Dims) {}
    pub const fn report_tied(_: &str, _: &str, _: bool) {}
    pub const fn report_element<L, T>(_: &str) {}
    pub const fn report_traits(_: &str, _: &str, _: usize, _: bool, _: bool, _: bool) {}
    pub const fn report_cell(_: &str, _: &str, _: bool, _: bool) {}
}

//! Shape inference of layers, in constants, so that `network!` can build types from them.

use super::layer_input::LayerInput;
use super::sentence::Sentence;
use crate::sizes::{self, MOST_BYTES, MOST_NUMBERS, TOO_LARGE};
use crate::tensor::{Dims, Shape};

/// The largest number of `_` in one layer.
const MAX_INFERRED: usize = 8;

/// The answer of a layer to an input shape: the output shape, and the mistake if the input does not
/// fit.
///
/// ```
/// use shapewright::{ext::Inferred, tensor::Dims};
/// const INPUT: Dims = Dims::new(&[64]);
/// const OUTPUT: Inferred = Inferred::takes(Dims::new(&[32]), INPUT, Dims::new(&[10]));
/// assert!(!OUTPUT.is_fine());
/// ```
#[derive(Clone, Copy)]
pub struct Inferred {
    output: Dims,
    inferred: [usize; MAX_INFERRED],
    inferred_len: usize,
    mistake: Option<Mistake>,
}

/// The reason for which a layer does not fit.
#[derive(Clone, Copy)]
struct Mistake {
    /// The shape that the layer takes, `[.., 64]`; or, if the layer is wrong in itself, the
    /// mistake.
    what: Sentence,
    /// A suggestion, `; write ..`. `None` if the layer is wrong in itself, whatever its input.
    way_out: Option<Sentence>,
}

impl Inferred {
    /// The input fits, and this is the output. Every size is at least 1.
    ///
    /// For an unknown input, pass [`Dims::UNKNOWN`] unless the output does not depend on the input.
    pub const fn shape(output: Dims) -> Self {
        Inferred {
            output,
            inferred: [1; MAX_INFERRED],
            inferred_len: 0,
            mistake: None,
        }
    }

    /// The answer of a layer that takes exactly `wanted` and gives `output`: a mistake if `input`
    /// differs from `wanted`.
    pub const fn takes(wanted: Dims, input: Dims, output: Dims) -> Self {
        if input.is_unknown() || input.same(&wanted) {
            return Inferred::shape(output);
        }

        let way_out = if wanted.sizes().len() == 1 && input.len() == wanted.len() {
            Sentence::new("; put `Flatten` before it")
        } else if wanted.rank().is_some() && input.len() == wanted.len() {
            Sentence::new("; put a `Reshape` before it")
        } else {
            Sentence::new("; make the two equal")
        };
        Inferred::mismatch(Sentence::new("").dims(wanted), way_out, output)
    }

    /// The answer that the input does not fit. The error reads: "`layer` takes `wanted`, but
    /// `layer before` gives `input``way_out`".
    ///
    /// `output` is the shape that a correct input would lead to, or [`Dims::UNKNOWN`] if that
    /// depends on the input: later layers are checked against it.
    pub const fn mismatch(wanted: Sentence, way_out: Sentence, output: Dims) -> Self {
        let mut inferred = Inferred::shape(output);
        inferred.mistake = Some(Mistake {
            what: wanted,
            way_out: Some(way_out),
        });
        inferred
    }

    /// The answer that the layer is wrong in itself, whatever its input. The error reads: "`layer`
    /// `sentence`".
    pub const fn wrong(sentence: Sentence, output: Dims) -> Self {
        let mut inferred = Inferred::shape(output);
        inferred.mistake = Some(Mistake {
            what: sentence,
            way_out: None,
        });
        inferred
    }

    /// Turns the answer into a mistake if no tensor can have the output shape.
    ///
    /// The arithmetic of layers on sizes saturates instead of wrapping. Saturated sizes end here:
    /// later code only sees sizes that a tensor can have.
    #[doc(hidden)]
    pub const fn within_memory(self) -> Self {
        if !self.is_fine() || is_possible(self.output) {
            return self;
        }
        let sentence = if is_within_memory(self.output) {
            Sentence::new("gives ").dims(self.output).text(ZERO)
        } else {
            too_large("gives ", self.output)
        };
        self.or_wrong(sentence)
    }

    /// Turns the answer into a mistake unless `countable`: the layer's windows reach over more
    /// positions than a tensor can have.
    pub(crate) const fn if_countable(self, countable: bool) -> Self {
        // If the output is too large itself, `within_memory` reports that with a better sentence.
        if countable
            || !self.is_fine()
            || self.output.is_unknown()
            || !is_within_memory(self.output)
        {
            return self;
        }
        self.or_wrong(Inferred::TOO_FAR)
    }

    /// The sentence for windows over more positions than a tensor can have.
    pub(crate) const TOO_FAR: Sentence = Sentence::new("reaches over more than the ")
        .number(MOST_NUMBERS)
        .text(" places that a tensor can have; ")
        .text("make its kernel_size, stride, padding or dilation smaller");

    /// Turns the answer into a mistake of the layer itself.
    const fn or_wrong(mut self, sentence: Sentence) -> Self {
        self.output = Dims::UNKNOWN;
        self.mistake = Some(Mistake {
            what: sentence,
            way_out: None,
        });
        self
    }

    /// Sets the size that the next `_` of the layer stands for.
    pub const fn infers(mut self, size: usize) -> Self {
        assert!(
            self.inferred_len < MAX_INFERRED,
            "a layer can have at most 8 `_`"
        );
        self.inferred[self.inferred_len] = size;
        self.inferred_len += 1;
        self
    }

    /// Returns whether the input fits.
    pub const fn is_fine(&self) -> bool {
        self.mistake.is_none()
    }

    /// Returns the output shape.
    pub const fn output(&self) -> Dims {
        self.output
    }

    /// Returns the size that the `_` at a position stands for; 1 if that is not known.
    pub const fn inferred(&self, position: usize) -> usize {
        if position < self.inferred_len {
            self.inferred[position]
        } else {
            1
        }
    }
}

/// Returns whether a tensor can have these sizes.
#[doc(hidden)]
pub const fn is_within_memory(dims: Dims) -> bool {
    sizes::countable(dims.len())
}

/// Returns whether a tensor can have these sizes: they fit into memory, and none is 0. An unknown
/// shape is possible.
#[doc(hidden)]
pub const fn is_possible(dims: Dims) -> bool {
    is_within_memory(dims) && !has_zero(dims)
}

/// Returns whether one of the sizes is 0, in any part of a tuple.
const fn has_zero(dims: Dims) -> bool {
    let (sizes, parts) = (dims.sizes(), dims.parts());
    let (mut zero, mut i) = (false, 0);
    while i < sizes.len() {
        zero = zero || sizes[i] == 0;
        i += 1;
    }
    i = 0;
    while i < parts.len() {
        zero = zero || has_zero(parts[i]);
        i += 1;
    }
    zero
}

/// The end of a sentence about a shape with a size of 0.
const ZERO: &str = "; every size must be at least 1";

/// "gives [4294967296, 4294967296], more than .. make its first size smaller".
const fn too_large(verb: &str, dims: Dims) -> Sentence {
    let largest = match dims.sizes() {
        [] => "sizes",
        [_] => "size",
        sizes => {
            let mut largest = 0;
            let mut axis = 1;
            while axis < sizes.len() {
                if sizes[axis] > sizes[largest] {
                    largest = axis;
                }
                axis += 1;
            }

            ["first size", "second size", "third size", "last size"][largest]
        }
    };

    Sentence::new(verb)
        .dims(dims)
        .text(", more than the ")
        .number(MOST_NUMBERS)
        .text(" numbers that a tensor can have; make its ")
        .text(largest)
        .text(" smaller")
}

/// The shape inference of a layer: for each input shape, the output shape or the reason why the
/// input does not fit.
///
/// Implement it for every input shape (`impl<In: Shape> ShapeRule<In> for MyLayer`), so that a
/// shape that does not fit is reported in a sentence. A size written `_` has the value
/// [`INFER`](super::INFER).
///
/// ```
/// use shapewright::ext::{INFER, Inferred, ShapeRule};
/// use shapewright::tensor::{Dims, Shape};
///
/// /// Multiplies each of N features by a factor of its own.
/// struct Scale<const N: usize>;
/// impl<In: Shape, const N: usize> ShapeRule<In> for Scale<N> {
///     const OUTPUT: Inferred = {
///         let features = if N == INFER { In::DIMS.size(0) } else { N };
///         let wanted = Dims::new(&[features]);
///         Inferred::takes(wanted, In::DIMS, wanted).infers(features)
///     };
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a layer: it does not implement `ShapeRule`",
    label = "not a layer",
    note = "a layer implements `shapewright::ext::ShapeRule` (which shapes it takes), `Layer` (its \
            parameters), `Infer` (forward) and `Train` (backward); see the example `custom_layer`"
)]
pub trait ShapeRule<In: LayerInput> {
    /// The answer for this input shape. It must not panic: a mistake in the answer becomes the
    /// compile error.
    const OUTPUT: Inferred;

    /// True if the inputs are indices, so that any other number gives NaN.
    #[doc(hidden)]
    const TAKES_INDICES: bool = false;
}

/// The output type of a layer whose output is a tuple of tensors.
///
/// Its [`ShapeRule`] has the sizes, but a tuple type can't be built from a constant. All networks
/// implement this trait, with the output that they declare.
pub trait NamesOutput {
    /// The shape of the output, whatever the input.
    type Output: Shape;
}

/// A layer and its position in a network's definition, as the user wrote it.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Place {
    /// The layer, with its name: `fc: Linear<_, 128>`.
    pub layer: &'static str,
    /// The origin of its input: "`Relu` before it gives" or "the network's input is".
    pub source: &'static str,
}

/// Stops the compilation with a sentence if the layer does not fit.
#[doc(hidden)]
#[track_caller]
pub const fn report(inferred: &Inferred, place: Place, input: Dims) {
    let Some(Mistake { what, way_out }) = &inferred.mistake else {
        return;
    };

    let mut sentence = Sentence::new("`").text(place.layer);
    sentence = match way_out {
        None => sentence.text("` ").sentence(what),
        Some(way_out) => sentence
            .text("` takes ")
            .sentence(what)
            .text(", but ")
            .text(place.source)
            .text(" ")
            .dims(input)
            .sentence(way_out),
    };
    panic!("{}", sentence.as_str())
}

/// Stops the compilation if the output of the last layer is not the declared one.
#[doc(hidden)]
#[track_caller]
pub const fn report_output(network: &str, last: &str, declared: Dims, given: Dims) {
    if given.is_unknown() || declared.is_unknown() || given.same(&declared) {
        return;
    }

    let mut sentence = Sentence::new("`")
        .text(network)
        .text("` is declared to give ")
        .dims(declared)
        .text(", but its last layer `")
        .text(last)
        .text("` gives ")
        .dims(given);
    sentence = if declared.sizes().len() == 1 && given.sizes().len() > 1 {
        sentence.text("; `Linear` works on the last axis alone: put `Flatten` before the first one")
    } else {
        sentence
            .text("; declare `-> ")
            .dims(given)
            .text("` or change the layer")
    };
    panic!("{}", sentence.as_str())
}

/// Stops the compilation if a named output has another shape than the declared one.
#[doc(hidden)]
#[track_caller]
pub const fn report_named_output(network: &str, output: &str, declared: Dims, given: Dims) {
    if given.is_unknown() || given.same(&declared) {
        return;
    }

    let sentence = Sentence::new("`")
        .text(network)
        .text("` is declared to give ")
        .dims(declared)
        .text(" as `")
        .text(output)
        .text("`, but the layer `")
        .text(output)
        .text("` gives ")
        .dims(given)
        .text("; declare `")
        .text(output)
        .text(": ")
        .dims(given)
        .text("` or change the layer");

    panic!("{}", sentence.as_str())
}

/// Stops the compilation if the input or output of a network has an axis without elements, or more
/// elements than a tensor can have.
#[doc(hidden)]
#[track_caller]
pub const fn report_size(network: &str, what: &str, dims: Dims) {
    let subject = Sentence::new("the ")
        .text(what)
        .text(" of `")
        .text(network)
        .text("` ");

    if !is_within_memory(dims) {
        let sentence = subject.sentence(&too_large("is ", dims));
        panic!("{}", sentence.as_str())
    }
    if has_zero(dims) {
        let sentence = Sentence::new("the ")
            .text(what)
            .text(" of `")
            .text(network)
            .text("` is ")
            .dims(dims)
            .text(ZERO);
        panic!("{}", sentence.as_str())
    }
}

/// Stops the compilation if a layer's parameters, together with the `before` parameters of the
/// layers before it, exceed the memory.
#[doc(hidden)]
#[track_caller]
pub const fn report_parameters(layer: &str, parameters: usize, before: usize, bytes: usize) {
    let all = sizes::sum(&[parameters, before]);
    // If the layers before already have too many, that has been reported.
    if before == TOO_LARGE || sizes::product(&[all, bytes]) <= MOST_BYTES {
        return;
    }

    let mut sentence = Sentence::new("`")
        .text(layer)
        .text("` has ")
        .number(parameters)
        .text(" parameters");
    if before > 0 {
        sentence = sentence
            .text(", ")
            .number(all)
            .text(" with those of the layers before it");
    }
    sentence = sentence
        .text(", more than the ")
        .number(MOST_BYTES)
        .text(" bytes that memory can hold; make its sizes smaller");
    panic!("{}", sentence.as_str())
}

/// Stops the compilation if one sample needs more memory than there can be.
#[doc(hidden)]
#[track_caller]
pub const fn report_workspace(network: &str, training: usize, inference: usize) {
    let bytes = sizes::larger(training, inference);
    let most = isize::MAX as usize;

    if bytes > most {
        let sentence = Sentence::new("`")
            .text(network)
            .text("` keeps ")
            .number(bytes)
            .text(" bytes for each sample, more than the ")
            .number(most)
            .text(" bytes that memory can hold; make what its layers give smaller");
        panic!("{}", sentence.as_str())
    }
}

/// Stops the compilation if a user's layer takes an input but does not say its output shape, or
/// says another one than that of its output type.
#[doc(hidden)]
#[track_caller]
pub const fn report_shape(layer: &str, input: Dims, said: Dims, typed: Dims) {
    if input.is_unknown() || (said.same(&typed) && !said.is_unknown()) {
        return;
    }

    let sentence = Sentence::new("`").text(layer).text("` takes ").dims(input);
    let sentence = if said.is_unknown() {
        sentence.text(
            ", but its `ShapeRule` does not say what comes out; give `Inferred::shape` the sizes",
        )
    } else if typed.is_unknown() {
        sentence
            .text(" and gives ")
            .dims(said)
            .text(", a tuple, whose type a constant can't name; implement `NamesOutput`, too")
    } else {
        sentence
            .text("; its `ShapeRule` says that it gives ")
            .dims(said)
            .text(", but its `NamesOutput` says ")
            .dims(typed)
            .text("; make the two equal")
    };
    panic!("{}", sentence.as_str())
}

/// Stops the compilation if a user's layer lacks one of the traits that make it a layer.
#[doc(hidden)]
#[track_caller]
pub const fn report_traits(
    layer: &str,
    element: &str,
    sources: usize,
    fits: bool,
    has: bool,
    computes: bool,
) {
    if fits && has && computes {
        return;
    }
    if !fits && sources > 1 {
        let sentence = Sentence::new("`")
            .text(layer)
            .text("` reads one output, but ")
            .number(sources)
            .text(" are named: it does not implement `ShapeRule<Inputs<..>>`; ")
            .text("`Concat` or `Add` before it makes one of them");
        panic!("{}", sentence.as_str());
    }

    let sentence = Sentence::new("`")
        .text(layer)
        .text("` is not a layer of `")
        .text(element)
        .text("` networks: ");
    let sentence = if !fits {
        sentence
            .text("it does not implement `ShapeRule`, which says which shapes it takes; ")
            .text("a layer has `ShapeRule`, `Layer` and `Infer`, or `ShapeRule` and `InPlace`")
    } else if !has {
        sentence
            .text("it does not implement `Layer<")
            .text(element)
            .text(">`, which says what it learns, nor `InPlace`; ")
            .text("a nested network has the number type of the outer one")
    } else {
        sentence
            .text("it does not implement `Infer` from the shape that it is given ")
            .text("to the one that its `ShapeRule` answers")
            .text(", nor `InPlace`, where both are the same")
    };
    panic!("{}", sentence.as_str())
}

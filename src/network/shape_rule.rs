//! Shape inference of layers, in constants, so that `network!` can build types from them.

use super::layer_input::LayerInput;
use super::reach::Reach;
use super::sentence::Sentence;
use super::windows::Windows;
use crate::sizes::{self, MOST_NUMBERS};
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
    /// The windows of a convolution with its input, by which a padding for another output is found.
    windows: Option<(Windows, Dims)>,
}

/// The reason for which a layer does not fit.
#[derive(Clone, Copy)]
pub(super) struct Mistake {
    /// The shape that the layer takes, `[.., 64]`; or, if the layer is wrong in itself, the
    /// mistake.
    pub what: Sentence,
    /// A suggestion, `; write ..`. `None` if the layer is wrong in itself, whatever its input.
    pub way_out: Option<Sentence>,
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
            windows: None,
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
    pub(crate) const fn or_wrong(mut self, sentence: Sentence) -> Self {
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

    /// Sets the windows of a convolution over an input.
    pub(crate) const fn with_windows(mut self, windows: Windows, input: Dims) -> Self {
        self.windows = Some((windows, input));
        self
    }

    /// Returns the mistake, if there is one.
    pub(super) const fn mistake(&self) -> Option<&Mistake> {
        self.mistake.as_ref()
    }

    /// Returns the option by which a convolution would give this shape, if there is one.
    pub(super) const fn option_for(&self, wanted: Dims) -> Option<Sentence> {
        match &self.windows {
            Some((windows, input)) => windows.option_for(*input, wanted),
            None => None,
        }
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
pub(super) const fn has_zero(dims: Dims) -> bool {
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

/// Returns whether the shape, or one of the shapes of a tuple, is unknown.
#[doc(hidden)]
pub const fn has_unknown(dims: Dims) -> bool {
    let parts = dims.parts();
    let mut i = 0;
    while i < parts.len() {
        if has_unknown(parts[i]) {
            return true;
        }
        i += 1;
    }
    dims.is_unknown()
}

/// The end of a sentence about a shape with a size of 0.
pub(super) const ZERO: &str = "; every size must be at least 1";

/// "gives [4294967296, 4294967296], more than .. make its first size smaller".
pub(super) const fn too_large(verb: &str, dims: Dims) -> Sentence {
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
    /// The positions along the first axis, time, that an output position depends on. It decides
    /// whether a network with this layer can be a [stream](crate::Streaming).
    const REACH: Reach = Reach::WHOLE;

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

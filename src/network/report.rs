//! The checks that the code of `network!` makes at the user's tokens: each stops the compilation with a
//! sentence.

use super::layer::Layer;
use super::sentence::Sentence;
use super::shape_rule::{Inferred, Mistake, ZERO, has_zero, is_within_memory, too_large};
use crate::params::Parameters;
use crate::sizes::{self, MOST_BYTES, TOO_LARGE};
use crate::tensor::{Dims, Element};

/// A layer and its position in a network's definition, as the user wrote it.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The layer, with its name: `fc: Linear<_, 128>`.
    pub layer: &'a str,
    /// Its name, or the layer if it has none.
    pub brief: &'a str,
    /// The origin of its input: "`Relu` before it gives" or "the network's input is".
    pub source: &'a str,
    /// Some of the layers before it with the shapes that they give, beginning with what the list is
    /// given, which has no name.
    pub way: &'a [(&'a str, Dims)],
}

/// Stops the compilation with a sentence if the layer does not fit.
#[doc(hidden)]
#[track_caller]
pub const fn report(inferred: &Inferred, place: Place<'_>, input: Dims) {
    let Some(Mistake { what, way_out }) = inferred.mistake() else {
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
            .sentence(way_out)
            .sentence(&way_to(place, what)),
    };
    panic!("{}", sentence.as_str())
}

/// Returns the way of the shapes to a layer as a line of its own:
/// `[28, 28, 1] -> conv [24, 24, 8] -> Flatten [4608] -> head takes [.., 9216]`. Layers that keep the
/// shape are left out, and a way of one shape is.
const fn way_to(place: Place<'_>, wanted: &Sentence) -> Sentence {
    let mut line = Sentence::new("\n  ");
    let mut shapes = 0;
    let mut i = 0;
    while i < place.way.len() {
        let (name, dims) = place.way[i];
        if dims.is_unknown() {
            return Sentence::new("");
        }

        let is_last = i + 1 == place.way.len();
        if i == 0 {
            line = line.dims(dims);
        } else if is_last || !dims.same(&place.way[i - 1].1) {
            shapes += 1;
            line = line.text(" -> ").text(name).text(" ").dims(dims);
        }
        i += 1;
    }

    if shapes == 0 {
        return Sentence::new("");
    }
    line.text(" -> ")
        .text(place.brief)
        .text(" takes ")
        .sentence(wanted)
}

/// Stops the compilation if the last layer does not give what the network declares. `input` is the
/// network's input, and `inferred` the answer of the last layer.
#[doc(hidden)]
#[track_caller]
pub const fn report_output(
    network: &str,
    last: &str,
    declared: Dims,
    given: Dims,
    input: Dims,
    inferred: &Inferred,
) {
    if given.is_unknown() || declared.is_unknown() || given.same(&declared) || !inferred.is_fine() {
        return;
    }

    let sentence = Sentence::new("`")
        .text(network)
        .text("` is declared to give ")
        .dims(declared)
        .text(", but its last layer `")
        .text(last)
        .text("` gives ")
        .dims(given);
    let declare = Sentence::new("; declare `-> ").dims(given).text("` or ");
    let sentence = if declared.sizes().len() == 1 && given.sizes().len() > 1 {
        let sentence = sentence
            .text("; `Linear` works on the last axis alone: put `Flatten` before the first one");
        match batch_of(declared, given, input) {
            Some(sample) => sentence
                .text(", or, if the ")
                .number(input.size(0))
                .text(" of the input is a batch, declare `")
                .dims(sample)
                .text("`: a shape is that of one sample"),
            None => sentence,
        }
    } else if let Some(option) = inferred.option_for(declared) {
        sentence
            .sentence(&declare)
            .text("add `")
            .sentence(&option)
            .text("`")
    } else {
        sentence.sentence(&declare).text("change the layer")
    };
    panic!("{}", sentence.as_str())
}

/// Returns the input without its first axis, if that may be meant as the size of a batch: the output
/// has it as well, in addition to what is declared.
const fn batch_of(declared: Dims, given: Dims, input: Dims) -> Option<Dims> {
    let is_batch = given.sizes().len() == declared.sizes().len() + 1
        && input.sizes().len() > 1
        && input.size(0) == given.size(0)
        && given.size(given.sizes().len() - 1) == declared.size(declared.sizes().len() - 1);
    match input.sizes() {
        [_, rest @ ..] if is_batch => Some(Dims::new(rest)),
        _ => None,
    }
}

/// Stops the compilation if the layer of a named output does not give what the network declares.
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

/// The number of parameters of a layer, and of the layers before it.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Held {
    parameters: usize,
    before: usize,
    /// The number of parameters up to and including this layer. It is [`TOO_LARGE`] if memory can't
    /// hold them, and then for all layers after it.
    pub all: usize,
    /// True if memory can hold all of these.
    pub fits: bool,
}

impl Held {
    /// Counts the parameters of `L` behind `before` others.
    pub const fn new<L: Layer<T>, T: Element>(before: usize) -> Self {
        let parameters = <L::Params as Parameters<T>>::NUMBERS;
        let all = sizes::sum(&[parameters, before]);
        let fits = sizes::product(&[all, size_of::<T>()]) <= MOST_BYTES;
        Held {
            parameters,
            before,
            all: if fits { all } else { TOO_LARGE },
            fits,
        }
    }
}

/// Stops the compilation if a layer's parameters, together with those of the layers before it,
/// exceed the memory.
#[doc(hidden)]
#[track_caller]
pub const fn report_parameters(layer: &str, held: &Held) {
    let Held {
        parameters, before, ..
    } = *held;
    // If the layers before have too many, that has been reported already.
    if before == TOO_LARGE || held.fits {
        return;
    }

    let all = sizes::sum(&[parameters, before]);
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

/// Stops the compilation if what a layer of the library runs is no network of the same number type.
#[doc(hidden)]
#[track_caller]
pub const fn report_cell(layer: &str, element: &str, fits: bool, has: bool) {
    if fits && has {
        return;
    }
    let sentence = Sentence::new("`")
        .text(layer)
        .text("` runs a network, and ");
    let sentence = if !fits {
        sentence.text("what it names is none: define it with `network!`")
    } else {
        sentence
            .text("the one that it names has other numbers than `")
            .text(element)
            .text("`: a network and those inside it have the same number type")
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

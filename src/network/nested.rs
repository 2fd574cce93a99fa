//! The shape rule of a network as a layer of another one.

use super::sentence::Sentence;
use super::shape_rule::{Inferred, has_unknown};
use crate::tensor::Dims;

/// The inputs of a network: their names, if it has several, and their shapes.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    names: &'a [&'a str],
    dims: Dims,
}

impl Wanted<'_> {
    /// Returns the inputs as they are declared: `(state: [4], action: [2])`.
    const fn sentence(self) -> Sentence {
        let parts = self.dims.parts();
        if self.names.len() != parts.len() || parts.is_empty() {
            return Sentence::new("").dims(self.dims);
        }

        let mut sentence = Sentence::new("(");
        let mut i = 0;
        while i < parts.len() {
            sentence = sentence
                .text(if i == 0 { "" } else { ", " })
                .text(self.names[i])
                .text(": ")
                .dims(parts[i]);
            i += 1;
        }
        sentence.text(")")
    }

    /// Returns an input in a sentence: "`action`", or "input 2" if it has no name.
    const fn name(self, index: usize) -> Sentence {
        if index < self.names.len() {
            Sentence::new("`").text(self.names[index]).text("`")
        } else {
            Sentence::new("input ").number(index + 1)
        }
    }
}

/// Returns whether both lists have the same shapes, in any order.
const fn is_reordered(wanted: &[Dims], given: &[Dims]) -> bool {
    let mut i = 0;
    while i < wanted.len() {
        if count(wanted, &wanted[i]) != count(given, &wanted[i]) {
            return false;
        }
        i += 1;
    }
    wanted.len() == given.len()
}

/// Returns how often a shape is among others.
const fn count(all: &[Dims], dims: &Dims) -> usize {
    let mut count = 0;
    let mut i = 0;
    while i < all.len() {
        if all[i].same(dims) {
            count += 1;
        }
        i += 1;
    }
    count
}

/// Returns the way out for a network that is given as many shapes as it has inputs, but other ones.
const fn way_out(wanted: Wanted<'_>, given: &[Dims]) -> Sentence {
    let inputs = wanted.dims.parts();
    if is_reordered(inputs, given) {
        return Sentence::new("; they must be in the order of its inputs");
    }

    let mut i = 0;
    while i + 1 < inputs.len() && given[i].same(&inputs[i]) {
        i += 1;
    }
    Sentence::new("; what it reads as ")
        .sentence(&wanted.name(i))
        .text(" must be ")
        .dims(inputs[i])
}

impl Inferred {
    /// Returns the answer of a network that takes `wanted` and gives `output`. If it has several
    /// inputs, `names` are their names, and it reads a tuple of them or as many `sources`.
    #[doc(hidden)]
    pub const fn of_network(
        names: &[&str],
        wanted: Dims,
        sources: usize,
        input: Dims,
        output: Dims,
    ) -> Self {
        let inputs = wanted.parts().len();
        let wanted = Wanted {
            names,
            dims: wanted,
        };

        if sources > 1 && inputs == 0 {
            let sentence = Sentence::new("reads one output, ")
                .sentence(&wanted.sentence())
                .text(", but ")
                .number(sources)
                .text(" are named; `Concat` or `Add` before it makes one of them");
            return Inferred::wrong(sentence, output);
        }
        if sources > 1 && sources != inputs {
            let sentence = Sentence::new("reads ")
                .number(inputs)
                .text(" outputs, ")
                .sentence(&wanted.sentence())
                .text(", but ")
                .number(sources)
                .text(" are named; name one for each input");
            return Inferred::wrong(sentence, output);
        }

        if inputs == 0 {
            return Inferred::takes(wanted.dims, input, output);
        }
        if has_unknown(input) || input.same(&wanted.dims) {
            return Inferred::shape(output);
        }
        let way_out = if input.parts().len() == inputs {
            way_out(wanted, input.parts())
        } else {
            let rest = if inputs > 2 { ", .." } else { "" };
            Sentence::new("; name an output for each input, `<- (a, b")
                .text(rest)
                .text(")`")
        };
        Inferred::mismatch(wanted.sentence(), way_out, output)
    }
}

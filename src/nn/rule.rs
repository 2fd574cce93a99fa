//! Helpers that the shape rules of several families of layers share.

use crate::network::{INFER, Inferred, Sentence};
use crate::sizes;
use crate::tensor::Dims;

/// Returns the size of the last axis; 1 if there is none.
pub(super) const fn last_size(dims: Dims) -> usize {
    match dims.last() {
        Some(last) => last,
        None => 1,
    }
}

/// Returns the shape behind a layer that makes one number of two, which are in the halves of the last
/// axis.
pub(super) const fn halved(dims: Dims) -> Inferred {
    match dims.last() {
        _ if dims.is_unknown() => Inferred::shape(Dims::UNKNOWN),
        None => {
            let way_out =
                Sentence::new("; it halves the last axis of one tensor, and there is none");
            Inferred::mismatch(Sentence::new("[.., _]"), way_out, Dims::UNKNOWN)
        }
        Some(last) if last % 2 == 1 => {
            let way_out = Sentence::new("; it halves the last axis: make that ")
                .number(last - 1)
                .text(" or ")
                .number(last + 1);
            Inferred::mismatch(Sentence::new("an even last axis"), way_out, Dims::UNKNOWN)
        }
        Some(last) => Inferred::shape(dims.with_last(last / 2)),
    }
}

/// Returns the mistake of a layer whose size `name` is 0. Its output is taken to be `output`.
pub(super) const fn zero_size(name: &str, output: Dims) -> Inferred {
    let sentence = Sentence::new("has ")
        .text(name)
        .text(" 0; every size must be at least 1");
    Inferred::wrong(sentence, output)
}

/// Returns the shape behind a layer that keeps it and has parameters for each of `n` features of the last
/// axis. The sentence about a mistake names the layer.
pub(super) const fn each_feature(n: usize, dims: Dims, layer: &str) -> Inferred {
    let fits = match dims.last() {
        Some(last) => n == last || n == INFER,
        None => dims.is_unknown(),
    };

    let inferred = if n == 0 {
        zero_size("num_features", dims)
    } else if fits {
        Inferred::shape(dims)
    } else {
        Inferred::mismatch(
            Sentence::new("[.., ").number(n).text("]"),
            Sentence::new("; write `")
                .text(layer)
                .text("<_>` to take what comes"),
            dims,
        )
    };
    inferred.infers(last_size(dims))
}

/// Returns the shape of a tuple, which is unknown if one of its parts is.
pub(super) const fn tuple_of(parts: &'static [Dims]) -> Inferred {
    let mut i = 0;
    while i < parts.len() {
        if parts[i].is_unknown() {
            return Inferred::shape(Dims::UNKNOWN);
        }
        i += 1;
    }
    Inferred::shape(Dims::tuple(parts))
}

/// Returns the shape of several outputs side by side along the last axis; unknown if one of them is.
/// The sentence about a mistake names the outputs by `names`, if there are any.
pub(super) const fn joined(outputs: &[Dims], names: &[&str]) -> Inferred {
    // The first output of known shape.
    let mut first = 0;
    while first + 1 < outputs.len() && outputs[first].is_unknown() {
        first += 1;
    }

    let mut width = 0;
    let mut unknown = false;
    let mut i = 0;
    while i < outputs.len() {
        let output = outputs[i];
        match output.last() {
            _ if output.is_unknown() => unknown = true,
            Some(last) if output.with_last(1).same(&outputs[first].with_last(1)) => {
                width = sizes::sum(&[width, last]);
            }
            _ if i == first => return no_last_axis(output, i, names),
            _ => return different_axes(outputs, first, i, names),
        }
        i += 1;
    }

    Inferred::shape(if unknown {
        Dims::UNKNOWN
    } else {
        outputs[first].with_last(width)
    })
}

/// The mistake of an output that has no last axis.
const fn no_last_axis(output: Dims, index: usize, names: &[&str]) -> Inferred {
    let sentence = Sentence::new("joins tensors along their last axis, but ");
    let sentence = match names.is_empty() {
        true => sentence.text("one is "),
        false => sentence.text("`").text(names[index]).text("` gives "),
    };
    Inferred::wrong(sentence.dims(output), Dims::UNKNOWN)
}

/// The mistake of two outputs that can't be joined.
const fn different_axes(outputs: &[Dims], first: usize, other: usize, names: &[&str]) -> Inferred {
    let (a, b) = (outputs[first], outputs[other]);
    let sentence = match names.is_empty() {
        true => Sentence::new("joins outputs along their last axis, but they are ")
            .dims(a)
            .text(" and ")
            .dims(b),
        false => Sentence::new("joins along the last axis what `")
            .text(names[first])
            .text("` gives, ")
            .dims(a)
            .text(", and what `")
            .text(names[other])
            .text("` gives, ")
            .dims(b),
    };

    let images = a.sizes().len() == 3 && b.sizes().len() == 3;
    let way_out = if images {
        "; make heights and widths equal, for example with `ZeroPad2d`; \
         an odd size, halved and doubled, is one smaller"
    } else {
        "; make all their other axes equal"
    };
    Inferred::wrong(sentence.text(way_out), Dims::UNKNOWN)
}

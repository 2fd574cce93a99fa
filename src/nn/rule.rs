//! Helpers that the shape rules of several families of layers share.

use crate::network::{Inferred, Sentence};
use crate::tensor::Dims;

/// Returns the size of the last axis; 1 if there is none.
pub(super) const fn last_size(dims: Dims) -> usize {
    match dims.last() {
        Some(last) => last,
        None => 1,
    }
}

/// Returns the mistake of a layer whose size `name` is 0. Its output is taken to be `output`.
pub(super) const fn zero_size(name: &str, output: Dims) -> Inferred {
    let sentence = Sentence::new("has ")
        .text(name)
        .text(" 0; every size must be at least 1");
    Inferred::wrong(sentence, output)
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

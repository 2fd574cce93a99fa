//! Sentences of compile errors, composed in constants.

use crate::sizes::TOO_LARGE;
use crate::tensor::Dims;

/// The value of a size that is written `_`: the layer's input determines the size.
pub const INFER: usize = usize::MAX;

/// Returns a size that `network!` reads as an expression. In place of the number that stands for
/// `_`, it is one that no layer takes.
#[doc(hidden)]
pub const fn written_size(size: usize) -> usize {
    if size == INFER { TOO_LARGE } else { size }
}

const CAPACITY: usize = 1024;

/// A sentence composed in a constant. Text beyond its capacity of 1024 bytes is cut off.
///
/// ```
/// use shapewright::{ext::Sentence, tensor::Dims};
/// const TEXT: Sentence = Sentence::new("takes ")
///     .dims(Dims::new(&[3, 4]))
///     .text(", not ")
///     .number(7);
/// assert_eq!(TEXT.as_str(), "takes [3, 4], not 7");
/// ```
#[derive(Clone, Copy)]
pub struct Sentence {
    bytes: [u8; CAPACITY],
    len: usize,
}

impl Sentence {
    /// Creates a sentence that begins with `text`.
    pub const fn new(text: &str) -> Self {
        Sentence {
            bytes: [0; CAPACITY],
            len: 0,
        }
        .text(text)
    }

    /// Appends text.
    pub const fn text(mut self, text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut i = 0;
        while i < bytes.len() && self.len < CAPACITY {
            self.bytes[self.len] = bytes[i];
            self.len += 1;
            i += 1;
        }
        self
    }

    /// Appends another sentence.
    pub const fn sentence(self, other: &Sentence) -> Self {
        self.text(other.as_str())
    }

    /// Appends a number. [`INFER`] is written `_`, and a size that saturated `2^64 or more`.
    pub const fn number(self, number: usize) -> Self {
        if number == INFER {
            return self.text("_");
        }
        if number == TOO_LARGE {
            return self
                .text("2^")
                .number(usize::BITS as usize)
                .text(" or more");
        }

        // The digits are written from the end.
        let mut digits = [0u8; 20];
        let mut first = digits.len();
        let mut rest = number;
        loop {
            first -= 1;
            digits[first] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }

        match core::str::from_utf8(digits.split_at(first).1) {
            Ok(text) => self.text(text),
            Err(_) => self,
        }
    }

    /// Appends a shape: `[28, 28, 1]`, or `([2], [3])`.
    pub const fn dims(mut self, dims: Dims) -> Self {
        if dims.is_unknown() {
            return self.text("an unknown shape");
        }

        let parts = dims.parts();
        if parts.is_empty() {
            return self.sizes(dims.sizes());
        }
        let mut i = 0;
        while i < parts.len() {
            self = self.text(if i == 0 { "(" } else { ", " }).dims(parts[i]);
            i += 1;
        }
        self.text(")")
    }

    /// Appends the sizes of axes: `[3, 3, 16, 32]`.
    pub(crate) const fn sizes(mut self, sizes: &[usize]) -> Self {
        self = self.text("[");
        let mut i = 0;
        while i < sizes.len() {
            self = self.text(if i == 0 { "" } else { ", " }).number(sizes[i]);
            i += 1;
        }
        self.text("]")
    }

    /// Returns the text.
    pub const fn as_str(&self) -> &str {
        match core::str::from_utf8(self.bytes.split_at(self.len).0) {
            Ok(text) => text,
            // A character was cut in two at the capacity.
            Err(error) => match core::str::from_utf8(self.bytes.split_at(error.valid_up_to()).0) {
                Ok(text) => text,
                Err(_) => "",
            },
        }
    }
}

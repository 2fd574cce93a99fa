//! Sentences put together in constants: what a compile error will say.

use crate::tensor::{Dims, MAX_RANK};

/// `_` where a size belongs: the layer's input fixes it.
pub const INFER: usize = usize::MAX;

const CAPACITY: usize = 1024;

/// A sentence in a constant. Text beyond its capacity of 1024 bytes is cut off.
///
/// ```
/// use shapewright::{Dims, Sentence};
/// const TEXT: Sentence = Sentence::new("takes ").dims(Dims::new(&[3, 4])).text(", not ").number(7);
/// assert_eq!(TEXT.as_str(), "takes [3, 4], not 7");
/// ```
#[derive(Clone, Copy)]
pub struct Sentence {
    bytes: [u8; CAPACITY],
    len: usize,
}

impl Sentence {
    /// A sentence that begins so.
    pub const fn new(text: &str) -> Self {
        Sentence { bytes: [0; CAPACITY], len: 0 }.text(text)
    }

    /// Goes on with text.
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

    /// Goes on with another sentence.
    pub const fn sentence(self, other: &Sentence) -> Self {
        self.text(other.as_str())
    }

    /// Goes on with a number; [`INFER`] is written `_`.
    pub const fn number(self, number: usize) -> Self {
        if number == INFER {
            return self.text("_");
        }
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

    /// Goes on with sizes in brackets: `[28, 28, 1]`.
    pub const fn dims(self, dims: Dims) -> Self {
        self.sizes("[", dims)
    }

    /// Goes on with a pattern that fixes the last axes: `[.., 64]`.
    pub const fn last_axes(self, dims: Dims) -> Self {
        self.sizes("[.., ", dims)
    }

    const fn sizes(mut self, open: &str, dims: Dims) -> Self {
        if dims.is_unknown() {
            return self.text("an unknown shape");
        }
        self = self.text(open);
        let mut axis = 0;
        while axis < dims.rank() && axis < MAX_RANK {
            if axis > 0 {
                self = self.text(", ");
            }
            self = self.number(dims.size(axis));
            axis += 1;
        }
        self.text("]")
    }

    /// The text so far.
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

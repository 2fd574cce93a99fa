//! A reader for the header of a safetensors file: 8 bytes with its length, then JSON with the type
//! and shape of each tensor and its position in the bytes after the header. All of it is const
//! code, so that `include_weights!` reads at compile time with the same code as
//! [`Loader`](super::Loader) at run time.

use core::fmt;

use super::numbers::Dtype;
use crate::params::param_tree::Axes;

/// Returns an error to the caller: `?` for constants.
macro_rules! pass {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(error) => return Err(error),
        }
    };
}

/// A defect of a file, and the position of its byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damage {
    pub what: &'static str,
    pub at: usize,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (byte {})", self.what, self.at)
    }
}

/// A tensor of a file. Its name is that in JSON, with escapes.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    pub name: &'a str,
    pub dtype: Dtype,
    pub sizes: Axes,
    /// The position of its first byte in the file.
    pub begin: usize,
    /// The position after its last byte in the file.
    pub end: usize,
    /// The position of its description.
    pub at: usize,
}

/// The metadata key of the form's number in files of this crate, and the current form. Other files
/// have no number, nor have files from before there were numbers.
///
/// The form is the meaning of the names of tensors, their shapes and the order of their numbers: a
/// change of any of these is a new form.
pub(super) const FORM: (&str, &str) = ("shapewright", "1");

/// An item of the header.
pub(super) enum Item<'a> {
    Tensor(Entry<'a>),
    /// A key and its value in `__metadata__`, with the escapes of JSON.
    Metadata(&'a str, &'a str),
    /// The number of the form, if it is not that of [`FORM`].
    Form(&'a str),
    End,
}

/// A reader of the items of a header.
pub(super) struct Header<'a> {
    /// The JSON.
    text: &'a str,
    /// The bytes after the header.
    data: &'a [u8],
    /// The position in the JSON.
    at: usize,
    in_metadata: bool,
    /// True if the next item is the first in its braces.
    first: bool,
    /// The number of bytes of the tensors read so far.
    taken: usize,
}

/// The number of bytes of the header's length, which are before the JSON.
const LENGTH: usize = 8;

impl<'a> Header<'a> {
    /// Begins to read the bytes of a file.
    pub const fn new(bytes: &'a [u8]) -> Result<Self, Damage> {
        let Some((length, rest)) = bytes.split_first_chunk::<LENGTH>() else {
            return damage("the file is too short for a header", bytes.len());
        };
        let length = u64::from_le_bytes(*length);
        if length > rest.len() as u64 {
            return damage(
                "the header is longer than the file; is the file cut off, or no safetensors file?",
                0,
            );
        }
        let (text, data) = rest.split_at(length as usize);
        let text = match core::str::from_utf8(text) {
            Ok(text) => text,
            Err(error) => return damage("the header is not UTF-8", LENGTH + error.valid_up_to()),
        };

        let mut header = Header {
            text,
            data,
            at: 0,
            in_metadata: false,
            first: true,
            taken: 0,
        };
        if header.peek() != b'{' {
            return header.damage("the header does not begin with `{`");
        }
        header.at = 1;
        Ok(header)
    }

    /// Reads the next item.
    pub const fn next(&mut self) -> Result<Item<'a>, Damage> {
        loop {
            self.space();
            if self.peek() == b'}' {
                self.at += 1;
                if !self.in_metadata {
                    return self.end();
                }
                self.in_metadata = false;
                self.first = false;
                continue;
            }

            if !self.first {
                pass!(self.expect(b',', "expected `,` or `}`"));
            }
            self.first = false;

            let key = pass!(self.string());
            pass!(self.expect(b':', "expected `:`"));
            if self.in_metadata {
                let value = pass!(self.string());
                if equal(key, FORM.0) {
                    if equal(value, FORM.1) {
                        continue;
                    }
                    return Ok(Item::Form(value));
                }
                return Ok(Item::Metadata(key, value));
            }

            if equal(key, "__metadata__") {
                pass!(self.expect(b'{', "expected the metadata in `{`"));
                self.in_metadata = true;
                self.first = true;
                continue;
            }

            return match self.entry(key) {
                Ok(entry) => Ok(Item::Tensor(entry)),
                Err(error) => Err(error),
            };
        }
    }

    /// Checks the end: only spaces follow the last `}`, and the tensors are as long as the data.
    const fn end(&mut self) -> Result<Item<'a>, Damage> {
        self.space();
        if self.at < self.text.len() {
            return self.damage("something follows the end of the header");
        }
        if self.taken != self.data.len() {
            return self
                .damage("the tensors do not take up the bytes after the header exactly once");
        }
        Ok(Item::End)
    }

    /// Reads a tensor: `{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}`.
    const fn entry(&mut self, name: &'a str) -> Result<Entry<'a>, Damage> {
        let at = LENGTH + self.at;
        let (dtype, sizes, offsets) = pass!(self.fields());
        let &[begin, end] = offsets.sizes() else {
            return self.damage("`data_offsets` are two numbers");
        };
        if begin > end {
            return self.damage("a tensor ends before it begins");
        }
        if end > self.data.len() {
            return self.damage("the file ends before the data of a tensor; is it cut off?");
        }

        // In u64, as a tensor that fits in 32-bit memory may have more bits than a `usize` counts.
        let bits = match sizes.len() {
            Some(len) => (len as u64).checked_mul(dtype.bits() as u64),
            None => None,
        };
        // For an unknown type, nothing but the length is known.
        if dtype.bits() > 0
            && !matches!(bits, Some(bits) if bits.div_ceil(8) == (end - begin) as u64)
        {
            return self
                .damage("`data_offsets` are not as far apart as type and shape of the tensor say");
        }
        match self.taken.checked_add(end - begin) {
            Some(taken) => self.taken = taken,
            None => return self.damage("tensors overlap"),
        }

        // The sums do not overflow, as they are at most the length of the file.
        let data = LENGTH + self.text.len();
        Ok(Entry {
            name,
            dtype,
            sizes,
            begin: data + begin,
            end: data + end,
            at,
        })
    }

    /// Reads the fields of a tensor: its type, its sizes and the offsets of its data.
    const fn fields(&mut self) -> Result<(Dtype, Axes, Axes), Damage> {
        let mut dtype = None;
        let mut shape = None;
        let mut offsets = None;

        pass!(self.expect(b'{', "expected a tensor in `{`"));
        let mut first = true;
        loop {
            self.space();
            if self.peek() == b'}' {
                self.at += 1;
                break;
            }
            if !first {
                pass!(self.expect(b',', "expected `,` or `}`"));
            }
            first = false;

            let key = pass!(self.string());
            pass!(self.expect(b':', "expected `:`"));
            if equal(key, "dtype") && dtype.is_none() {
                dtype = Some(Dtype::named(pass!(self.string())));
            } else if equal(key, "shape") && shape.is_none() {
                shape = Some(pass!(self.numbers()));
            } else if equal(key, "data_offsets") && offsets.is_none() {
                offsets = Some(pass!(self.numbers()));
            } else {
                return self.damage(
                    "a tensor has `dtype`, `shape` and `data_offsets`, each once, and nothing else",
                );
            }
        }

        let (Some(dtype), Some(sizes), Some(offsets)) = (dtype, shape, offsets) else {
            return self.damage("a tensor lacks its `dtype`, `shape` or `data_offsets`");
        };
        Ok((dtype, sizes, offsets))
    }

    /// Reads a list of numbers: `[2, 3]`.
    const fn numbers(&mut self) -> Result<Axes, Damage> {
        pass!(self.expect(b'[', "expected `[`"));
        let mut numbers = Axes::NONE;
        let mut first = true;

        loop {
            self.space();
            if self.peek() == b']' {
                self.at += 1;
                return Ok(numbers);
            }

            if !first {
                pass!(self.expect(b',', "expected `,` or `]`"));
                self.space();
            }
            first = false;

            match numbers.and(pass!(self.number())) {
                Some(more) => numbers = more,
                None => {
                    return self.damage(
                        "a tensor has more than 8 axes; this reader knows no such tensors",
                    );
                }
            }
        }
    }

    /// Reads a whole number.
    const fn number(&mut self) -> Result<usize, Damage> {
        let mut number = 0usize;
        if !self.peek().is_ascii_digit() {
            return self.damage("expected a whole number");
        }
        let begin = self.at;
        while self.peek().is_ascii_digit() {
            if number == 0 && self.at > begin {
                return self.damage("a number begins with 0");
            }
            let digit = (self.peek() - b'0') as usize;
            number = match number.checked_mul(10) {
                Some(tens) if tens <= usize::MAX - digit => tens + digit,
                _ => return self.damage("a number is too large"),
            };
            self.at += 1;
        }
        Ok(number)
    }

    /// Reads a text in quotes, and returns it with its escapes.
    const fn string(&mut self) -> Result<&'a str, Damage> {
        pass!(self.expect(b'"', "expected `\"`"));
        let begin = self.at;
        while self.at < self.text.len() && self.peek() != b'"' {
            if self.peek() < b' ' {
                return self.damage("a control character in a text");
            }
            self.at += if self.peek() == b'\\' { 2 } else { 1 };
        }
        if self.at >= self.text.len() {
            return self.damage("a text has no end");
        }
        let string = self.text.split_at(self.at).0.split_at(begin).1;
        self.at += 1;
        Ok(string)
    }

    /// Skips spaces and one byte, which must be `byte`.
    const fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), Damage> {
        self.space();
        if self.peek() != byte {
            return self.damage(what);
        }
        self.at += 1;
        Ok(())
    }

    /// Skips spaces.
    const fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    /// Returns the next byte; 0, which no header has, at the end.
    const fn peek(&self) -> u8 {
        if self.at < self.text.len() {
            self.text.as_bytes()[self.at]
        } else {
            0
        }
    }

    /// Returns an error at the current position.
    const fn damage<T>(&self, what: &'static str) -> Result<T, Damage> {
        damage(what, LENGTH + self.at)
    }
}

const fn damage<T>(what: &'static str, at: usize) -> Result<T, Damage> {
    Err(Damage { what, at })
}

/// Returns whether two texts are equal: `==` for constants.
pub(super) const fn equal(a: &str, b: &str) -> bool {
    let a = a.as_bytes();
    let b = b.as_bytes();
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}

//! A reader for the header of a safetensors file: 8 bytes with its length, then JSON with the type
//! and shape of each tensor and its position in the bytes after the header. All of it is const
//! code, so that `include_weights!` reads at compile time with the same code as
//! [`Loader`](super::Loader) at run time.

use super::json::{Damage, Json, pass};
use super::numbers::Dtype;
use crate::params::param_tree::{Axes, equal};

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
    json: Json<'a>,
    /// The position in the file of the bytes after the header.
    data: usize,
    /// The number of these bytes.
    data_len: usize,
    in_metadata: bool,
    /// True if the next item is the first in its braces.
    first: bool,
    /// The number of bytes of the tensors read so far.
    taken: usize,
}

/// The number of bytes of the header's length, which are before the JSON.
pub(super) const LENGTH: usize = 8;

/// The largest length of a header, which is that of other readers of the format.
const MAX_LENGTH: u64 = 100_000_000;

/// Returns the length of a header from the first bytes of a file, which are followed by `rest` bytes.
pub(super) const fn header_length(first: &[u8; LENGTH], rest: u64) -> Result<usize, Damage> {
    let length = u64::from_le_bytes(*first);
    let what = if length > rest {
        "the header is longer than the file; is the file cut off, or no safetensors file?"
    } else if length > MAX_LENGTH {
        "the header is longer than 100 MB, which is the most that the format has"
    } else {
        return Ok(length as usize);
    };
    Err(Damage { what, at: 0 })
}

impl<'a> Header<'a> {
    /// Begins to read the bytes of a file.
    pub const fn new(bytes: &'a [u8]) -> Result<Self, Damage> {
        let Some((first, rest)) = bytes.split_first_chunk::<LENGTH>() else {
            return Err(too_short(bytes.len()));
        };
        let length = pass!(header_length(first, rest.len() as u64));
        let (text, data) = rest.split_at(length);
        Header::of_text(text, data.len())
    }

    /// Begins to read a header, which is followed by `data_len` bytes.
    pub const fn of_text(text: &'a [u8], data_len: usize) -> Result<Self, Damage> {
        let mut json = pass!(Json::new(text, LENGTH));
        // No space is before it.
        if json.peek() != b'{' {
            return json.damage("the header does not begin with `{`");
        }
        pass!(json.expect(b'{', ""));
        Ok(Header {
            json,
            data: LENGTH + text.len(),
            data_len,
            in_metadata: false,
            first: true,
            taken: 0,
        })
    }

    /// Reads the next item.
    pub const fn next(&mut self) -> Result<Item<'a>, Damage> {
        loop {
            if !pass!(
                self.json
                    .goes_on(b'}', &mut self.first, "expected `,` or `}`")
            ) {
                if !self.in_metadata {
                    return self.end();
                }
                self.in_metadata = false;
                self.first = false;
                continue;
            }

            let key = pass!(self.json.key());
            if self.in_metadata {
                let value = pass!(self.json.string());
                if equal(key, FORM.0) {
                    if equal(value, FORM.1) {
                        continue;
                    }
                    return Ok(Item::Form(value));
                }
                return Ok(Item::Metadata(key, value));
            }

            if equal(key, "__metadata__") {
                pass!(self.json.expect(b'{', "expected the metadata in `{`"));
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
        self.json.space();
        if !self.json.is_at_end() {
            return self.json.damage("something follows the end of the header");
        }
        if self.taken != self.data_len {
            return self
                .json
                .damage("the tensors do not take up the bytes after the header exactly once");
        }
        Ok(Item::End)
    }

    /// Reads a tensor: `{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}`.
    const fn entry(&mut self, name: &'a str) -> Result<Entry<'a>, Damage> {
        let at = self.json.position();
        let (dtype, sizes, offsets) = pass!(self.fields());
        let json = &self.json;
        let &[begin, end] = offsets.sizes() else {
            return json.damage("`data_offsets` are two numbers");
        };
        if begin > end {
            return json.damage("a tensor ends before it begins");
        }
        if end > self.data_len {
            return json.damage("the file ends before the data of a tensor; is it cut off?");
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
            return json
                .damage("`data_offsets` are not as far apart as type and shape of the tensor say");
        }
        match self.taken.checked_add(end - begin) {
            Some(taken) => self.taken = taken,
            None => return json.damage("tensors overlap"),
        }

        // The sums do not overflow, as they are at most the length of the file.
        Ok(Entry {
            name,
            dtype,
            sizes,
            begin: self.data + begin,
            end: self.data + end,
            at,
        })
    }

    /// Reads the fields of a tensor: its type, its sizes and the offsets of its data.
    const fn fields(&mut self) -> Result<(Dtype, Axes, Axes), Damage> {
        let mut dtype = None;
        let mut shape = None;
        let mut offsets = None;

        pass!(self.json.expect(b'{', "expected a tensor in `{`"));
        let mut first = true;
        while pass!(self.json.goes_on(b'}', &mut first, "expected `,` or `}`")) {
            let key = pass!(self.json.key());
            if equal(key, "dtype") && dtype.is_none() {
                dtype = Some(Dtype::named(pass!(self.json.string())));
            } else if equal(key, "shape") && shape.is_none() {
                shape = Some(pass!(self.numbers()));
            } else if equal(key, "data_offsets") && offsets.is_none() {
                offsets = Some(pass!(self.numbers()));
            } else {
                return self.json.damage(
                    "a tensor has `dtype`, `shape` and `data_offsets`, each once, and nothing else",
                );
            }
        }

        let (Some(dtype), Some(sizes), Some(offsets)) = (dtype, shape, offsets) else {
            return self
                .json
                .damage("a tensor lacks its `dtype`, `shape` or `data_offsets`");
        };
        Ok((dtype, sizes, offsets))
    }

    /// Reads a list of numbers: `[2, 3]`.
    const fn numbers(&mut self) -> Result<Axes, Damage> {
        pass!(self.json.expect(b'[', "expected `[`"));
        let mut numbers = Axes::NONE;
        let mut first = true;

        while pass!(self.json.goes_on(b']', &mut first, "expected `,` or `]`")) {
            match numbers.and(pass!(self.json.number())) {
                Some(more) => numbers = more,
                None => {
                    return self.json.damage(
                        "a tensor has more than 8 axes; this reader knows no such tensors",
                    );
                }
            }
        }
        Ok(numbers)
    }
}

/// Returns the defect of a file of `len` bytes, which are less than the length of a header.
pub(super) const fn too_short(len: usize) -> Damage {
    Damage {
        what: "the file is too short for a header",
        at: len,
    }
}

//! Reads the header of a safetensors file: 8 bytes with its length, then JSON that says of each
//! tensor its type, shape and place among the bytes after it. All of it is const code, so that
//! `include_weights!` reads at compile time with the same lines that [`Loader`](super::Loader)
//! runs.

use core::fmt;

use super::numbers::Dtype;
use crate::network::param_tree::Axes;

/// Hands an error on: `?` for constants.
macro_rules! pass {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(error) => return Err(error),
        }
    };
}

/// What is wrong with the bytes of a file, and at which byte of it.
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

/// A tensor of a file. Its name is as it stands in JSON, with escapes.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    pub name: &'a str,
    pub dtype: Dtype,
    pub sizes: Axes,
    /// Where its bytes begin and end in the file.
    pub begin: usize,
    pub end: usize,
    /// Where it is described.
    pub at: usize,
}

/// The key in the metadata under which files of this crate have the number of their form, and the
/// form that they have now. Files of others have none, and those from before there were numbers.
///
/// What the names of tensors, their shapes and the order of their numbers mean is a form: a change
/// of it is a new one.
pub(super) const FORM: (&str, &str) = ("shapewright", "1");

/// What the header has, one after the other.
pub(super) enum Item<'a> {
    Tensor(Entry<'a>),
    /// Key and value of `__metadata__`, as they stand in JSON.
    Metadata(&'a str, &'a str),
    /// The value of [`FORM`], if it is another.
    Form(&'a str),
    End,
}

/// Goes through the header of a file.
pub(super) struct Header<'a> {
    /// The length and the JSON.
    text: &'a str,
    data: &'a [u8],
    at: usize,
    in_metadata: bool,
    first: bool,
    /// How many bytes the tensors so far take.
    taken: usize,
}

/// Where the JSON begins.
const LENGTH: usize = 8;

impl<'a> Header<'a> {
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

    pub const fn next(&mut self) -> Result<Item<'a>, Damage> {
        loop {
            self.space();
            if self.peek() == b'}' {
                self.at += 1;
                if !self.in_metadata {
                    return self.end();
                }
                (self.in_metadata, self.first) = (false, false);
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
                (self.in_metadata, self.first) = (true, true);
                continue;
            }
            return match self.entry(key) {
                Ok(entry) => Ok(Item::Tensor(entry)),
                Err(error) => Err(error),
            };
        }
    }

    /// After the last `}` nothing follows but spaces, and the tensors are all there is.
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

    /// `{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}`
    const fn entry(&mut self, name: &'a str) -> Result<Entry<'a>, Damage> {
        let at = LENGTH + self.at;
        let (mut dtype, mut shape, mut offsets) = (None, None, None);
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
        let &[begin, end] = offsets.sizes() else {
            return self.damage("`data_offsets` are two numbers");
        };
        if begin > end {
            return self.damage("a tensor ends before it begins");
        }
        if end > self.data.len() {
            return self.damage("the file ends before the data of a tensor; is it cut off?");
        }
        // Of a tensor that fits into 32 bits of memory, the bits do not.
        let bits = match sizes.len() {
            Some(len) => (len as u64).checked_mul(dtype.bits() as u64),
            None => None,
        };
        // Of an unknown type the file knows the length alone.
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
        // Both are places in the file, which is there: the sums are, at most, its length.
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

    /// `[2, 3]`
    const fn numbers(&mut self) -> Result<Axes, Damage> {
        pass!(self.expect(b'[', "expected `[`"));
        let (mut numbers, mut first) = (Axes::NONE, true);
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

    const fn number(&mut self) -> Result<usize, Damage> {
        let mut number = 0usize;
        if !self.peek().is_ascii_digit() {
            return self.damage("expected a whole number");
        }
        while self.peek().is_ascii_digit() {
            let digit = (self.peek() - b'0') as usize;
            number = match number.checked_mul(10) {
                Some(tens) if tens <= usize::MAX - digit => tens + digit,
                _ => return self.damage("a number is too large"),
            };
            self.at += 1;
        }
        Ok(number)
    }

    /// What stands between two quotes.
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

    const fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), Damage> {
        self.space();
        if self.peek() != byte {
            return self.damage(what);
        }
        self.at += 1;
        Ok(())
    }

    const fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    /// The next byte; zero, which no header has, at the end.
    const fn peek(&self) -> u8 {
        if self.at < self.text.len() {
            self.text.as_bytes()[self.at]
        } else {
            0
        }
    }

    const fn damage<T>(&self, what: &'static str) -> Result<T, Damage> {
        damage(what, LENGTH + self.at)
    }
}

const fn damage<T>(what: &'static str, at: usize) -> Result<T, Damage> {
    Err(Damage { what, at })
}

/// `==` for constants.
pub(super) const fn equal(a: &str, b: &str) -> bool {
    let (a, b, mut i) = (a.as_bytes(), b.as_bytes(), 0);
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}

/// A text as it stands in JSON without its escapes; `None` if one of them is wrong.
pub(super) fn unescape(json: &str) -> Option<String> {
    let mut text = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(backslash) = rest.find('\\') {
        text.push_str(&rest[..backslash]);
        rest = &rest[backslash + 1..];
        let escape = rest.chars().next()?;
        rest = &rest[escape.len_utf8()..];
        text.push(match escape {
            '"' | '\\' | '/' => escape,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => match unit(&mut rest)? {
                // Half a character; the other half follows.
                first @ 0xd800..=0xdfff => {
                    rest = rest.strip_prefix("\\u")?;
                    char::decode_utf16([first, unit(&mut rest)?]).next()?.ok()?
                }
                first => char::from_u32(u32::from(first))?,
            },
            _ => return None,
        });
    }
    text.push_str(rest);
    Some(text)
}

/// Takes four hexadecimal digits.
fn unit(rest: &mut &str) -> Option<u16> {
    let (digits, after) = rest.split_at_checked(4)?;
    *rest = after;
    digits
        .bytes()
        .all(|digit| digit.is_ascii_hexdigit())
        .then(|| u16::from_str_radix(digits, 16).ok())?
}

/// A text as it stands in JSON.
pub(super) fn escape(text: &str, json: &mut String) {
    json.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            c if c < ' ' => json.push_str(&format!("\\u{:04x}", c as u32)),
            c => json.push(c),
        }
    }
    json.push('"');
}

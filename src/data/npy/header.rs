//! The head of a `.npy` file: a Python dictionary with the type, the order and the shape.

use std::io::Read;

use super::super::bytes::{Bytes, COPY_AGAIN};
use super::super::read_error::quoted;
use super::super::{ReadError, ReadErrorKind};

const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// The type, order and shape that a head states.
pub(super) struct Header {
    /// The type, as NumPy writes it: `<f4`.
    pub descr: String,
    /// The first axis is contiguous, rather than the last.
    pub fortran: bool,
    /// The sizes of the axes.
    pub shape: Vec<usize>,
    /// The position of the type and of the shape in the file.
    pub descr_at: u64,
    pub shape_at: u64,
}

impl Header {
    pub fn read<R: Read>(file: &mut Bytes<'_, R>) -> Result<Self, ReadError> {
        let magic = file.exactly(8, "the magic number and the version")?;
        let size = match magic[6] {
            _ if !magic.starts_with(MAGIC) => {
                let expected = "the magic number of .npy".to_owned();
                let found = format!("{:02x?}", &magic[..6]);
                let advice = "write the file with `numpy.save`; an .npz file is opened with `Npz`";
                return Err(file.error(ReadErrorKind::Format, 0, expected, found, advice));
            }
            1 => 2,
            2 | 3 => 4,
            other => {
                let expected = "version 1, 2 or 3 of the format".into();
                return Err(file.error(
                    ReadErrorKind::Format,
                    6,
                    expected,
                    format!("{other}"),
                    COPY_AGAIN,
                ));
            }
        };

        let bytes = file.exactly(size, "the length of the head")?;
        let len = bytes
            .iter()
            .rev()
            .fold(0, |len, &byte| len << 8 | u64::from(byte));
        let start = file.at;
        let bytes = file.exactly(len, "the head")?;

        let text = String::from_utf8_lossy(&bytes);
        let mut scanner = Scanner {
            text: &text,
            rest: &text,
        };
        scanner.header(start).ok_or_else(|| {
            let expected =
                "the head {'descr': '<f4', 'fortran_order': False, 'shape': (..)}, with values like these";
            let advice = "write the file with `numpy.save`, as plain numbers of one type";
            file.error(
                ReadErrorKind::Format,
                start + scanner.at(),
                expected.into(),
                quoted(scanner.rest),
                advice,
            )
        })
    }

    /// Returns the head of a file in C order, with its magic number and its length.
    pub fn bytes(descr: &str, shape: &[usize]) -> Vec<u8> {
        let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
        let comma = if shape.len() == 1 { "," } else { "" };
        let shape = format!("({}{comma})", sizes.join(", "));
        let mut text =
            format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
        // The numbers begin at a multiple of 64 bytes.
        let len = (10 + text.len() + 1).next_multiple_of(64) - 10;
        text.push_str(&" ".repeat(len - 1 - text.len()));
        text.push('\n');
        // At most five sizes of 20 digits: the length fits.
        [
            MAGIC,
            &[1, 0][..],
            &(len as u16).to_le_bytes(),
            text.as_bytes(),
        ]
        .concat()
    }
}

/// Reads the few Python literals that a head has.
struct Scanner<'a> {
    text: &'a str,
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    fn at(&self) -> u64 {
        (self.text.len() - self.rest.len()) as u64
    }

    fn header(&mut self, start: u64) -> Option<Header> {
        let mut descr = None;
        let mut fortran = None;
        let mut shape = None;
        self.wanted("{")?;
        while !self.eat("}") {
            let key = self.string()?;
            self.wanted(":")?;
            self.skip_space();
            let at = start + self.at();
            match key {
                "descr" => descr = Some((self.string()?.to_owned(), at)),
                "fortran_order" if self.eat("True") => fortran = Some(true),
                "fortran_order" if self.eat("False") => fortran = Some(false),
                "shape" => shape = Some((self.tuple()?, at)),
                _ => return None,
            }
            if !self.eat(",") && !self.rest.starts_with('}') {
                return None;
            }
        }
        self.skip_space();
        if !self.rest.is_empty() {
            return None;
        }

        let (descr, descr_at) = descr?;
        let (shape, shape_at) = shape?;
        Some(Header {
            descr,
            fortran: fortran?,
            shape,
            descr_at,
            shape_at,
        })
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, text: &str) -> bool {
        self.skip_space();
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn wanted(&mut self, text: &str) -> Option<()> {
        self.eat(text).then_some(())
    }

    /// Reads a text in single or double quotes.
    fn string(&mut self) -> Option<&'a str> {
        self.skip_space();
        let quote = self
            .rest
            .chars()
            .next()
            .filter(|quote| matches!(quote, '\'' | '"'))?;
        let (text, rest) = self.rest[1..].split_once(quote)?;
        self.rest = rest;
        Some(text)
    }

    /// Reads whole numbers in parentheses. Python 2 wrote long ones with an `L` at the end.
    fn tuple(&mut self) -> Option<Vec<usize>> {
        let mut sizes = Vec::new();
        self.wanted("(")?;
        while !self.eat(")") {
            let digits = self.rest.len()
                - self
                    .rest
                    .trim_start_matches(|c: char| c.is_ascii_digit())
                    .len();
            sizes.push(self.rest[..digits].parse().ok()?);
            self.rest = &self.rest[digits..];
            self.eat("L");
            if !self.eat(",") && !self.rest.starts_with(')') {
                return None;
            }
        }
        Some(sizes)
    }
}

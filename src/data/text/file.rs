//! Files of vocabularies: a line for each token.

use core::fmt::Write as _;
use core::str::Lines;
use std::collections::HashSet;
use std::io::{self, Read};
use std::path::Path;

use super::super::bytes::{self, Bytes};
use super::super::read_error::quoted;
use super::super::{Place, ReadError, ReadErrorKind};
use super::builder::Special;
use super::{TextUnit, Vocabulary, VocabularyBuilder};
use crate::atomic_file;
use crate::limits::Budget;

/// The first line of a file.
const FIRST_LINE: &str = "shapewright vocabulary 1";
/// The bytes of memory that a byte of a file becomes at most: a token of one byte takes its own
/// memory twice, and its places in the list and in the table.
const WEIGHT: u64 = 64;
/// The line with the number of tokens.
const COUNT_LINE: usize = 5;
/// The advice for a line that is not as it was written.
const REWRITE: &str = "correct the line, or write the file again with `Vocabulary::write`";

impl<const N: usize> Vocabulary<N> {
    /// Writes the vocabulary to a file, which is replaced atomically; see [files](crate#files).
    ///
    /// The file is text in UTF-8: five lines about the settings, and then a line for each token
    /// that is not special, in the order of the indices. Line ends, tabs, spaces at the ends of a
    /// token, backslashes and bytes that are not UTF-8 are escaped as in Rust: `\n`, `\x20`.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written; a file that was there before stays.
    pub fn write(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref();
        atomic_file::write(path, self.to_text().as_bytes())
            .map_err(|error| atomic_file::named(path, error))
    }

    /// Returns the content of the file that [`write`](Vocabulary::write) writes. As a metadata
    /// value of a weight file, the vocabulary is saved with the model.
    ///
    /// ```
    /// use shapewright::data::text::{Vocabulary, VocabularyBuilder};
    /// let vocabulary: Vocabulary<4> = VocabularyBuilder::words().unknown().build(["a cat"])?;
    /// let text = vocabulary.to_text();
    /// assert_eq!(
    ///     text,
    ///     "shapewright vocabulary 1\nunit words\nlowercase no\nspecial <unk>\ntokens 2\na\ncat\n"
    /// );
    /// let read: Vocabulary<4> = Vocabulary::read_from("the program", text.as_bytes())?;
    /// assert_eq!(read, vocabulary);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_text(&self) -> String {
        let specials: String = self
            .specials()
            .iter()
            .map(|special| format!(" {}", special.name()))
            .collect();
        let mut text = format!(
            "{FIRST_LINE}\nunit {}\nlowercase {}\nspecial{specials}\ntokens {}\n",
            self.unit().name(),
            if self.is_lowercase() { "yes" } else { "no" },
            self.ordinary().len(),
        );
        for token in self.ordinary() {
            escape(&mut text, token);
            text.push('\n');
        }
        text
    }

    /// Reads the file of a vocabulary, which [`write`](Vocabulary::write) has written, with at most
    /// `N` tokens.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, is not in the format, has more tokens, has a
    /// token twice, or takes more memory than the [`Limits`](crate::Limits) let it.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ReadError> {
        let path = path.as_ref();
        let (file, budget) = bytes::open(path)?;
        read_in(path, file, budget)
    }

    /// Like [`read`](Vocabulary::read), from any source, such as the bytes of `include_bytes!`; the
    /// path is for the error.
    ///
    /// # Errors
    /// Returns the errors of [`read`](Vocabulary::read).
    pub fn read_from(path: impl AsRef<Path>, source: impl Read) -> Result<Self, ReadError> {
        let (source, budget) = Budget::counting(source);
        read_in(path.as_ref(), source, budget)
    }
}

/// Appends a token as it is written on a line.
fn escape(line: &mut String, token: &[u8]) {
    for chunk in token.utf8_chunks() {
        let end = chunk.valid().len();
        for (at, c) in chunk.valid().char_indices() {
            match c {
                '\\' => line.push_str("\\\\"),
                '\n' => line.push_str("\\n"),
                '\r' => line.push_str("\\r"),
                '\t' => line.push_str("\\t"),
                c if c.is_ascii_control() => escape_byte(line, c as u8),
                ' ' if at == 0 || at + 1 == end => escape_byte(line, b' '),
                c => line.push(c),
            }
        }
        for &byte in chunk.invalid() {
            escape_byte(line, byte);
        }
    }
}

fn escape_byte(line: &mut String, byte: u8) {
    // Writing to a string does not fail.
    let _ = write!(line, "\\x{byte:02x}");
}

/// Returns the token that is written on a line; `None` if an escape is not one that
/// [`escape`] writes.
fn unescape(line: &str) -> Option<Vec<u8>> {
    let mut token = Vec::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('\\') {
        token.extend_from_slice(before.as_bytes());
        let c = after.chars().next()?;
        rest = &after[c.len_utf8()..];
        token.push(match c {
            '\\' => b'\\',
            'n' => b'\n',
            'r' => b'\r',
            't' => b'\t',
            'x' => {
                let digits = rest.get(..2)?;
                rest = &rest[2..];
                if digits.starts_with('+') {
                    return None;
                }
                u8::from_str_radix(digits, 16).ok()?
            }
            _ => return None,
        });
    }
    token.extend_from_slice(rest.as_bytes());
    Some(token)
}

fn read_in<const N: usize>(
    path: &Path,
    source: impl Read,
    budget: Budget,
) -> Result<Vocabulary<N>, ReadError> {
    let bytes = Bytes::new(path, source, budget, WEIGHT).up_to(u64::MAX)?;
    let text = core::str::from_utf8(&bytes).map_err(|error| {
        ReadError::new(
            path,
            ReadErrorKind::Format,
            Place::Byte(error.valid_up_to() as u64),
            "text in UTF-8",
            "other bytes",
            bytes::COPY_AGAIN,
        )
    })?;

    let mut file = TextFile {
        path,
        // Editors may put a byte order mark before the text.
        lines: text.strip_prefix('\u{feff}').unwrap_or(text).lines(),
        line: 0,
    };
    let (builder, count) = file.settings()?;
    let tokens = file.tokens::<N>(&builder, count)?;
    if !text.ends_with('\n') {
        // A part of the last token would be another one.
        let expected = "the end of the last line";
        let found = "the end of the file".to_owned();
        return Err(file.error(ReadErrorKind::Length, expected, found, bytes::COPY_AGAIN));
    }

    // No error is left that the lines do not have.
    Vocabulary::new(builder, tokens.into_iter()).map_err(|error| {
        file.error(
            ReadErrorKind::Shape,
            "a vocabulary that fits",
            error.to_string(),
            "declare more indices",
        )
    })
}

/// The lines of a file that are left.
struct TextFile<'a> {
    path: &'a Path,
    lines: Lines<'a>,
    /// The number of the line that was read last, from 1.
    line: u64,
}

impl<'a> TextFile<'a> {
    fn next_line(&mut self) -> Option<&'a str> {
        let line = self.lines.next();
        self.line += 1;
        line
    }

    /// Reads the lines before the tokens: the settings and the number of tokens.
    fn settings(&mut self) -> Result<(VocabularyBuilder, usize), ReadError> {
        let first = self.next_line();
        if first != Some(FIRST_LINE) {
            let expected = format!("a vocabulary, whose first line is `{FIRST_LINE}`");
            let advice = "give a file that `Vocabulary::write` has written";
            return Err(self.error(ReadErrorKind::Format, &expected, found(first), advice));
        }

        let unit = self.setting(
            "unit",
            "`unit bytes`, `unit characters` or `unit words`",
            |unit| TextUnit::ALL.into_iter().find(|known| known.name() == unit),
        )?;
        let lowercase = self.setting(
            "lowercase",
            "`lowercase yes` or `lowercase no`",
            |value| match value {
                "yes" => Some(true),
                "no" => Some(false),
                _ => None,
            },
        )?;
        let expected = "`special` and some of `<pad> <unk> <bos> <eos>`, in this order";
        let specials = self.setting("special", expected, specials)?;
        let expected = "`tokens` and the number of lines behind this one";
        let count = self.setting("tokens", expected, |count| count.parse().ok())?;

        let mut builder = VocabularyBuilder::new(unit);
        builder.lowercase = lowercase;
        builder.specials = specials;
        Ok((builder, count))
    }

    /// Reads a line with a setting.
    fn setting<T>(
        &mut self,
        name: &str,
        expected: &str,
        value: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, ReadError> {
        let line = self.next_line();
        let rest = line.and_then(|line| line.strip_prefix(name));
        rest.and_then(|rest| value(rest.trim()))
            .ok_or_else(|| self.error(ReadErrorKind::Format, expected, found(line), REWRITE))
    }

    /// Reads the tokens to the end of the file, `count` of them.
    fn tokens<const N: usize>(
        &mut self,
        builder: &VocabularyBuilder,
        count: usize,
    ) -> Result<Vec<Box<[u8]>>, ReadError> {
        let mut tokens = Vec::new();
        let mut known: HashSet<Box<[u8]>> = HashSet::new();
        while let Some(line) = self.next_line() {
            let kind = ReadErrorKind::Value;
            let token = unescape(line).ok_or_else(|| {
                let expected =
                    "escapes that are `\\\\`, `\\n`, `\\r`, `\\t` or, as in `\\x20`, a byte";
                self.error(kind, expected, quoted(line), REWRITE)
            })?;

            if !builder.unit.is_token(&token) {
                let expected = format!("one token of the unit `{}`", builder.unit.name());
                return Err(self.error(kind, &expected, found(Some(line)), REWRITE));
            }
            let token = token.into_boxed_slice();
            if !known.insert(token.clone()) {
                let advice = "remove the line, and correct the number behind `tokens`; the indices of later tokens \
                              then change";
                return Err(self.error(kind, "each token once", quoted(line), advice));
            }
            if builder.specials.len() + tokens.len() >= N {
                let expected = format!("at most {N} tokens, with the special ones");
                let advice = "read it as a vocabulary with more indices";
                return Err(self.error(ReadErrorKind::Shape, &expected, "more".into(), advice));
            }
            tokens.push(token);
        }
        if tokens.len() == count {
            return Ok(tokens);
        }

        // A file that was cut, or a line that was added or removed.
        let advice = "copy the file again, or correct the number behind `tokens`";
        let expected = format!("{count} tokens, as line {COUNT_LINE} says");
        let found = format!("{} of them", tokens.len());
        Err(self.error(ReadErrorKind::Length, &expected, found, advice))
    }

    /// Returns an error at the line that was read last.
    fn error(&self, kind: ReadErrorKind, expected: &str, found: String, advice: &str) -> ReadError {
        ReadError::new(
            self.path,
            kind,
            Place::Line(self.line),
            expected,
            found,
            advice,
        )
    }
}

/// Returns the special tokens of a line, which are known ones in their order.
fn specials(names: &str) -> Option<Vec<Special>> {
    let named = |name: &str| {
        Special::ALL
            .into_iter()
            .find(|special| special.name() == name)
    };
    let specials: Vec<Special> = names.split_whitespace().map(named).collect::<Option<_>>()?;
    let rising = specials.is_sorted_by(|a, b| (*a as u8) < *b as u8);
    rising.then_some(specials)
}

/// Returns the words for a line that was found.
fn found(line: Option<&str>) -> String {
    match line {
        None => "the end of the file".to_owned(),
        Some("") => "an empty line".to_owned(),
        Some(line) => quoted(line),
    }
}

//! The tokens that a text is cut into.

use core::str;
use std::borrow::Cow;

use super::TextError;

/// The unit of text that becomes one token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TextUnit {
    /// A byte. Text of any encoding, and any other data.
    Bytes,
    /// A character of Unicode (a `char`).
    Characters,
    /// A word: letters and digits, with apostrophes between them. Every other character that is
    /// not white space is a token of its own, and white space separates tokens.
    Words,
}

impl TextUnit {
    pub(super) const ALL: [Self; 3] = [TextUnit::Bytes, TextUnit::Characters, TextUnit::Words];

    /// Returns the name of the unit in files.
    pub(super) const fn name(self) -> &'static str {
        match self {
            TextUnit::Bytes => "bytes",
            TextUnit::Characters => "characters",
            TextUnit::Words => "words",
        }
    }

    /// Calls `f` with each token of a text, until it returns an error.
    pub(super) fn for_each_token(
        self,
        text: &[u8],
        lowercase: bool,
        mut f: impl FnMut(&[u8]) -> Result<(), TextError>,
    ) -> Result<(), TextError> {
        if self == TextUnit::Bytes {
            let lower = |byte: u8| {
                if lowercase {
                    byte.to_ascii_lowercase()
                } else {
                    byte
                }
            };
            return text.iter().try_for_each(|&byte| f(&[lower(byte)]));
        }

        let text = str::from_utf8(text).map_err(|error| TextError::NotUtf8 {
            byte: error.valid_up_to(),
        })?;
        let text = if lowercase {
            Cow::Owned(text.to_lowercase())
        } else {
            Cow::Borrowed(text)
        };

        let mut rest: &str = &text;
        while let Some(len) = self.next_len(&mut rest) {
            let (token, after) = rest.split_at(len);
            f(token.as_bytes())?;
            rest = after;
        }
        Ok(())
    }

    /// Returns whether these bytes are one token of a text.
    pub(super) fn is_token(self, token: &[u8]) -> bool {
        let mut count = 0;
        let mut is_whole = false;
        let cut = self.for_each_token(token, false, |part| {
            count += 1;
            is_whole = part.len() == token.len();
            Ok(())
        });
        cut.is_ok() && count == 1 && is_whole
    }

    /// Returns the length of the token at the beginning of a text, from which separators before it
    /// are removed.
    fn next_len(self, text: &mut &str) -> Option<usize> {
        if self == TextUnit::Words {
            *text = text.trim_start();
        }
        let first = text.chars().next()?;
        if self == TextUnit::Words && is_in_word(first) {
            Some(word_len(text))
        } else {
            Some(first.len_utf8())
        }
    }
}

/// Returns the length of the word at the beginning of a text.
fn word_len(text: &str) -> usize {
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let joins = matches!(c, '\'' | '’') && chars.peek().is_some_and(|&(_, c)| is_in_word(c));
        if !is_in_word(c) && !joins {
            return at;
        }
    }
    text.len()
}

/// Returns whether a character belongs to words: a letter, a digit or a combining accent.
fn is_in_word(c: char) -> bool {
    c.is_alphanumeric() || ('\u{300}'..='\u{36f}').contains(&c)
}

//! The errors of vocabularies.

use core::fmt;

/// The error of a text that does not fit a vocabulary.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TextError {
    /// The text is not in UTF-8, and its tokens are characters or words.
    NotUtf8 {
        /// The first byte that is not, counted from 0.
        byte: usize,
    },
    /// A token is not in the vocabulary, which has no token for unknown ones.
    Unknown {
        /// The token.
        token: String,
        /// Its position among the tokens of the text, counted from 0.
        position: usize,
    },
    /// There are more tokens than the vocabulary has indices, and no token for unknown ones.
    TooMany {
        /// The number of tokens, with those for special purposes.
        found: usize,
        /// The number of indices.
        size: usize,
    },
    /// The text has fewer tokens than are needed, and the vocabulary has no token for padding.
    NoPadding {
        /// The number of tokens.
        found: usize,
        /// The number of positions.
        length: usize,
    },
    /// A part of the text has no token in the tokenizer of a pretrained model, which has none for
    /// unknown text.
    NoToken {
        /// The part of the text.
        text: String,
    },
    /// The tables of a tokenizer's file are damaged.
    Damaged,
    /// The special tokens around a text take more positions than there are.
    NoRoom {
        /// The number of special tokens.
        needed: usize,
        /// The number of positions.
        length: usize,
    },
    /// The text has no window of this length with a token after it.
    TooShort {
        /// The number of tokens.
        found: usize,
        /// The number of tokens that a window and its targets take.
        needed: usize,
    },
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TextError::NotUtf8 { byte } => write!(
                f,
                "the text is not UTF-8 at byte {byte}; convert it, or take bytes as tokens with \
                 `VocabularyBuilder::bytes()`"
            ),
            TextError::Unknown { token, position } => write!(
                f,
                "{} at position {position} is not in the vocabulary; build it from this text too, \
                 or with `unknown()`",
                super::super::read_error::quoted(token)
            ),
            TextError::TooMany { found, size } => write!(
                f,
                "there are {found} tokens, but a `Vocabulary<{size}>` has {size} indices; take \
                 more indices, or let `unknown()` stand for the rarest tokens"
            ),
            TextError::NoPadding { found, length } => write!(
                f,
                "the text has {found} tokens, which leaves positions of {length} empty; build the \
                 vocabulary with `padding()`"
            ),
            TextError::NoToken { text } => write!(
                f,
                "the tokenizer has no token for {}, and none for unknown text; remove it from the \
                 text",
                super::super::read_error::quoted(text)
            ),
            TextError::Damaged => f.write_str(
                "the tables of the tokenizer's file are damaged; take the `tokenizer.json` beside the \
                 model's weights, or download it again",
            ),
            TextError::NoRoom { needed, length } => write!(
                f,
                "the special tokens around a text take {needed} positions, but there are {length}; \
                 take a longer sequence"
            ),
            TextError::TooShort { found, needed } => write!(
                f,
                "a window and the token after it take {needed} tokens, but the text has {found}; \
                 take a longer text or shorter windows"
            ),
        }
    }
}

impl std::error::Error for TextError {}

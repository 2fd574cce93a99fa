//! Vocabularies made from texts.

use std::collections::HashMap;

use super::{TextError, TextUnit, Vocabulary};

/// The special tokens, in the order of their indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Special {
    Padding,
    Unknown,
    Begin,
    End,
}

impl Special {
    pub const ALL: [Self; 4] = [
        Special::Padding,
        Special::Unknown,
        Special::Begin,
        Special::End,
    ];

    /// Returns the name in files. No token of a text is spelled like it: it is neither one
    /// character nor one word.
    pub const fn name(self) -> &'static str {
        match self {
            Special::Padding => "<pad>",
            Special::Unknown => "<unk>",
            Special::Begin => "<bos>",
            Special::End => "<eos>",
        }
    }
}

/// Settings of a [`Vocabulary`] that is made from texts: Keras' `TextVectorization` with `adapt`,
/// torchtext's `build_vocab_from_iterator`.
///
/// ```
/// use shapewright::data::text::{Vocabulary, VocabularyBuilder};
/// let texts = ["The cat sat.", "The cat ran, the dog sat."];
/// // The 7 most frequent words, and an index for all others.
/// let vocabulary: Vocabulary<8> = VocabularyBuilder::words()
///     .lowercase()
///     .unknown()
///     .build(texts)?;
/// let tokens = vocabulary.encode("The bird sat.")?;
/// assert_eq!(vocabulary.decode(&tokens), "the <unk> sat .");
/// # Ok::<(), shapewright::data::text::TextError>(())
/// ```
///
/// Special tokens have the first indices, in this order: padding, unknown, begin, end. Bytes and
/// characters follow in the order of their codes, words by falling frequency, and words of the same
/// frequency in the order of their codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VocabularyBuilder {
    pub(super) unit: TextUnit,
    pub(super) lowercase: bool,
    pub(super) specials: Vec<Special>,
    min_count: usize,
}

impl VocabularyBuilder {
    /// Creates the settings of a vocabulary of these units, without special tokens.
    pub const fn new(unit: TextUnit) -> Self {
        VocabularyBuilder {
            unit,
            lowercase: false,
            specials: Vec::new(),
            min_count: 1,
        }
    }

    /// Creates the settings of a vocabulary of bytes.
    pub const fn bytes() -> Self {
        Self::new(TextUnit::Bytes)
    }

    /// Creates the settings of a vocabulary of characters.
    pub const fn characters() -> Self {
        Self::new(TextUnit::Characters)
    }

    /// Creates the settings of a vocabulary of [words](TextUnit::Words).
    pub const fn words() -> Self {
        Self::new(TextUnit::Words)
    }

    /// Converts texts to lower case; of bytes, the letters of ASCII alone.
    pub fn lowercase(self) -> Self {
        VocabularyBuilder {
            lowercase: true,
            ..self
        }
    }

    /// Sets the least number of times that a token occurs in the texts; 1 by default. Rarer ones
    /// are unknown.
    pub fn min_count(self, min_count: usize) -> Self {
        VocabularyBuilder { min_count, ..self }
    }

    /// Adds a token that fills up short sequences. Its index is 0, for
    /// [`Embedding`](crate::nn::Embedding) with `PaddingIdx<0>`.
    pub fn padding(self) -> Self {
        self.with(Special::Padding)
    }

    /// Adds a token that stands for all tokens that are not in the vocabulary. The most frequent
    /// tokens are then kept if there are more than indices.
    pub fn unknown(self) -> Self {
        self.with(Special::Unknown)
    }

    /// Adds a token that stands before each sequence.
    pub fn begin(self) -> Self {
        self.with(Special::Begin)
    }

    /// Adds a token that stands after each sequence.
    pub fn end(self) -> Self {
        self.with(Special::End)
    }

    pub(super) fn with(mut self, special: Special) -> Self {
        if !self.specials.contains(&special) {
            self.specials.push(special);
            self.specials.sort_unstable_by_key(|&special| special as u8);
        }
        self
    }

    /// Makes a vocabulary of at most `N` tokens from the tokens of these texts.
    ///
    /// # Errors
    /// Returns an error if there are more tokens than indices and none of them stands for unknown
    /// ones, or if a text of characters or words is not in UTF-8.
    pub fn build<const N: usize>(
        &self,
        texts: impl IntoIterator<Item = impl AsRef<[u8]>>,
    ) -> Result<Vocabulary<N>, TextError> {
        let mut counts: HashMap<Box<[u8]>, usize> = HashMap::new();
        for text in texts {
            self.unit
                .for_each_token(text.as_ref(), self.lowercase, |token| {
                    match counts.get_mut(token) {
                        Some(count) => *count += 1,
                        None => {
                            counts.insert(token.into(), 1);
                        }
                    }
                    Ok(())
                })?;
        }

        let mut tokens: Vec<_> = counts
            .into_iter()
            .filter(|&(_, count)| count >= self.min_count)
            .collect();
        tokens.sort_unstable_by(|(a, a_count), (b, b_count)| b_count.cmp(a_count).then(a.cmp(b)));

        if self.specials.contains(&Special::Unknown) {
            tokens.truncate(N.saturating_sub(self.specials.len()));
        }
        if self.unit != TextUnit::Words {
            tokens.sort_unstable();
        }
        Vocabulary::new(self.clone(), tokens.into_iter().map(|(token, _)| token))
    }
}

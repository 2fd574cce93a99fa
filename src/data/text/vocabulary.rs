//! The tokens that a model knows, with their indices.

use core::fmt;
use std::collections::HashMap;

use super::builder::Special;
use super::{TextError, TextUnit, VocabularyBuilder};
use crate::loss::Label;
use crate::nn::Index;

/// The tokens that a model knows, each with one of `N` indices: text becomes indices, as
/// [`Embedding`](crate::nn::Embedding) takes them, and indices become text.
///
/// It is made from texts by a [`VocabularyBuilder`], and saved in a [file](Vocabulary::write) of
/// its own or with the weights of a model. `N` is the number of embeddings; a vocabulary may have
/// fewer tokens.
///
/// ```
/// use shapewright::data::text::{Vocabulary, VocabularyBuilder};
/// use shapewright::prelude::*;
/// let vocabulary: Vocabulary<30> = VocabularyBuilder::characters()
///     .padding()
///     .end()
///     .build(["hello world"])?;
/// let tokens = vocabulary.encode_padded::<8>("hold")?;
/// let x: Tensor1<8> = Tensor1::from_indices(&tokens)?;
/// assert_eq!(x, Tensor1::from([5.0, 7.0, 6.0, 3.0, 1.0, 0.0, 0.0, 0.0]));
/// assert_eq!(vocabulary.decode(&tokens), "hold");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Vocabulary<const N: usize> {
    unit: TextUnit,
    lowercase: bool,
    specials: Vec<Special>,
    /// All tokens in the order of their indices, the special ones first.
    tokens: Vec<Box<[u8]>>,
    /// The indices of the tokens that are not special.
    indices: HashMap<Box<[u8]>, Index<N>>,
}

impl<const N: usize> Vocabulary<N> {
    /// Creates a vocabulary of different tokens, without the special ones.
    pub(super) fn new(
        builder: VocabularyBuilder,
        tokens: impl Iterator<Item = Box<[u8]>>,
    ) -> Result<Self, TextError> {
        let VocabularyBuilder {
            unit,
            lowercase,
            specials,
            ..
        } = builder;

        let first = specials.len();
        let special = specials.iter().map(|special| special.name().as_bytes());
        let tokens: Vec<Box<[u8]>> = special.map(Into::into).chain(tokens).collect();
        let too_many = TextError::TooMany {
            found: tokens.len(),
            size: N,
        };
        if tokens.len() > N {
            return Err(too_many);
        }

        let numbered = tokens.iter().enumerate().skip(first);
        let indices = numbered
            .map(|(number, token)| Some((token.clone(), Index::new(number).ok()?)))
            .collect::<Option<_>>()
            .ok_or(too_many)?;
        Ok(Vocabulary {
            unit,
            lowercase,
            specials,
            tokens,
            indices,
        })
    }

    /// Returns the number of tokens, with the special ones.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Returns whether there are no tokens.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Returns the unit of its tokens.
    pub fn unit(&self) -> TextUnit {
        self.unit
    }

    /// Returns whether it converts texts to lower case.
    pub fn is_lowercase(&self) -> bool {
        self.lowercase
    }

    /// Returns the token with an index, in UTF-8 unless it is a byte; `None` if there are fewer
    /// tokens.
    pub fn token(&self, index: Index<N>) -> Option<&[u8]> {
        self.tokens.get(index.index()).map(|token| &**token)
    }

    /// Returns the index of a token that is not special.
    pub fn index(&self, token: impl AsRef<[u8]>) -> Option<Index<N>> {
        self.indices.get(token.as_ref()).copied()
    }

    /// Returns the index that fills up short sequences.
    pub fn padding(&self) -> Option<Index<N>> {
        self.special(Special::Padding)
    }

    /// Returns the index of tokens that are not in the vocabulary.
    pub fn unknown(&self) -> Option<Index<N>> {
        self.special(Special::Unknown)
    }

    /// Returns the index before each sequence.
    pub fn begin(&self) -> Option<Index<N>> {
        self.special(Special::Begin)
    }

    /// Returns the index after each sequence.
    pub fn end(&self) -> Option<Index<N>> {
        self.special(Special::End)
    }

    fn special(&self, special: Special) -> Option<Index<N>> {
        let position = self.specials.iter().position(|&other| other == special)?;
        Index::new(position).ok()
    }

    pub(super) fn specials(&self) -> &[Special] {
        &self.specials
    }

    /// Returns the tokens that are not special, in the order of their indices.
    pub(super) fn ordinary(&self) -> &[Box<[u8]>] {
        &self.tokens[self.specials.len()..]
    }

    /// Returns the indices of a text's tokens, without special tokens around them.
    ///
    /// # Errors
    /// Returns an error if a token is not in the vocabulary and none stands for unknown ones, or if
    /// a text of characters or words is not in UTF-8.
    pub fn encode(&self, text: impl AsRef<[u8]>) -> Result<Vec<Index<N>>, TextError> {
        let mut indices = Vec::new();
        self.for_each_index(text.as_ref(), |index| indices.push(index))?;
        Ok(indices)
    }

    fn for_each_index(&self, text: &[u8], mut f: impl FnMut(Index<N>)) -> Result<(), TextError> {
        let unknown = self.unknown();
        let mut position = 0;
        self.unit.for_each_token(text, self.lowercase, |token| {
            let index = self.indices.get(token).copied().or(unknown);
            f(index.ok_or_else(|| TextError::Unknown {
                token: String::from_utf8_lossy(token).into_owned(),
                position,
            })?);
            position += 1;
            Ok(())
        })
    }

    /// Returns a text as a sequence of `L` positions: the begin and the end, if the vocabulary has
    /// them, around the text's tokens, of which those that do not fit are cut off at the end, and
    /// then padding.
    ///
    /// The array lies on the caller's stack; [`encode_into`](Vocabulary::encode_into) writes to
    /// memory of the caller's choice.
    ///
    /// # Errors
    /// Returns the errors of [`encode`](Vocabulary::encode), and an error if the text is too short
    /// and the vocabulary has no padding.
    pub fn encode_padded<const L: usize>(
        &self,
        text: impl AsRef<[u8]>,
    ) -> Result<[Index<N>; L], TextError> {
        let mut sequence = [Index::default(); L];
        self.encode_into(text, &mut sequence)?;
        Ok(sequence)
    }

    /// Writes the sequence of [`encode_padded`](Vocabulary::encode_padded), and returns the number
    /// of its positions that are not padding.
    ///
    /// # Errors
    /// Returns the errors of [`encode_padded`](Vocabulary::encode_padded).
    pub fn encode_into(
        &self,
        text: impl AsRef<[u8]>,
        sequence: &mut [Index<N>],
    ) -> Result<usize, TextError> {
        let room = sequence.len();
        let before = usize::from(self.begin().is_some()).min(room);
        let after = usize::from(self.end().is_some()).min(room - before);

        let mut len = before;
        if let (1, Some(begin)) = (before, self.begin()) {
            sequence[0] = begin;
        }
        self.for_each_index(text.as_ref(), |index| {
            if len < room - after {
                sequence[len] = index;
                len += 1;
            }
        })?;
        if let (1, Some(end)) = (after, self.end()) {
            sequence[len] = end;
            len += 1;
        }

        if len < room {
            let padding = self.padding().ok_or(TextError::NoPadding {
                found: len,
                length: room,
            })?;
            sequence[len..].fill(padding);
        }
        Ok(len)
    }

    /// Returns the tokens of a sequence as targets. Padding has no label, so that it counts neither
    /// for a loss with
    /// [`optional_labels`](struct@crate::loss::CrossEntropy#method.optional_labels) nor for a
    /// metric.
    ///
    /// ```
    /// use shapewright::data::text::{Vocabulary, VocabularyBuilder};
    /// let vocabulary: Vocabulary<3> = VocabularyBuilder::characters().padding().build(["ab"])?;
    /// let labels = vocabulary.labels(&vocabulary.encode_padded::<4>("ba")?);
    /// let numbers = labels.map(|label| label.map(|label| label.index()));
    /// assert_eq!(numbers, [Some(2), Some(1), None, None]);
    /// # Ok::<(), shapewright::data::text::TextError>(())
    /// ```
    pub fn labels<const L: usize>(&self, sequence: &[Index<N>; L]) -> [Option<Label<N>>; L] {
        let padding = self.padding();
        sequence.map(|index| (Some(index) != padding).then(|| index.into()))
    }

    /// Returns the text of indices; words with a space between them. Padding, begin and end are
    /// omitted, and an index without a token is written like an unknown one, as `<unk>`. Bytes that
    /// are not UTF-8 become the replacement character, `U+FFFD`.
    pub fn decode(&self, indices: &[Index<N>]) -> String {
        let bytes = self.decode_bytes(indices);
        String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }

    /// Returns the bytes of the text of indices; see [`decode`](Vocabulary::decode).
    pub fn decode_bytes(&self, indices: &[Index<N>]) -> Vec<u8> {
        let mut text = Vec::new();
        for index in indices {
            let token = match self.specials.get(index.index()) {
                Some(Special::Padding | Special::Begin | Special::End) => continue,
                Some(Special::Unknown) => Special::Unknown.name().as_bytes(),
                None => self
                    .token(*index)
                    .unwrap_or(Special::Unknown.name().as_bytes()),
            };
            if self.unit == TextUnit::Words && !text.is_empty() {
                text.push(b' ');
            }
            text.extend_from_slice(token);
        }
        text
    }
}

impl<const N: usize> fmt::Debug for Vocabulary<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vocabulary")
            .field("unit", &self.unit)
            .field("lowercase", &self.lowercase)
            .field("specials", &self.specials)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

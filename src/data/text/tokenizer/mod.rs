//! The tokenizers of pretrained models.

mod check;
mod steps;
mod template;

use core::fmt;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use kitoken::{Definition, EncodeError, Fallback, Kitoken, Processing};

use super::TextError;
use crate::data::bytes::{self, Bytes};
use crate::data::{Place, ReadError, ReadErrorKind};
use crate::limits::Budget;
use crate::nn::Index;
use crate::tensor::Tensor1;
use check::Contents;
use template::{Part, Template};

/// The bytes of memory that each byte of a file becomes.
const WEIGHT: u64 = 16;

/// The tokenizer of a pretrained model, from the `tokenizer.json` beside its weights: text becomes
/// the indices of its `N` tokens, and indices become text. Requires the feature `tokenizers`.
///
/// WordPiece (BERT), byte-pair encoding (GPT-2, Llama) and unigram models (T5), with the
/// normalization of the file. `N` is the number of embeddings of the model.
///
/// A text that contains a special token, such as `[SEP]`, has that token's index, as in Hugging
/// Face's library. The truncation and the padding of the file are not used: lengths are static
/// here.
///
/// ```no_run
/// use shapewright::data::text::Tokenizer;
/// use shapewright::prelude::*;
///
/// network! {
///     struct Reader: (tokens: [64], segments: [64], mask: [64]) -> [384] {
///         words: Embedding<30522, 384> <- tokens,
///         segment: Embedding<2, 384> <- segments,
///         both: Add <- (words, segment),
///         MeanOverTime <- (both, mask),
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let net = Reader::zeros();
/// let tokenizer: Tokenizer<30522> = Tokenizer::read("minilm/tokenizer.json")?;
/// let text = tokenizer.encode_padded::<64>("The cat sat on the mat.")?;
/// let embedding = net.forward(&Tensor::from((text.tokens, text.segments, text.mask)));
/// # Ok(())
/// # }
/// ```
pub struct Tokenizer<const N: usize> {
    model: Kitoken,
    single: Template,
    pair: Template,
    padding: Option<Index<N>>,
    /// The indices of the special tokens, which are no text.
    specials: Vec<usize>,
    len: usize,
}

/// A text of at most `L` tokens, as a network takes it.
///
/// Behind the text's tokens come those for padding, whose mask is 0. A network of `f64` takes them
/// after [`map(f64::from)`](crate::tensor::Tensor::map).
#[derive(Clone, Debug, PartialEq)]
pub struct Encoding<const L: usize> {
    /// The indices of the tokens.
    pub tokens: Tensor1<L>,
    /// The segment of each token: 1 in the second text of a pair, otherwise 0. The
    /// `token_type_ids` of Hugging Face's models.
    pub segments: Tensor1<L>,
    /// 1 for tokens, and 0 for padding. The `attention_mask` of Hugging Face's models.
    pub mask: Tensor1<L>,
    /// The number of tokens, with the special ones.
    pub len: usize,
    /// The number of tokens that were cut off, as there was no room.
    pub cut: usize,
}

impl<const N: usize> Tokenizer<N> {
    /// Reads a `tokenizer.json`, with at most `N` tokens.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, is not in the format, has more tokens, or takes
    /// more memory than the [`Limits`](crate::Limits) let it.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ReadError> {
        let path = path.as_ref();
        let (file, budget) = bytes::open(path)?;
        read_in(path, file, budget)
    }

    /// Like [`read`](Tokenizer::read), from any source, such as the bytes of `include_bytes!`; the
    /// path is for the error.
    ///
    /// # Errors
    /// Returns the errors of [`read`](Tokenizer::read).
    pub fn read_from(path: impl AsRef<Path>, source: impl Read) -> Result<Self, ReadError> {
        let (source, budget) = Budget::counting(source);
        read_in(path.as_ref(), source, budget)
    }

    /// Returns the number of tokens: the largest index and 1.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns whether there are no tokens. There always are some.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the index that fills up short texts.
    pub fn padding(&self) -> Option<Index<N>> {
        self.padding
    }

    /// Returns the indices of a text's tokens, without special tokens around them.
    ///
    /// # Errors
    /// Returns an error if a part of the text has no token and none stands for unknown ones.
    pub fn encode(&self, text: &str) -> Result<Vec<Index<N>>, TextError> {
        let encoded = guarded(|| self.model.encode(text, true));
        let tokens = encoded
            .map_err(|_| TextError::Damaged)?
            .map_err(|error| match error {
                EncodeError::InvalidPiece(piece) => TextError::NoToken {
                    text: String::from_utf8_lossy(&piece).into_owned(),
                },
                _ => TextError::NoToken {
                    text: text.to_owned(),
                },
            })?;
        tokens.into_iter().map(index).collect()
    }

    /// Returns a text with the special tokens that the model was trained with around it, such as
    /// `[CLS]` and `[SEP]`, and padding behind it. Tokens that do not fit are cut off at the end of
    /// the text.
    ///
    /// # Errors
    /// Returns the errors of [`encode`](Tokenizer::encode), and an error if the special tokens alone
    /// do not fit, or if the text is shorter and the tokenizer has no padding.
    pub fn encode_padded<const L: usize>(&self, text: &str) -> Result<Encoding<L>, TextError> {
        self.lay_out(&self.single, &self.encode(text)?, &[])
    }

    /// Returns two texts as one sequence, such as a question and an answer, with the special tokens
    /// of the model between and around them, and padding behind them. Where they do not fit, the
    /// end of the longer one is cut off until both are as long, and then that of both.
    ///
    /// # Errors
    /// Returns the errors of [`encode_padded`](Tokenizer::encode_padded).
    pub fn encode_pair_padded<const L: usize>(
        &self,
        first: &str,
        second: &str,
    ) -> Result<Encoding<L>, TextError> {
        self.lay_out(&self.pair, &self.encode(first)?, &self.encode(second)?)
    }

    /// Writes the parts of a template, and padding behind them.
    fn lay_out<const L: usize>(
        &self,
        template: &Template,
        first: &[Index<N>],
        second: &[Index<N>],
    ) -> Result<Encoding<L>, TextError> {
        let specials = template.specials();
        let room = L.checked_sub(specials).ok_or(TextError::NoRoom {
            needed: specials,
            length: L,
        })?;
        let (first_len, second_len) = template::truncated(first.len(), second.len(), room);

        let mut encoding = Encoding {
            tokens: Tensor1::zeros(),
            segments: Tensor1::zeros(),
            mask: Tensor1::zeros(),
            len: 0,
            cut: first.len() + second.len() - first_len - second_len,
        };
        for part in template.parts() {
            match *part {
                Part::Special { token, segment } => encoding.push(&[index::<N>(token)?], segment),
                Part::First { segment } => encoding.push(&first[..first_len], segment),
                Part::Second { segment } => encoding.push(&second[..second_len], segment),
            }
        }

        if encoding.len < L {
            let padding = self.padding.ok_or(TextError::NoPadding {
                found: encoding.len,
                length: L,
            })?;
            encoding.tokens.as_mut_slice()[encoding.len..].fill(padding.index() as f32);
        }
        Ok(encoding)
    }

    /// Returns the text of indices, without the special tokens. What is not UTF-8 becomes the
    /// replacement character, `U+FFFD`; indices without a token are omitted.
    pub fn decode(&self, indices: &[Index<N>]) -> String {
        let known = indices.iter().map(|index| index.index());
        let known: Vec<u32> = known
            .filter(|index| *index < self.len && !self.specials.contains(index))
            .map(|index| index as u32)
            .collect();
        let decoded = guarded(|| self.model.decode(&known, false));
        let bytes = decoded.ok().and_then(Result::ok).unwrap_or_default();
        String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}

impl<const L: usize> Encoding<L> {
    /// Appends tokens, for which there is room.
    fn push<const N: usize>(&mut self, tokens: &[Index<N>], segment: u8) {
        let places = self.len..self.len + tokens.len();
        self.len = places.end;
        for (to, token) in self.tokens.as_mut_slice()[places.clone()]
            .iter_mut()
            .zip(tokens)
        {
            *to = token.index() as f32;
        }
        self.segments.as_mut_slice()[places.clone()].fill(f32::from(segment));
        self.mask.as_mut_slice()[places].fill(1.0);
    }
}

/// Returns a token as an index.
fn index<const N: usize>(token: u32) -> Result<Index<N>, TextError> {
    Index::new(token as usize).map_err(|_| TextError::TooMany {
        found: token as usize + 1,
        size: N,
    })
}

/// Calls a function of the crate that does the work, which panics on some damaged files.
fn guarded<R>(f: impl FnOnce() -> R) -> Result<R, String> {
    // Nothing that it has changed is looked at afterwards.
    catch_unwind(AssertUnwindSafe(f)).map_err(|_| "one whose tables are damaged".to_owned())
}

fn read_in<const N: usize>(
    path: &Path,
    source: impl Read,
    budget: Budget,
) -> Result<Tokenizer<N>, ReadError> {
    let bytes = Bytes::new(path, source, budget, WEIGHT).up_to(u64::MAX)?;
    let wrong = |kind, expected: &str, found: String, advice: &str| {
        ReadError::new(path, kind, Place::File, expected, found, advice)
    };

    let contents = Contents::of(&bytes).map_err(|found| {
        wrong(
            ReadErrorKind::Format,
            "a `tokenizer.json` of Hugging Face's library",
            found,
            "take the `tokenizer.json` beside the model's weights, or download it again",
        )
    })?;
    if contents.len > N {
        return Err(wrong(
            ReadErrorKind::Shape,
            &format!("at most {N} tokens"),
            format!("{} of them", contents.len),
            "read it as a `Tokenizer` of the number of embeddings that the model has",
        ));
    }

    let unsupported = |error: String| {
        let expected = "a tokenizer that can be read here";
        let advice = "take another model, or convert the texts in Python";
        wrong(ReadErrorKind::Format, expected, error, advice)
    };

    let mut definition = guarded(|| Definition::from_tokenizers_slice(&bytes))
        .map_err(&unsupported)?
        .map_err(|error| unsupported(error.to_string()))?;
    // Lengths are static here.
    let length =
        |step: &Processing| matches!(step, Processing::Pad { .. } | Processing::Truncate { .. });
    definition.config.processing.retain(|step| !length(step));

    // Text without a token is an error, and not left out without a word.
    let fallback = &mut definition.config.fallback;
    fallback.retain(|fallback| !matches!(fallback, Fallback::Skip));
    let model = guarded(|| Kitoken::try_from(definition))
        .map_err(&unsupported)?
        .map_err(|error| unsupported(error.to_string()))?;

    Ok(Tokenizer {
        model,
        single: contents.single,
        pair: contents.pair,
        padding: contents.padding.and_then(|token| Index::new(token).ok()),
        specials: contents.specials,
        len: contents.len,
    })
}

impl<const N: usize> fmt::Debug for Tokenizer<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokenizer")
            .field("len", &self.len)
            .field("padding", &self.padding)
            .finish_non_exhaustive()
    }
}

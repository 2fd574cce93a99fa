//! The contents of a `tokenizer.json`, as far as this crate needs them, and what it must have for
//! the crate that does the rest.

use serde_json::Value;

use super::steps;
use super::template::{Part, Template};

/// The names that tokens for padding have, in the order of preference.
const PADDING: [&str; 4] = ["[PAD]", "<pad>", "<|pad|>", "<|endoftext|>"];

pub(super) struct Contents {
    pub single: Template,
    pub pair: Template,
    pub padding: Option<usize>,
    /// The indices of the special tokens, which are no text.
    pub specials: Vec<usize>,
    /// The largest index of a token, and 1.
    pub len: usize,
}

impl Contents {
    /// Reads a file. The error says what was found.
    pub fn of(bytes: &[u8]) -> Result<Self, String> {
        let file: Value = serde_json::from_slice(bytes)
            .map_err(|error| format!("a file that is not in JSON ({error})"))?;

        steps::check(&file)?;
        let model = file.get("model").ok_or("no `model`")?;
        let kind = model.get("type").and_then(Value::as_str);
        let vocabulary = model.get("vocab").ok_or("no `model.vocab`")?;
        let tokens = Tokens::of(vocabulary, file.get("added_tokens"))?;
        if tokens.count == 0 {
            return Err("no tokens in `model.vocab`".into());
        }

        // The token for unknown ones is named, or numbered in a unigram model.
        match (kind, model.get("unk_token"), model.get("unk_id")) {
            (_, Some(Value::String(name)), _) if tokens.index(name).is_none() => {
                return Err(format!("an `unk_token` that is no token, {name:?}"));
            }
            (Some("WordPiece"), None | Some(Value::Null), _) => {
                return Err("no `unk_token`".into());
            }
            (_, _, Some(Value::Number(number)))
                if number.as_u64().is_none_or(|n| n >= tokens.count as u64) =>
            {
                return Err(format!("an `unk_id` that is no token, {number}"));
            }
            _ => {}
        }

        // Without a prefix, all tokens would be continuations of others.
        let prefix = model.get("continuing_subword_prefix");
        if kind == Some("WordPiece") && prefix.and_then(Value::as_str) == Some("") {
            return Err("an empty `continuing_subword_prefix`".into());
        }

        let processor = file.get("post_processor").unwrap_or(&Value::Null);
        let (single, pair) = Template::of(processor)
            .ok_or("a `post_processor` of another kind than BERT's, RoBERTa's or a template")?;
        let mut len = tokens.len;
        for part in single.parts().iter().chain(pair.parts()) {
            if let Part::Special { token, .. } = part {
                len = len.max(*token as usize + 1);
            }
        }

        let named = file
            .get("padding")
            .and_then(|padding| padding.get("pad_id"));
        let named = named.and_then(Value::as_u64).map(|id| id as usize);
        let padding = named.or_else(|| PADDING.iter().find_map(|name| tokens.index(name)));
        Ok(Contents {
            single,
            pair,
            padding,
            specials: tokens.specials(),
            len,
        })
    }
}

/// The tokens of a file.
struct Tokens<'a> {
    vocabulary: &'a Value,
    added: &'a [Value],
    /// The number of tokens of the vocabulary.
    count: usize,
    /// The largest index, and 1.
    len: usize,
}

impl<'a> Tokens<'a> {
    fn of(vocabulary: &'a Value, added: Option<&'a Value>) -> Result<Self, String> {
        let added = match added {
            None | Some(Value::Null) => &[],
            Some(added) => added
                .as_array()
                .ok_or("`added_tokens` that are no list")?
                .as_slice(),
        };
        let mut tokens = Tokens {
            vocabulary,
            added,
            count: 0,
            len: 0,
        };

        match vocabulary {
            Value::Object(map) => {
                tokens.count = map.len();
                for (token, id) in map {
                    tokens.reach(id, token)?;
                }
            }
            // A unigram model: pairs of a token and its score, in the order of their indices.
            Value::Array(list) => {
                tokens.count = list.len();
                tokens.len = list.len();
            }
            _ => return Err("a `model.vocab` that is neither a map nor a list".into()),
        }
        for token in added {
            let name = token.get("content").and_then(Value::as_str).unwrap_or("");
            tokens.reach(token.get("id").unwrap_or(&Value::Null), name)?;
        }
        Ok(tokens)
    }

    /// Counts a token with its index.
    fn reach(&mut self, id: &Value, token: &str) -> Result<(), String> {
        let id = id.as_u64().and_then(|id| u32::try_from(id).ok());
        let id = id.ok_or_else(|| format!("the token {token:?} without an index"))?;
        self.len = self.len.max(id as usize + 1);
        Ok(())
    }

    /// Returns the indices of the special tokens.
    fn specials(&self) -> Vec<usize> {
        let special = |token: &&Value| token.get("special").and_then(Value::as_bool) == Some(true);
        let ids = self
            .added
            .iter()
            .filter(special)
            .filter_map(|token| token.get("id")?.as_u64());
        ids.map(|id| id as usize).collect()
    }

    /// Returns the index of a token.
    fn index(&self, name: &str) -> Option<usize> {
        let added = self
            .added
            .iter()
            .find(|token| token.get("content").and_then(Value::as_str) == Some(name));
        let id = match (added, self.vocabulary) {
            (Some(added), _) => added.get("id")?.as_u64()?,
            (None, Value::Object(map)) => map.get(name)?.as_u64()?,
            (None, Value::Array(list)) => {
                let found = list
                    .iter()
                    .position(|pair| pair.get(0).and_then(Value::as_str) == Some(name));
                found? as u64
            }
            _ => return None,
        };
        usize::try_from(id).ok()
    }
}

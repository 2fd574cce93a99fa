//! Patterns of names, for tensors that have other names in the network.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use crate::params::param_tree::join;

/// A mistake in the patterns of [`Loader::rename_patterns`](super::Loader::rename_patterns) or of
/// [`Loader::concat`](super::Loader::concat).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PatternError {
    /// A pattern can't be read.
    Malformed {
        /// The pattern.
        pattern: String,
        /// The mistake.
        what: &'static str,
    },
    /// A placeholder is in one of two patterns that belong together, and not in the other.
    Placeholder {
        /// The pattern of names in the file.
        from: String,
        /// The pattern of names in the network.
        to: String,
        /// The placeholder, without braces.
        name: String,
    },
    /// A pattern is that of no tensor in the file, or of none that an earlier pattern has left.
    Unmatched {
        /// The pattern of names in the file.
        from: String,
    },
    /// A tensor that is concatenated of several has no part of this name.
    MissingPart {
        /// The name in the network.
        name: String,
        /// The pattern of the missing part.
        of: String,
    },
    /// Two parts of a tensor can't be concatenated.
    Unequal {
        /// The name in the network.
        name: String,
        /// The names of the parts.
        of: [String; 2],
        /// The types of their numbers and their sizes; for the first part, with those between them.
        found: [String; 2],
    },
    /// Two tensors get the same name.
    Twice {
        /// The name.
        name: String,
        /// The names that both tensors had.
        of: [String; 2],
    },
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PatternError::Malformed { pattern, what } => {
                write!(f, "`{pattern}` can't be read: {what}")
            }
            PatternError::Placeholder { from, to, name } => write!(
                f,
                "`{from}` and `{to}` do not have the same placeholders: only one of them has `{{{name}}}`"
            ),
            PatternError::Unmatched { from } => write!(
                f,
                "`{from}` is the beginning of no name that is left for it"
            ),
            PatternError::MissingPart { name, of } => {
                write!(
                    f,
                    "`{name}` is concatenated of parts, and has none for `{of}`"
                )
            }
            PatternError::Unequal {
                name,
                of: [a, b],
                found: [a_found, b_found],
            } => write!(
                f,
                "`{a}`, {a_found}, and `{b}`, {b_found}, can't be concatenated to `{name}`: parts have \
                 numbers of one type, and equal sizes behind the first axis"
            ),
            PatternError::Twice { name, of: [a, b] } => {
                write!(f, "`{a}` and `{b}` both become `{name}`")
            }
        }
    }
}

/// A piece of a pattern.
#[derive(Clone, Copy)]
enum Piece<'p> {
    Text(&'p str),
    /// The name of a placeholder, without braces.
    Placeholder(&'p str),
}

/// A pattern of names in the file, and that of the names in the network.
pub(super) struct Pattern<'p> {
    from: Vec<Piece<'p>>,
    to: Vec<Piece<'p>>,
}

/// Returns the new names of these names, in their order, or all mistakes.
pub(super) fn renamed<'n>(
    names: impl Iterator<Item = &'n str>,
    patterns: &[(&str, &str)],
) -> Result<Vec<String>, Vec<PatternError>> {
    let mut errors = Vec::new();
    let mut read = Vec::new();
    for &(from, to) in patterns {
        match Pattern::new(from, to) {
            Ok(pattern) => read.push(pattern),
            Err(error) => errors.push(error),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }

    let mut unmatched: BTreeSet<usize> = (0..read.len()).collect();
    let mut olds: BTreeMap<String, &str> = BTreeMap::new();
    let mut news = Vec::new();
    for old in names {
        let found = read
            .iter()
            .enumerate()
            .find_map(|(i, pattern)| Some((i, pattern.rename(old)?)));
        let new = match found {
            Some((i, new)) => {
                unmatched.remove(&i);
                new
            }
            None => old.to_owned(),
        };
        if let Some(other) = olds.insert(new.clone(), old) {
            errors.push(PatternError::Twice {
                name: new.clone(),
                of: [other.to_owned(), old.to_owned()],
            });
        }
        news.push(new);
    }

    errors.extend(unmatched.into_iter().map(|i| PatternError::Unmatched {
        from: patterns[i].0.to_owned(),
    }));
    if errors.is_empty() {
        Ok(news)
    } else {
        Err(errors)
    }
}

impl<'p> Pattern<'p> {
    pub(super) fn new(from: &'p str, to: &'p str) -> Result<Self, PatternError> {
        let pattern = Pattern {
            from: pieces(from)?,
            to: pieces(to)?,
        };
        let of_from = placeholders(&pattern.from);
        let of_to = placeholders(&pattern.to);
        if let Some(name) = of_from.symmetric_difference(&of_to).next() {
            return Err(PatternError::Placeholder {
                from: from.to_owned(),
                to: to.to_owned(),
                name: (*name).to_owned(),
            });
        }

        let is_repeated =
            of_from.len() < pattern.from.iter().filter(|p| p.is_placeholder()).count();
        let are_adjacent = |pair: &[Piece<'_>]| pair.iter().all(Piece::is_placeholder);
        let what = if is_repeated {
            "it has a placeholder twice"
        } else if pattern.from.windows(2).any(are_adjacent) {
            "two placeholders have no text between them, so that no name says where the first ends"
        } else {
            return Ok(pattern);
        };
        Err(PatternError::Malformed {
            pattern: from.to_owned(),
            what,
        })
    }

    /// Returns the new name of a tensor; `None` if its name does not begin as the pattern says.
    pub(super) fn rename(&self, name: &str) -> Option<String> {
        let mut rest = name;
        let mut values: BTreeMap<&str, &str> = BTreeMap::new();
        for (i, piece) in self.from.iter().enumerate() {
            match piece {
                Piece::Text(text) => rest = rest.strip_prefix(text)?,
                Piece::Placeholder(placeholder) => {
                    let value = value(rest, &self.from[i + 1..])?;
                    values.insert(placeholder, value);
                    rest = &rest[value.len()..];
                }
            }
        }

        if !self.from.is_empty() && !rest.is_empty() {
            rest = rest.strip_prefix('.')?;
        }
        let begin: String = self
            .to
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text,
                Piece::Placeholder(placeholder) => values[placeholder],
            })
            .collect();
        Some(join(&begin, rest))
    }
}

impl Piece<'_> {
    fn is_placeholder(&self) -> bool {
        matches!(self, Piece::Placeholder(_))
    }
}

/// Returns the text at the front of a name that a placeholder stands for, with these pieces of the
/// pattern behind it. It has no point.
fn value<'n>(name: &'n str, behind: &[Piece<'_>]) -> Option<&'n str> {
    let part = name.split('.').next()?;
    let text = match behind.first() {
        Some(Piece::Text(text)) => text,
        _ => "",
    };

    // The text behind it up to the next point, which is the end of the part, unless another
    // placeholder is before that.
    let own = text.split('.').next()?;
    let is_end = behind.len() < 2 || own.len() < text.len();
    let value = if is_end {
        part.strip_suffix(own)?
    } else {
        let mut ends = part.char_indices().map(|(end, _)| end).skip(1);
        &part[..ends.find(|&end| part[end..].starts_with(own))?]
    };
    (!value.is_empty()).then_some(value)
}

/// Returns the names of the placeholders.
fn placeholders<'p>(pieces: &[Piece<'p>]) -> BTreeSet<&'p str> {
    let names = pieces.iter().filter_map(|piece| match piece {
        Piece::Text(_) => None,
        Piece::Placeholder(name) => Some(*name),
    });
    names.collect()
}

/// Takes a pattern apart.
fn pieces(pattern: &str) -> Result<Vec<Piece<'_>>, PatternError> {
    let malformed = |what| PatternError::Malformed {
        pattern: pattern.to_owned(),
        what,
    };
    let mut pieces: Vec<Piece<'_>> = Vec::new();
    let mut rest = pattern;

    while let Some(begin) = rest.find(['{', '}']) {
        let (text, placeholder) = rest.split_at(begin);
        let Some(end) = placeholder.find('}').filter(|&end| end > 0) else {
            return Err(malformed("a `{` or `}` has no partner"));
        };
        let name = &placeholder[1..end];
        if name.is_empty() || name.contains('{') {
            return Err(malformed(
                "a placeholder is a name in braces, such as `{i}`",
            ));
        }

        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        pieces.push(Piece::Placeholder(name));
        rest = &placeholder[end + 1..];
    }

    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    Ok(pieces)
}

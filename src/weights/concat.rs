//! Tensors of a file that are one tensor in the network.

use std::collections::BTreeMap;

use super::error::{LoadError, LoadErrorKind};
use super::loader::Loader;
use super::name_patterns::{Pattern, PatternError};
use super::source::Stored;
use crate::params::param_tree::Axes;

/// The parts of a tensor, each with its name, as far as they have been found.
type Parts = Vec<Option<(String, Stored)>>;

impl Loader<'_> {
    /// Concatenates tensors along the first axis that they have in the file, as PyTorch's `cat` does.
    ///
    /// `parts` are the names of the tensors in the order of the result, and `to` is its name. They are
    /// patterns as those of [`rename_patterns`](Loader::rename_patterns), so that one call serves all
    /// layers of a model. The projections of an attention, for example, are three layers in the files of
    /// Hugging Face's models, and one tensor in those of PyTorch's `nn.MultiheadAttention`:
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use shapewright::prelude::*;
    /// use shapewright::weights::Loader;
    ///
    /// network! {
    ///     struct Old: [4] -> [2] {
    ///         q: Linear<_, 2>,
    ///         k: Linear<_, 3> <- input,
    ///         Concat <- (q, k),
    ///         v: Linear<_, 2>,
    ///     }
    /// }
    /// network! { struct New: [4] -> [5] { qk: Linear<_, 5> } }
    /// let old = Old::init(&mut shapewright::rng(1));
    /// let file = old.to_safetensors(&[]);
    ///
    /// let loader = Loader::from_bytes(&file)?
    ///     .concat(&["q", "k"], "qk")?
    ///     .allow_unused(|name| name.starts_with("v."));
    /// let new: Box<New> = loader.load()?;
    /// assert_eq!(new.qk.bias[..2], old.q.bias);
    /// assert_eq!(new.qk.bias[2..], old.k.bias);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns an error with all mistakes: a pattern that can't be read, or that fits no name;
    /// placeholders that `to` or a part has alone; parts that are missing for a tensor of which there
    /// are others; parts whose numbers have different types, or whose sizes behind the first axis
    /// differ, or that are [transposed](Loader::transpose); and a name that another tensor has.
    pub fn concat<S: AsRef<str>>(mut self, parts: &[S], to: &str) -> Result<Self, LoadError> {
        match self.joined(parts, to) {
            Ok(tensors) => {
                self.tensors.extend(tensors);
                Ok(self)
            }
            Err(errors) => Err(LoadError {
                path: self.path.clone(),
                kind: LoadErrorKind::Patterns(errors),
            }),
        }
    }

    /// Takes the parts out of the tensors, and returns what they make.
    fn joined<S: AsRef<str>>(
        &mut self,
        parts: &[S],
        to: &str,
    ) -> Result<Vec<(String, Stored)>, Vec<PatternError>> {
        let mut errors = Vec::new();
        let mut found: BTreeMap<String, Parts> = BTreeMap::new();
        for (i, from) in parts.iter().enumerate() {
            let from = from.as_ref();
            let pattern = match Pattern::new(from, to) {
                Ok(pattern) => pattern,
                Err(error) => {
                    errors.push(error);
                    continue;
                }
            };

            let names = self.tensors.keys();
            let names: Vec<(String, String)> = names
                .filter_map(|old| Some((old.clone(), pattern.rename(old)?)))
                .collect();
            if names.is_empty() {
                let from = from.to_owned();
                errors.push(PatternError::Unmatched { from });
            }
            for (old, new) in names {
                let Some(stored) = self.tensors.remove(&old) else {
                    continue;
                };
                let parts = found.entry(new).or_insert_with(|| vec![None; parts.len()]);
                parts[i] = Some((old, stored));
            }
        }

        let mut joined = Vec::new();
        for (name, found) in found {
            let missing = found.iter().position(Option::is_none);
            if let Some(missing) = missing.filter(|_| errors.is_empty()) {
                errors.push(PatternError::MissingPart {
                    name,
                    of: parts[missing].as_ref().to_owned(),
                });
            } else if self.tensors.contains_key(&name) {
                let old = found.into_iter().flatten().next();
                errors.push(PatternError::Twice {
                    of: [name.clone(), old.map_or_else(String::new, |(old, _)| old)],
                    name,
                });
            } else {
                match join(&name, found.into_iter().flatten()) {
                    Ok(Some(stored)) => joined.push((name, stored)),
                    Ok(None) => {}
                    Err(error) => errors.push(error),
                }
            }
        }
        if errors.is_empty() {
            Ok(joined)
        } else {
            Err(errors)
        }
    }
}

/// Puts tensors one behind another. `None` if there are none.
fn join(
    name: &str,
    mut parts: impl Iterator<Item = (String, Stored)>,
) -> Result<Option<Stored>, PatternError> {
    let Some((first, mut whole)) = parts.next() else {
        return Ok(None);
    };
    let shape = |stored: &Stored| format!("{} {}", stored.dtype.name(), stored.sizes);
    for (old, part) in parts {
        let is_same = whole.dtype == part.dtype && !whole.transposed && !part.transposed;
        let sizes = added(&whole.sizes, &part.sizes).filter(|_| is_same);
        let Some(sizes) = sizes else {
            return Err(PatternError::Unequal {
                name: name.to_owned(),
                of: [first, old],
                found: [shape(&whole), shape(&part)],
            });
        };
        whole.sizes = sizes;
        whole.name = format!("{} + {}", whole.name, part.name);
        whole.places.extend(part.places);
    }
    Ok(Some(whole))
}

/// Returns the sizes of two tensors one behind another; `None` if they have different sizes behind the
/// first axis, or no axis.
fn added(a: &Axes, b: &Axes) -> Option<Axes> {
    let ([a_first, a_rest @ ..], [b_first, b_rest @ ..]) = (a.sizes(), b.sizes()) else {
        return None;
    };
    if a_rest != b_rest {
        return None;
    }
    let first = Axes::NONE.and(a_first.checked_add(*b_first)?)?;
    let sizes = a_rest
        .iter()
        .try_fold(first, |sizes, &size| sizes.and(size))?;
    sizes.len()?;
    Some(sizes)
}

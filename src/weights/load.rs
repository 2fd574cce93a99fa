//! Loading: the tensors of a file that belong to the tensors of a network, and their numbers.

use std::collections::BTreeMap;
use std::io;

use super::difference::DifferenceKind;
use super::error::{Difference, LoadError, LoadErrorKind};
use super::layout::Named;
use super::loader::Loader;
use super::numbers::{NumberReader, TooLarge};
use super::report::LoadReport;
use super::source::{Place, Stored};
use crate::memory;
use crate::params::param_tree::join;
use crate::params::{self, Parameters};
use crate::tensor::Element;

/// The tensors of the network that are loaded, each with the one of the file, and the report.
struct Matches<'l, 'n> {
    pairs: Vec<(&'n Named, &'l Stored)>,
    report: LoadReport,
}

impl Loader<'_> {
    /// Returns a new network, scaler or other [`Parameters`], with the file's numbers; tensors that
    /// [`Loader::only`] excludes are zero, and so are those that are missing and
    /// [may be](Loader::allow_missing).
    ///
    /// # Errors
    /// Returns an error if the file does not fit, with all differences, or can't be read.
    pub fn load<T: Element, P: Parameters<T>>(&self) -> Result<Box<P>, LoadError> {
        let mut loaded = params::zeroed_parameters();
        self.load_into(&mut *loaded)?;
        Ok(loaded)
    }

    /// Checks everything, then sets the parameters.
    pub(crate) fn load_into<T: Element, P: Parameters<T>>(
        &self,
        params: &mut P,
    ) -> Result<LoadReport, LoadError> {
        let expected = P::PARAM_TREE.listed(self.order());
        let Matches { mut pairs, report } = self.matches::<T>(&expected)?;
        // A disk is fastest in the order of the file.
        pairs.sort_by_key(|(_, stored)| {
            let first = stored.places.first();
            first.map(|place| (place.file, place.bytes.start))
        });

        let size = size_of::<T>();
        let numbers = memory::bytes_mut(params.as_mut_slice());
        for (named, stored) in pairs {
            // A mark has no numbers.
            if named.differs.is_some() {
                continue;
            }
            let len = named.tensor.layout.bytes(size);
            let numbers = &mut numbers[named.first * size..][..len];
            let tensor = match stored.transposed {
                true => named.tensor.transposed(),
                false => named.tensor,
            };
            let mut reader = NumberReader::new(&tensor);
            let read = self.read(stored, |bytes| {
                reader.read::<T>(numbers, &tensor, stored.dtype, bytes);
            });
            read.map_err(|(file, error)| {
                let tensor = join(&self.part, named.name.as_str());
                self.error(file, LoadErrorKind::Interrupted { tensor, error })
            })?;
        }
        Ok(report)
    }

    /// Finds the file's tensor for each of the network's, or all that differs. Nothing is left that can
    /// fail except for reading the file.
    fn matches<'n, T: Element>(&self, expected: &'n [Named]) -> Result<Matches<'_, 'n>, LoadError> {
        let takes = |name: &str| self.only.as_ref().is_none_or(|only| only(name));
        let may_be_missing = |name: &str| self.may_be_missing.as_ref().is_some_and(|may| may(name));
        let may_be_unused = |name: &str| self.may_be_unused.as_ref().is_some_and(|may| may(name));

        let mut remaining: BTreeMap<&str, &Stored> = BTreeMap::new();
        let mut unused = self.omitted.clone();
        for (name, stored) in &self.tensors {
            if takes(name) {
                remaining.insert(name, stored);
            } else {
                unused.push(stored.name.clone());
            }
        }
        let mut pairs = Vec::new();
        let mut loaded = Vec::new();
        let mut missing = Vec::new();
        let mut differences = Vec::new();

        for named in expected {
            let name = join(&self.part, named.name.as_str());
            let is_mark = named.differs.is_some();
            let found = takes(&name).then(|| remaining.remove(name.as_str()));
            let kind = match found {
                Some(Some(stored)) => {
                    pairs.push((named, stored));
                    let kind = self.difference::<T>(named, stored)?;
                    if kind.is_none() && !is_mark {
                        loaded.push((name.clone(), stored.name.clone()));
                    }
                    kind
                }
                Some(None) if is_mark || !may_be_missing(&name) => Some(named.missing()),
                _ => {
                    if !is_mark {
                        missing.push(name.clone());
                    }
                    None
                }
            };
            differences.extend(kind.map(|kind| Difference { name, kind }));
        }

        for (name, stored) in remaining {
            if may_be_unused(name) {
                unused.push(stored.name.clone());
                continue;
            }
            differences.push(Difference {
                name: name.to_owned(),
                kind: DifferenceKind::Unknown {
                    found: stored.sizes,
                },
            });
        }
        let twice = self.twice.iter().filter(|name| takes(name));
        differences.extend(twice.map(|name| Difference {
            name: name.clone(),
            kind: DifferenceKind::Twice,
        }));
        differences.sort_by(|a, b| a.name.cmp(&b.name));

        let is_partial = self.only.is_some() || self.may_be_missing.is_some();
        let kind = if !differences.is_empty() {
            LoadErrorKind::Differs(differences)
        } else if pairs.is_empty() && is_partial {
            LoadErrorKind::Nothing
        } else {
            return Ok(Matches {
                pairs,
                report: LoadReport::new(loaded, missing, unused),
            });
        };
        Err(LoadError {
            path: self.path.clone(),
            kind,
        })
    }

    /// Returns the difference between a tensor of the network and the one of its name in the file.
    fn difference<T: Element>(
        &self,
        named: &Named,
        stored: &Stored,
    ) -> Result<Option<DifferenceKind>, LoadError> {
        let difference = named.differs_from(stored.sizes, stored.dtype);
        if difference.is_some() {
            return Ok(difference);
        }

        let too_large = || {
            for place in &stored.places {
                let checked = self.files[place.file].check_len();
                checked.map_err(|error| (place.file, error))?;
            }
            let Some(mut search) = TooLarge::new::<T>(&named.tensor.layout, stored.dtype) else {
                return Ok(None);
            };
            self.read(stored, |bytes| search.read(bytes))?;
            Ok(search.found())
        };
        too_large().map_err(|(file, error)| self.error(file, LoadErrorKind::Read(error)))
    }

    /// Calls `f` with the bytes of a tensor, one piece after another. An error comes with the index of
    /// its file.
    fn read(&self, stored: &Stored, mut f: impl FnMut(&[u8])) -> Result<(), (usize, io::Error)> {
        for Place { file, bytes } in &stored.places {
            let read = self.files[*file].read(bytes.clone(), &mut f);
            read.map_err(|error| (*file, error))?;
        }
        Ok(())
    }

    /// Returns an error in a file.
    fn error(&self, file: usize, kind: LoadErrorKind) -> LoadError {
        let path = self.files[file].path();
        LoadError {
            path: path.map_or_else(|| self.path.clone(), |path| Some(path.to_owned())),
            kind,
        }
    }
}

//! Lines of a table, with the errors found on the way.

use core::ops::Range;
use core::str::FromStr;
use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::path::Path;

use super::super::read_error::quoted;
use super::records::{Records, Wrong, WrongText};
use super::{Csv, Place, ReadError, ReadErrorKind, ReadErrors, number};
use crate::limits::{Budget, RAISE};
use crate::tensor::{Element, Tensor1};

/// A table while it is read.
pub(super) struct Table<'a, R> {
    csv: &'a Csv,
    path: &'a Path,
    records: Records<R>,
    /// The names of all columns.
    columns: Vec<String>,
    /// The sources of the features, and the positions of the targets.
    features: Vec<Feature<'a>>,
    targets: Vec<usize>,
    errors: Vec<ReadError>,
    /// For each column with a wrong field, the position of its error and the number of further
    /// fields that are wrong.
    wrong_columns: HashMap<usize, (usize, usize)>,
    /// The memory that the rows take, and that they may take.
    taken: u64,
    budget: Budget,
}

/// A number of a tensor.
#[derive(Clone, Copy)]
struct Feature<'a> {
    column: usize,
    /// The categories of the column and the one that this feature stands for; `None` if it has
    /// numbers.
    category: Option<(&'a [String], usize)>,
}

/// A line, used again for the next one.
#[derive(Default)]
pub(super) struct Row {
    pub line: u64,
    /// The fields, with the delimiters between them.
    pub text: String,
    /// The places of the fields in the text, with the space around them.
    pub fields: Vec<Range<usize>>,
}

impl Row {
    /// A field without the space around it.
    fn field(&self, column: usize) -> &str {
        self.text[self.fields[column].clone()].trim()
    }
}

impl<'a, R: Read> Table<'a, R> {
    /// Reads the columns' names and finds the targets and the features, which must be `features` in
    /// number.
    pub fn open(
        csv: &'a Csv,
        path: &'a Path,
        source: R,
        features: usize,
        targets: &[&str],
    ) -> Result<Self, ReadErrors> {
        let mut table = Table {
            csv,
            path,
            records: Records::new(source, csv.delimiter, csv.quotes),
            columns: Vec::new(),
            features: Vec::new(),
            targets: Vec::new(),
            errors: Vec::new(),
            wrong_columns: HashMap::new(),
            taken: 0,
            budget: Budget::of_size(0),
        };
        table.check_delimiter()?;

        table.columns = match &csv.columns {
            Some(columns) => {
                table.once("the columns", columns)?;
                columns.clone()
            }
            None => table.names()?,
        };
        table.once("the targets", targets)?;
        table.targets = table.find(targets)?;
        let columns = match &csv.features {
            Some(names) => {
                table.once("the features", names)?;
                table.find(names)?
            }
            None => (0..table.columns.len())
                .filter(|column| !table.targets.contains(column))
                .collect(),
        };
        table.features = table.one_hot(&columns)?;

        if table.features.len() != features {
            let names = list(&table.feature_names());
            let expected = format!("{features} columns of features");
            let found = format!("{}: {names}", table.features.len());
            let advice = "change the size of the tensors, or choose columns with `features`";
            return Err(table
                .error(ReadErrorKind::Shape, Place::File, expected, found, advice)
                .into());
        }
        Ok(table)
    }

    /// Checks that the delimiter differs from all other special characters.
    fn check_delimiter(&self) -> Result<(), ReadErrors> {
        let delimiter = self.csv.delimiter;
        if delimiter.is_ascii() && !matches!(delimiter, b'"' | b'\n' | b'\r' | 0) {
            return Ok(());
        }

        let expected = "a delimiter that is a character of ASCII, no quote and no end of a line";
        let found = format!("the delimiter {:?}", char::from(delimiter));
        let advice = "set the `delimiter` that the file has";
        let error = self.error(ReadErrorKind::Value, Place::File, expected, found, advice);
        Err(error.into())
    }

    /// Reads the names of the columns: the first line.
    fn names(&mut self) -> Result<Vec<String>, ReadErrors> {
        let mut row = Row::default();
        // A line that cannot be read is an error, not a reason to take the names from the next one.
        if self.read(&mut row) && self.errors.is_empty() {
            return Ok((0..row.fields.len())
                .map(|column| row.field(column).to_owned())
                .collect());
        }

        let empty = self.error(
            ReadErrorKind::Length,
            Place::Line(1),
            "the names of the columns",
            "an empty file",
            "check that this is the right file",
        );
        Err(self.errors.drain(..).next().unwrap_or(empty).into())
    }

    /// Finds the positions of the columns with these names.
    fn find(&self, names: &[impl AsRef<str>]) -> Result<Vec<usize>, ReadErrors> {
        // The first two columns of each name.
        let mut known: HashMap<&str, (usize, Option<usize>)> = HashMap::new();
        if !names.is_empty() {
            for (column, name) in self.columns.iter().enumerate() {
                known
                    .entry(name)
                    .and_modify(|(_, second)| *second = second.or(Some(column)))
                    .or_insert((column, None));
            }
        }

        let find = |name: &str| {
            let (expected, found, advice) = match known.get(name) {
                Some((column, None)) => return Ok(*column),
                None => (
                    "a column",
                    format!("the columns {}", list(&self.columns)),
                    "correct the name, or set the `delimiter`",
                ),
                Some((first, Some(second))) => (
                    "one column",
                    format!("columns {} and {} of that name", first + 1, second + 1),
                    "give each column a name of its own",
                ),
            };
            let expected = format!("{expected} with the name {}", quoted(name));
            Err(self
                .error(
                    ReadErrorKind::Format,
                    Place::Line(1),
                    expected,
                    found,
                    advice,
                )
                .into())
        };
        names.iter().map(|name| find(name.as_ref())).collect()
    }

    /// Checks that the program declared each name once.
    pub fn once(&self, what: &str, names: &[impl AsRef<str>]) -> Result<(), ReadErrors> {
        let mut known = HashSet::new();
        let Some(twice) = names
            .iter()
            .map(AsRef::as_ref)
            .find(|name| !known.insert(*name))
        else {
            return Ok(());
        };

        let error = self.error(
            ReadErrorKind::Format,
            Place::File,
            format!("{what} to be declared once each"),
            format!("{} twice", quoted(twice)),
            "declare it once",
        );
        Err(error.into())
    }

    /// The features of these columns: several of those with categories.
    fn one_hot(&self, columns: &[usize]) -> Result<Vec<Feature<'a>>, ReadErrors> {
        let names: Vec<&str> = self
            .csv
            .one_hot
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        let one_hot = self.find(&names)?;
        self.once("the columns with categories", &names)?;
        for (name, categories) in &self.csv.one_hot {
            self.once(&format!("the categories of {}", quoted(name)), categories)?;
        }

        let mut features = Vec::new();
        for &column in columns {
            match one_hot.iter().position(|&other| other == column) {
                None => features.push(Feature {
                    column,
                    category: None,
                }),
                Some(position) => {
                    let categories = &self.csv.one_hot[position].1[..];
                    let feature = |i| Feature {
                        column,
                        category: Some((categories, i)),
                    };
                    features.extend((0..categories.len()).map(feature));
                }
            }
        }
        Ok(features)
    }

    fn feature_names(&self) -> Vec<String> {
        let name = |feature: &Feature<'_>| match feature.category {
            Some((categories, i)) => format!("{}={}", self.columns[feature.column], categories[i]),
            None => self.columns[feature.column].clone(),
        };
        self.features.iter().map(name).collect()
    }

    /// Reads the next line that has all fields. Returns `false` at the end, or if there are too
    /// many errors.
    pub fn read(&mut self, row: &mut Row) -> bool {
        while self.errors.len() < self.csv.most_errors {
            match self.records.read(row) {
                Ok(false) => return false,
                Ok(true) => {}
                Err(wrong) => {
                    if !self.unreadable(wrong) {
                        return false;
                    }
                    continue;
                }
            }

            // The first line has the names, of any number.
            if self.columns.is_empty() || row.fields.len() == self.columns.len() {
                return true;
            }

            let expected = format!(
                "{} fields, as many as there are columns",
                self.columns.len()
            );
            let place = Place::Line(row.line);
            let found = row.fields.len().to_string();
            let advice = "correct the line, or set the `delimiter`";
            self.errors
                .push(self.error(ReadErrorKind::Length, place, expected, found, advice));
        }
        false
    }

    /// Counts a row of `bytes` bytes, and returns whether the rows are within the program's own
    /// limit.
    pub fn has_room(&mut self, row: &Row, bytes: usize) -> bool {
        self.taken = self.taken.saturating_add(bytes as u64);
        let Err(error) = self.budget.check_own(self.taken) else {
            return true;
        };

        let place = Place::Line(row.line);
        let found = format!("{} for the rows so far", error.need);
        let error = self.error(ReadErrorKind::Limit, place, error.expected(), found, RAISE);
        self.errors.push(error);
        false
    }

    /// Notes a record that cannot be read. Returns `false` if reading ends with it.
    fn unreadable(&mut self, wrong: Wrong) -> bool {
        let (error, go_on) = match wrong {
            Wrong::Io(error) => (ReadError::io(self.path, error), false),
            Wrong::Text(wrong) => {
                let WrongText {
                    kind,
                    line,
                    field,
                    expected,
                    found,
                    advice,
                    last,
                } = *wrong;

                let place = match field.and_then(|field| self.columns.get(field)) {
                    Some(column) => Place::Cell {
                        line,
                        column: column.as_str().into(),
                    },
                    None => Place::Line(line),
                };
                (self.error(kind, place, expected, found, &advice), !last)
            }
        };
        self.errors.push(error);
        go_on
    }

    /// Reads the features of a line. A missing value becomes NaN, and so does a malformed one,
    /// whose error is noted.
    pub fn read_features<const F: usize, T: Element + FromStr>(
        &mut self,
        row: &Row,
        to: &mut Tensor1<F, T>,
    ) {
        to.fill_with(|i| {
            let Feature { column, category } = self.features[i];
            let field = row.field(column);
            let declared =
                || category.is_some_and(|(all, _)| all.iter().any(|category| category == field));
            if self.csv.is_missing(field) && !declared() {
                return T::nan();
            }

            let Some((categories, own)) = category else {
                return number(field).unwrap_or_else(|| {
                    self.wrong(
                        row,
                        column,
                        "a number",
                        "correct it, or declare it with `missing` or `one_hot`",
                    );
                    T::nan()
                });
            };

            // The first feature of the column speaks for all.
            if own == 0 && !declared() {
                let expected = format!("one of the categories {}", list(categories));
                self.wrong(
                    row,
                    column,
                    &expected,
                    "correct it, or declare it with `one_hot`",
                );
            }

            if categories[own] == field {
                T::one()
            } else {
                T::zero()
            }
        });
    }

    /// The field of the target with this position.
    pub fn target<'r>(&self, row: &'r Row, target: usize) -> &'r str {
        row.field(self.targets[target])
    }

    /// Notes that the field of a target is wrong.
    pub fn wrong_target(&mut self, row: &Row, target: usize, expected: &str, advice: &str) {
        self.wrong(row, self.targets[target], expected, advice);
    }

    /// Notes that a field is wrong: the first one of its column with the line, the others by their
    /// number.
    fn wrong(&mut self, row: &Row, column: usize, expected: &str, advice: &str) {
        if let Some((_, more)) = self.wrong_columns.get_mut(&column) {
            *more += 1;
            return;
        }
        if self.errors.len() < self.csv.most_errors {
            let place = Place::Cell {
                line: row.line,
                column: self.columns[column].as_str().into(),
            };
            let found = quoted(row.field(column));
            self.wrong_columns.insert(column, (self.errors.len(), 0));
            self.errors
                .push(self.error(ReadErrorKind::Value, place, expected, found, advice));
        }
    }

    fn error(
        &self,
        kind: ReadErrorKind,
        place: Place,
        expected: impl Into<Box<str>>,
        found: impl Into<Box<str>>,
        advice: &str,
    ) -> ReadError {
        ReadError::new(self.path, kind, place, expected, found, advice)
    }

    /// Returns the names of the features, if nothing was wrong.
    pub fn finish(mut self) -> Result<Vec<String>, ReadErrors> {
        if self.errors.is_empty() {
            return Ok(self.feature_names());
        }
        for (error, more) in self.wrong_columns.into_values() {
            let s = if more == 1 { "" } else { "s" };
            if more > 0 {
                let error = &mut self.errors[error];
                error.found =
                    format!("{} and {more} more field{s} of this column", error.found).into();
            }
        }
        Err(ReadErrors {
            more: self.errors.len() >= self.csv.most_errors,
            errors: self.errors,
        })
    }
}

/// Lists names for an error, the first ones if there are many.
pub(super) fn list(names: &[String]) -> String {
    const MOST: usize = 10;
    let mut text: Vec<_> = names.iter().take(MOST).map(|name| quoted(name)).collect();
    if names.len() > MOST {
        text.push("..".into());
    }
    if names.is_empty() {
        "none".into()
    } else {
        text.join(", ")
    }
}

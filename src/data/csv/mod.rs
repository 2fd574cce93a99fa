//! Tables as comma-separated values: columns become features, and classes or numbers to be
//! predicted.
//!
//! ```
//! use shapewright::data::csv::{Csv, CsvClasses};
//! let text = "\
//! length,width,colour,species
//! 5.1,3.5,0.2,setosa
//! 7.0,NA,1.4,versicolor
//! ";
//! let table: CsvClasses<3, 2> =
//!     Csv::new().read_classes_from("iris.csv", text.as_bytes(), "species")?;
//! assert_eq!(table.x[0].as_slice(), [5.1, 3.5, 0.2]);
//! assert!(
//!     table.x[1][1].is_nan(),
//!     "a missing value, to be filled later"
//! );
//! assert_eq!(table.labels[1].index(), 1);
//! assert_eq!(table.classes, ["setosa", "versicolor"]);
//! # Ok::<(), shapewright::data::ReadErrors>(())
//! ```
//!
//! A file that is wrong in many places is reported in many errors, fields of one column in one:
//!
//! ```
//! use shapewright::data::csv::{Csv, CsvValues};
//! let text = "size,rooms,price\n70,3,1.5\nbig,2,1.2\n50,2\n";
//! let flats: Result<CsvValues<2, 1>, _> = Csv::new().read_values_from("flats.csv", text.as_bytes(), ["price"]);
//! assert_eq!(
//!     flats.unwrap_err().to_string(),
//!     "flats.csv: line 3, column `size`: expected a number, but found `big`; correct it, or declare it with \
//!      `missing` or `one_hot`\n\
//!      flats.csv: line 4: expected 3 fields, as many as there are columns, but found 2; correct the line, or set the \
//!      `delimiter`"
//! );
//! ```
//!
//! For rows of other kinds, use the `csv` crate itself and a struct that derives serde's
//! `Deserialize`.

mod records;
mod table;

use core::slice;
use core::str::FromStr;
use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::{Place, ReadError, ReadErrorKind, ReadErrors};
use crate::loss::Label;
use crate::memory;
use crate::tensor::{Element, Tensor1};
use table::{Row, Table, list};

/// Settings of a reader of tables.
///
/// By default, the first line has the columns' names, fields are separated by commas,
/// all columns but the targets are features, and empty fields, `?` and the spellings that pandas knows are missing
/// values: `NA`, `N/A`, `n/a`, `NaN`, `nan`, `NULL`, `null`, `None` and others.
/// Space around fields does not count, within quotes and around them; lines that have nothing else
/// are skipped. Lines end with LF, CR LF or CR. The text is UTF-8.
///
/// A quote opens a field only if it begins it; in `5" pipe` it is text. A quote that is not closed
/// is an error that names the line where it was opened, not a field with the rest of the file; so
/// is text between a closing quote and the next delimiter ([`Csv::quotes`]).
///
/// Several columns of a file may have the same name, or none, as long as the program does not use
/// that name.
///
/// A line of a table takes at most 256 MiB, of which each field takes 64 bytes and its text;
/// [`Limits`](crate::Limits) raise that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Csv {
    features: Option<Vec<String>>,
    columns: Option<Vec<String>>,
    one_hot: Vec<(String, Vec<String>)>,
    classes: Option<Vec<String>>,
    missing: Vec<String>,
    delimiter: u8,
    quotes: bool,
    most_errors: usize,
}

/// The usual spellings of a missing value: those of pandas, and `?`.
const MISSING: [&str; 18] = [
    "", "?", "NA", "N/A", "n/a", "<NA>", "#N/A", "#N/A N/A", "#NA", "NaN", "nan", "-NaN", "-nan",
    "NULL", "null", "None", "1.#QNAN", "-1.#IND",
];

/// Rows with `F` features, each of one of `N` classes, as [`Csv::read_classes`] returns them.
#[derive(Debug, PartialEq)]
pub struct CsvClasses<const F: usize, const N: usize, T: Element = f32> {
    /// The features of each row; missing ones are NaN.
    pub x: Vec<Tensor1<F, T>>,
    /// The class of each row.
    pub labels: Vec<Label<N>>,
    /// The names of the classes, in the order of the labels.
    pub classes: Vec<String>,
    /// The names of the features.
    pub columns: Vec<String>,
}

/// Rows with `F` features and `M` numbers to be predicted, as [`Csv::read_values`] returns them.
#[derive(Debug, PartialEq)]
pub struct CsvValues<const F: usize, const M: usize, T: Element = f32> {
    /// The features of each row; missing ones are NaN.
    pub x: Vec<Tensor1<F, T>>,
    /// The targets of each row.
    pub targets: Vec<Tensor1<M, T>>,
    /// The names of the features.
    pub columns: Vec<String>,
}

impl<const F: usize, const N: usize, T: Element> Clone for CsvClasses<F, N, T> {
    fn clone(&self) -> Self {
        CsvClasses {
            x: memory::to_vec(&self.x),
            labels: self.labels.clone(),
            classes: self.classes.clone(),
            columns: self.columns.clone(),
        }
    }
}

impl<const F: usize, const M: usize, T: Element> Clone for CsvValues<F, M, T> {
    fn clone(&self) -> Self {
        CsvValues {
            x: memory::to_vec(&self.x),
            targets: memory::to_vec(&self.targets),
            columns: self.columns.clone(),
        }
    }
}

impl Default for Csv {
    fn default() -> Self {
        Csv {
            features: None,
            columns: None,
            one_hot: Vec::new(),
            classes: None,
            missing: owned(MISSING),
            delimiter: b',',
            quotes: true,
            most_errors: 20,
        }
    }
}

fn owned<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Vec<String> {
    names.into_iter().map(Into::into).collect()
}

impl Csv {
    /// Creates the default settings, which [`Csv`] lists.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the columns that are features, in this order, instead of all but the targets.
    pub fn features<N: Into<String>>(self, names: impl IntoIterator<Item = N>) -> Self {
        Csv {
            features: Some(owned(names)),
            ..self
        }
    }

    /// Sets the names of all columns, for a file whose first line is data already.
    pub fn columns<N: Into<String>>(self, names: impl IntoIterator<Item = N>) -> Self {
        Csv {
            columns: Some(owned(names)),
            ..self
        }
    }

    /// Declares a column of features whose fields are names, each one of these categories.
    ///
    /// It becomes one feature for each category, called `column=category`: 1 for the field's own
    /// and 0 for the others. If the field is missing, all of them are missing. A category may have
    /// the name of a missing value, such as `NA` for North America.
    ///
    /// ```
    /// use shapewright::data::csv::{Csv, CsvValues};
    /// let text = "size,colour,price\n1,red,5\n2,blue,6\n3,NA,7\n";
    /// let csv = Csv::new().one_hot("colour", ["red", "green", "blue"]);
    /// let table: CsvValues<4, 1> = csv.read_values_from("t.csv", text.as_bytes(), ["price"])?;
    /// assert_eq!(
    ///     table.columns,
    ///     ["size", "colour=red", "colour=green", "colour=blue"]
    /// );
    /// assert_eq!(table.x[1].as_slice(), [2.0, 0.0, 0.0, 1.0]);
    /// assert!(table.x[2].iter().skip(1).all(|x| x.is_nan()));
    /// # Ok::<(), shapewright::data::ReadErrors>(())
    /// ```
    pub fn one_hot<N: Into<String>>(
        mut self,
        column: impl Into<String>,
        categories: impl IntoIterator<Item = N>,
    ) -> Self {
        self.one_hot.push((column.into(), owned(categories)));
        self
    }

    /// Sets the names of the classes in the order of their labels, instead of the sorted names in the
    /// file.
    pub fn classes<N: Into<String>>(self, names: impl IntoIterator<Item = N>) -> Self {
        Csv {
            classes: Some(owned(names)),
            ..self
        }
    }

    /// Sets the texts that stand for a missing value, instead of an empty field,
    /// `NA`, `NaN` and the others that [`Csv`] lists. In a feature, other text that is no finite number is an error.
    pub fn missing<N: Into<String>>(self, texts: impl IntoIterator<Item = N>) -> Self {
        Csv {
            missing: owned(texts),
            ..self
        }
    }

    /// Sets the character between fields, one of ASCII; `b','` by default.
    pub fn delimiter(self, delimiter: u8) -> Self {
        Csv { delimiter, ..self }
    }

    /// Sets whether a field that begins with a double quote ends with the next one; `true` by
    /// default.
    ///
    /// Between the two, delimiters and ends of lines are text, and a quote is written twice. With
    /// `false`, every quote is text, also at the beginning of a field.
    pub fn quotes(self, quotes: bool) -> Self {
        Csv { quotes, ..self }
    }

    /// Sets the number of errors after which reading stops; 20 by default, at least 1. Fields of one
    /// column that are wrong are one error, which has their number.
    pub fn most_errors(self, most_errors: usize) -> Self {
        Csv {
            most_errors: most_errors.max(1),
            ..self
        }
    }

    /// Reads a table whose column `target` has the names of classes.
    ///
    /// Without [`Csv::classes`], the labels are in the order of the sorted names; names that are
    /// all whole numbers are sorted as such.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, a column is not there or there twice, there are
    /// not `F` features and `N` classes, or lines are malformed: with too many or too few fields, a
    /// feature that is no finite number, or a class that is missing or none of those that were
    /// declared, or if one was declared twice.
    pub fn read_classes<const F: usize, const N: usize, T: Element + FromStr>(
        &self,
        path: impl AsRef<Path>,
        target: &str,
    ) -> Result<CsvClasses<F, N, T>, ReadErrors> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|error| ReadError::io(path, error))?;
        self.read_classes_from(path, file, target)
    }

    /// Like [`Csv::read_classes`], from any source; the path is for the errors.
    ///
    /// # Errors
    /// Returns the errors of [`Csv::read_classes`].
    pub fn read_classes_from<const F: usize, const N: usize, T: Element + FromStr>(
        &self,
        path: impl AsRef<Path>,
        source: impl Read,
        target: &str,
    ) -> Result<CsvClasses<F, N, T>, ReadErrors> {
        let mut table = Table::open(self, path.as_ref(), source, F, &[target])?;
        let mut classes = self.classes.clone().unwrap_or_default();
        table.once("the classes", &classes)?;
        let mut numbers: HashMap<String, usize> = classes.iter().cloned().zip(0..).collect();

        let mut x = Vec::new();
        let mut sample = memory::zeroed_tensor();
        let mut found = Vec::new();
        let mut row = Row::default();
        while table.read(&mut row) {
            if !table.has_room(&row, size_of::<Tensor1<F, T>>() + size_of::<Label<N>>()) {
                break;
            }

            table.read_features(&row, &mut sample);
            super::extend_from_slice(&mut x, slice::from_ref(&*sample));

            let class = table.target(&row, 0);
            match numbers.get(class) {
                Some(&number) => found.push(number),
                None if self.is_missing(class) => {
                    table.wrong_target(
                        &row,
                        0,
                        "the name of a class",
                        "leave out lines without one",
                    );
                }
                None if self.classes.is_some() => {
                    let expected = format!("one of the classes {}", list(&classes));
                    table.wrong_target(
                        &row,
                        0,
                        &expected,
                        "correct it, or declare it with `classes`",
                    );
                }
                None => {
                    numbers.insert(class.to_owned(), classes.len());
                    found.push(classes.len());
                    classes.push(class.to_owned());
                }
            }
        }
        let columns = table.finish()?;

        let order = if self.classes.is_some() {
            (0..classes.len()).collect()
        } else {
            sort(&mut classes)
        };
        if classes.len() != N {
            return Err(other_number_of_classes(path.as_ref(), target, N, &classes).into());
        }
        let labels = found.iter().map(|&number| Label::new(order[number]));
        let labels = labels
            .collect::<Result<_, _>>()
            .expect("there are N classes");
        Ok(CsvClasses {
            x,
            labels,
            classes,
            columns,
        })
    }

    /// Reads a table whose columns `targets` have the numbers to be predicted; with `[]`, a table
    /// of features alone.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, a column is not there or there twice, there are
    /// not `F` features, or lines are malformed: with too many or too few fields, a feature that is
    /// no finite number, or a target that is missing or none.
    pub fn read_values<const F: usize, const M: usize, T: Element + FromStr>(
        &self,
        path: impl AsRef<Path>,
        targets: [&str; M],
    ) -> Result<CsvValues<F, M, T>, ReadErrors> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|error| ReadError::io(path, error))?;
        self.read_values_from(path, file, targets)
    }

    /// Like [`Csv::read_values`], from any source; the path is for the errors.
    ///
    /// # Errors
    /// Returns the errors of [`Csv::read_values`].
    pub fn read_values_from<const F: usize, const M: usize, T: Element + FromStr>(
        &self,
        path: impl AsRef<Path>,
        source: impl Read,
        targets: [&str; M],
    ) -> Result<CsvValues<F, M, T>, ReadErrors> {
        let mut table = Table::open(self, path.as_ref(), source, F, &targets)?;

        let mut x = Vec::new();
        let mut sample = memory::zeroed_tensor();
        let mut values = Vec::new();
        let mut value: Box<Tensor1<M, T>> = memory::zeroed_tensor();
        let mut row = Row::default();
        while table.read(&mut row) {
            if !table.has_room(
                &row,
                size_of::<Tensor1<F, T>>() + size_of::<Tensor1<M, T>>(),
            ) {
                break;
            }

            table.read_features(&row, &mut sample);
            super::extend_from_slice(&mut x, slice::from_ref(&*sample));

            for target in 0..M {
                let field = table.target(&row, target);
                match number(field) {
                    Some(_) if self.is_missing(field) => {
                        table.wrong_target(
                            &row,
                            target,
                            "a number that is not missing",
                            "leave out the line",
                        );
                    }
                    Some(number) => value[target] = number,
                    None => table.wrong_target(
                        &row,
                        target,
                        "a number",
                        "correct it, or leave out the line",
                    ),
                }
            }
            super::extend_from_slice(&mut values, slice::from_ref(&*value));
        }

        Ok(CsvValues {
            x,
            targets: values,
            columns: table.finish()?,
        })
    }

    fn is_missing(&self, field: &str) -> bool {
        self.missing.iter().any(|missing| missing == field)
    }
}

/// The error for a column that does not have `wanted` classes.
fn other_number_of_classes(
    path: &Path,
    target: &str,
    wanted: usize,
    classes: &[String],
) -> ReadError {
    ReadError::new(
        path,
        ReadErrorKind::Shape,
        Place::File,
        format!("{wanted} classes in the column `{target}`"),
        format!("{}: {}", classes.len(), list(classes)),
        "change the number of classes of the labels, or declare all of them with `classes`",
    )
}

/// A finite number. Infinities are refused, also those of numbers that are too large for the type.
fn number<T: Element + FromStr>(text: &str) -> Option<T> {
    text.parse().ok().filter(|number: &T| number.is_finite())
}

/// Returns a key that sorts whole numbers of any length by value: their length, below zero for
/// negative ones, and their digits. `None` if the name is no whole number.
fn whole_number(name: &str) -> Option<(isize, Vec<u8>)> {
    let digits = name.strip_prefix(['+', '-']).unwrap_or(name);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = digits.trim_start_matches('0');
    let length = digits.len().cast_signed();

    Some(if name.starts_with('-') {
        // Of negative numbers, the one with the larger digits comes first.
        (-length, digits.bytes().map(|digit| !digit).collect())
    } else {
        (length, digits.into())
    })
}

/// Sorts names, by value if all are whole numbers, and returns the new position of each old one.
fn sort(names: &mut Vec<String>) -> Vec<usize> {
    let numbers: Option<Vec<_>> = names.iter().map(|name| whole_number(name)).collect();
    let mut old: Vec<usize> = (0..names.len()).collect();
    match numbers {
        // Two names of one number, such as `1` and `01`, keep no order of the file.
        Some(numbers) => old.sort_by_key(|&i| (&numbers[i], &names[i])),
        None => old.sort_by(|&i, &j| names[i].cmp(&names[j])),
    }

    let mut new = vec![0; old.len()];
    old.iter()
        .enumerate()
        .for_each(|(position, &i)| new[i] = position);
    *names = old.iter().map(|&i| names[i].clone()).collect();
    new
}

//! The history of a training.

use core::fmt::Write as _;
use std::io;
use std::path::Path;

use crate::atomic_file;

/// The columns of tables other than those of metrics.
pub(super) const COLUMNS: [&str; 6] = [
    "epoch",
    "steps",
    "loss",
    "validation_loss",
    "seconds",
    "waiting",
];

/// The results of one epoch of a training.
#[derive(Clone, Debug, PartialEq)]
pub struct Epoch {
    /// The number of the epoch, from 1.
    pub epoch: usize,
    /// The number of steps of the training up to the end of the epoch.
    pub steps: u64,
    /// The mean training loss of the epoch's samples, each with the parameters before its step.
    pub loss: f64,
    /// The mean loss of the validation samples at the end of the epoch.
    pub validation_loss: Option<f64>,
    /// The metrics at the end of the epoch, with their names; NaN where one is not defined.
    pub metrics: Vec<(String, f64)>,
    /// The time that the epoch took, including validation, in seconds.
    pub seconds: f64,
    /// The part of that time for which the training waited for data, in seconds: for shuffling, and
    /// for those samples of a batch that were not gathered yet when they were needed. Most samples
    /// are gathered by threads that wait for the next part of a network call, or by another
    /// processor if there is one.
    pub waiting: f64,
}

/// The results of all epochs of a training.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// The epochs, in order.
    pub epochs: Vec<Epoch>,
    /// The epoch whose parameters early stopping has restored.
    pub restored: Option<usize>,
    /// True if the training was interrupted within the epoch after the last of these.
    pub interrupted: bool,
}

impl Epoch {
    /// Returns the value of a metric by its name; `None` if it was not measured.
    pub fn metric(&self, name: &str) -> Option<f64> {
        let found = self.metrics.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| *value)
    }
}

impl History {
    /// Returns the last epoch.
    pub fn last(&self) -> Option<&Epoch> {
        self.epochs.last()
    }

    /// Returns the values of a metric by its name, one for each epoch; NaN where it was not measured.
    ///
    /// ```
    /// use shapewright::metrics::Accuracy;
    /// use shapewright::prelude::*;
    /// network! { struct Net: [2] -> [2] { Linear<_, 2> } }
    /// let x = [[0.0, 1.0], [1.0, 0.0]].map(Tensor1::from);
    /// let labels = Label::<2>::from_numbers(&[0, 1])?;
    /// let mut net = Net::init(&mut shapewright::rng(0));
    /// let history = Net::trainer(Adam::new(0.1), CrossEntropy)
    ///     .epochs(3)
    ///     .metric(Accuracy::new())
    ///     .validate(&x, &labels)
    ///     .fit(&mut net, &x, &labels)?;
    /// assert_eq!(history.metric("accuracy").len(), 3);
    /// assert_eq!(history.last().and_then(|epoch| epoch.metric("accuracy")), Some(1.0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn metric(&self, name: &str) -> Vec<f64> {
        let value = |epoch: &Epoch| epoch.metric(name).unwrap_or(f64::NAN);
        self.epochs.iter().map(value).collect()
    }

    /// Returns the table as CSV: a header, and one line per epoch. Values that were not measured
    /// are empty.
    ///
    /// ```
    /// use shapewright::train::{Epoch, History};
    /// let metrics = vec![("accuracy".to_owned(), 0.9)];
    /// let epoch = Epoch {
    ///     epoch: 1,
    ///     steps: 4,
    ///     loss: 0.5,
    ///     validation_loss: None,
    ///     metrics,
    ///     seconds: 0.25,
    ///     waiting: 0.01,
    /// };
    /// let history = History {
    ///     epochs: vec![epoch],
    ///     ..History::default()
    /// };
    /// assert_eq!(
    ///     history.to_csv(),
    ///     "epoch,steps,loss,validation_loss,seconds,waiting,accuracy\n1,4,0.5,,0.25,0.01,0.9\n"
    /// );
    /// ```
    pub fn to_csv(&self) -> String {
        let mut text = COLUMNS.join(",");
        let metric_columns = self.metric_columns(&COLUMNS);
        for (name, _) in &metric_columns {
            let quoted = name.contains([',', '"', '\n', '\r']);
            let name = if quoted {
                format!("\"{}\"", name.replace('"', "\"\""))
            } else {
                name.clone()
            };
            let _ = write!(text, ",{name}");
        }
        text.push('\n');

        for (index, row) in self.epochs.iter().enumerate() {
            let Epoch {
                epoch,
                steps,
                loss,
                validation_loss,
                metrics: _,
                seconds,
                waiting,
            } = row;
            let validation = validation_loss
                .map(|loss| loss.to_string())
                .unwrap_or_default();
            let _ = write!(
                text,
                "{epoch},{steps},{loss},{validation},{seconds},{waiting}"
            );
            for (_, values) in &metric_columns {
                let value = values[index]
                    .map(|value| value.to_string())
                    .unwrap_or_default();
                let _ = write!(text, ",{value}");
            }
            text.push('\n');
        }
        text
    }

    /// Returns the table as JSON: an array with an object per epoch. Numbers that are not finite
    /// are `null`.
    ///
    /// ```
    /// use shapewright::train::{Epoch, History};
    /// let metrics = vec![("accuracy".to_owned(), f64::NAN)];
    /// let epoch = Epoch {
    ///     epoch: 1,
    ///     steps: 4,
    ///     loss: 0.5,
    ///     validation_loss: None,
    ///     metrics,
    ///     seconds: 0.25,
    ///     waiting: 0.01,
    /// };
    /// let history = History {
    ///     epochs: vec![epoch],
    ///     ..History::default()
    /// };
    /// let start = r#"[{"epoch":1,"steps":4,"loss":0.5,"validation_loss":null,"seconds":0.25,"#;
    /// let end = r#""waiting":0.01,"accuracy":null}]"#;
    /// assert_eq!(history.to_json(), format!("{start}{end}"));
    /// ```
    pub fn to_json(&self) -> String {
        let objects: Vec<String> = self.epochs.iter().map(json_object).collect();
        format!("[{}]", objects.join(","))
    }

    /// Returns the columns of the metrics, in the order of their first appearance: the name that
    /// [`columns`] gives, and the value in each epoch.
    pub(crate) fn metric_columns(&self, taken: &[&str]) -> Vec<(String, Vec<Option<f64>>)> {
        let mut all: Vec<(String, Vec<Option<f64>>)> = Vec::new();
        for (index, epoch) in self.epochs.iter().enumerate() {
            for (name, &(_, value)) in columns(&epoch.metrics, taken).iter().zip(&epoch.metrics) {
                let column = all.iter().position(|(other, _)| other == name);
                let column = column.unwrap_or_else(|| {
                    all.push((name.clone(), vec![None; self.epochs.len()]));
                    all.len() - 1
                });
                all[column].1[index] = Some(value);
            }
        }
        all
    }

    /// Writes the table to a file: JSON if its name ends in `.json`, CSV otherwise. The file is
    /// replaced atomically; see [files](crate#files).
    ///
    /// # Errors
    /// Returns an error if the file can't be written.
    pub fn save(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref();
        let json = path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
        let text = if json { self.to_json() } else { self.to_csv() };
        atomic_file::write(path, text.as_bytes()).map_err(|error| atomic_file::named(path, error))
    }
}

/// Returns the names of the columns of an epoch's metrics. A name that is taken gets a number: a
/// trainer refuses such a name, but a history can be made by hand.
fn columns(metrics: &[(String, f64)], taken: &[&str]) -> Vec<String> {
    let mut columns: Vec<String> = Vec::with_capacity(metrics.len());
    for (name, _) in metrics {
        let numbered = (2..).map(|number| format!("{name} {number}"));
        let mut names = core::iter::once(name.clone()).chain(numbered);
        let free = names.find(|name| !taken.contains(&&**name) && !columns.contains(name));
        columns.extend(free);
    }
    columns
}

/// Returns the JSON object of an epoch.
fn json_object(epoch: &Epoch) -> String {
    let Epoch {
        epoch,
        steps,
        loss,
        validation_loss,
        metrics,
        seconds,
        waiting,
    } = epoch;

    let mut text = format!(
        r#"{{"epoch":{epoch},"steps":{steps},"loss":{},"validation_loss":{},"seconds":{},"waiting":{}"#,
        json_number(*loss),
        json_number(validation_loss.unwrap_or(f64::NAN)),
        json_number(*seconds),
        json_number(*waiting)
    );
    for (name, (_, value)) in columns(metrics, &COLUMNS).iter().zip(metrics) {
        let _ = write!(text, ",{}:{}", quoted(name), json_number(*value));
    }
    text.push('}');
    text
}

/// Returns a number in JSON, which has neither NaN nor infinity.
fn json_number(x: f64) -> String {
    if x.is_finite() {
        x.to_string()
    } else {
        "null".to_owned()
    }
}

/// Returns a string in JSON, with quotes.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c < ' ' => _ = write!(quoted, "\\u{:04x}", c as u32),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

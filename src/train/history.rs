//! What happened in each epoch.

use core::fmt::Write as _;
use std::io;
use std::path::Path;

use crate::atomic_file;

/// The columns of tables that are not metrics.
pub(super) const COLUMNS: [&str; 6] = [
    "epoch",
    "steps",
    "loss",
    "validation_loss",
    "seconds",
    "waiting",
];

/// One epoch of a training.
#[derive(Clone, Debug, PartialEq)]
pub struct Epoch {
    /// Its number, from 1.
    pub epoch: usize,
    /// How many steps had been made at its end.
    pub steps: u64,
    /// The mean of the training loss over the epoch's samples, each taken just before its step.
    pub loss: f64,
    /// The mean loss of the validation samples at the epoch's end.
    pub validation_loss: Option<f64>,
    /// The metrics at the epoch's end, with their names; NaN where one is not defined.
    pub metrics: Vec<(String, f64)>,
    /// How long the epoch took, validation included.
    pub seconds: f64,
    /// For how much of that the training waited for data: shuffling, and what was left to gather
    /// of each batch when it was needed. Most is gathered by threads that wait for the next
    /// part of a network call, or, if there is one, by another processor.
    pub waiting: f64,
}

/// What happened in each epoch of a training.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// The epochs, in order.
    pub epochs: Vec<Epoch>,
    /// The epoch whose parameters the network has now, if early stopping went back to it.
    pub restored: Option<usize>,
    /// Whether the training was stopped within the epoch after the last of these.
    pub interrupted: bool,
}

impl History {
    /// The last epoch.
    pub fn last(&self) -> Option<&Epoch> {
        self.epochs.last()
    }

    /// The table as CSV: one line per epoch, with a header. What was not measured is empty.
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

    /// The table as JSON: an array with an object per epoch. What is not finite is `null`.
    ///
    /// ```
    /// use shapewright::train::{Epoch, History};
    /// let metrics = vec![("accuracy".to_owned(), f64::NAN)];
    /// let epoch = Epoch { epoch: 1, steps: 4, loss: 0.5, validation_loss: None, metrics, seconds: 0.25, waiting: 0.01 };
    /// let history = History { epochs: vec![epoch], ..History::default() };
    /// let json = r#"[{"epoch":1,"steps":4,"loss":0.5,"validation_loss":null,"seconds":0.25,"waiting":0.01,"accuracy":null}]"#;
    /// assert_eq!(history.to_json(), json);
    /// ```
    pub fn to_json(&self) -> String {
        let number = |x: f64| {
            if x.is_finite() {
                x.to_string()
            } else {
                "null".to_owned()
            }
        };
        let object = |epoch: &Epoch| {
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
                number(*loss),
                number(validation_loss.unwrap_or(f64::NAN)),
                number(*seconds),
                number(*waiting)
            );
            for (name, (_, value)) in columns(metrics, &COLUMNS).iter().zip(metrics) {
                let _ = write!(text, ",{}:{}", quoted(name), number(*value));
            }
            text.push('}');
            text
        };
        format!(
            "[{}]",
            self.epochs.iter().map(object).collect::<Vec<_>>().join(",")
        )
    }

    /// The metrics by the names of their [`columns`], in the order in which they come, with their
    /// values in each epoch.
    pub(crate) fn metric_columns(&self, taken: &[&str]) -> Vec<(String, Vec<Option<f64>>)> {
        let mut all: Vec<(String, Vec<Option<f64>>)> = Vec::new();
        for (index, epoch) in self.epochs.iter().enumerate() {
            for (name, &(_, value)) in columns(&epoch.metrics, taken).iter().zip(&epoch.metrics) {
                let place = all.iter().position(|(own, _)| own == name);
                let place = place.unwrap_or_else(|| {
                    all.push((name.clone(), vec![None; self.epochs.len()]));
                    all.len() - 1
                });
                all[place].1[index] = Some(value);
            }
        }
        all
    }

    /// Writes the table to a file: JSON if its name ends in `.json`, CSV otherwise. The file is
    /// there whole or not at all; see [files](crate#files).
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn save(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref();
        let json = path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
        let text = if json { self.to_json() } else { self.to_csv() };
        atomic_file::write(path, text.as_bytes()).map_err(|error| atomic_file::named(path, error))
    }
}

/// The columns of an epoch's metrics. A name that is taken is numbered: a trainer refuses it, but a
/// history can be made by hand.
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

/// A string as JSON.
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

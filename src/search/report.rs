//! The result of a search.

use core::cmp::Ordering;
use core::fmt::{self, Debug};
use std::io;
use std::path::Path;

use super::pruning::Reported;
use super::table::{Fields, Table, fields};
use crate::atomic_file;

/// The columns that are not fields of the candidates, which stand before the last two.
const COLUMNS: [&str; 7] = [
    "trial", "value", "epochs", "seconds", "params", "outcome", "error",
];

/// The result of a [`Search`](super::Search).
///
/// It prints as a table, one trial a line, with a column for each field of the candidates' `Debug`.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchReport<P> {
    /// All trials: those that finished, the best first; then those that were pruned, the latest
    /// first; then those that failed.
    pub trials: Vec<TrialReport<P>>,
}

/// The result of one candidate.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialReport<P> {
    /// The candidate's position in the search, from 0.
    pub number: usize,
    /// The candidate.
    pub params: P,
    /// The end of the trial.
    pub outcome: Outcome,
    /// Epochs and values as the trial reported them.
    pub reported: Vec<(usize, f64)>,
    /// The time that the trial took.
    pub seconds: f64,
}

/// The end of a trial.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It returned this value.
    Finished(f64),
    /// It was stopped early, with this value as the last.
    Pruned(f64),
    /// It ended with an error, a panic or NaN, whose text this is.
    Failed(String),
}

/// The end of the trial with this number.
pub(super) struct Ended {
    pub number: usize,
    pub outcome: Outcome,
    pub seconds: f64,
}

impl<P> SearchReport<P> {
    pub(super) fn new(
        candidates: Vec<P>,
        mut ended: Vec<Ended>,
        reported: Vec<Reported>,
        maximize: bool,
    ) -> Self {
        ended.sort_unstable_by_key(|ended| ended.number);
        let sign = if maximize { -1.0 } else { 1.0 };
        let trial = |((params, ended), reported): ((P, Ended), Reported)| TrialReport {
            number: ended.number,
            params,
            outcome: ended.outcome,
            reported: reported
                .values
                .into_iter()
                .map(|(epoch, value)| (epoch, value * sign))
                .collect(),
            seconds: ended.seconds,
        };

        let mut trials: Vec<_> = candidates
            .into_iter()
            .zip(ended)
            .zip(reported)
            .map(trial)
            .collect();
        // Stable, so that of equal values the first candidate comes first.
        trials.sort_by(|a, b| order(a, b, sign));
        SearchReport { trials }
    }

    /// Returns the best trial that finished, of equal ones the first; `None` if none finished.
    pub fn best(&self) -> Option<&TrialReport<P>> {
        self.trials
            .first()
            .filter(|trial| matches!(trial.outcome, Outcome::Finished(_)))
    }
}

fn order<P>(a: &TrialReport<P>, b: &TrialReport<P>, sign: f64) -> Ordering {
    match (&a.outcome, &b.outcome) {
        (Outcome::Finished(a), Outcome::Finished(b)) => (sign * a).total_cmp(&(sign * b)),
        (Outcome::Pruned(x), Outcome::Pruned(y)) => b
            .epochs()
            .cmp(&a.epochs())
            .then_with(|| (sign * x).total_cmp(&(sign * y))),
        (a, b) => a.rank().cmp(&b.rank()),
    }
}

impl<P> TrialReport<P> {
    /// Returns the value: of a trial that was pruned, the last that it reported; of one that failed,
    /// none.
    pub fn value(&self) -> Option<f64> {
        match self.outcome {
            Outcome::Finished(value) | Outcome::Pruned(value) => Some(value),
            Outcome::Failed(_) => None,
        }
    }

    /// Returns the last epoch that was reported, 0 if there was none.
    pub fn epochs(&self) -> usize {
        self.reported.last().map_or(0, |&(epoch, _)| epoch)
    }

    /// The line of the table, with the candidate's fields of these names, and with the name of its
    /// variant or struct before them if `told_apart`.
    fn row(&self, (name, fields): &Fields<'_>, told_apart: bool, names: &[&str]) -> Vec<String> {
        let value = self
            .value()
            .map(|value| value.to_string())
            .unwrap_or_default();
        let mut row = vec![
            self.number.to_string(),
            value,
            self.epochs().to_string(),
            format!("{:.3}", self.seconds),
        ];

        row.extend(told_apart.then(|| (*name).to_owned()));
        row.extend(names.iter().map(|column| {
            let field = fields.iter().find(|(name, _)| name == column);
            field
                .map(|(_, value)| (*value).to_owned())
                .unwrap_or_default()
        }));

        let error = if let Outcome::Failed(error) = &self.outcome {
            error
        } else {
            ""
        };
        row.extend([self.outcome.name(), error].map(str::to_owned));
        row
    }
}

impl Outcome {
    fn rank(&self) -> u8 {
        match self {
            Outcome::Finished(_) => 0,
            Outcome::Pruned(_) => 1,
            Outcome::Failed(_) => 2,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Outcome::Finished(_) => "finished",
            Outcome::Pruned(_) => "pruned",
            Outcome::Failed(_) => "failed",
        }
    }
}

impl<P: Debug> SearchReport<P> {
    /// The table of one line per trial, in the order of the report.
    fn table(&self) -> Table {
        let debug: Vec<String> = self
            .trials
            .iter()
            .map(|trial| format!("{:?}", trial.params))
            .collect();
        let params: Vec<_> = debug.iter().map(|debug| fields(debug)).collect();

        // The columns of all candidates: variants of an enum have different ones.
        let mut names: Vec<&str> = Vec::new();
        for (name, _) in params.iter().flat_map(|(_, fields)| fields) {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        let told_apart = names.is_empty() || params.iter().any(|(name, _)| *name != params[0].0);

        // A field with the name of one of the table's own columns gets a prefix.
        let field = |name: &&str| {
            if COLUMNS.contains(name) {
                format!("params.{name}")
            } else {
                (*name).to_owned()
            }
        };
        let mut columns: Vec<String> = COLUMNS[..4].iter().map(|name| (*name).to_owned()).collect();
        columns.extend(told_apart.then(|| COLUMNS[4].to_owned()));
        columns.extend(names.iter().map(field));
        columns.extend(COLUMNS[5..].iter().map(|name| (*name).to_owned()));

        let rows = self
            .trials
            .iter()
            .zip(&params)
            .map(|(trial, params)| trial.row(params, told_apart, &names))
            .collect();
        Table { columns, rows }
    }

    /// Returns the table as CSV: a line per trial, in the order of the report, with a header. The columns
    /// are `trial`, `value`, `epochs`, `seconds`, one for each field of the candidates,
    /// `outcome` and `error`. A field with one of these names has `params.` before it.
    ///
    /// ```
    /// use shapewright::search::Search;
    /// #[derive(Debug)]
    /// struct Settings {
    ///     rate: f64,
    ///     layers: usize,
    /// }
    /// let report = Search::grid(([0.1, 0.2], [1]), |(rate, layers)| Settings {
    ///     rate,
    ///     layers,
    /// })
    /// .run(|settings, _| Ok(1.0 - settings.rate));
    /// assert_eq!(
    ///     report.to_csv().lines().next(),
    ///     Some("trial,value,epochs,seconds,rate,layers,outcome,error")
    /// );
    /// assert!(
    ///     report
    ///         .to_csv()
    ///         .lines()
    ///         .nth(1)
    ///         .unwrap()
    ///         .starts_with("1,0.8,0,")
    /// );
    /// ```
    pub fn to_csv(&self) -> String {
        self.table().to_csv()
    }

    /// Writes the table as CSV. The file is there whole or not at all; see [files](crate#files).
    ///
    /// # Errors
    /// Returns an error if the file can't be written.
    pub fn save(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref();
        atomic_file::write(path, self.to_csv().as_bytes())
            .map_err(|error| atomic_file::named(path, error))
    }
}

impl<P: Debug> fmt::Display for SearchReport<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.table().fmt(f)
    }
}

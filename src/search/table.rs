//! Tables as text and as CSV, and columns from `Debug` texts.

use core::fmt;

/// A table of texts; all rows are as long as the names of the columns.
pub(super) struct Table {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    pub fn to_csv(&self) -> String {
        let mut csv = String::new();
        let mut line = |cells: &[String]| {
            for (i, cell) in cells.iter().enumerate() {
                if i > 0 {
                    csv.push(',');
                }
                if cell.contains(['"', ',', '\n', '\r']) {
                    csv.extend(["\"", &cell.replace('"', "\"\""), "\""]);
                } else {
                    csv.push_str(cell);
                }
            }
            csv.push('\n');
        };

        for row in core::iter::once(&self.columns).chain(&self.rows) {
            line(row);
        }
        csv
    }
}

impl fmt::Display for Table {
    /// Writes columns side by side, long numbers to four digits; omits columns without a text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = vec![String::new(); self.rows.len() + 1];
        for (column, name) in self.columns.iter().enumerate() {
            let cells = self.rows.iter().map(|row| short(&row[column]));
            let cells: Vec<String> = core::iter::once(name.clone()).chain(cells).collect();
            if cells[1..].iter().all(String::is_empty) {
                continue;
            }

            let width = cells
                .iter()
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0);
            let numbers = cells[1..]
                .iter()
                .all(|cell| cell.is_empty() || cell.parse::<f64>().is_ok());
            for (line, cell) in lines.iter_mut().zip(&cells) {
                let gap = if line.is_empty() { "" } else { "  " };
                *line += &if numbers {
                    format!("{gap}{cell:>width$}")
                } else {
                    format!("{gap}{cell:<width$}")
                };
            }
        }

        let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
        f.write_str(&lines.join("\n"))
    }
}

/// Rounds a long number to four digits, and puts other texts on one line.
fn short(cell: &str) -> String {
    const LONG: usize = 7;
    match cell.parse::<f64>() {
        Ok(number) if cell.len() >= LONG && cell.contains(['.', 'e']) && number.is_normal() => {
            let exponent = number.abs().log10().floor() as i32;
            if (-4..6).contains(&exponent) {
                format!("{number:.*}", (3 - exponent).max(0) as usize)
            } else {
                format!("{number:.3e}")
            }
        }
        _ => cell.replace(['\n', '\r'], " "),
    }
}

/// The name of a struct, and the names and values of its fields.
pub(super) type Fields<'a> = (&'a str, Vec<(String, &'a str)>);

/// Splits the `Debug` text of a struct or a tuple into parts.
///
/// `Settings { rate: 0.1, layers: 2 }` has the name `Settings` and the fields `rate` and `layers`;
/// the fields of a tuple are called `0`, `1`, and so on. Anything else is a name without fields.
pub(super) fn fields(debug: &str) -> Fields<'_> {
    let parts = |open, close| {
        let (name, fields) = debug.split_once(open)?;
        // The name of a variant or a struct. Anything else with brackets is a text or a list.
        let plain = name.chars().all(|c| c.is_alphanumeric() || c == '_');
        let fields = fields.strip_suffix(close)?;
        (plain && !fields.is_empty()).then(|| (name, split(fields)))
    };

    let named = || {
        let (name, fields) = parts(" { ", " }")?;
        let fields = fields.into_iter().map(|field| field.split_once(": "));
        Some((
            name,
            fields
                .map(|field| field.map(|(name, value)| (name.to_owned(), value)))
                .collect::<Option<_>>()?,
        ))
    };
    let tuple = || {
        let (name, fields) = parts("(", ")")?;
        Some((
            name,
            (0..).map(|i: usize| i.to_string()).zip(fields).collect(),
        ))
    };
    named().or_else(tuple).unwrap_or((debug, Vec::new()))
}

/// Cuts a text at its commas, except those inside of brackets and texts.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut begin = 0;
    let mut depth = 0;
    let mut quote = None;
    let mut escaped = false;

    for (at, c) in text.char_indices() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth -= 1,
            (None, ',') if depth == 0 => {
                parts.push(text[begin..at].trim());
                begin = at + 1;
            }
            _ => {}
        }
    }

    parts.push(text[begin..].trim());
    parts
}

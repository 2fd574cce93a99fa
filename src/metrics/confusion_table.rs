//! The confusion matrix as a table of text.

use core::fmt;

use super::ConfusionMatrix;
use super::cells::MAX_DENSE_CLASSES;

/// A [`ConfusionMatrix`] that prints with names for the classes.
#[derive(Clone, Debug)]
pub struct NamedConfusionMatrix<'a, const N: usize> {
    pub(crate) matrix: &'a ConfusionMatrix<N>,
    pub(crate) names: &'a [&'a str; N],
}

impl<const N: usize> fmt::Display for NamedConfusionMatrix<'_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A name that has several lines, as a class of a table may have, takes one.
        let in_line = |name: &str| name.replace(char::is_control, " ");
        write_matrix(f, self.matrix, |class| in_line(self.names[class]))
    }
}

/// Prints a table: a row for each label, a column for each predicted class. Of more than 1024
/// classes, it prints a list: a line for each count that is not zero.
impl<const N: usize> fmt::Display for ConfusionMatrix<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_matrix(f, self, |class| class.to_string())
    }
}

fn write_matrix<const N: usize>(
    f: &mut fmt::Formatter<'_>,
    matrix: &ConfusionMatrix<N>,
    name: impl Fn(usize) -> String,
) -> fmt::Result {
    if N <= MAX_DENSE_CLASSES {
        return write_table(f, matrix.counts(), name);
    }

    writeln!(f, "{CORNER}: count")?;
    for (label, prediction, count) in matrix.nonzero() {
        let label = name(label.index());
        let prediction = name(prediction.index());
        writeln!(f, "{label} \\ {prediction}: {count}")?;
    }
    Ok(())
}

const CORNER: &str = "label \\ predicted";

fn write_table<const N: usize>(
    f: &mut fmt::Formatter<'_>,
    counts: &[[u64; N]],
    name: impl Fn(usize) -> String,
) -> fmt::Result {
    let names: Vec<String> = (0..N).map(name).collect();
    let length = |text: &str| text.chars().count();

    let first_width = names
        .iter()
        .map(|name| length(name))
        .fold(CORNER.len(), usize::max);
    let mut widths: Vec<usize> = names.iter().map(|name| length(name)).collect();
    for row in counts {
        for (width, count) in widths.iter_mut().zip(row) {
            *width = (*width).max(count.max(&1).ilog10() as usize + 1);
        }
    }

    write!(f, "{CORNER:first_width$}")?;
    for (name, width) in names.iter().zip(&widths) {
        write!(f, "  {name:>width$}")?;
    }

    for (row, name) in counts.iter().zip(&names) {
        write!(f, "\n{name:first_width$}")?;
        for (count, width) in row.iter().zip(&widths) {
            write!(f, "  {count:>width$}")?;
        }
    }
    writeln!(f)
}

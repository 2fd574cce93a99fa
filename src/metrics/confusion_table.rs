//! The confusion matrix as a table of text.

use core::fmt;

use super::ConfusionMatrix;

/// A [`ConfusionMatrix`] that prints with names for the classes.
#[derive(Clone, Debug)]
pub struct NamedConfusionMatrix<'a, const N: usize> {
    pub(crate) matrix: &'a ConfusionMatrix<N>,
    pub(crate) names: &'a [&'a str; N],
}

impl<const N: usize> fmt::Display for NamedConfusionMatrix<'_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_table(f, self.matrix.counts(), |class| {
            self.names[class].to_owned()
        })
    }
}

/// Prints a table: a row for each label, a column for each predicted class.
impl<const N: usize> fmt::Display for ConfusionMatrix<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_table(f, self.counts(), |class| class.to_string())
    }
}

fn write_table<const N: usize>(
    f: &mut fmt::Formatter<'_>,
    counts: &[[u64; N]],
    name: impl Fn(usize) -> String,
) -> fmt::Result {
    const CORNER: &str = "label \\ predicted";

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

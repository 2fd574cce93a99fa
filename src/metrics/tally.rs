//! The counts of classification metrics.

use std::borrow::Cow;

use super::cells::Cells;
use super::counts::Counts;

/// Counts of pairs of classes if there are few classes, counts of classes otherwise: the former
/// take one addition for each sample instead of two or three, the latter take less memory.
#[derive(Clone, Debug)]
pub(super) enum Tally {
    Pairs { classes: usize, cells: Cells },
    Classes(Counts),
}

/// The largest size of the counts of pairs in bytes: they stay in the second-level cache.
const MAX_BYTES: usize = 64 * 1024;

impl Tally {
    pub fn new(classes: usize) -> Self {
        let bytes = classes
            .checked_mul(classes)
            .and_then(|pairs| pairs.checked_mul(size_of::<u64>()));

        if bytes.is_some_and(|bytes| bytes <= MAX_BYTES) {
            let cells = Cells::new(classes);
            Tally::Pairs { classes, cells }
        } else {
            Tally::Classes(Counts::new(classes))
        }
    }

    /// Counts samples, given as pairs of the predicted class and the label.
    #[inline]
    pub fn add_all(&mut self, pairs: impl Iterator<Item = (usize, usize)>) {
        match self {
            Tally::Pairs { classes, cells } => cells.add_all(*classes, pairs),
            Tally::Classes(counts) => {
                pairs.for_each(|(prediction, label)| counts.add(prediction, label));
            }
        }
    }

    /// Returns the counts of each class.
    pub fn counts(&self) -> Cow<'_, Counts> {
        match self {
            Tally::Pairs { classes, cells } => Cow::Owned(cells.sums(*classes)),
            Tally::Classes(counts) => Cow::Borrowed(counts),
        }
    }

    /// Sets all counts to zero.
    pub fn reset(&mut self) {
        match self {
            Tally::Pairs { cells, .. } => cells.reset(),
            Tally::Classes(counts) => counts.reset(),
        }
    }
}

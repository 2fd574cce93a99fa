//! What metrics of classes count.

use std::borrow::Cow;

use super::cells::Cells;
use super::counts::Counts;

/// Counts of pairs of classes where there are few, and of classes where there are many: the first
/// are one addition for each sample in place of two or three, the second take less memory.
#[derive(Clone, Debug)]
pub(super) enum Tally {
    Pairs { classes: usize, cells: Cells },
    Classes(Counts),
}

/// The most bytes of counts of pairs: they stay in the second-level cache.
const MOST_BYTES: usize = 64 * 1024;

impl Tally {
    pub fn new(classes: usize) -> Self {
        let bytes = classes
            .checked_mul(classes)
            .and_then(|pairs| pairs.checked_mul(size_of::<u64>()));
        if bytes.is_some_and(|bytes| bytes <= MOST_BYTES) {
            let cells = Cells::new(classes);
            Tally::Pairs { classes, cells }
        } else {
            Tally::Classes(Counts::new(classes))
        }
    }

    /// Counts samples, of each the predicted class and its own.
    #[inline]
    pub fn add_all(&mut self, pairs: impl Iterator<Item = (usize, usize)>) {
        match self {
            Tally::Pairs { classes, cells } => cells.add_all(*classes, pairs),
            Tally::Classes(counts) => {
                pairs.for_each(|(prediction, label)| counts.add(prediction, label));
            }
        }
    }

    /// The counts of each class.
    pub fn counts(&self) -> Cow<'_, Counts> {
        match self {
            Tally::Pairs { classes, cells } => Cow::Owned(cells.sums(*classes)),
            Tally::Classes(counts) => Cow::Borrowed(counts),
        }
    }

    pub fn reset(&mut self) {
        match self {
            Tally::Pairs { cells, .. } => cells.reset(),
            Tally::Classes(counts) => counts.reset(),
        }
    }
}

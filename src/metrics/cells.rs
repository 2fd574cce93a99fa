//! Counts of pairs of classes, dense or sparse.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::counts::Counts;

/// Counts of pairs of classes. A pair's position is its index in the matrix of all counts, row
/// after row.
#[derive(Clone, Debug)]
pub(super) enum Cells {
    /// All counts, row after row.
    Dense(Vec<u64>),
    /// The counts that are not zero.
    Sparse {
        /// From position to count.
        counts: BTreeMap<u64, u64>,
        /// All counts, row after row, once they have been asked for.
        all: OnceLock<Vec<u64>>,
    },
}

/// The largest number of classes whose counts are dense; they take at most 8 megabytes.
const MAX_DENSE_CLASSES: usize = 1024;

impl PartialEq for Cells {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Cells::Dense(a), Cells::Dense(b)) => a == b,
            (Cells::Sparse { counts: a, .. }, Cells::Sparse { counts: b, .. }) => a == b,
            _ => false,
        }
    }
}

impl Eq for Cells {}

impl Cells {
    pub fn new(classes: usize) -> Self {
        match classes {
            ..=MAX_DENSE_CLASSES => Cells::Dense(vec![0; classes * classes]),
            _ => Cells::Sparse {
                counts: BTreeMap::new(),
                all: OnceLock::new(),
            },
        }
    }

    /// Counts samples, given as pairs of the predicted class and the label.
    #[inline]
    pub fn add_all(&mut self, classes: usize, pairs: impl Iterator<Item = (usize, usize)>) {
        match self {
            Cells::Dense(counts) => pairs.for_each(|(prediction, label)| {
                counts[label * classes + prediction] += 1;
            }),
            Cells::Sparse { counts, all } => pairs.for_each(|(prediction, label)| {
                add_to_sparse(counts, all, position(classes, prediction, label), 1);
            }),
        }
    }

    /// Adds the counts of another matrix with the same number of classes.
    pub fn merge(&mut self, other: &Self) {
        for (position, count) in other.nonzero() {
            match self {
                Cells::Dense(counts) => counts[position as usize] += count,
                Cells::Sparse { counts, all } => add_to_sparse(counts, all, position, count),
            }
        }
    }

    /// Returns the sums of the rows and columns.
    pub fn sums(&self, classes: usize) -> Counts {
        let mut sums = Counts::new(classes);
        for (position, count) in self.nonzero() {
            let label = (position / classes as u64) as usize;
            let prediction = (position % classes as u64) as usize;
            sums.add_many(prediction, label, count);
        }
        sums
    }

    /// Sets all counts to zero.
    pub fn reset(&mut self) {
        match self {
            Cells::Dense(counts) => counts.fill(0),
            Cells::Sparse { counts, all } => {
                all.take();
                counts.clear();
            }
        }
    }

    /// Returns the count at a position.
    pub fn at(&self, position: u64) -> u64 {
        match self {
            Cells::Dense(counts) => counts[position as usize],
            Cells::Sparse { counts, .. } => counts.get(&position).copied().unwrap_or(0),
        }
    }

    /// Returns all counts, row after row.
    pub fn all(&self, classes: usize) -> &[u64] {
        match self {
            Cells::Dense(counts) => counts,
            Cells::Sparse { counts, all } => all.get_or_init(|| {
                let mut all = vec![0; classes * classes];
                counts
                    .iter()
                    .for_each(|(&position, &count)| all[position as usize] = count);
                all
            }),
        }
    }

    /// Returns an iterator over the counts that are not zero, with their positions, row after row.
    pub fn nonzero(&self) -> Box<dyn Iterator<Item = (u64, u64)> + '_> {
        match self {
            Cells::Dense(counts) => Box::new(
                (0..)
                    .zip(counts.iter().copied())
                    .filter(|&(_, count)| count > 0),
            ),
            Cells::Sparse { counts, .. } => {
                Box::new(counts.iter().map(|(&position, &count)| (position, count)))
            }
        }
    }
}

/// Returns the position of a pair of classes.
pub(super) fn position(classes: usize, prediction: usize, label: usize) -> u64 {
    label as u64 * classes as u64 + prediction as u64
}

/// Adds to the count at a position of a sparse matrix.
fn add_to_sparse(
    counts: &mut BTreeMap<u64, u64>,
    all: &mut OnceLock<Vec<u64>>,
    position: u64,
    count: u64,
) {
    // The dense copy is out of date now.
    all.take();
    *counts.entry(position).or_default() += count;
}

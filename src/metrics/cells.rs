//! The cells of a confusion matrix, dense for few classes and sparse for many.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::counts::Counts;

/// The number of samples of each pair of label and prediction.
#[derive(Clone, Debug)]
pub(super) enum Cells {
    /// All counts, in row-major order.
    Dense(Vec<u64>),
    /// The nonzero counts, by label and prediction, as the row-major index of a pair may exceed a
    /// `u64`; and all counts, once they have been requested.
    Sparse {
        counts: BTreeMap<(usize, usize), u64>,
        dense: OnceLock<Vec<u64>>,
    },
}

/// The largest number of classes with a dense matrix, which then has at most 8 megabytes.
pub const MAX_DENSE_CLASSES: usize = 1024;

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
                dense: OnceLock::new(),
            },
        }
    }

    /// Counts samples, given as pairs of prediction and label.
    #[inline]
    pub fn add_all(&mut self, classes: usize, pairs: impl Iterator<Item = (usize, usize)>) {
        match self {
            Cells::Dense(counts) => pairs.for_each(|(prediction, label)| {
                counts[flat_index(classes, (label, prediction))] += 1;
            }),
            Cells::Sparse { counts, dense } => pairs.for_each(|(prediction, label)| {
                add_to_sparse(counts, dense, (label, prediction), 1);
            }),
        }
    }

    /// Adds the counts of another matrix of the same classes.
    pub fn merge(&mut self, classes: usize, other: &Self) {
        for (pair, count) in other.nonzero(classes) {
            match self {
                Cells::Dense(counts) => counts[flat_index(classes, pair)] += count,
                Cells::Sparse { counts, dense } => add_to_sparse(counts, dense, pair, count),
            }
        }
    }

    /// Returns the sums of the rows and columns, and the diagonal.
    pub fn sums(&self, classes: usize) -> Counts {
        let mut sums = Counts::new(classes);
        for ((label, prediction), count) in self.nonzero(classes) {
            sums.add_many(prediction, label, count);
        }
        sums
    }

    pub fn reset(&mut self) {
        match self {
            Cells::Dense(counts) => counts.fill(0),
            Cells::Sparse { counts, dense } => {
                dense.take();
                counts.clear();
            }
        }
    }

    pub fn at(&self, classes: usize, prediction: usize, label: usize) -> u64 {
        let pair = (label, prediction);
        match self {
            Cells::Dense(counts) => counts[flat_index(classes, pair)],
            Cells::Sparse { counts, .. } => counts.get(&pair).copied().unwrap_or(0),
        }
    }

    /// Returns all counts, in row-major order.
    ///
    /// # Panics
    /// Panics if they do not fit into memory.
    pub fn dense(&self, classes: usize) -> &[u64] {
        match self {
            Cells::Dense(counts) => counts,
            Cells::Sparse { counts, dense } => dense.get_or_init(|| {
                let mut dense = vec![0; checked_len(classes)];
                counts
                    .iter()
                    .for_each(|(&pair, &count)| dense[flat_index(classes, pair)] = count);
                dense
            }),
        }
    }

    /// Returns the nonzero counts with label and prediction, in row-major order.
    pub fn nonzero(&self, classes: usize) -> Box<dyn Iterator<Item = ((usize, usize), u64)> + '_> {
        match self {
            Cells::Dense(counts) => Box::new(
                (0..)
                    .zip(counts.iter().copied())
                    .filter(|&(_, count)| count > 0)
                    .map(move |(index, count)| ((index / classes, index % classes), count)),
            ),
            Cells::Sparse { counts, .. } => {
                Box::new(counts.iter().map(|(&pair, &count)| (pair, count)))
            }
        }
    }
}

/// Returns the row-major index of a pair of label and prediction. It does not wrap for a matrix that
/// fits into memory.
#[inline]
fn flat_index(classes: usize, (label, prediction): (usize, usize)) -> usize {
    label * classes + prediction
}

/// Returns the number of cells of a dense matrix.
fn checked_len(classes: usize) -> usize {
    let len = classes.checked_mul(classes);
    let in_memory = |len: &usize| *len <= isize::MAX as usize / size_of::<u64>();
    len.filter(in_memory).unwrap_or_else(|| {
        panic!(
            "expected a confusion matrix whose counts fit into memory, but found {classes} classes \
             with a count for each pair; take those that are not zero, with `nonzero`"
        )
    })
}

fn add_to_sparse(
    counts: &mut BTreeMap<(usize, usize), u64>,
    dense: &mut OnceLock<Vec<u64>>,
    pair: (usize, usize),
    count: u64,
) {
    // The dense copy is out of date.
    dense.take();
    *counts.entry(pair).or_default() += count;
}

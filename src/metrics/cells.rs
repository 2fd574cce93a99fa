//! The counts of pairs of classes, of which there may be very many.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::counts::Counts;

/// Counts of pairs of classes.
#[derive(Clone, Debug)]
pub(super) enum Cells {
    /// All counts, row after row.
    Dense(Vec<u64>),
    /// The counts that are not zero, by label and prediction, as the position of a pair may exceed
    /// a `u64`; and all counts, once they have been asked for.
    Sparse {
        counts: BTreeMap<(usize, usize), u64>,
        all: OnceLock<Vec<u64>>,
    },
}

/// The most classes whose counts are all in memory, in 8 megabytes at most.
const MOST_DENSE: usize = 1024;

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
            ..=MOST_DENSE => Cells::Dense(vec![0; classes * classes]),
            _ => Cells::Sparse {
                counts: BTreeMap::new(),
                all: OnceLock::new(),
            },
        }
    }

    /// Counts samples, of each the predicted class and its own.
    #[inline]
    pub fn add_all(&mut self, classes: usize, pairs: impl Iterator<Item = (usize, usize)>) {
        match self {
            Cells::Dense(counts) => pairs.for_each(|(prediction, label)| {
                counts[place(classes, (label, prediction))] += 1;
            }),
            Cells::Sparse { counts, all } => pairs.for_each(|(prediction, label)| {
                add_to_sparse(counts, all, (label, prediction), 1);
            }),
        }
    }

    /// Adds other counts, of as many classes.
    pub fn merge(&mut self, classes: usize, other: &Self) {
        for (pair, count) in other.nonzero(classes) {
            match self {
                Cells::Dense(counts) => counts[place(classes, pair)] += count,
                Cells::Sparse { counts, all } => add_to_sparse(counts, all, pair, count),
            }
        }
    }

    /// Sums over the rows and columns.
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
            Cells::Sparse { counts, all } => {
                all.take();
                counts.clear();
            }
        }
    }

    pub fn at(&self, classes: usize, prediction: usize, label: usize) -> u64 {
        let pair = (label, prediction);
        match self {
            Cells::Dense(counts) => counts[place(classes, pair)],
            Cells::Sparse { counts, .. } => counts.get(&pair).copied().unwrap_or(0),
        }
    }

    /// All counts, row after row.
    ///
    /// # Panics
    /// If they are more than memory can have.
    pub fn all(&self, classes: usize) -> &[u64] {
        match self {
            Cells::Dense(counts) => counts,
            Cells::Sparse { counts, all } => all.get_or_init(|| {
                let mut all = vec![0; checked_len(classes)];
                counts
                    .iter()
                    .for_each(|(&pair, &count)| all[place(classes, pair)] = count);
                all
            }),
        }
    }

    /// The counts that are not zero, with label and prediction, row after row.
    pub fn nonzero(&self, classes: usize) -> Box<dyn Iterator<Item = ((usize, usize), u64)> + '_> {
        match self {
            Cells::Dense(counts) => Box::new(
                (0..)
                    .zip(counts.iter().copied())
                    .filter(|&(_, count)| count > 0)
                    .map(move |(place, count)| ((place / classes, place % classes), count)),
            ),
            Cells::Sparse { counts, .. } => {
                Box::new(counts.iter().map(|(&pair, &count)| (pair, count)))
            }
        }
    }
}

/// The place of the count of a label and a prediction among all of them, row after row, which are
/// in memory: it does not wrap.
#[inline]
fn place(classes: usize, (label, prediction): (usize, usize)) -> usize {
    label * classes + prediction
}

/// The number of all counts.
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
    all: &mut OnceLock<Vec<u64>>,
    pair: (usize, usize),
    count: u64,
) {
    // What was laid out is no longer right.
    all.take();
    *counts.entry(pair).or_default() += count;
}

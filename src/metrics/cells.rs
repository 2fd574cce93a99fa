//! The counts of pairs of classes, of which there may be very many.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::counts::Counts;

/// The counts of pairs of classes.
#[derive(Clone, Debug)]
pub(super) enum Cells {
    /// All of them, row after row.
    All(Vec<u64>),
    /// Those that are not zero, by their place among all of them; and all of them, once somebody
    /// asks.
    Some {
        counts: BTreeMap<u64, u64>,
        all: OnceLock<Vec<u64>>,
    },
}

/// Up to so many classes a matrix has all its counts in memory, in 8 megabytes at most.
const MOST_DENSE: usize = 1024;

impl PartialEq for Cells {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Cells::All(a), Cells::All(b)) => a == b,
            (Cells::Some { counts: a, .. }, Cells::Some { counts: b, .. }) => a == b,
            _ => false,
        }
    }
}

impl Eq for Cells {}

impl Cells {
    pub fn new(classes: usize) -> Self {
        match classes {
            ..=MOST_DENSE => Cells::All(vec![0; classes * classes]),
            _ => Cells::Some {
                counts: BTreeMap::new(),
                all: OnceLock::new(),
            },
        }
    }

    /// Counts samples, of each the predicted class and its own.
    #[inline]
    pub fn add_all(&mut self, classes: usize, pairs: impl Iterator<Item = (usize, usize)>) {
        match self {
            Cells::All(counts) => pairs.for_each(|(prediction, label)| {
                counts[label * classes + prediction] += 1;
            }),
            Cells::Some { counts, all } => pairs.for_each(|(prediction, label)| {
                add_to_some(counts, all, place(classes, prediction, label), 1);
            }),
        }
    }

    /// Adds other counts, of as many classes.
    pub fn merge(&mut self, other: &Self) {
        for (place, count) in other.nonzero() {
            match self {
                Cells::All(counts) => counts[place as usize] += count,
                Cells::Some { counts, all } => add_to_some(counts, all, place, count),
            }
        }
    }

    /// Sums over the rows and columns.
    pub fn sums(&self, classes: usize) -> Counts {
        let mut sums = Counts::new(classes);
        for (place, count) in self.nonzero() {
            let (label, prediction) = (place / classes as u64, place % classes as u64);
            sums.add_many(prediction as usize, label as usize, count);
        }
        sums
    }

    pub fn reset(&mut self) {
        match self {
            Cells::All(counts) => counts.fill(0),
            Cells::Some { counts, all } => {
                all.take();
                counts.clear();
            }
        }
    }

    pub fn at(&self, place: u64) -> u64 {
        match self {
            Cells::All(counts) => counts[place as usize],
            Cells::Some { counts, .. } => counts.get(&place).copied().unwrap_or(0),
        }
    }

    /// All counts, row after row.
    pub fn all(&self, classes: usize) -> &[u64] {
        match self {
            Cells::All(counts) => counts,
            Cells::Some { counts, all } => all.get_or_init(|| {
                let mut all = vec![0; classes * classes];
                counts
                    .iter()
                    .for_each(|(&place, &count)| all[place as usize] = count);
                all
            }),
        }
    }

    /// The counts that are not zero, with their places, row after row.
    pub fn nonzero(&self) -> Box<dyn Iterator<Item = (u64, u64)> + '_> {
        match self {
            Cells::All(counts) => Box::new(
                (0..)
                    .zip(counts.iter().copied())
                    .filter(|&(_, count)| count > 0),
            ),
            Cells::Some { counts, .. } => {
                Box::new(counts.iter().map(|(&place, &count)| (place, count)))
            }
        }
    }
}

/// The place of a count among all of them, row after row.
pub(super) fn place(classes: usize, prediction: usize, label: usize) -> u64 {
    label as u64 * classes as u64 + prediction as u64
}

fn add_to_some(
    counts: &mut BTreeMap<u64, u64>,
    all: &mut OnceLock<Vec<u64>>,
    place: u64,
    count: u64,
) {
    // What was laid out is no longer right.
    all.take();
    *counts.entry(place).or_default() += count;
}

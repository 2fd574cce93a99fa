//! Data in shards, of which each rank has some.

use core::marker::PhantomData;
use core::ops::Range;

use crate::data::Dataset;

/// The shards of a rank as a part of all samples: those of shard 0, then those of shard 1, and so on.
pub(super) struct Shards<'a, D, X, Y> {
    /// The shards that are here.
    shards: &'a [D],
    /// Their indices.
    own: Range<usize>,
    /// The number of all shards, and of the samples that are used of each.
    count: usize,
    len: usize,
    samples: PhantomData<fn(X, Y)>,
}

impl<'a, D, X, Y> Shards<'a, D, X, Y> {
    pub fn new(shards: &'a [D], own: Range<usize>, count: usize, len: usize) -> Self {
        Shards {
            shards,
            own,
            count,
            len,
            samples: PhantomData,
        }
    }
}

impl<X, Y, D: Dataset<X, Y>> Dataset<X, Y> for Shards<'_, D, X, Y> {
    fn len(&self) -> usize {
        self.count * self.len
    }

    /// Appends a sample of a shard that is here. Slices never ask for others.
    fn push(&self, position: usize, inputs: &mut Vec<X>, targets: &mut Vec<Y>) {
        let shard = position / self.len - self.own.start;
        self.shards[shard].push(position % self.len, inputs, targets);
    }
}

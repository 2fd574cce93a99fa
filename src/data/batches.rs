//! Batches of inputs and targets.

use core::ops::Range;

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};

use super::dataset::{Samples, extend};
use super::{Dataset, Sample};
use crate::distributed::share_of;

/// Batches of inputs and targets, one after another, in an order that can be shuffled.
///
/// The batches are gathered in buffers that are used again, so that none of them allocates.
///
/// ```
/// use shapewright::data::Batches;
/// use shapewright::prelude::*;
/// let x: Vec<_> = (0..10).map(|i| Tensor1::from([i as f32])).collect();
/// let targets = x.clone();
/// let mut batches = Batches::new(&x, &targets, 4);
/// let mut rng = shapewright::rng(0);
/// for epoch in 0..5 {
///     batches.shuffle(&mut rng);
///     while let Some((x, targets)) = batches.next_batch() {
///         assert_eq!(x, targets);
///     }
/// }
/// assert_eq!(batches.steps(), 3);
/// ```
#[doc(alias = "DataLoader")]
#[derive(Debug)]
pub struct Batches<'a, X, Y> {
    pub(super) samples: Samples<'a, X, Y>,
    /// The number of samples among which each pass draws, instead of having each once.
    drawn_from: Option<usize>,
    pub(super) order: Vec<usize>,
    pub(super) next: usize,
    pub(super) size: usize,
    drop_last: bool,
    pub(super) share: BatchShare,
    /// The number of samples of each shard, if the samples are in shards, one after another.
    shard_len: Option<usize>,
    batch_inputs: Vec<X>,
    batch_targets: Vec<Y>,
}

/// Clones the batches that are left; the buffers of the last one stay with the original.
impl<X, Y> Clone for Batches<'_, X, Y> {
    fn clone(&self) -> Self {
        let Batches {
            samples,
            drawn_from,
            ref order,
            next,
            size,
            drop_last,
            share,
            shard_len,
            ..
        } = *self;

        Batches {
            samples,
            drawn_from,
            order: order.clone(),
            next,
            size,
            drop_last,
            share,
            shard_len,
            batch_inputs: Vec::new(),
            batch_targets: Vec::new(),
        }
    }
}

impl<'a, X: Sample, Y: Sample> Batches<'a, X, Y> {
    /// Creates batches of `size` samples, in the order of the data until it is shuffled; the last may have
    /// fewer.
    ///
    /// # Panics
    /// Panics if there are not as many targets as inputs, or if `size` is 0.
    pub fn new(inputs: &'a [X], targets: &'a [Y], size: usize) -> Self {
        Self::over(inputs, targets, (0..inputs.len()).collect(), size)
    }

    /// Creates batches of some of the samples, such as those of a part or a fold, in the order of the
    /// positions.
    ///
    /// # Panics
    /// Panics if there are not as many targets as inputs, if `size` is 0, or if a position is not
    /// one of a sample.
    pub fn of(inputs: &'a [X], targets: &'a [Y], positions: &[usize], size: usize) -> Self {
        Self::over(inputs, targets, positions.to_vec(), size)
    }

    #[track_caller]
    fn over(inputs: &'a [X], targets: &'a [Y], order: Vec<usize>, size: usize) -> Self {
        assert!(
            inputs.len() == targets.len(),
            "there are {} inputs but {} targets; give one target for each input",
            inputs.len(),
            targets.len()
        );
        for &position in &order {
            assert_position(position, inputs.len());
        }
        Self::from_parts(Samples::Slices(inputs, targets), None, order, size)
    }

    /// Creates batches of the samples of a data set, which are made when a batch is gathered.
    ///
    /// If the data set [draws](Dataset::draws) samples, each [`shuffle`](Batches::shuffle) draws
    /// them anew; before the first, they are spread evenly over all.
    ///
    /// # Panics
    /// Panics if `size` is 0, or if samples are to be drawn and there are none.
    pub fn of_dataset(dataset: &'a impl Dataset<X, Y>, size: usize) -> Self {
        Self::of_any_dataset(dataset, size)
    }

    #[track_caller]
    pub(crate) fn of_any_dataset(dataset: &'a dyn Dataset<X, Y>, size: usize) -> Self {
        let count = dataset.len();
        let draws = dataset.draws();
        assert!(
            count > 0 || draws.is_none_or(|draws| draws == 0),
            "a data set without samples has none to be drawn"
        );

        let order = match draws {
            None => (0..count).collect(),
            Some(draws) => (0..draws)
                .map(|draw| (draw as u128 * count as u128 / draws as u128) as usize)
                .collect(),
        };
        let drawn_from = draws.map(|_| count);
        Self::from_parts(Samples::Dataset(dataset), drawn_from, order, size)
    }

    #[track_caller]
    fn from_parts(
        samples: Samples<'a, X, Y>,
        drawn_from: Option<usize>,
        order: Vec<usize>,
        size: usize,
    ) -> Self {
        assert!(size > 0, "batches of 0 samples never end; take at least 1");
        Batches {
            samples,
            drawn_from,
            order,
            next: 0,
            size,
            drop_last: false,
            share: BatchShare::WHOLE,
            shard_len: None,
            batch_inputs: Vec::new(),
            batch_targets: Vec::new(),
        }
    }

    /// Omits a last batch that has fewer samples than the others.
    pub fn drop_last(self) -> Self {
        Batches {
            drop_last: true,
            ..self
        }
    }

    /// Takes a share of each batch, in place of the whole batch.
    pub(crate) fn sharing(self, share: BatchShare) -> Self {
        Batches { share, ..self }
    }

    /// Takes the samples of each slice of a batch from a shard of its own. Shards of `len` samples
    /// follow each other, and slices have the same length.
    pub(crate) fn in_shards(self, len: usize) -> Self {
        Batches {
            shard_len: Some(len),
            ..self
        }
    }

    /// Shuffles the samples within their shards.
    fn shuffle_shards<R: Rng + ?Sized>(&mut self, len: usize, rng: &mut R) {
        let shards = self.order.len() / len;
        for (shard, order) in self.order.chunks_exact_mut(len).enumerate() {
            let first = shard * len;
            let positions = order.iter_mut().zip(first..);
            positions.for_each(|(to, position)| *to = position);
            order.shuffle(rng);
        }

        let per_slice = self.size / shards;
        let mut order = Vec::with_capacity(self.order.len());
        for begin in (0..len).step_by(per_slice) {
            let slice = begin..len.min(begin + per_slice);
            for shard in self.order.chunks_exact(len) {
                order.extend_from_slice(&shard[slice.clone()]);
            }
        }
        self.order = order;
    }

    /// Returns the number of batches in one pass.
    pub fn steps(&self) -> usize {
        let samples = self.order.len();
        if self.drop_last {
            samples / self.size
        } else {
            samples.div_ceil(self.size)
        }
    }

    /// The number of samples in the largest batch.
    pub(super) fn most(&self) -> usize {
        self.size.min(self.order.len())
    }

    /// The positions of a batch's samples among all.
    pub(super) fn positions(&self, batch: usize) -> &[usize] {
        positions(&self.order, self.size, batch, self.share)
    }

    /// Begins again, in another order, or with other samples if they are drawn. From the start, the same generator gives the same orders
    /// everywhere.
    pub fn shuffle<R: Rng + ?Sized>(&mut self, rng: &mut R) {
        match self.drawn_from {
            None if let Some(len) = self.shard_len => self.shuffle_shards(len, rng),
            None => self.order.shuffle(rng),
            Some(count) => self
                .order
                .iter_mut()
                .for_each(|position| *position = rng.random_range(0..count)),
        }
        self.restart();
    }

    /// Begins again, in the same order.
    pub fn restart(&mut self) {
        self.next = 0;
    }

    /// Continues as after the first `batches` batches, in the same order.
    pub(crate) fn go_to(&mut self, batches: usize) {
        self.next = batches.min(self.steps());
    }

    /// Returns the next batch, or `None` after the last.
    pub fn next_batch(&mut self) -> Option<(&[X], &[Y])> {
        if self.next == self.steps() {
            return None;
        }
        let positions = positions(&self.order, self.size, self.next, self.share);
        self.next += 1;

        self.samples
            .fill(&mut self.batch_inputs, &mut self.batch_targets, positions);
        Some((&self.batch_inputs, &self.batch_targets))
    }
}

/// The share of a rank in each batch: some of the slices that the batch is cut into.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchShare {
    /// The first slice, and the one after the last.
    pub first: usize,
    pub end: usize,
    /// The number of slices of a batch.
    pub slices: usize,
}

impl BatchShare {
    /// The whole batch.
    const WHOLE: Self = BatchShare {
        first: 0,
        end: 1,
        slices: 1,
    };

    /// Returns the samples of a slice, in a batch of `len` samples.
    pub fn slice(self, slice: usize, len: usize) -> Range<usize> {
        share_of(slice, self.slices, len)
    }

    /// Returns the most samples that a slice has in a batch of `len` samples.
    pub fn longest_slice(self, len: usize) -> usize {
        len.div_ceil(self.slices)
    }

    /// Returns the samples of the share, in a batch of `len` samples.
    pub fn samples(self, len: usize) -> Range<usize> {
        let begin = self.slice(self.first, len).start;
        begin..self.slice(self.end - 1, len).end
    }
}

/// The positions of the samples in a share of batch number `batch`.
pub(super) fn positions(order: &[usize], size: usize, batch: usize, share: BatchShare) -> &[usize] {
    let begin = batch * size;
    let batch = &order[begin..order.len().min(begin + size)];
    &batch[share.samples(batch.len())]
}

/// Returns copies of the samples at these positions.
///
/// ```
/// use shapewright::data::gather;
/// assert_eq!(gather(&["a", "b", "c"], &[2, 0]), ["c", "a"]);
/// ```
///
/// # Panics
/// Panics if a position is not one of a sample.
pub fn gather<X: Sample>(samples: &[X], positions: &[usize]) -> Vec<X> {
    for &position in positions {
        assert_position(position, samples.len());
    }

    let mut gathered = Vec::with_capacity(positions.len());
    extend(&mut gathered, samples, positions);
    gathered
}

#[track_caller]
fn assert_position(position: usize, samples: usize) {
    assert!(
        position < samples,
        "there is no sample at position {position} among {samples}, which are counted from 0; take the positions \
         from a split of the same samples"
    );
}

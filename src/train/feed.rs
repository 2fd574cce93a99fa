//! The batches of a training: gathered when they are asked for, or changed ahead on another thread.

use std::thread::Scope;

use rand::seq::SliceRandom;

use super::{Input, Samples};
use crate::augment::{Augment, MixUp, SampleRng, mix, sample_rng};
use crate::data::{Batches, Refill, gather_into};
use crate::network::Network;
use crate::tensor::Tensor;

/// What is done to the inputs before the network sees them.
pub(super) struct Changes<'a, N: Network> {
    pub augment: Option<AnyAugment<'a, N>>,
    pub mixup: Option<MixUp>,
}

impl<N: Network> Changes<'_, N> {
    pub const NONE: Self = Changes { augment: None, mixup: None };

    /// What they are, leaving none.
    pub fn take(&mut self) -> Self {
        std::mem::replace(self, Self::NONE)
    }
}

pub(super) type AnyAugment<'a, N> =
    Box<dyn Augment<<N as Network>::Input, <N as Network>::Element> + Send + 'a>;

/// One batch.
pub(super) struct Batch<'b, N: Network, G> {
    pub samples: Samples<'b, N, G>,
    /// If the inputs are mixed, what they keep of their own, and the targets of the rest.
    pub mixed: Option<(f64, &'b [G])>,
}

/// Gives the batches of one epoch after the other, each in an order of its own.
pub(super) enum Feed<'s, 'a, N: Network, G> {
    Gathered {
        batches: Batches<'a, Input<N>, G>,
        rng: SampleRng,
    },
    Ahead {
        made: Refill<'s, Made<N>>,
        train: Samples<'a, N, G>,
        steps: usize,
        targets: Vec<G>,
        /// Those in reverse, for what is mixed.
        others: Vec<G>,
    },
}

/// A batch that was made ahead. Its targets are gathered where it is used, because only tensors are known to be `Send`.
pub(super) struct Made<N: Network> {
    positions: Vec<usize>,
    inputs: Vec<Input<N>>,
    kept: Option<f64>,
}

/// Where a training begins or goes on.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// How many epochs are behind it, and how many there are.
    pub epochs: [usize; 2],
    /// How many batches of the next epoch are behind it.
    pub batches: usize,
}

impl<'s, 'a: 's, N: Network, G: Clone> Feed<'s, 'a, N, G> {
    /// Goes on from a place. Each order follows from the one before, so all are drawn again; what is drawn for a
    /// sample follows from the seed, the epoch and its position.
    pub fn new<'c: 's>(
        scope: &'s Scope<'s, '_>,
        changes: Changes<'c, N>,
        train: Samples<'a, N, G>,
        size: usize,
        place: Place,
        seed: u64,
        mut rng: SampleRng,
    ) -> Self {
        let ([epochs, _], begun) = (place.epochs, place.batches > 0);
        let mut batches = Batches::new(train.inputs, train.targets, size);
        if changes.augment.is_none() && changes.mixup.is_none() {
            (0..epochs + usize::from(begun)).for_each(|_| batches.shuffle(&mut rng));
            batches.go_to(place.batches);
            return Feed::Gathered { batches, rng };
        }
        let mut order: Vec<usize> = (0..train.inputs.len()).collect();
        (0..epochs + usize::from(begun)).for_each(|_| order.shuffle(&mut rng));
        let size = size.min(order.len());
        let buffers = [(); 2].map(|()| Made {
            positions: Vec::with_capacity(size),
            inputs: Vec::with_capacity(size),
            kept: None,
        });
        let maker = Maker {
            inputs: train.inputs,
            changes,
            scratch: Tensor::zeros_boxed(),
            order,
            size,
            place,
            seed,
            rng,
        };
        Feed::Ahead {
            made: Refill::scoped(scope, buffers, maker.into_fill()),
            train,
            steps: batches.steps(),
            targets: Vec::with_capacity(size),
            others: Vec::with_capacity(size),
        }
    }
}

impl<N: Network, G: Clone> Feed<'_, '_, N, G> {
    /// How many batches an epoch has.
    pub fn steps(&self) -> usize {
        match self {
            Feed::Gathered { batches, .. } => batches.steps(),
            Feed::Ahead { steps, .. } => *steps,
        }
    }

    /// Begins an epoch.
    pub fn begin_epoch(&mut self) {
        if let Feed::Gathered { batches, rng } = self {
            batches.shuffle(rng);
        }
    }

    /// The next batch; `None` after the last of the epoch, or of all epochs.
    ///
    /// # Panics
    /// If a transform panics.
    pub fn next_batch(&mut self) -> Option<Batch<'_, N, G>> {
        match self {
            Feed::Gathered { batches, .. } => {
                let (inputs, targets) = batches.next_batch()?;
                Some(Batch { samples: Samples { inputs, targets }, mixed: None })
            }
            Feed::Ahead { made, train, targets, others, .. } => {
                let made = made.next_batch()?;
                gather_into(targets, train.targets, &made.positions);
                let mixed = made.kept.map(|kept| {
                    made.positions.reverse();
                    gather_into(others, train.targets, &made.positions);
                    (kept, &others[..])
                });
                Some(Batch { samples: Samples { inputs: &made.inputs, targets }, mixed })
            }
        }
    }
}

/// Makes batches on its own thread.
struct Maker<'a, 'c, N: Network> {
    inputs: &'a [Input<N>],
    changes: Changes<'c, N>,
    scratch: Box<Input<N>>,
    order: Vec<usize>,
    size: usize,
    place: Place,
    seed: u64,
    rng: SampleRng,
}

impl<'a, 'c, N: Network> Maker<'a, 'c, N> {
    fn into_fill(mut self) -> impl FnMut(&mut Made<N>) -> bool + Send + use<'a, 'c, N> {
        move |made| self.make(made)
    }

    fn make(&mut self, made: &mut Made<N>) -> bool {
        let Maker { inputs, changes, scratch, order, size, place, seed, rng } = self;
        let Place { epochs: [done, epochs], batches } = place;
        if *batches * *size >= order.len() {
            (*done, *batches) = (*done + 1, 0);
        }
        if done >= epochs {
            return false;
        }
        if *batches == 0 {
            order.shuffle(rng);
        }
        let (first, epoch) = (*batches * *size, *done + 1);
        made.positions.clear();
        made.positions.extend_from_slice(&order[first..order.len().min(first + *size)]);
        gather_into(&mut made.inputs, inputs, &made.positions);
        if let Some(augment) = &changes.augment {
            for (input, &index) in made.inputs.iter_mut().zip(&made.positions) {
                augment.augment(input, scratch, &mut sample_rng(*seed, epoch, index));
            }
        }
        made.kept = changes.mixup.map(|mixup| {
            let kept = mixup.draw(&mut sample_rng(!*seed, epoch, *batches));
            mix(&mut made.inputs, kept);
            kept
        });
        *batches += 1;
        true
    }
}

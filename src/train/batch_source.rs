//! The source of an epoch's batches: idle workers gather them, or, if they are augmented, another
//! thread makes them.

use std::thread::Scope;

use super::{Input, Samples};
use crate::augment::{Augment, MixUp, mix, sample_rng};
use crate::data::{self, Batches, Changing, Gathered, Gathering, Sample};
use crate::loss::{Loss, TargetOf};
use crate::network::Network;
use crate::tensor::Tensor;

/// The random changes of inputs before the network sees them.
pub(super) struct Augmentation<'a, N: Network> {
    pub augment: Option<AnyAugment<'a, N::Input, N::Element>>,
    pub mixup: Option<MixUp>,
}

type AnyAugment<'a, S, T> = Box<dyn Augment<S, T> + Send + 'a>;

impl<N: Network> Augmentation<'_, N> {
    pub const NONE: Self = Augmentation {
        augment: None,
        mixup: None,
    };

    fn is_none(&self) -> bool {
        self.augment.is_none() && self.mixup.is_none()
    }

    /// Draws the share of themselves that samples keep in a batch of an epoch, if they are mixed.
    fn kept(mixup: Option<MixUp>, epoch_seed: EpochSeed, batch: usize) -> Option<f64> {
        let EpochSeed { seed, epoch } = epoch_seed;
        // The complement keeps these numbers apart from those of the transforms.
        Some(mixup?.draw(&mut sample_rng(!seed, epoch, batch)))
    }

    /// Changes the inputs of a batch, which have these positions among all samples.
    fn apply(
        &self,
        epoch_seed: EpochSeed,
        batch: usize,
        positions: &[usize],
        inputs: &mut [Input<N>],
        scratch: &mut Input<N>,
    ) {
        if let Some(augment) = &self.augment {
            let EpochSeed { seed, epoch } = epoch_seed;
            for (input, &position) in inputs.iter_mut().zip(positions) {
                augment.augment(input, scratch, &mut sample_rng(seed, epoch, position));
            }
        }

        if let Some(kept) = Self::kept(self.mixup, epoch_seed, batch) {
            mix(inputs, kept);
        }
    }
}

/// The seed of an epoch's random changes, on which they depend in addition to the position of the
/// sample or batch.
#[derive(Clone, Copy)]
pub(super) struct EpochSeed {
    pub seed: u64,
    /// The epoch, from 1.
    pub epoch: usize,
}

/// One batch.
pub(super) struct Batch<'b, N: Network, G> {
    pub samples: Samples<'b, N, G>,
    /// For mixed inputs, the share of themselves that they keep, and the targets of the samples
    /// that make up the rest.
    pub mixed: Option<(f64, &'b [G])>,
}

impl<N: Network, G> Batch<'_, N, G> {
    /// Returns the batch's weight in a mean over batches.
    pub fn weight<L>(&self, loss: &L) -> f64
    where
        L: Loss<N::Output, N::Element>,
        G: TargetOf<L::Target, L, N>,
    {
        let of = |targets| loss.weight(G::expected(targets));
        match self.mixed {
            Some((kept, others)) => kept * of(self.samples.targets) + (1.0 - kept) * of(others),
            None => of(self.samples.targets),
        }
    }
}

/// The augmented batches of a training, which a thread makes for as long as the training takes.
pub(super) struct AugmentedBatches<'scope, N: Network, G> {
    batches: Changing<'scope, Input<N>, G>,
    mixup: Option<MixUp>,
    /// The targets of a mixed batch in reverse, which are those of the other samples.
    others: Vec<G>,
}

impl<'scope, N: Network, G: Sample + Send + Sync> AugmentedBatches<'scope, N, G> {
    /// Starts the thread; returns `None` if there is no augmentation.
    pub fn new<'d: 'scope>(
        scope: &'scope Scope<'scope, '_>,
        batches: &Batches<'d, Input<N>, G>,
        augmentation: Augmentation<'scope, N>,
        seed: u64,
    ) -> Option<Self>
    where
        N: 'scope,
        G: 'scope,
    {
        if augmentation.is_none() {
            return None;
        }

        let mixup = augmentation.mixup;
        let mut scratch = Tensor::zeros_boxed();
        let change =
            move |epoch: usize, batch: usize, positions: &[usize], inputs: &mut [Input<N>]| {
                let epoch_seed = EpochSeed { seed, epoch };
                augmentation.apply(epoch_seed, batch, positions, inputs, &mut scratch);
            };
        Some(AugmentedBatches {
            batches: Changing::new(scope, batches, change),
            mixup,
            others: Vec::new(),
        })
    }
}

/// The batches of one epoch.
pub(super) enum BatchSource<'f, 'd, 'scope, N: Network, G> {
    Gathered(Gathered<'f, 'd, Input<N>, G>),
    Augmented {
        augmented: &'f mut AugmentedBatches<'scope, N, G>,
        epoch_seed: EpochSeed,
        /// The index of the next batch.
        next: usize,
    },
}

impl<'d, 'scope, N: Network, G: Sample + Send + Sync> BatchSource<'_, 'd, 'scope, N, G> {
    /// Calls `f` with the remaining batches of an epoch, of which `done` have been used.
    pub fn run<R>(
        batches: &mut Gathering<'d, Input<N>, G>,
        augmented: &mut Option<AugmentedBatches<'scope, N, G>>,
        epoch_seed: EpochSeed,
        done: usize,
        f: impl FnOnce(&mut BatchSource<'_, 'd, 'scope, N, G>) -> R,
    ) -> R {
        match augmented {
            None => batches.run(|batches| f(&mut BatchSource::Gathered(batches))),
            Some(augmented) => {
                augmented
                    .batches
                    .begin(epoch_seed.epoch, batches.batches_mut());
                f(&mut BatchSource::Augmented {
                    augmented,
                    epoch_seed,
                    next: done,
                })
            }
        }
    }

    /// Returns the next batch; `None` after the last.
    ///
    /// # Panics
    /// Panics if a transform panics.
    pub fn next_batch(&mut self) -> Option<Batch<'_, N, G>> {
        match self {
            BatchSource::Gathered(batches) => {
                let (inputs, targets) = batches.next_batch()?;
                Some(Batch {
                    samples: Samples { inputs, targets },
                    mixed: None,
                })
            }
            BatchSource::Augmented {
                augmented,
                epoch_seed,
                next,
            } => {
                let AugmentedBatches {
                    batches,
                    mixup,
                    others,
                } = &mut **augmented;
                let (inputs, targets) = batches.next_batch()?;

                let mixed = Augmentation::<N>::kept(*mixup, *epoch_seed, *next).map(|kept| {
                    others.clear();
                    targets
                        .chunks(1)
                        .rev()
                        .for_each(|target| data::extend_from_slice(others, target));
                    (kept, &others[..])
                });
                *next += 1;

                Some(Batch {
                    samples: Samples { inputs, targets },
                    mixed,
                })
            }
        }
    }
}

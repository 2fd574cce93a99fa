//! Where the batches of an epoch come from: gathered by workers that wait for their next job, or,
//! where they are changed, made on another thread.

use std::thread::Scope;

use super::{Input, Samples};
use crate::augment::{Augment, MixUp, mix, sample_rng};
use crate::data::{Batches, Changing, Gathered, Gathering, Sample};
use crate::memory;
use crate::network::Network;
use crate::tensor::Tensor;

/// What is done to inputs before the network sees them.
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

    /// The part that samples keep of their own in a batch of an epoch, if they are mixed.
    fn kept(mixup: Option<MixUp>, at: At, batch: usize) -> Option<f64> {
        Some(mixup?.draw(&mut sample_rng(!at.seed, at.epoch, batch)))
    }

    /// Changes a batch, whose inputs have these positions among all.
    fn apply(
        &self,
        at: At,
        batch: usize,
        positions: &[usize],
        inputs: &mut [Input<N>],
        scratch: &mut Input<N>,
    ) {
        if let Some(augment) = &self.augment {
            for (input, &position) in inputs.iter_mut().zip(positions) {
                augment.augment(input, scratch, &mut sample_rng(at.seed, at.epoch, position));
            }
        }
        if let Some(kept) = Self::kept(self.mixup, at, batch) {
            mix(inputs, kept);
        }
    }
}

/// What random changes depend on beside the position of the sample or batch.
#[derive(Clone, Copy)]
pub(super) struct At {
    pub seed: u64,
    /// From 1.
    pub epoch: usize,
}

/// One batch.
pub(super) struct Batch<'b, N: Network, G> {
    pub samples: Samples<'b, N, G>,
    /// If the inputs are mixed, what they keep of their own, and the targets of the rest.
    pub mixed: Option<(f64, &'b [G])>,
}

/// The batches of a training, changed on a thread that lives as long.
pub(super) struct Changed<'scope, N: Network, G> {
    batches: Changing<'scope, Input<N>, G>,
    mixup: Option<MixUp>,
    /// The targets in reverse: those of the other samples, where they are mixed.
    others: Vec<G>,
}

impl<'scope, N: Network, G: Sample + Send + Sync> Changed<'scope, N, G> {
    /// `None` if nothing changes them.
    pub fn new<'d: 'scope>(
        scope: &'scope Scope<'scope, '_>,
        batches: &Batches<'d, Input<N>, G>,
        changes: Augmentation<'scope, N>,
        seed: u64,
    ) -> Option<Self>
    where
        N: 'scope,
        G: 'scope,
    {
        if changes.is_none() {
            return None;
        }
        let mixup = changes.mixup;
        let mut scratch = Tensor::zeros_boxed();
        let change =
            move |epoch: usize, batch: usize, positions: &[usize], inputs: &mut [Input<N>]| {
                changes.apply(At { seed, epoch }, batch, positions, inputs, &mut scratch);
            };
        Some(Changed {
            batches: Changing::new(scope, batches, change),
            mixup,
            others: Vec::new(),
        })
    }
}

/// The batches of one epoch.
pub(super) enum BatchSource<'f, 'd, 'scope, N: Network, G> {
    Gathered(Gathered<'f, 'd, Input<N>, G>),
    Changed {
        changed: &'f mut Changed<'scope, N, G>,
        at: At,
        /// The batch that comes next.
        next: usize,
    },
}

impl<'d, 'scope, N: Network, G: Sample + Send + Sync> BatchSource<'_, 'd, 'scope, N, G> {
    /// Calls with the batches that are left of the epoch, `done` of them being behind.
    pub fn run<R>(
        batches: &mut Gathering<'d, Input<N>, G>,
        changed: &mut Option<Changed<'scope, N, G>>,
        at: At,
        done: usize,
        f: impl FnOnce(&mut BatchSource<'_, 'd, 'scope, N, G>) -> R,
    ) -> R {
        match changed {
            None => batches.run(|batches| f(&mut BatchSource::Gathered(batches))),
            Some(changed) => {
                changed.batches.begin(at.epoch, batches.batches_mut());
                f(&mut BatchSource::Changed {
                    changed,
                    at,
                    next: done,
                })
            }
        }
    }

    /// The next batch; `None` after the last.
    ///
    /// # Panics
    /// If a transform panics.
    pub fn next_batch(&mut self) -> Option<Batch<'_, N, G>> {
        match self {
            BatchSource::Gathered(batches) => {
                let (inputs, targets) = batches.next_batch()?;
                Some(Batch {
                    samples: Samples { inputs, targets },
                    mixed: None,
                })
            }
            BatchSource::Changed { changed, at, next } => {
                let Changed {
                    batches,
                    mixup,
                    others,
                } = &mut **changed;
                let (inputs, targets) = batches.next_batch()?;
                let mixed = Augmentation::<N>::kept(*mixup, *at, *next).map(|kept| {
                    others.clear();
                    targets
                        .chunks(1)
                        .rev()
                        .for_each(|target| memory::append(others, target));
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

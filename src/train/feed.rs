//! Where the batches of an epoch come from: gathered by workers that wait for their next job, or, where they are
//! changed, made on another thread.

use std::thread;

use super::{Input, Samples};
use crate::augment::{Augment, MixUp, mix, sample_rng};
use crate::data::{Gathered, Gathering, Refill, Sample};
use crate::memory;
use crate::network::Network;
use crate::tensor::Tensor;

/// What is done to inputs before the network sees them.
pub(super) struct Changes<'a, N: Network> {
    pub augment: Option<AnyAugment<'a, N::Input, N::Element>>,
    pub mixup: Option<MixUp>,
}

type AnyAugment<'a, S, T> = Box<dyn Augment<S, T> + Send + 'a>;

impl<N: Network> Changes<'_, N> {
    pub const NONE: Self = Changes { augment: None, mixup: None };

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

/// The batches of one epoch.
pub(super) enum Feed<'f, 'd, N: Network, G> {
    Gathered(Gathered<'f, 'd, Input<N>, G>),
    Changed {
        batches: Refill<'f, (Vec<Input<N>>, Vec<G>)>,
        mixup: Option<MixUp>,
        at: At,
        /// The batch that comes next.
        next: usize,
        /// The targets in reverse: those of the other samples, where they are mixed.
        others: Vec<G>,
    },
}

impl<'d, N: Network, G: Sample + Send + Sync> Feed<'_, 'd, N, G> {
    /// Calls with the batches that are left of the epoch, `done` of them being behind.
    pub fn run<R>(
        batches: &mut Gathering<'d, Input<N>, G>,
        changes: &mut Changes<'_, N>,
        at: At,
        done: usize,
        f: impl FnOnce(&mut Feed<'_, 'd, N, G>) -> R,
    ) -> R {
        if changes.is_none() {
            return batches.run(|batches| f(&mut Feed::Gathered(batches)));
        }
        let (mixup, mut scratch) = (changes.mixup, Tensor::zeros_boxed());
        let change = move |batch: usize, positions: &[usize], inputs: &mut [Input<N>]| {
            changes.apply(at, batch, positions, inputs, &mut scratch);
        };
        thread::scope(|scope| {
            let batches = batches.batches_mut().ahead(scope, change);
            f(&mut Feed::Changed { batches, mixup, at, next: done, others: Vec::new() })
        })
    }

    /// The next batch; `None` after the last.
    ///
    /// # Panics
    /// If a transform panics.
    pub fn next_batch(&mut self) -> Option<Batch<'_, N, G>> {
        match self {
            Feed::Gathered(batches) => {
                let (inputs, targets) = batches.next_batch()?;
                Some(Batch { samples: Samples { inputs, targets }, mixed: None })
            }
            Feed::Changed { batches, mixup, at, next, others } => {
                let (inputs, targets) = batches.next_batch()?;
                let mixed = Changes::<N>::kept(*mixup, *at, *next).map(|kept| {
                    others.clear();
                    targets.chunks(1).rev().for_each(|target| memory::append(others, target));
                    (kept, &others[..])
                });
                *next += 1;
                Some(Batch { samples: Samples { inputs, targets }, mixed })
            }
        }
    }
}

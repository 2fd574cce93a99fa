//! Where the batches of an epoch come from: gathered when they are needed, or ahead on another thread.

use std::thread::{Scope, available_parallelism};

use crate::data::{Batches, Refill};

/// From this many bytes in a batch on, gathering it takes longer than handing it from thread to thread, some 5 us:
/// MNIST's batches of 64 are 200 kB, and gathering them took an eighth of an epoch.
const WORTH_A_THREAD: usize = 1 << 16;

/// The batches of one epoch.
pub(super) enum Feed<'f, 'd, X, Y> {
    Here(&'f mut Batches<'d, X, Y>),
    Ahead(Refill<'f, (Vec<X>, Vec<Y>)>),
}

impl<'f, 'd, X: Clone + Send + Sync, Y: Clone + Send + Sync> Feed<'f, 'd, X, Y> {
    /// The batches that are left of the epoch.
    pub fn new<'env>(
        scope: &'f Scope<'f, 'env>,
        batches: &'f mut Batches<'d, X, Y>,
        batch_size: usize,
    ) -> Self {
        let bytes = batch_size.saturating_mul(size_of::<X>() + size_of::<Y>());
        if bytes >= WORTH_A_THREAD && available_parallelism().is_ok_and(|processors| processors.get() > 1) {
            Feed::Ahead(batches.ahead(scope))
        } else {
            Feed::Here(batches)
        }
    }

    pub fn next_batch(&mut self) -> Option<(&[X], &[Y])> {
        match self {
            Feed::Here(batches) => batches.next_batch(),
            Feed::Ahead(batches) => batches.next_batch().map(|(inputs, targets)| (&**inputs, &**targets)),
        }
    }
}

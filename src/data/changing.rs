//! Batches that are changed on another thread before they are needed.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Scope;

use super::batches::{Batches, positions};
use super::queue::{End, Queue};
use super::{Refill, Sample};

/// The batches of several passes over samples, each gathered and changed on another thread while
/// the one before is used. After the first pass, nothing is allocated.
pub(crate) struct Changing<'scope, X, Y> {
    /// Sends the next batches to the thread. It is dropped before the thread is joined, so that the
    /// thread does not wait for more.
    passes: End<Pass>,
    batches: Refill<'scope, (Vec<X>, Vec<Y>)>,
    /// The order of the samples in this pass.
    order: Arc<Mutex<Vec<usize>>>,
    /// The number of batches that are left of it.
    left: usize,
}

/// The batches that are left of a pass.
struct Pass {
    number: usize,
    batches: Range<usize>,
}

impl<'scope, X, Y> Changing<'scope, X, Y>
where
    X: Sample + Send + Sync + 'scope,
    Y: Sample + Send + Sync + 'scope,
{
    /// Creates batches of the same samples. `change` gets the number of the pass, that of the batch, the
    /// positions of its samples, and its inputs.
    pub fn new<'a: 'scope>(
        scope: &'scope Scope<'scope, '_>,
        batches: &Batches<'a, X, Y>,
        mut change: impl FnMut(usize, usize, &[usize], &mut [X]) + Send + 'scope,
    ) -> Self {
        let Batches {
            samples,
            size,
            share,
            ..
        } = *batches;

        let [passes, next_passes] = Queue::ends(1);
        let order = Arc::new(Mutex::new(Vec::new()));
        let order_here = Arc::clone(&order);
        let mut pass = Pass {
            number: 0,
            batches: 0..0,
        };

        let fill_next = move |(inputs, targets): &mut (Vec<X>, Vec<Y>)| {
            let batch = loop {
                if let Some(batch) = pass.batches.next() {
                    break batch;
                }
                let Some(next) = next_passes.take() else {
                    return false;
                };
                pass = next;
            };

            let order = lock(&order_here);
            let positions = positions(&order, size, batch, share);
            samples.fill(inputs, targets, positions);
            change(pass.number, batch, positions, inputs);
            true
        };

        let buffers = [(); 2].map(|()| Default::default());
        Changing {
            passes,
            batches: Refill::scoped(scope, buffers, fill_next),
            order,
            left: 0,
        }
    }
}

impl<X: Sample, Y: Sample> Changing<'_, X, Y> {
    /// Begins with the batches that are left of a pass. Those of the pass before are used up.
    pub fn begin(&mut self, number: usize, batches: &Batches<'_, X, Y>) {
        self.left = batches.steps() - batches.next;
        if self.left == 0 {
            return;
        }

        let mut order = lock(&self.order);
        order.clear();
        order.extend_from_slice(&batches.order);
        drop(order);

        // If a panic has ended the thread, it resumes in the call for the next batch.
        let _ = self.passes.put(Pass {
            number,
            batches: batches.next..batches.steps(),
        });
    }

    /// Returns the next batch, or `None` after the last of the pass.
    ///
    /// # Panics
    /// Panics with the panic of `change`.
    pub fn next_batch(&mut self) -> Option<&mut (Vec<X>, Vec<Y>)> {
        self.left = self.left.checked_sub(1)?;
        self.batches.next_batch()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

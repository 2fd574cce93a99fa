//! Batches that are gathered while those before are used, by workers who would only wait for their
//! next job.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Sample;
use super::batches::Batches;
use crate::threads::{IdleHelp, IdleTask, with_idle_task};

/// The bytes of batches at a time, unless two batches are larger: they stay in the outer caches.
const BYTES: usize = 2 << 20;
/// The most batches at a time.
const MOST: usize = 8;
/// The bytes that are copied in a piece, unless one sample has more: about a microsecond. A job of
/// the network waits for it, so that larger pieces cost more than they save.
const PIECE: usize = 4 << 10;
/// The bytes to copy for which a worker is woken, which takes a fraction of the time that copying
/// them does. It is woken when most of the batches are used up: once for several.
const WORTH_WAKING: usize = 128 << 10;

/// [`Batches`], each gathered before it is needed, in a ring of buffers.
pub(crate) struct Gathering<'a, X, Y> {
    ring: Ring<'a, X, Y>,
    /// The batch in use.
    current: Option<Buffer<X, Y>>,
}

type Buffer<X, Y> = (Vec<X>, Vec<Y>);

/// The batches that the training thread and its helpers share.
struct Ring<'a, X, Y> {
    batches: Batches<'a, X, Y>,
    buffers: Mutex<Buffers<X, Y>>,
    /// The training thread wants the lock. Without this, a helper would have it again at once,
    /// piece after piece.
    asked: AtomicBool,
}

struct Buffers<X, Y> {
    /// The next batches, in order.
    filled: VecDeque<Buffer<X, Y>>,
    /// The beginning of the batch after these.
    filling: Option<Buffer<X, Y>>,
    /// Empty ones. The last one used is the first to be filled: it is in the cache.
    free: Vec<Buffer<X, Y>>,
    /// The number of the batch after the filled ones.
    next: usize,
}

impl<'a, X: Sample + Send + Sync, Y: Sample + Send + Sync> Gathering<'a, X, Y> {
    pub fn new(batches: Batches<'a, X, Y>) -> Self {
        let buffers = Buffers {
            filled: VecDeque::new(),
            filling: None,
            free: Vec::new(),
            next: 0,
        };
        let ring = Ring {
            batches,
            buffers: Mutex::new(buffers),
            asked: AtomicBool::new(false),
        };
        Gathering {
            ring,
            current: None,
        }
    }

    /// Returns the batches that are gathered.
    pub fn batches_mut(&mut self) -> &mut Batches<'a, X, Y> {
        &mut self.ring.batches
    }

    /// Calls `f` with the batches that are left, which others help to gather in the meantime. All
    /// memory is allocated before. The place in `batches_mut` stays where it is.
    pub fn run<R>(&mut self, f: impl FnOnce(Gathered<'_, 'a, X, Y>) -> R) -> R {
        let Gathering { ring, current } = self;
        ring.begin(current.take());
        with_idle_task(&*ring, |helped| {
            f(Gathered {
                ring,
                current,
                helped,
            })
        })
    }
}

/// The batches that are left.
pub(crate) struct Gathered<'r, 'a, X, Y> {
    ring: &'r Ring<'a, X, Y>,
    current: &'r mut Option<Buffer<X, Y>>,
    helped: &'r IdleHelp,
}

impl<X: Sample, Y: Sample> Gathered<'_, '_, X, Y> {
    /// Returns the next batch, or `None` after the last. Samples that no other thread has gathered
    /// are gathered here, while other threads begin with the batch after it.
    pub fn next_batch(&mut self) -> Option<(&[X], &[Y])> {
        let batches = &self.ring.batches;
        let mut buffers = self.ring.lock();
        buffers.give_back(self.current.take());
        let (next, mut current) = match buffers.filled.pop_front() {
            Some(filled) => (None, filled),
            None => (Some(buffers.next), buffers.take_next(batches)?),
        };

        let room = buffers.free.len().min(batches.steps() - buffers.next);
        let wake = room >= 3 * buffers.filled.len() && room * batch_bytes(batches) >= WORTH_WAKING;
        drop(buffers);
        self.helped.more(wake);

        if let Some(next) = next {
            fill(&mut current, batches, next, usize::MAX);
        }
        let (inputs, targets) = self.current.insert(current);
        Some((inputs, targets))
    }
}

impl<X: Sample, Y: Sample> Ring<'_, X, Y> {
    /// Begins with the batch that comes next. All memory is allocated here.
    fn begin(&mut self, current: Option<Buffer<X, Y>>) {
        let Ring {
            batches, buffers, ..
        } = self;
        let buffers = buffers.get_mut().unwrap_or_else(PoisonError::into_inner);
        while let Some(old) = buffers
            .filled
            .pop_front()
            .or_else(|| buffers.filling.take())
        {
            buffers.give_back(Some(old));
        }
        buffers.give_back(current);

        let fitting = BYTES / batch_bytes(batches).max(1);
        let count = fitting.clamp(2, MOST).min(batches.steps());
        let len = batches.most();
        buffers
            .free
            .resize_with(count, || (Vec::with_capacity(len), Vec::with_capacity(len)));
        buffers.filled.reserve(count);
        buffers.next = batches.next;
    }

    /// Takes the lock. A panic while a sample is copied leaves everything as it was before that sample.
    fn lock(&self) -> MutexGuard<'_, Buffers<X, Y>> {
        self.asked.store(true, Ordering::Relaxed);
        let buffers = self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        self.asked.store(false, Ordering::Relaxed);
        buffers
    }
}

impl<X: Sample + Send + Sync, Y: Sample + Send + Sync> IdleTask for Ring<'_, X, Y> {
    fn piece(&self) -> bool {
        let samples = (PIECE / (size_of::<X>() + size_of::<Y>()).max(1)).max(1);
        !self.asked.load(Ordering::Relaxed)
            && self
                .buffers
                .try_lock()
                .is_ok_and(|mut buffers| buffers.fill_some(&self.batches, samples))
    }
}

impl<X: Sample, Y: Sample> Buffers<X, Y> {
    fn give_back(&mut self, buffer: Option<Buffer<X, Y>>) {
        self.free.extend(buffer.map(|(mut inputs, mut targets)| {
            inputs.clear();
            targets.clear();
            (inputs, targets)
        }));
    }

    /// Takes the buffer of the batch after the filled ones, with the samples that it already has.
    fn take_next(&mut self, batches: &Batches<'_, X, Y>) -> Option<Buffer<X, Y>> {
        if self.next == batches.steps() {
            return None;
        }
        let buffer = self.filling.take().or_else(|| self.free.pop())?;
        self.next += 1;
        Some(buffer)
    }

    /// Copies some samples of the batch after the filled ones. Returns `false` if there is no batch
    /// or no buffer left.
    fn fill_some(&mut self, batches: &Batches<'_, X, Y>, samples: usize) -> bool {
        if self.filling.is_none() && self.next < batches.steps() {
            self.filling = self.free.pop();
        }
        let Some(buffer) = &mut self.filling else {
            return false;
        };
        if fill(buffer, batches, self.next, samples) {
            self.filled.extend(self.filling.take());
            self.next += 1;
        }
        true
    }
}

/// Copies up to `samples` more samples of a batch, and returns whether it is complete.
fn fill<X: Sample, Y: Sample>(
    (inputs, targets): &mut Buffer<X, Y>,
    batches: &Batches<'_, X, Y>,
    batch: usize,
    samples: usize,
) -> bool {
    let positions = batches.positions(batch);
    let end = positions.len().min(inputs.len().saturating_add(samples));
    batches.samples.extend(inputs, targets, &positions[..end]);
    end == positions.len()
}

fn batch_bytes<X: Sample, Y: Sample>(batches: &Batches<'_, X, Y>) -> usize {
    batches.most() * (size_of::<X>() + size_of::<Y>())
}

#[cfg(test)]
mod tests;

//! The next batches on another thread, so that training never waits for them.
//!
//! [`Prefetch`] runs any iterator of batches on another thread. [`Refill`] does not allocate: it
//! fills buffers that come back when they have been used. Both keep the order, end when their
//! source ends, and end their thread when they are dropped; a panic of the source resumes in the
//! thread that requests the batch. Waiting sleeps. If the system can't spawn another thread, each
//! batch is made when it is requested, on the thread that requests it.
//!
//! They are worth it where making a batch takes time: files, pictures, random changes. Gathering
//! samples from memory takes about as long as handing over a batch; [`Batches`](super::Batches)
//! does that without a thread, and a [`Trainer`](crate::train::Trainer) does it while its threads
//! would only wait for each other.
//!
//! ```
//! use shapewright::data::Refill;
//! use shapewright::prelude::*;
//!
//! network! {
//!     struct Net: [4] -> [3] { Linear<_, 3> }
//! }
//!
//! /// A batch, made anew in the same memory.
//! #[derive(Default)]
//! struct Batch {
//!     x: Vec<Tensor1<4>>,
//!     t: Vec<Label<3>>,
//! }
//!
//! # fn main() -> Result<(), shapewright::loss::LabelError> {
//! let (images, labels) = (
//!     vec![Tensor1::<4>::ones(); 100],
//!     vec![Label::<3>::new(2)?; 100],
//! );
//! let order: Vec<usize> = (0..100).rev().collect();
//!
//! let mut net = Net::init(&mut shapewright::rng(0));
//! let (mut gradient, mut workspace) = (Net::zeros(), Net::workspace());
//! let mut sgd = Sgd::new(0.1).state::<Net>();
//! let mut chunks = order.chunks(32);
//! std::thread::scope(|scope| {
//!     let buffers: [Batch; 2] = Default::default();
//!     let mut batches = Refill::scoped(scope, buffers, |batch: &mut Batch| {
//!         let Some(chunk) = chunks.next() else {
//!             return false;
//!         };
//!         batch.x.clear();
//!         batch.x.extend(chunk.iter().map(|&i| images[i]));
//!         batch.t.clear();
//!         batch.t.extend(chunk.iter().map(|&i| labels[i]));
//!         true
//!     });
//!     while let Some(batch) = batches.next_batch() {
//!         let mut pass = net.forward_train(&batch.x, &mut workspace);
//!         let loss = pass.loss(&CrossEntropy, &batch.t);
//!         pass.backward(&mut gradient);
//!         sgd.step(&mut net, &gradient);
//!         println!("loss {loss}");
//!     }
//! });
//! # assert_eq!(net.forward(&images[0]).argmax(), 2);
//! # Ok(())
//! # }
//! ```

use core::fmt;
use std::io;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle, Scope, ScopedJoinHandle};

use super::queue::{End, Queue};
use crate::threads::discard;

/// An iterator whose next items are made on another thread, in the same order.
///
/// Up to `ahead` items wait to be taken while one more is made. With `ahead` 0, the next item is
/// made while the one before is used, and handed over on request. Two are enough unless the time
/// per item varies a lot.
///
/// ```
/// use shapewright::data::Prefetch;
/// let squares = Prefetch::new(2, (0..5).map(|i| i * i));
/// assert_eq!(squares.collect::<Vec<_>>(), [0, 1, 4, 9, 16]);
/// ```
///
/// Items are moved from thread to thread over their stacks: put a large one, such as a picture,
/// into a `Box` or a `Vec`.
///
/// Dropped before its end, it waits for the item that is being made, and drops the rest. The items
/// of an epoch can be `Result`s when making them can fail.
///
/// # Panics
/// `next` panics with the source's panic if the source panicked, after all items from before it;
/// then the iterator has ended.
#[must_use = "an iterator does nothing for training unless its items are used"]
pub struct Prefetch<'scope, T>(Worker<'scope, T>);

impl<T: Send + 'static> Prefetch<'static, T> {
    /// Creates an iterator over the items of another one, which borrows nothing.
    pub fn new<I>(ahead: usize, source: I) -> Self
    where
        I: IntoIterator<Item = T>,
        I::IntoIter: Send + 'static,
    {
        let mut source = source.into_iter();
        Prefetch(Worker::spawn(ahead, move || source.next()))
    }
}

impl<'scope, T: Send + 'scope> Prefetch<'scope, T> {
    /// Creates an iterator over the items of one that borrows its data from outside of the scope.
    ///
    /// ```
    /// use shapewright::data::Prefetch;
    /// let numbers = vec![1, 2, 3, 4, 5];
    /// std::thread::scope(|scope| {
    ///     let sums = Prefetch::scoped(scope, 2, numbers.chunks(2).map(|batch| batch.iter().sum()));
    ///     assert_eq!(sums.collect::<Vec<i32>>(), [3, 7, 5]);
    /// });
    /// ```
    pub fn scoped<'env, I>(scope: &'scope Scope<'scope, 'env>, ahead: usize, source: I) -> Self
    where
        I: IntoIterator<Item = T>,
        I::IntoIter: Send + 'scope,
    {
        let mut source = source.into_iter();
        Prefetch(Worker::spawn_scoped(scope, ahead, move || source.next()))
    }
}

impl<T> Iterator for Prefetch<'_, T> {
    type Item = T;
    fn next(&mut self) -> Option<T> {
        self.0.next()
    }
}

impl<T> core::iter::FusedIterator for Prefetch<'_, T> {}

/// Batches in buffers that another thread fills while the one before is used, without allocation.
///
/// `fill` writes the next batch into a buffer with arbitrary contents, and returns whether there
/// was a batch. The buffers are used in turn. With two, one is filled while the other is used.
///
/// ```
/// use shapewright::data::Refill;
/// let mut left = 0..3;
/// let mut batches = Refill::new([[0; 4], [0; 4]], move |batch| match left.next() {
///     Some(i) => {
///         batch.fill(i);
///         true
///     }
///     None => false,
/// });
/// assert_eq!(batches.next_batch(), Some(&mut [0; 4]));
/// assert_eq!(batches.next_batch(), Some(&mut [1; 4]));
/// assert_eq!(batches.next_batch(), Some(&mut [2; 4]));
/// assert_eq!(batches.next_batch(), None);
/// ```
///
/// Buffers are moved over the stack: keep large data in a `Box` or a `Vec`.
///
/// The [module](self) shows it in a training loop. When it is dropped before the end, it waits for
/// the buffer that is being filled.
#[must_use = "batches do nothing for training unless they are used"]
pub struct Refill<'scope, B> {
    /// The buffer in use.
    current: Option<B>,
    /// Returns used buffers. It is declared, and so dropped, before the worker, whose thread would
    /// otherwise wait for buffers for ever while it is joined.
    used: End<B>,
    worker: Worker<'scope, B>,
}

impl<B: Send + 'static> Refill<'static, B> {
    /// Creates batches from a function that borrows nothing and fills a buffer with each.
    ///
    /// # Panics
    /// Panics if there are fewer than two buffers.
    pub fn new(
        buffers: impl IntoIterator<Item = B>,
        fill: impl FnMut(&mut B) -> bool + Send + 'static,
    ) -> Self {
        Self::with(buffers, |ahead, buffers| {
            Worker::spawn(ahead, filled(buffers, fill))
        })
    }
}

impl<'scope, B: Send + 'scope> Refill<'scope, B> {
    /// Creates batches from a function that borrows its data from outside of the scope and fills a
    /// buffer with each.
    ///
    /// # Panics
    /// Panics if there are fewer than two buffers.
    pub fn scoped<'env>(
        scope: &'scope Scope<'scope, 'env>,
        buffers: impl IntoIterator<Item = B>,
        fill: impl FnMut(&mut B) -> bool + Send + 'scope,
    ) -> Self {
        Self::with(buffers, |ahead, buffers| {
            Worker::spawn_scoped(scope, ahead, filled(buffers, fill))
        })
    }
}

impl<'scope, B> Refill<'scope, B> {
    fn with(
        buffers: impl IntoIterator<Item = B>,
        spawn: impl FnOnce(usize, End<B>) -> Worker<'scope, B>,
    ) -> Self {
        let buffers: Vec<B> = buffers.into_iter().collect();
        let count = buffers.len();
        assert!(
            count >= 2,
            "two buffers are needed: one is filled while the other is used"
        );

        // Both queues have room for all buffers, so that sending one never waits, and never
        // allocates.
        let [used, empty] = Queue::ends(count);
        // The other end is still here, so that each buffer can be sent.
        buffers
            .into_iter()
            .for_each(|buffer| drop(used.put(buffer)));

        Refill {
            current: None,
            used,
            worker: spawn(count, empty),
        }
    }

    /// Returns the next batch, when it is ready; the one before goes back to be filled again.
    ///
    /// # Panics
    /// Panics with the panic of `fill` if it panicked, after all batches from before it; then the
    /// batches have ended.
    pub fn next_batch(&mut self) -> Option<&mut B> {
        // If the thread has ended, nobody takes the buffer, which is fine.
        let _ = self.current.take().map(|buffer| self.used.put(buffer));
        self.current = self.worker.next();
        self.current.as_mut()
    }
}

/// The source of a [`Refill`]: fills the buffers that come back, until there is no batch.
fn filled<B>(buffers: End<B>, mut fill: impl FnMut(&mut B) -> bool) -> impl FnMut() -> Option<B> {
    move || {
        let mut buffer = buffers.take()?;
        fill(&mut buffer).then_some(buffer)
    }
}

/// The maker of the items.
enum Worker<'scope, T> {
    /// Another thread, until it is joined, and its items, until they have ended.
    There {
        items: Option<End<T>>,
        thread: Option<Handle<'scope>>,
    },
    /// This thread, as no other could be spawned; `None` when the items have ended.
    Here(Option<Box<dyn FnMut() -> Option<T> + Send + 'scope>>),
}

enum Handle<'scope> {
    Own(JoinHandle<()>),
    Scoped(ScopedJoinHandle<'scope, ()>),
}

impl Handle<'_> {
    fn join(self) -> thread::Result<()> {
        match self {
            Handle::Own(thread) => thread.join(),
            Handle::Scoped(thread) => thread.join(),
        }
    }
}

impl<T: Send + 'static> Worker<'static, T> {
    fn spawn(ahead: usize, make: impl FnMut() -> Option<T> + Send + 'static) -> Self {
        Self::start(ahead, make, |run| {
            thread::Builder::new().spawn(run).map(Handle::Own)
        })
    }
}

impl<'scope, T: Send + 'scope> Worker<'scope, T> {
    fn spawn_scoped<'env>(
        scope: &'scope Scope<'scope, 'env>,
        ahead: usize,
        make: impl FnMut() -> Option<T> + Send + 'scope,
    ) -> Self {
        Self::start(ahead, make, |run| {
            thread::Builder::new()
                .spawn_scoped(scope, run)
                .map(Handle::Scoped)
        })
    }

    /// Makes the items on the thread that `spawn` gives, or else here.
    fn start<F: FnMut() -> Option<T> + Send + 'scope>(
        ahead: usize,
        make: F,
        spawn: impl FnOnce(Box<dyn FnOnce() + Send + 'scope>) -> io::Result<Handle<'scope>>,
    ) -> Self {
        let [items, of_thread] = Queue::ends(ahead);
        // A spawn that fails drops its closure, which the maker of the items has to outlive.
        let place = Arc::new(Mutex::new(Some(make)));
        let place_of_thread = Arc::clone(&place);
        let run = Box::new(move || {
            let items = of_thread;
            let Some(mut make) = take(&place_of_thread) else {
                return;
            };
            while let Some(item) = make() {
                if items.put(item).is_err() {
                    break;
                }
            }
        });

        match spawn(run) {
            Ok(thread) => Worker::There {
                items: Some(items),
                thread: Some(thread),
            },
            Err(_) => Worker::Here(take(&place).map(|make| Box::new(make) as _)),
        }
    }
}

/// Takes the value. The lock is never held where something could panic.
fn take<F>(place: &Mutex<Option<F>>) -> Option<F> {
    place.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl<T> Worker<'_, T> {
    /// Returns the next item. If there is none, the items have ended, possibly by a panic, which
    /// resumes here.
    fn next(&mut self) -> Option<T> {
        match self {
            Worker::There { items, thread } => {
                let item = items.as_ref()?.take();
                if item.is_none() {
                    *items = None;
                    if let Some(Err(panic)) = thread.take().map(Handle::join) {
                        resume_unwind(panic);
                    }
                }
                item
            }
            Worker::Here(place) => {
                // After a panic, the function is gone.
                let mut make = place.take()?;
                let item = make()?;
                *place = Some(make);
                Some(item)
            }
        }
    }
}

impl<T> Drop for Worker<'_, T> {
    fn drop(&mut self) {
        if let Worker::There { items, thread } = self {
            *items = None;
            // A panic that nobody has received does not resume in a drop, as another one may be
            // unwinding.
            discard(thread.take().map(Handle::join));
        }
    }
}

impl<T> fmt::Debug for Prefetch<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prefetch").finish_non_exhaustive()
    }
}

impl<B: fmt::Debug> fmt::Debug for Refill<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refill")
            .field("current", &self.current)
            .finish_non_exhaustive()
    }
}

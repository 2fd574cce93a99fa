//! A queue between two threads.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Items on their way from one thread to another one. Unlike the channels of the standard library,
/// it allocates nothing when a thread waits for the first time.
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    /// The number of items that wait to be taken.
    ahead: usize,
}

struct State<T> {
    items: VecDeque<T>,
    /// Somebody waits for an item.
    asked: bool,
    closed: bool,
}

/// One end of a queue, which closes it when it is dropped.
pub(super) struct End<T>(Arc<Queue<T>>);

impl<T> Drop for End<T> {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.changed.notify_all();
    }
}

impl<T> Queue<T> {
    /// Returns both ends of a queue in which up to `ahead` items wait to be taken. With 0, an item
    /// is handed over on request.
    pub(super) fn ends(ahead: usize) -> [End<T>; 2] {
        /// The largest number of items for which there is room at the beginning. More room is
        /// allocated when more items come.
        const MOST: usize = 64;
        let items = VecDeque::with_capacity(ahead.clamp(1, MOST));
        let state = Mutex::new(State {
            items,
            asked: false,
            closed: false,
        });
        let queue = Arc::new(Queue {
            state,
            changed: Condvar::new(),
            ahead,
        });
        [End(Arc::clone(&queue)), End(queue)]
    }

    /// Takes the lock. No code of others runs under it, so that nothing is half done after a panic.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> End<T> {
    /// Puts an item in, once there is room for it; returns it if the other end is gone.
    pub(super) fn put(&self, item: T) -> Result<(), T> {
        let queue = &*self.0;
        let full = |state: &mut State<T>| {
            !state.closed
                && state.items.len() >= queue.ahead
                && !(state.asked && state.items.is_empty())
        };
        let mut state = queue
            .changed
            .wait_while(queue.lock(), full)
            .unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            drop(state);
            return Err(item);
        }

        state.items.push_back(item);
        drop(state);
        queue.changed.notify_all();
        Ok(())
    }

    /// Takes the next item, once there is one; `None` if there is none and the other end is gone.
    pub(super) fn take(&self) -> Option<T> {
        let queue = &*self.0;
        let mut state = queue.lock();
        if state.items.is_empty() && !state.closed {
            state.asked = true;
            queue.changed.notify_all();
            let none = |state: &mut State<T>| state.items.is_empty() && !state.closed;
            state = queue
                .changed
                .wait_while(state, none)
                .unwrap_or_else(PoisonError::into_inner);
            state.asked = false;
        }
        let item = state.items.pop_front();
        drop(state);
        queue.changed.notify_all();
        item
    }
}

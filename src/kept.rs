//! Memory that each thread keeps from call to call, and the sizes that shared work has needed.
//!
//! Code that shares work among threads does not know which thread takes which part. All threads
//! therefore make room for the largest part that any of them ran, so that no thread allocates after
//! the first call.

use core::cell::Cell;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::LocalKey;

use crate::kernels::AlignedBuffer;

/// Memory of each thread, declared with [`kept!`].
pub struct Kept<T: 'static> {
    place: &'static LocalKey<Cell<AlignedBuffer<T>>>,
    /// The largest capacity that a part of shared work has needed.
    largest: AtomicUsize,
}

/// Declares memory that each thread keeps: `kept! { static NAME: Element; }`.
macro_rules! kept {
    ($(#[$meta:meta])* static $name:ident: $element:ty;) => {
        $(#[$meta])*
        static $name: $crate::kept::Kept<$element> = {
            ::std::thread_local! {
                static PLACE: ::core::cell::Cell<$crate::kernels::AlignedBuffer<$element>> =
                    const { ::core::cell::Cell::new($crate::kernels::AlignedBuffer::new()) };
            }
            $crate::kept::Kept::new(&PLACE)
        };
    };
}
pub(crate) use kept;

impl<T: Copy + Default + 'static> Kept<T> {
    pub(crate) const fn new(place: &'static LocalKey<Cell<AlignedBuffer<T>>>) -> Self {
        Kept {
            place,
            largest: AtomicUsize::new(0),
        }
    }

    /// Takes this thread's memory, and leaves empty buffers until it comes back. At the end of a
    /// thread, destructors of the program may run when there is none any more.
    #[inline(always)]
    pub(crate) fn take(&self) -> AlignedBuffer<T> {
        self.place.try_with(Cell::take).unwrap_or_default()
    }

    /// Puts this thread's memory back.
    #[inline(always)]
    pub(crate) fn set(&'static self, buffer: AlignedBuffer<T>) {
        let room = buffer.as_slice().len();
        if room > self.largest.load(Ordering::Relaxed) {
            self.note(room);
        }
        // Where there is no place any more, the buffer is dropped.
        let _ = self.place.try_with(|place| place.set(buffer));
    }

    #[cold]
    fn note(&'static self, room: usize) {
        if !SHARED.get() {
            return;
        }
        let mut registry = registry();
        if !registry
            .iter()
            .any(|&other| core::ptr::addr_eq(other, self))
        {
            registry.push(self);
        }

        self.largest.fetch_max(room, Ordering::Relaxed);
        GROWTH.fetch_add(1, Ordering::Release);
    }
}

/// [`Kept`] memory of any type.
trait AnyKept: Sync {
    fn make_room(&self);
}

impl<T: Copy + Default + 'static> AnyKept for Kept<T> {
    fn make_room(&self) {
        let mut buffer = self.take();
        buffer.reserve(self.largest.load(Ordering::Relaxed));
        let _ = self.place.try_with(|place| place.set(buffer));
    }
}

thread_local! {
    /// True if this thread runs a part of shared work.
    static SHARED: Cell<bool> = const { Cell::new(false) };
}

/// The number of times that a part of shared work has needed more memory than any before.
static GROWTH: AtomicUsize = AtomicUsize::new(0);

/// The memories that parts of shared work have needed.
static REGISTRY: Mutex<Vec<&'static dyn AnyKept>> = Mutex::new(Vec::new());

fn registry() -> MutexGuard<'static, Vec<&'static dyn AnyKept>> {
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Calls `f` as a part of shared work, which another thread may take the next time.
#[inline(always)]
pub(crate) fn shared<R>(f: impl FnOnce() -> R) -> R {
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            SHARED.set(self.0);
        }
    }

    let _before = Before(SHARED.replace(true));

    f()
}

/// Returns the number of times that a part of shared work has needed more memory than any before.
#[inline(always)]
pub(crate) fn growth() -> usize {
    GROWTH.load(Ordering::Acquire)
}

/// Makes room on this thread for every part that has run on any thread.
pub(crate) fn make_room() {
    registry().iter().for_each(|other| other.make_room());
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    kept! {
        static PLACE: f32;
    }

    fn use_some(len: usize) {
        let mut buffer = PLACE.take();
        buffer.reserve(len).fill(1.0);
        PLACE.set(buffer);
    }

    /// The capacity of a new thread once it has made room.
    fn room() -> usize {
        let room = || {
            make_room();
            PLACE.take().as_slice().len()
        };
        thread::spawn(room).join().expect("a thread")
    }

    #[test]
    fn a_destructor_at_the_end_of_a_thread_has_memory() {
        struct Last;

        impl Drop for Last {
            fn drop(&mut self) {
                use_some(64);
                make_room();
            }
        }

        thread_local! {
            static LAST: Cell<Option<Last>> = const { Cell::new(None) };
        }

        // What is used last is destroyed first.
        let work = || {
            LAST.set(Some(Last));
            use_some(64);
        };
        thread::spawn(work).join().expect("a thread");
    }

    #[test]
    fn all_make_room_for_the_largest_part_of_shared_work() {
        // Work that a thread does not share makes no room in others.
        use_some(1000);
        assert_eq!(room(), 0);

        let before = growth();
        thread::spawn(|| shared(|| use_some(64)))
            .join()
            .expect("a thread");
        thread::spawn(|| shared(|| use_some(160)))
            .join()
            .expect("a thread");
        assert!(growth() >= before + 2);
        assert_eq!(room(), 160);

        // Also after a panic.
        std::panic::catch_unwind(|| shared(|| panic!("a part"))).expect_err("a panic");
        use_some(2000);
        assert_eq!(room(), 160);
    }
}

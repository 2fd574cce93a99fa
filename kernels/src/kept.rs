//! Memory that each thread keeps from call to call, and the sizes that shared work has needed.
//!
//! Code that shares work among threads does not know which thread takes which part. All threads
//! therefore make room for the largest part, whoever ran it, so that no thread allocates after the
//! first call.

use core::cell::Cell;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::LocalKey;

use super::AlignedBuffer;

/// The largest number of buffers that are kept together.
const MAX_BUFFERS: usize = 8;

/// Buffers whose memory can be kept.
pub trait Keep: Default + 'static {
    /// The number of buffers, at most 8.
    const BUFFERS: usize;

    /// Returns the capacity of each buffer in elements; 0 for those that do not exist.
    fn room(&self) -> [usize; MAX_BUFFERS];

    /// Grows each buffer to at least the given capacity.
    fn make_room(&mut self, room: [usize; MAX_BUFFERS]);
}

impl<T: Copy + Default + 'static> Keep for AlignedBuffer<T> {
    const BUFFERS: usize = 1;

    fn room(&self) -> [usize; MAX_BUFFERS] {
        [self.as_slice().len(), 0, 0, 0, 0, 0, 0, 0]
    }

    fn make_room(&mut self, room: [usize; MAX_BUFFERS]) {
        self.reserve(room[0]);
    }
}

impl<T: Copy + Default + 'static> Keep for [AlignedBuffer<T>; 2] {
    const BUFFERS: usize = 2;

    fn room(&self) -> [usize; MAX_BUFFERS] {
        [
            self[0].as_slice().len(),
            self[1].as_slice().len(),
            0,
            0,
            0,
            0,
            0,
            0,
        ]
    }

    fn make_room(&mut self, room: [usize; MAX_BUFFERS]) {
        self[0].reserve(room[0]);
        self[1].reserve(room[1]);
    }
}

/// Memory of each thread, declared with [`kept!`](crate::kept!).
pub struct Kept<B: 'static> {
    place: &'static LocalKey<Cell<B>>,
    /// The largest capacity that a part of shared work has needed.
    largest: [AtomicUsize; MAX_BUFFERS],
}

/// Declares memory that each thread keeps: `kept! { static NAME: Buffers = an empty constant; }`.
#[macro_export]
macro_rules! kept {
    ($(#[$meta:meta])* static $name:ident: $buffers:ty = $empty:expr;) => {
        $(#[$meta])*
        static $name: $crate::Kept<$buffers> = {
            ::std::thread_local! {
                static PLACE: ::core::cell::Cell<$buffers> =
                    const { ::core::cell::Cell::new($empty) };
            }
            $crate::Kept::new(&PLACE)
        };
    };
}

impl<B: Keep> Kept<B> {
    #[doc(hidden)]
    pub const fn new(place: &'static LocalKey<Cell<B>>) -> Self {
        const { assert!(B::BUFFERS <= MAX_BUFFERS) };
        Kept {
            place,
            largest: [const { AtomicUsize::new(0) }; MAX_BUFFERS],
        }
    }

    /// Takes this thread's memory, and leaves empty buffers until it comes back.
    #[inline(always)]
    pub fn take(&self) -> B {
        self.place.take()
    }

    /// Puts this thread's memory back.
    #[inline(always)]
    pub fn set(&'static self, buffers: B) {
        let room = buffers.room();
        let grown = |i: usize| room[i] > self.largest[i].load(Ordering::Relaxed);
        if (0..B::BUFFERS).any(grown) {
            self.note(room);
        }
        self.place.set(buffers);
    }

    #[cold]
    fn note(&'static self, room: [usize; MAX_BUFFERS]) {
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

        for (largest, room) in self.largest.iter().zip(room) {
            largest.fetch_max(room, Ordering::Relaxed);
        }

        GROWTH.fetch_add(1, Ordering::Release);
    }
}

/// [`Kept`] memory of any type.
trait AnyKept: Sync {
    fn make_room(&self);
}

impl<B: Keep> AnyKept for Kept<B> {
    fn make_room(&self) {
        let mut buffers = self.place.take();
        buffers.make_room(
            self.largest
                .each_ref()
                .map(|largest| largest.load(Ordering::Relaxed)),
        );
        self.place.set(buffers);
    }
}

thread_local! {
    /// Whether this thread runs a part of shared work.
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
pub fn shared<R>(f: impl FnOnce() -> R) -> R {
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
pub fn growth() -> usize {
    GROWTH.load(Ordering::Acquire)
}

/// Makes room on this thread for every part that has run on any thread.
pub fn make_room() {
    registry().iter().for_each(|other| other.make_room());
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    kept! {
        static PLACE: [AlignedBuffer<f32>; 2] = [AlignedBuffer::new(), AlignedBuffer::new()];
    }

    fn use_some(first: usize, second: usize) {
        let mut buffers = PLACE.take();
        buffers[0].reserve(first).fill(1.0);
        buffers[1].reserve(second).fill(1.0);
        PLACE.set(buffers);
    }

    /// The capacity of a new thread once it has made room.
    fn room() -> [usize; 2] {
        let room = || {
            make_room();
            let buffers = PLACE.take();
            [buffers.room()[0], buffers.room()[1]]
        };
        thread::spawn(room).join().expect("a thread")
    }

    #[test]
    fn all_make_room_for_the_largest_part_of_shared_work() {
        // What a thread does for itself is its own.
        use_some(1000, 1000);
        assert_eq!(room(), [0, 0]);

        let before = growth();
        thread::spawn(|| shared(|| use_some(64, 16)))
            .join()
            .expect("a thread");
        thread::spawn(|| shared(|| use_some(32, 160)))
            .join()
            .expect("a thread");
        assert!(growth() >= before + 2);
        assert_eq!(room(), [64, 160]);

        // Also after a panic.
        std::panic::catch_unwind(|| shared(|| panic!("a part"))).expect_err("a panic");
        use_some(2000, 2000);
        assert_eq!(room(), [64, 160]);
    }
}

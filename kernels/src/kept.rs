//! Memory that each thread keeps from call to call, and how much of it the parts of shared work
//! have needed.
//!
//! Whoever shares work among threads does not know which thread takes which part. So that no thread
//! allocates later than in the first call, all make room for the largest part, whoever took it.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::LocalKey;

use super::AlignedBuffer;

/// The most buffers that are kept together.
const MOST: usize = 8;

/// Buffers whose memory can be kept.
pub trait Keep: Default + 'static {
    /// The number of buffers, at most 8.
    const BUFFERS: usize;

    /// For how many elements each buffer has room; 0 for those that there are not.
    fn room(&self) -> [usize; MOST];

    /// Makes each buffer's room at least as large.
    fn make_room(&mut self, room: [usize; MOST]);
}

impl<T: Copy + Default + 'static> Keep for AlignedBuffer<T> {
    const BUFFERS: usize = 1;

    fn room(&self) -> [usize; MOST] {
        [self.as_slice().len(), 0, 0, 0, 0, 0, 0, 0]
    }

    fn make_room(&mut self, room: [usize; MOST]) {
        self.reserve(room[0]);
    }
}

impl<T: Copy + Default + 'static> Keep for [AlignedBuffer<T>; 2] {
    const BUFFERS: usize = 2;

    fn room(&self) -> [usize; MOST] {
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

    fn make_room(&mut self, room: [usize; MOST]) {
        self[0].reserve(room[0]);
        self[1].reserve(room[1]);
    }
}

/// A place for the memory of each thread; declared with [`kept!`](crate::kept!).
pub struct Kept<B: 'static> {
    place: &'static LocalKey<Cell<B>>,
    /// The largest room that a part of shared work has needed.
    most: [AtomicUsize; MOST],
}

/// Declares memory that each thread keeps: `kept! { static NAME: Buffers = an empty constant; }`.
#[macro_export]
macro_rules! kept {
    ($(#[$meta:meta])* static $name:ident: $buffers:ty = $empty:expr;) => {
        $(#[$meta])*
        static $name: $crate::Kept<$buffers> = {
            ::std::thread_local! {
                static PLACE: ::core::cell::Cell<$buffers> = const { ::core::cell::Cell::new($empty) };
            }
            $crate::Kept::new(&PLACE)
        };
    };
}

impl<B: Keep> Kept<B> {
    #[doc(hidden)]
    pub const fn new(place: &'static LocalKey<Cell<B>>) -> Self {
        const { assert!(B::BUFFERS <= MOST) };
        Kept {
            place,
            most: [const { AtomicUsize::new(0) }; MOST],
        }
    }

    /// Takes this thread's memory; nothing is left until it comes back.
    #[inline(always)]
    pub fn take(&self) -> B {
        self.place.take()
    }

    /// Puts this thread's memory back.
    #[inline(always)]
    pub fn set(&'static self, buffers: B) {
        let room = buffers.room();
        let grown = |i: usize| room[i] > self.most[i].load(Ordering::Relaxed);
        if (0..B::BUFFERS).any(grown) {
            self.note(room);
        }
        self.place.set(buffers);
    }

    #[cold]
    fn note(&'static self, room: [usize; MOST]) {
        if !SHARED.get() {
            return;
        }
        let mut kinds = kinds();
        if !kinds.iter().any(|&kind| std::ptr::addr_eq(kind, self)) {
            kinds.push(self);
        }
        for (most, room) in self.most.iter().zip(room) {
            most.fetch_max(room, Ordering::Relaxed);
        }
        GROWTH.fetch_add(1, Ordering::Release);
    }
}

/// One kind of memory.
trait Kind: Sync {
    fn make_room(&self);
}

impl<B: Keep> Kind for Kept<B> {
    fn make_room(&self) {
        let mut buffers = self.place.take();
        buffers.make_room(
            self.most
                .each_ref()
                .map(|most| most.load(Ordering::Relaxed)),
        );
        self.place.set(buffers);
    }
}

thread_local! {
    /// Whether this thread does a part of shared work.
    static SHARED: Cell<bool> = const { Cell::new(false) };
}

/// How often a part of shared work has needed more memory than any before.
static GROWTH: AtomicUsize = AtomicUsize::new(0);

/// The kinds of memory that such parts have needed.
static KINDS: Mutex<Vec<&'static dyn Kind>> = Mutex::new(Vec::new());

fn kinds() -> MutexGuard<'static, Vec<&'static dyn Kind>> {
    KINDS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Calls with a part of work that another thread may take the next time.
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

/// How often a part of shared work has needed more memory than any before, until now.
#[inline(always)]
pub fn growth() -> usize {
    GROWTH.load(Ordering::Acquire)
}

/// Makes room on this thread for every part that has been run, on whatever thread.
pub fn make_room() {
    kinds().iter().for_each(|kind| kind.make_room());
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

    /// What a thread has room for once it has made room.
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

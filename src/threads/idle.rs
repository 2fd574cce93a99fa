//! Side work: work that threads do while they would only spin.
//!
//! Between the parts of network calls, a worker waits for microseconds, and so does the caller for
//! the last worker: too short to sleep, long enough to copy a few samples. They do side work in
//! small pieces and check after each piece whether they are needed, so that a job waits for one
//! piece at most. The process has one place for side work: one owner has it at a time, and one
//! thread at a time is inside and does pieces. An owner that finds the place taken does its work
//! itself.

use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::denormals::FloatMode;

use super::{ALONE, Panic, Team, discard, pause, processors};

/// Work in small pieces.
pub(crate) trait IdleTask: Sync {
    /// Does about a microsecond of work, and returns false if there is nothing to do now.
    fn piece(&self) -> bool;
}

/// An owner has the place. The cell of the work belongs to the owner until the place is open.
const TAKEN: u32 = 1;
/// A thread may go inside.
const OPEN: u32 = 2;
/// There may be something to do.
const WANTED: u32 = 4;
/// A thread is inside.
const INSIDE: u32 = 8;

/// The place for side work, on cache lines of its own, as all workers poll it.
#[repr(align(128))]
struct Place {
    state: AtomicU32,
    /// The work; written while the place is taken and not open, read by the thread inside.
    work: UnsafeCell<Option<*const dyn IdleTask>>,
    /// The panic of a piece. The cell belongs to the thread inside, and to the owner once the place
    /// is closed and no thread is inside.
    panic: UnsafeCell<Option<Panic>>,
}

// SAFETY: the cells pass between the threads by `state`, as its constants say. The work behind the
// pointer is Sync and outlives its time in the place: see `with_idle_task`.
unsafe impl Sync for Place {}

static PLACE: Place = Place {
    state: AtomicU32::new(0),
    work: UnsafeCell::new(None),
    panic: UnsafeCell::new(None),
};

/// Calls `f` with side work, which threads do in the meantime where they would only spin.
///
/// They do not if the place is taken, inside a trial or a worker, and if there is one processor.
/// When this function returns or unwinds, no thread is inside of the work. If a piece panics, no
/// more pieces are done, and the panic resumes here at the end, unless `f` panics as well.
pub(crate) fn with_idle_task<R>(work: &dyn IdleTask, f: impl FnOnce(&IdleHelp) -> R) -> R {
    let free = !ALONE.get()
        && processors() > 1
        && PLACE
            .state
            .compare_exchange(0, TAKEN, Ordering::Acquire, Ordering::Relaxed)
            .is_ok();
    if !free {
        return f(&IdleHelp(false));
    }

    // SAFETY: only the lifetime is erased. Threads use the pointer while they are inside; `close`
    // waits until none is, and nothing before it can unwind.
    let erased: *const dyn IdleTask =
        unsafe { std::mem::transmute::<&dyn IdleTask, &'static dyn IdleTask>(work) };
    // SAFETY: the place is taken here and not open.
    unsafe { *PLACE.work.get() = Some(erased) };
    PLACE.state.store(TAKEN | OPEN | WANTED, Ordering::Release);

    let result = catch_unwind(AssertUnwindSafe(|| f(&IdleHelp(true))));
    match (result, close()) {
        (Ok(result), None) => result,
        // Only one panic can resume, and it must not meet another one while it unwinds.
        (Ok(result), Some(panic)) => {
            discard(result);
            resume_unwind(panic)
        }
        (Err(panic), of_piece) => {
            discard(of_piece);
            resume_unwind(panic)
        }
    }
}

/// Ends the side work of this thread, and returns the panic if a piece panicked. Never unwinds.
fn close() -> Option<Panic> {
    PLACE.state.fetch_and(!OPEN, Ordering::Relaxed);

    let mut spins = 0_u32;
    while PLACE.state.load(Ordering::Acquire) & INSIDE != 0 {
        spins = spins.saturating_add(1);
        pause(spins);
    }

    // SAFETY: the place is closed and no thread is inside, so the cell is the owner's.
    let panic = unsafe { (*PLACE.panic.get()).take() };
    PLACE.state.store(0, Ordering::Release);
    panic
}

/// A handle of the owner of side work: whether other threads do it.
pub(crate) struct IdleHelp(pub(super) bool);

impl IdleHelp {
    /// No other thread does the work.
    #[cfg(test)]
    pub const NOT: Self = IdleHelp(false);

    /// Announces more work. If `wake`, wakes a worker if it sleeps, which takes as long as ten
    /// pieces.
    pub fn more(&self, wake: bool) {
        if !self.0 {
            return;
        }
        if PLACE.state.load(Ordering::Relaxed) & WANTED == 0 {
            // Release: a thread that sees the flag sees the work.
            PLACE.state.fetch_or(WANTED, Ordering::Release);
        }
        if wake && let Some(team) = Team::claim() {
            team.wake();
        }
    }
}

/// Does side work until there is none left or `better` says that this thread has something better
/// to do. Returns whether there was any.
#[inline(always)]
pub(super) fn help(better: impl Fn() -> bool) -> bool {
    PLACE.state.load(Ordering::Relaxed) == TAKEN | OPEN | WANTED && help_now(&better)
}

/// Enters, unless another thread was faster, and does side work.
#[cold]
#[inline(never)]
fn help_now(better: &dyn Fn() -> bool) -> bool {
    let wanted = TAKEN | OPEN | WANTED;
    let inside = TAKEN | OPEN | INSIDE;
    if PLACE
        .state
        .compare_exchange(wanted, inside, Ordering::Acquire, Ordering::Relaxed)
        .is_err()
    {
        return false;
    }

    let _mode = FloatMode::of_others();
    let pieces = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: until this thread, which is inside, leaves, the cell is not written, and the work
        // is alive.
        let Some(work) = (unsafe { (*PLACE.work.get()).map(|work| &*work) }) else {
            return false;
        };

        while work.piece() {
            if better() {
                return true;
            }
            if PLACE.state.load(Ordering::Relaxed) & OPEN == 0 {
                break;
            }
        }
        false
    }));

    match pieces {
        // In two steps: once this thread is out, the place may have another owner.
        Ok(true) => {
            PLACE.state.fetch_or(WANTED, Ordering::Relaxed);
            PLACE.state.fetch_and(!INSIDE, Ordering::Release);
        }
        Ok(false) => drop(PLACE.state.fetch_and(!INSIDE, Ordering::Release)),
        Err(panic) => {
            // `write` and not an assignment, whose drop of the old value could unwind: no thread
            // goes inside after a panic, so there is none. SAFETY: this thread is inside.
            unsafe { PLACE.panic.get().write(Some(panic)) };
            PLACE.state.fetch_and(!(OPEN | INSIDE), Ordering::Release);
        }
    }
    true
}

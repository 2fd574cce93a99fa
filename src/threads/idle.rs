//! Side work: what threads do while they would only spin.
//!
//! Between the parts of network calls a worker waits for microseconds, and so does the caller for
//! the last worker: too short to sleep, long enough to copy a few samples. They do one small piece
//! after the other and look after each whether they are needed, so that a job waits for one piece
//! at most. One thread at a time does that, for one owner of side work in the process: whoever
//! comes while the place is taken does the work itself.

use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::denormals::FloatMode;

use super::{ALONE, Panic, Team, discard, pause, processors};

/// Work in small pieces.
pub(crate) trait IdleTask: Sync {
    /// Does about a microsecond's work; false if there is nothing to do now.
    fn piece(&self) -> bool;
}

/// Somebody has the place for side work. The work's cell is theirs until it is open.
const TAKEN: u32 = 1;
/// A thread may go inside.
const OPEN: u32 = 2;
/// There may be something to do.
const WANTED: u32 = 4;
/// A thread is inside.
const INSIDE: u32 = 8;

/// The place for side work, on cache lines of its own, as all workers look at it all the time.
#[repr(align(128))]
struct Place {
    state: AtomicU32,
    /// Written while the place is taken and not open; read by the thread inside.
    work: UnsafeCell<Option<*const dyn IdleTask>>,
    /// If a piece panicked. The thread's inside, the owner's once it is closed and nobody is
    /// inside.
    panic: UnsafeCell<Option<Panic>>,
}

// SAFETY: the cells are handed to and fro by `state`, as said there. What the pointer refers to is
// Sync and outlives its being here: see `with_idle_task`.
unsafe impl Sync for Place {}

static PLACE: Place = Place {
    state: AtomicU32::new(0),
    work: UnsafeCell::new(None),
    panic: UnsafeCell::new(None),
};

/// Calls with side work that is done in the meantime where a thread would only spin.
///
/// It is not if somebody else has the place, inside a trial or a worker, and where there is one
/// processor. When this returns or unwinds, nobody is inside of the work. If a piece panics, none
/// is done any more, and at the end the panic goes on here, unless `f` panics as well.
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
        // Only one panic can go on, and it must not meet another one on its way.
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

/// Ends the work that this thread has here; the panic if a piece panicked. Never unwinds.
fn close() -> Option<Panic> {
    PLACE.state.fetch_and(!OPEN, Ordering::Relaxed);
    let mut spins = 0_u32;
    while PLACE.state.load(Ordering::Acquire) & INSIDE != 0 {
        spins = spins.saturating_add(1);
        pause(spins);
    }
    // SAFETY: it is closed and nobody is inside, so the cell is the owner's.
    let panic = unsafe { (*PLACE.panic.get()).take() };
    PLACE.state.store(0, Ordering::Release);
    panic
}

/// Whether others do one's side work.
pub(crate) struct IdleHelp(pub(super) bool);

impl IdleHelp {
    #[cfg(test)]
    pub const NOT: Self = IdleHelp(false);

    /// Says that there is something to do again. If `wake`, a worker is woken if it sleeps, which
    /// takes as long as ten pieces.
    pub fn more(&self, wake: bool) {
        if !self.0 {
            return;
        }
        if PLACE.state.load(Ordering::Relaxed) & WANTED == 0 {
            // Who sees this sees what there is to do.
            PLACE.state.fetch_or(WANTED, Ordering::Release);
        }
        if wake && let Some(team) = Team::claim() {
            team.wake();
        }
    }
}

/// Does side work until there is nothing to do or this thread has something better to do; whether
/// there was anything.
#[inline(always)]
pub(super) fn help(better: impl Fn() -> bool) -> bool {
    PLACE.state.load(Ordering::Relaxed) == TAKEN | OPEN | WANTED && help_now(&better)
}

#[cold]
#[inline(never)]
fn help_now(better: &dyn Fn() -> bool) -> bool {
    let (wanted, inside) = (TAKEN | OPEN | WANTED, TAKEN | OPEN | INSIDE);
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
        // Once out, the state may be anybody's.
        Ok(true) => {
            PLACE.state.fetch_or(WANTED, Ordering::Relaxed);
            PLACE.state.fetch_and(!INSIDE, Ordering::Release);
        }
        Ok(false) => drop(PLACE.state.fetch_and(!INSIDE, Ordering::Release)),
        Err(panic) => {
            // Written, not assigned: nobody goes inside after a panic, so there is none, and no
            // drop that could unwind. SAFETY: this thread is inside.
            unsafe { PLACE.panic.get().write(Some(panic)) };
            PLACE.state.fetch_and(!(OPEN | INSIDE), Ordering::Release);
        }
    }
    true
}

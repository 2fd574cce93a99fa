//! Persistent worker threads for the parts of one network call.
//!
//! A training step takes a few hundred microseconds, so handing work over has to cost well below
//! one: the workers spin for a while after each job and only then go to sleep (0.2 us when they
//! still spin, against 5 us for a work-stealing pool and 30 us for scoped threads). While they
//! spin, they gather the next batches (`idle.rs`).

mod idle;

pub(crate) use idle::{IdleHelp, IdleTask, with_idle_task};

use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::hint::spin_loop;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::denormals::{self, FloatMode};
use crate::kernels::kept;

/// How long an idle worker spins before it sleeps; about 20 to 50 us.
const SPINS_BEFORE_PARKING: u32 = if cfg!(miri) { 10 } else { 20_000 };
/// After this many spins, a thread that waits lets others have its processor: the one that it waits
/// for may need it.
const SPINS_BEFORE_YIELDING: u32 = if cfg!(miri) { 2 } else { 512 };
/// The largest number of threads that can be set.
const MOST_THREADS: usize = 1024;
/// Work is cut into no more parts for each processor than this, however many threads are set.
const MOST_PARTS_PER_PROCESSOR: usize = 4;
/// When the system refuses to spawn a worker, it is not asked again for this long.
const PATIENCE: Duration = Duration::from_secs(1);

/// The number of threads set by [`set_threads`]; 0 means the default.
static THREADS: AtomicUsize = AtomicUsize::new(0);

/// How many threads a network call may use, the calling one included.
///
/// The default is the number of processors available to the process, or `SHAPEWRIGHT_THREADS`. It
/// is 1 inside a trial of a [search](crate::search) that runs others at the same time.
pub fn threads() -> usize {
    match THREADS.load(Ordering::Relaxed) {
        _ if ALONE.get() => 1,
        0 => default_threads(),
        n => n,
    }
}

/// Calls with network calls on this thread alone: others have work of their own.
pub(crate) fn alone<R>(f: impl FnOnce() -> R) -> R {
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            ALONE.set(self.0);
        }
    }
    let _before = Before(ALONE.replace(true));
    f()
}

/// Sets how many threads network calls may use from now on; 0 restores the default.
///
/// Calls use no more threads than there are processors available to the process, as the others
/// would only wait for a processor; nor more than the system lets be spawned. Neither changes a bit
/// of any result.
///
/// On one thread, a [`Trainer`](crate::train::Trainer) still lets another one gather its next batches, if
/// there is a processor for it; one thread more makes the next batches if they are
/// [augmented](crate::train::Trainer::augment) or mixed.
pub fn set_threads(n: usize) {
    THREADS.store(n.min(MOST_THREADS), Ordering::Relaxed);
}

/// From this many multiply-adds on, work is worth handing to the workers: at some 50 of them per
/// nanosecond this is about 5 us, many times what the hand-over costs.
const WORTH_SHARING: usize = 1 << 18;

/// How many parts work of so many multiply-adds is worth: one, or one for each thread.
pub(crate) fn parts(multiply_adds: usize) -> usize {
    if multiply_adds < WORTH_SHARING {
        1
    } else {
        most_parts()
    }
}

/// How many parts large work is cut into: one for each thread. If there are more threads than
/// processors, as many for each processor.
pub(crate) fn most_parts() -> usize {
    let threads = threads();
    let processors = processors();
    if threads <= processors {
        return threads;
    }
    processors * (threads / processors).min(MOST_PARTS_PER_PROCESSOR)
}

fn default_threads() -> usize {
    static DEFAULT: OnceLock<usize> = OnceLock::new();
    *DEFAULT.get_or_init(|| {
        let available = processors().min(MOST_THREADS);
        let Some(value) = std::env::var_os("SHAPEWRIGHT_THREADS") else {
            return available;
        };
        match value.to_string_lossy().trim().parse::<usize>() {
            Ok(0) => available,
            Ok(n) => n.min(MOST_THREADS),
            Err(_) => {
                eprintln!(
                    "warning: SHAPEWRIGHT_THREADS is ignored: {value:?} is not a number of threads"
                );
                available
            }
        }
    })
}

/// The number of processors available to the process.
fn processors() -> usize {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    *PROCESSORS.get_or_init(|| thread::available_parallelism().map_or(1, |n| n.get()))
}

/// Calls `f(0)` to `f(parts - 1)`, each exactly once, and returns when all have ended.
///
/// Of `T` threads, thread `t` takes the parts `t`, `t + T` and so on; the caller is thread 0, and
/// when it has done its own parts it takes those of every thread that has not begun, so that a busy
/// machine costs little. Everything runs on the calling thread if there is one part or one thread,
/// if another caller holds the workers, or inside a worker.
///
/// If a part panics, its thread skips its other parts. When all threads have ended, the panic goes
/// on in the caller: of several the caller's own, or that of the first worker. The payloads of the
/// others are dropped; if one of these drops panics, that is the end of it.
pub(crate) fn parallel(parts: usize, f: &(dyn Fn(usize) + Sync)) {
    let _mode = FloatMode::of_scope();
    let wanted = threads().min(parts).min(processors());
    if wanted > 1
        && let Some(team) = Team::claim()
    {
        return team.run(wanted, parts, f);
    }
    (0..parts).for_each(f);
}

/// Cuts `data` into pieces of `chunk` (the last may be shorter) and calls `f(index, piece)` for
/// each, in parallel.
pub(crate) fn split_mut<T: Send>(
    data: &mut [T],
    chunk: usize,
    f: &(dyn Fn(usize, &mut [T]) + Sync),
) {
    struct Shared<T>(*mut T);
    // SAFETY: the pointer is only used to make disjoint `&mut [T]`, which may be sent as T is Send.
    unsafe impl<T: Send> Sync for Shared<T> {}
    impl<T> Shared<T> {
        fn at(&self, start: usize) -> *mut T {
            self.0.wrapping_add(start)
        }
    }

    let len = data.len();
    if len == 0 {
        return;
    }
    assert!(chunk > 0, "split_mut: pieces of length 0");
    let shared = Shared(data.as_mut_ptr());
    parallel(len.div_ceil(chunk), &|part| {
        let start = part * chunk;
        let length = chunk.min(len - start);
        // SAFETY: start + length <= len, so the piece lies within `data`, which is borrowed mutably
        // for this whole call; `parallel` runs each part once, so no two pieces overlap.
        let piece = unsafe { std::slice::from_raw_parts_mut(shared.at(start), length) };
        f(part, piece);
    });
}

/// The most slices that [`split_together`] cuts beside the first.
pub(crate) const MOST_TOGETHER: usize = 4;

/// What [`split_together`] calls.
type Together<'a, T> = &'a (dyn Fn(usize, &mut [T], &mut [&mut [T]]) + Sync);

/// Cuts several slices of one length into pieces of `chunk` and calls `f(index, piece, other
/// pieces)` for each, in parallel.
pub(crate) fn split_together<T: Send>(
    data: &mut [T],
    others: &mut [&mut [T]],
    chunk: usize,
    f: Together<'_, T>,
) {
    /// Where a slice begins.
    struct Start<T>(*mut T);
    // SAFETY: the pointers are only used to make disjoint `&mut [T]`, which may be sent as T is
    // Send.
    unsafe impl<T: Send> Sync for Start<T> {}

    let count = others.len();
    assert!(
        count <= MOST_TOGETHER,
        "split_together: {count} slices beside the first"
    );
    assert!(
        others.iter().all(|other| other.len() == data.len()),
        "split_together: slices of different lengths"
    );
    let mut starts = [const { Start(std::ptr::null_mut()) }; MOST_TOGETHER];
    for (start, other) in starts.iter_mut().zip(others) {
        *start = Start(other.as_mut_ptr());
    }
    let starts = &starts;
    split_mut(data, chunk, &|part, piece: &mut [T]| {
        let mut pieces: [&mut [T]; MOST_TOGETHER] = Default::default();
        for (other, start) in pieces.iter_mut().zip(&starts[..count]) {
            // SAFETY: the slice is as long as `data`, so it has the piece that `data` has; it is
            // borrowed mutably for this whole call, and `split_mut` gives each piece
            // out once.
            *other = unsafe {
                std::slice::from_raw_parts_mut(start.0.wrapping_add(part * chunk), piece.len())
            };
        }
        f(part, piece, &mut pieces[..count]);
    });
}

thread_local! {
    /// Whether this thread hands no work over: it is a worker, or one of several that have work of their own.
    static ALONE: Cell<bool> = const { Cell::new(false) };
}

/// What a worker is told to do: the parts `first`, `first + step`, .. below `parts`.
#[derive(Clone, Copy)]
struct Job {
    f: *const (dyn Fn(usize) + Sync),
    first: usize,
    step: usize,
    parts: usize,
    /// Whether the caller is in a [scope](crate::with_flushed_denormals).
    flushed: bool,
}

// SAFETY: the closure is Sync, so that any thread may call it; that it is alive is the promise of
// `run`'s callers.
unsafe impl Send for Job {}

impl Job {
    /// Runs the job's parts; the panic if one of them panics.
    /// # Safety
    /// The closure is alive.
    unsafe fn run(&self) -> Result<(), Panic> {
        // SAFETY: the caller's promise.
        let f = unsafe { &*self.f };
        denormals::follow(self.flushed, || {
            run_parts(self.first, self.step, self.parts, f)
        })
    }
}

/// Runs the parts of one thread: those that any other might have run.
fn run_parts(
    first: usize,
    step: usize,
    parts: usize,
    f: &(dyn Fn(usize) + Sync),
) -> Result<(), Panic> {
    let run = || kept::shared(|| (first..parts).step_by(step).for_each(f));
    catch_unwind(AssertUnwindSafe(run))
}

type Panic = Box<dyn Any + Send>;

/// Drops what nobody gets, such as the payload of a second panic, and never unwinds: if the drop
/// panics, what it throws is leaked, as dropping that may panic again.
pub(crate) fn discard<T>(value: T) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        mem::forget(panic);
    }
}

/// One worker's mailbox, on cache lines of its own (two, as processors fetch them in pairs).
#[repr(align(128))]
struct Mailbox {
    /// Number of jobs handed over; written by the team's holder only.
    sent: AtomicUsize,
    /// Number of the last job that somebody took: the worker, or the holder who did not want to
    /// wait for it.
    taken: AtomicUsize,
    /// Number of the last job that the worker took and ended; written by the worker only.
    done: AtomicUsize,
    /// The worker is about to park, or parked.
    sleeping: AtomicBool,
    /// The job numbered `sent`. The worker may touch it from the moment it took the job until it
    /// stores `done`, the holder otherwise.
    job: UnsafeCell<Option<Job>>,
    /// The panic of that job, until the holder takes it; same rule.
    panic: UnsafeCell<Option<Panic>>,
}

// SAFETY: the cells are handed to and fro by `sent`, `taken` and `done` (release on store, acquire
// on load), and only the holder of the team sends. What the job's pointer refers to is Sync and
// outlives the job: see `Team::run`.
unsafe impl Sync for Mailbox {}

impl Mailbox {
    fn new() -> Self {
        Mailbox {
            sent: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
            done: AtomicUsize::new(0),
            sleeping: AtomicBool::new(false),
            job: UnsafeCell::new(None),
            panic: UnsafeCell::new(None),
        }
    }

    fn work(&self) {
        // Nothing below unwinds. If it did, the holder would wait for ever for a worker that is no
        // more.
        let _never_ends = AbortOnDrop;
        ALONE.set(true);
        denormals::drop_inherited_mode();
        let mut last = 0;
        loop {
            last = self.wait_after(last);
            if self.take(last) {
                // SAFETY: the job was taken, so the cells are this worker's until `done` is stored
                // below, and the holder keeps the closure alive until it sees
                // `done`.
                unsafe { self.run_job() };
                self.done.store(last, Ordering::Release);
            }
        }
    }

    /// Runs the job and keeps its panic.
    ///
    /// # Safety
    /// The cells are the caller's, and the job's closure is alive.
    unsafe fn run_job(&self) {
        // SAFETY: the caller's promise.
        let job = unsafe { *self.job.get() };
        // SAFETY: the caller's promise.
        if let Some(Err(panic)) = job.map(|job| unsafe { job.run() }) {
            // Written, not assigned: there is no panic from before, and no drop that could unwind.
            // SAFETY: the caller's promise.
            unsafe { self.panic.get().write(Some(panic)) };
        }
    }

    /// Takes the job with this number, unless it is taken.
    fn take(&self, number: usize) -> bool {
        let before = number.wrapping_sub(1);
        self.taken
            .compare_exchange(before, number, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// Spins or does side work, then sleeps, until a job after number `last` was sent; its number.
    fn wait_after(&self, last: usize) -> usize {
        let mut spins = SPINS_BEFORE_PARKING;
        loop {
            for spin in 1..=spins {
                let sent = self.sent.load(Ordering::Acquire);
                if sent != last {
                    return sent;
                }
                if !idle::help(|| self.sent.load(Ordering::Relaxed) != last) {
                    pause(spin);
                }
            }
            // What wakes it without a job is side work, which is done at once.
            spins = 1;
            // Either the holder sees `sleeping` and wakes us, or we see its `sent`: both are
            // SeqCst.
            self.sleeping.store(true, Ordering::SeqCst);
            if self.sent.load(Ordering::SeqCst) == last {
                thread::park();
            }
            self.sleeping.store(false, Ordering::Relaxed);
        }
    }
}

/// Ends the process rather than leave others waiting.
struct AbortOnDrop;

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        process::abort();
    }
}

/// Waits for a moment, the `spin`-th time in a row, counted from 1.
///
/// What is waited for may need this processor: so others get it now and then, and each time once
/// that takes long.
fn pause(spin: u32) {
    if spin >= SPINS_BEFORE_PARKING || spin.is_multiple_of(SPINS_BEFORE_YIELDING) {
        thread::yield_now();
    } else {
        spin_loop();
    }
}

struct Worker {
    mailbox: Arc<Mailbox>,
    thread: Thread,
    /// What [`kept::growth`] was when it made room.
    growth: Cell<usize>,
}

/// All workers of the process.
struct Pool {
    busy: AtomicBool,
    crew: UnsafeCell<Crew>,
}

// SAFETY: `crew` is touched only by the one thread that set `busy`.
unsafe impl Sync for Pool {}

static POOL: Pool = Pool {
    busy: AtomicBool::new(false),
    crew: UnsafeCell::new(Crew {
        workers: Vec::new(),
        refused: None,
    }),
};

struct Crew {
    workers: Vec<Worker>,
    /// When the system refused to spawn one more.
    refused: Option<Instant>,
}

impl Crew {
    /// Spawns workers until there are `wanted`, or the system refuses.
    #[cold]
    fn grow(&mut self, wanted: usize) {
        if self.refused.is_some_and(|at| at.elapsed() < PATIENCE) {
            return;
        }

        self.refused = None;
        while self.workers.len() < wanted {
            let mailbox = Arc::new(Mailbox::new());
            let of_worker = Arc::clone(&mailbox);
            let builder =
                thread::Builder::new().name(format!("shapewright-{}", self.workers.len() + 1));
            match builder.spawn(move || of_worker.work()) {
                Ok(handle) => {
                    let thread = handle.thread().clone();
                    self.workers.push(Worker {
                        mailbox,
                        thread,
                        growth: Cell::new(0),
                    });
                }
                Err(_) => {
                    self.refused = Some(Instant::now());
                    break;
                }
            }
        }
    }
}

/// The right to use the pool; given back on drop.
struct Team(());

impl Drop for Team {
    fn drop(&mut self) {
        POOL.busy.store(false, Ordering::Release);
    }
}

impl Team {
    fn claim() -> Option<Team> {
        let free = !POOL.busy.load(Ordering::Relaxed) && !POOL.busy.swap(true, Ordering::Acquire);
        // Not `then_some`: dropping a Team that was not claimed would free the pool.
        free.then(|| Team(()))
    }

    /// At least `wanted` workers if the system lets them be spawned, else as many as there are.
    fn workers(&self, wanted: usize) -> &[Worker] {
        // SAFETY: a Team exists once at a time, so nobody else refers to the crew.
        let crew = unsafe { &mut *POOL.crew.get() };
        if crew.workers.len() < wanted {
            crew.grow(wanted);
        }
        &crew.workers[..wanted.min(crew.workers.len())]
    }

    /// Wakes the first worker if it sleeps.
    fn wake(&self) {
        if let Some(worker) = self.workers(1).first()
            && worker.mailbox.sleeping.load(Ordering::Relaxed)
        {
            worker.thread.unpark();
        }
    }

    fn run(self, wanted: usize, parts: usize, f: &(dyn Fn(usize) + Sync)) {
        let workers = self.workers(wanted - 1);
        let step = workers.len() + 1;
        // SAFETY: only the lifetime is erased. Whoever gets the pointer has ended before `handed`
        // is gone, and that is dropped before this function returns or unwinds.
        let erased: *const (dyn Fn(usize) + Sync) = unsafe {
            mem::transmute::<&(dyn Fn(usize) + Sync), &'static (dyn Fn(usize) + Sync)>(f)
        };

        let flushed = denormals::is_marked();
        let handed = Handed(workers);
        for (i, worker) in workers.iter().enumerate() {
            worker.send(Job {
                f: erased,
                first: i + 1,
                step,
                parts,
                flushed,
            });
        }
        let own = run_parts(0, step, parts, f);
        drop(handed);

        let mut first = own.err();
        for panic in workers.iter().filter_map(Worker::panic) {
            match &first {
                None => first = Some(panic),
                Some(_) => discard(panic),
            }
        }
        make_room(workers);
        drop(self);
        if let Some(panic) = first {
            resume_unwind(panic);
        }
    }
}

/// Lets workers allocate what any thread has needed for such parts, so that they need not when a
/// later call gives them other ones. These have no job, and it is theirs alone to do.
fn make_room(workers: &[Worker]) {
    let growth = kept::growth();
    if workers.iter().all(|worker| worker.growth.get() == growth) {
        return;
    }

    kept::make_room();
    for worker in workers {
        worker.send(Job {
            f: &|_| kept::make_room(),
            first: 0,
            step: 1,
            parts: 1,
            flushed: false,
        });
    }
    for worker in workers {
        worker.wait();
        // Without memory, there is none until it is needed.
        discard(worker.panic());
        worker.growth.set(growth);
    }
}

/// Workers with jobs. They have ended, here or there, when this is gone.
struct Handed<'t>(&'t [Worker]);

impl Drop for Handed<'_> {
    fn drop(&mut self) {
        self.0.iter().for_each(Worker::finish);
    }
}

impl Worker {
    fn send(&self, job: Job) {
        let mailbox = &*self.mailbox;
        let next = mailbox.sent.load(Ordering::Relaxed).wrapping_add(1);
        // SAFETY: the last job has ended, so the cell is the holder's.
        unsafe { *mailbox.job.get() = Some(job) };
        mailbox.sent.store(next, Ordering::SeqCst);
        if mailbox.sleeping.load(Ordering::SeqCst) {
            self.thread.unpark();
        }
    }

    /// Runs the job sent last if the worker has not begun it, waits for it otherwise. Never
    /// unwinds.
    fn finish(&self) {
        let mailbox = &*self.mailbox;
        let sent = mailbox.sent.load(Ordering::Relaxed);
        if mailbox.take(sent) {
            // SAFETY: the job was taken here, so the cells are the holder's; the closure is alive
            // until all have ended.
            return unsafe { mailbox.run_job() };
        }
        self.wait();
    }

    /// Waits for the job sent last, which the worker takes or has taken. Never unwinds.
    fn wait(&self) {
        let mailbox = &*self.mailbox;
        let sent = mailbox.sent.load(Ordering::Relaxed);
        let mut spins = 0_u32;
        while mailbox.done.load(Ordering::Acquire) != sent {
            spins = spins.saturating_add(1);
            if !idle::help(|| mailbox.done.load(Ordering::Relaxed) == sent) {
                pause(spins);
            }
        }
    }

    /// Takes the panic of the last job, which has ended.
    fn panic(&self) -> Option<Panic> {
        // SAFETY: the job has ended, so the cell is the holder's.
        unsafe { (*self.mailbox.panic.get()).take() }
    }
}

#[cfg(test)]
mod tests;

//! Persistent worker threads for the parts of one network call.
//!
//! A training step takes a few hundred microseconds, so that the hand-over of work must take well
//! below one. The workers therefore spin for a while after each job and only then go to sleep: the
//! hand-over takes 0.2 us while they spin, against 5 us with a work-stealing pool and 30 us with
//! scoped threads. While they spin, they gather the next batches (`idle.rs`).

mod idle;

pub(crate) use idle::{IdleHelp, IdleTask, with_idle_task};

use core::error::Error;
use core::fmt;
use core::marker::PhantomData;
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
use crate::kept;
use crate::memory::{SharedBytes, ThreadMemory};

/// The number of spins of an idle worker before it sleeps: about 20 to 50 us.
const SPINS_BEFORE_PARKING: u32 = if cfg!(miri) { 10 } else { 20_000 };
/// The number of spins after which a waiting thread yields its processor: the thread that it waits
/// for may need it.
const SPINS_BEFORE_YIELDING: u32 = if cfg!(miri) { 2 } else { 512 };
/// The largest number of threads that can be set.
const MAX_THREADS: usize = 1024;
/// The largest number of parts of work for each processor, at any number of threads.
const MAX_PARTS_PER_PROCESSOR: usize = 4;
/// The time before a worker is spawned again after the system has refused one.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The number of threads set by [`set_threads`]; 0 means the default.
static THREADS: AtomicUsize = AtomicUsize::new(0);

/// Returns the number of threads that a network call may use, including the calling one.
///
/// The default is the number of processors available to the process, or the environment variable
/// `SHAPEWRIGHT_THREADS`, which is ignored unless it is a number above 0; [`threads_from_env`] says
/// what is wrong with it. It is 1 inside a trial of a [search](crate::search) that runs others at
/// the same time.
pub fn threads() -> usize {
    match THREADS.load(Ordering::Relaxed) {
        _ if ALONE.get() => 1,
        0 => default_threads(),
        n => n,
    }
}

/// Calls `f` with all network calls on this thread alone: other threads have work of their own.
pub(crate) fn alone<R>(f: impl FnOnce() -> R) -> R {
    /// Restores the flag, also after a panic.
    struct Before(bool);

    impl Drop for Before {
        fn drop(&mut self) {
            ALONE.set(self.0);
        }
    }

    let _before = Before(ALONE.replace(true));
    f()
}

/// Sets the number of threads that network calls may use from now on; 0 restores the default.
///
/// Calls use at most as many threads as there are processors available to the process, as more
/// would only wait for a processor, and at most as many as the system can spawn. Neither changes a
/// bit of any result.
///
/// With one thread, a [`Trainer`](crate::train::Trainer) still uses a second one to gather its next
/// batches, if there is a processor for it. If batches are
/// [augmented](crate::train::Trainer::augment) or mixed, one more thread makes the next ones.
pub fn set_threads(n: usize) {
    THREADS.store(n.min(MAX_THREADS), Ordering::Relaxed);
}

/// The smallest number of multiply-adds that is handed to the workers: at about 50 per nanosecond
/// they take about 5 us, many times the cost of the hand-over.
const WORTH_SHARING: usize = 1 << 18;

/// Returns the number of parts to cut work of `multiply_adds` into: one, or [`most_parts`].
pub(crate) fn parts(multiply_adds: usize) -> usize {
    if multiply_adds < WORTH_SHARING {
        1
    } else {
        most_parts()
    }
}

/// Returns the number of parts to cut large work into: one for each thread, or, if there are more
/// threads than processors, the same number for each processor.
pub(crate) fn most_parts() -> usize {
    let threads = threads();
    let processors = processors();
    if threads <= processors {
        return threads;
    }
    processors * (threads / processors).min(MAX_PARTS_PER_PROCESSOR)
}

/// Returns the number of threads from `SHAPEWRIGHT_THREADS`, or the number of processors.
fn default_threads() -> usize {
    static DEFAULT: OnceLock<usize> = OnceLock::new();
    *DEFAULT.get_or_init(|| {
        let asked = threads_from_env().ok().flatten();
        asked.unwrap_or(processors()).min(MAX_THREADS)
    })
}

/// Returns the number of threads that the environment variable `SHAPEWRIGHT_THREADS` asks for;
/// `None` if it is not set. The variable counts as it was at the first call of [`threads`].
///
/// Nothing is printed about a wrong value: a program that wants to tell its user calls this, and
/// [`tier_from_env`](crate::tier::tier_from_env) for the other variable of the crate.
///
/// # Errors
/// Returns an error if the value is not a number above 0. The variable is ignored then.
///
/// ```
/// if let Err(error) = shapewright::threads::threads_from_env() {
///     eprintln!("{error}");
/// }
/// ```
pub fn threads_from_env() -> Result<Option<usize>, ThreadsEnvError> {
    match std::env::var_os("SHAPEWRIGHT_THREADS") {
        Some(value) => from_value(&value.to_string_lossy()).map(Some),
        None => Ok(None),
    }
}

fn from_value(value: &str) -> Result<usize, ThreadsEnvError> {
    match value.trim().parse() {
        Ok(0) | Err(_) => Err(ThreadsEnvError {
            value: value.to_owned(),
        }),
        Ok(n) => Ok(n),
    }
}

/// The error for a value of `SHAPEWRIGHT_THREADS` that is not a number of threads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadsEnvError {
    value: String,
}

impl fmt::Display for ThreadsEnvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = &self.value;
        write!(
            f,
            "`SHAPEWRIGHT_THREADS` is ignored: it is `{value}`, but must be a number from 1 up"
        )
    }
}

impl Error for ThreadsEnvError {}

/// Returns the number of processors available to the process.
fn processors() -> usize {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    *PROCESSORS.get_or_init(|| thread::available_parallelism().map_or(1, |n| n.get()))
}

/// Calls `f(0)` to `f(parts - 1)`, each exactly once, and returns when all have ended.
///
/// With `T` threads, thread `t` runs the parts `t`, `t + T` and so on. The caller is thread 0. When
/// it has done its own parts, it runs those of every thread that has not begun, so that a busy
/// machine costs little. Everything runs on the calling thread if there is one part or one thread,
/// if another caller holds the workers, or inside a worker.
///
/// If a part panics, its thread skips its other parts. When all threads have ended, the panic
/// resumes in the caller: if there are several, the caller's own, or that of the first worker. The
/// payloads of the others are dropped, and a panic of such a drop is ignored.
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

/// Cuts `data` into chunks of length `chunk` (the last may be shorter) and calls `f(index, slice)`
/// for each, in parallel.
pub(crate) fn split_mut<T: Send>(
    data: &mut [T],
    chunk: usize,
    f: &(dyn Fn(usize, &mut [T]) + Sync),
) {
    /// The start of `data`, shared by the threads.
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
    assert!(chunk > 0, "split_mut: chunks of length 0");

    let shared = Shared(data.as_mut_ptr());
    parallel(len.div_ceil(chunk), &|part| {
        let start = part * chunk;
        let length = chunk.min(len - start);
        // SAFETY: start + length <= len, so the slice lies within `data`, which is borrowed mutably
        // for this whole call; `parallel` runs each part once, so no two slices overlap.
        let slice = unsafe { std::slice::from_raw_parts_mut(shared.at(start), length) };
        f(part, slice);
    });
}

/// The memory of all parts of some work, shared by the threads.
struct SharedMemory<'a> {
    start: *mut u8,
    /// The number of bytes for each part.
    each: usize,
    /// The number of these bytes that a part may take.
    asked: usize,
    memory: PhantomData<&'a mut [u8]>,
}

// SAFETY: the pointer is only used to make disjoint slices of bytes.
unsafe impl Sync for SharedMemory<'_> {}

impl<'a> SharedMemory<'a> {
    /// Divides the memory into that of `parts` parts.
    fn new(parts: usize, memory: ThreadMemory<'a>) -> Self {
        let SharedBytes {
            memory,
            each,
            asked,
        } = memory.into_shared();
        let shares = memory.len().checked_div(each).unwrap_or(usize::MAX);
        assert!(
            parts <= shares,
            "a layer cuts its work into {parts} parts, and there are {each} bytes of memory for \
             each of {shares}; cut it into at most as many as `Context::parts` says"
        );
        SharedMemory {
            start: memory.as_mut_ptr(),
            each,
            asked,
            memory: PhantomData,
        }
    }

    /// Returns the memory of one part.
    ///
    /// # Safety
    /// The index is below the number of parts, and no part is asked for twice.
    unsafe fn part(&self, index: usize) -> ThreadMemory<'a> {
        let start = self.start.wrapping_add(index * self.each);
        // SAFETY: there are `each` bytes for each part, as `new` has checked; they are borrowed
        // mutably for 'a, and nobody else has asked for those of this part.
        let memory = unsafe { std::slice::from_raw_parts_mut(start, self.asked) };
        ThreadMemory::new(memory, self.asked)
    }
}

/// Calls `f(index, memory)` for each part of some work, as [`parallel`] does, with memory of its own.
pub(crate) fn parallel_with(
    parts: usize,
    memory: ThreadMemory<'_>,
    f: &(dyn Fn(usize, ThreadMemory<'_>) + Sync),
) {
    let memory = SharedMemory::new(parts, memory);
    // SAFETY: `parallel` runs each part once.
    parallel(parts, &|part| f(part, unsafe { memory.part(part) }));
}

/// Cuts `data` into chunks of length `chunk` (the last may be shorter) and calls `f(index, slice,
/// memory)` for each, on the threads that network calls may use.
///
/// A layer shares its work like this, into as many chunks as
/// [`Context::parts`](crate::ext::Context::parts) says. Each has the memory that the layer's
/// [`Needs`](crate::ext::Needs) name for a thread.
///
/// # Panics
/// Panics if there are more chunks than parts with memory.
pub fn split_mut_with<T: Send>(
    data: &mut [T],
    chunk: usize,
    memory: ThreadMemory<'_>,
    f: &(dyn Fn(usize, &mut [T], ThreadMemory<'_>) + Sync),
) {
    // A small layer has no time for more.
    if !data.is_empty() && data.len() <= chunk {
        return f(0, data, memory);
    }

    let memory = SharedMemory::new(data.len().div_ceil(chunk.max(1)), memory);
    split_mut(data, chunk, &|part, slice: &mut [T]| {
        // SAFETY: `split_mut` gives out each chunk once.
        f(part, slice, unsafe { memory.part(part) });
    });
}

/// The largest number of slices that [`split_together`] cuts in addition to the first.
pub(crate) const MOST_TOGETHER: usize = 4;

/// The function that [`split_together`] calls.
type Together<'a, T> = &'a (dyn Fn(usize, &mut [T], &mut [&mut [T]]) + Sync);

/// Cuts several slices of one length into chunks of length `chunk` and calls `f(index, slice,
/// others)` with the chunks of all slices at each index, in parallel.
pub(crate) fn split_together<T: Send>(
    data: &mut [T],
    others: &mut [&mut [T]],
    chunk: usize,
    f: Together<'_, T>,
) {
    /// The start of a slice, shared by the threads.
    struct Start<T>(*mut T);
    // SAFETY: the pointers are only used to make disjoint `&mut [T]`, which may be sent as T is
    // Send.
    unsafe impl<T: Send> Sync for Start<T> {}

    let count = others.len();
    assert!(
        count <= MOST_TOGETHER,
        "split_together: {count} slices in addition to the first"
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

    split_mut(data, chunk, &|part, slice: &mut [T]| {
        let mut slices: [&mut [T]; MOST_TOGETHER] = Default::default();
        for (other, start) in slices.iter_mut().zip(&starts[..count]) {
            // SAFETY: the other slice is as long as `data`, so it has a chunk at the same position;
            // it is borrowed mutably for this whole call, and `split_mut` gives out each chunk
            // once.
            *other = unsafe {
                std::slice::from_raw_parts_mut(start.0.wrapping_add(part * chunk), slice.len())
            };
        }
        f(part, slice, &mut slices[..count]);
    });
}

thread_local! {
    /// True if this thread shares no work: it is a worker, or one of several threads with work of
    /// their own.
    static ALONE: Cell<bool> = const { Cell::new(false) };
}

/// The job of a worker: the parts `first`, `first + stride`, .. below `parts`.
#[derive(Clone, Copy)]
struct Job {
    f: *const (dyn Fn(usize) + Sync),
    first: usize,
    stride: usize,
    parts: usize,
    /// True if the caller is in a [scope](crate::with_flushed_denormals).
    flushed: bool,
}

// SAFETY: the closure is Sync, so that any thread may call it; the callers of `run` promise that it
// is alive.
unsafe impl Send for Job {}

impl Job {
    /// Runs the job's parts and returns the panic if one of them panics.
    ///
    /// # Safety
    /// The closure is alive.
    unsafe fn run(&self) -> Result<(), Panic> {
        // SAFETY: the caller's promise.
        let f = unsafe { &*self.f };
        denormals::follow(self.flushed, || {
            run_parts(self.first, self.stride, self.parts, f)
        })
    }
}

/// Runs the parts of one thread, in memory that is [shared](kept::shared), as any other thread
/// might have run them.
fn run_parts(
    first: usize,
    stride: usize,
    parts: usize,
    f: &(dyn Fn(usize) + Sync),
) -> Result<(), Panic> {
    let run = || kept::shared(|| (first..parts).step_by(stride).for_each(f));
    catch_unwind(AssertUnwindSafe(run))
}

/// The payload of a panic.
type Panic = Box<dyn Any + Send>;

/// Drops a value that has no receiver, such as the payload of a second panic, and never unwinds: if
/// the drop panics, its payload is leaked, as its drop may panic again.
pub(crate) fn discard<T>(value: T) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        mem::forget(panic);
    }
}

/// One worker's mailbox, on cache lines of its own (two, as processors fetch them in pairs).
#[repr(align(128))]
struct Mailbox {
    /// The number of jobs handed over; written by the team's holder only.
    sent: AtomicUsize,
    /// The number of the last job that was taken: by the worker, or by the holder, which does not
    /// wait for a worker that has not begun.
    taken: AtomicUsize,
    /// The number of the last job that the worker took and ended; written by the worker only.
    done: AtomicUsize,
    /// True while the worker is parked or about to park.
    sleeping: AtomicBool,
    /// The job with the number `sent`. It belongs to the worker from when it takes the job until it
    /// stores `done`, and to the holder otherwise.
    job: UnsafeCell<Option<Job>>,
    /// The panic of this job, until the holder takes it. The cell belongs to the same thread as
    /// `job`.
    panic: UnsafeCell<Option<Panic>>,
}

// SAFETY: the cells pass between the threads by `sent`, `taken` and `done` (release on store,
// acquire on load), and only the holder of the team sends. The closure behind the job's pointer is
// Sync and outlives the job: see `Team::run`.
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

    /// Runs the worker's loop, which never ends.
    fn work(&self) {
        // Nothing below unwinds. If it did, the holder would wait forever for a worker that has
        // ended.
        let _never_ends = AbortOnDrop;
        ALONE.set(true);
        denormals::drop_inherited_mode();

        let mut last = 0;
        loop {
            last = self.wait_after(last);
            if self.take(last) {
                // SAFETY: the job was taken, so the cells are this worker's until `done` is stored
                // below, and the holder keeps the closure alive until it sees `done`.
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
            // `write` and not an assignment, whose drop of the old value could unwind: there is
            // none. SAFETY: the caller's promise.
            unsafe { self.panic.get().write(Some(panic)) };
        }
    }

    /// Takes the job with this number and returns true, unless it is taken.
    fn take(&self, number: usize) -> bool {
        let before = number.wrapping_sub(1);
        self.taken
            .compare_exchange(before, number, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// Waits until a job after number `last` is sent, and returns its number. The worker spins or
    /// does side work, then sleeps.
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

            // A worker that wakes without a job has side work, which it does in the next spin.
            spins = 1;

            // Either the holder sees `sleeping` and wakes this thread, or this thread sees `sent`:
            // both are SeqCst.
            self.sleeping.store(true, Ordering::SeqCst);
            if self.sent.load(Ordering::SeqCst) == last {
                thread::park();
            }
            self.sleeping.store(false, Ordering::Relaxed);
        }
    }
}

/// Aborts the process when it is dropped, so that no thread waits forever.
struct AbortOnDrop;

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        process::abort();
    }
}

/// Pauses for a moment, the `spin`-th time in a row, counted from 1.
///
/// The awaited thread may need this processor. So this thread yields it now and then, and every
/// time once the wait is long.
fn pause(spin: u32) {
    if spin >= SPINS_BEFORE_PARKING || spin.is_multiple_of(SPINS_BEFORE_YIELDING) {
        thread::yield_now();
    } else {
        spin_loop();
    }
}

/// A worker, as the holder of the team sees it.
struct Worker {
    mailbox: Arc<Mailbox>,
    thread: Thread,
    /// The value of [`kept::growth`] when the worker last made room.
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

/// The workers that have been spawned.
struct Crew {
    workers: Vec<Worker>,
    /// The time when the system refused to spawn one more.
    refused: Option<Instant>,
}

impl Crew {
    /// Spawns workers until there are `wanted` or the system refuses.
    #[cold]
    fn grow(&mut self, wanted: usize) {
        if self.refused.is_some_and(|at| at.elapsed() < RETRY_AFTER) {
            return;
        }

        self.refused = None;
        while self.workers.len() < wanted {
            let mailbox = Arc::new(Mailbox::new());
            let worker_mailbox = Arc::clone(&mailbox);
            let name = format!("shapewright-{}", self.workers.len() + 1);
            let spawned = thread::Builder::new()
                .name(name)
                .spawn(move || worker_mailbox.work());

            match spawned {
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
    /// Claims the pool, unless another thread has it.
    fn claim() -> Option<Team> {
        let free = !POOL.busy.load(Ordering::Relaxed) && !POOL.busy.swap(true, Ordering::Acquire);
        // Not `then_some`: dropping a Team that was not claimed would free the pool.
        free.then(|| Team(()))
    }

    /// Returns `wanted` workers, or as many as the system can spawn.
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

    /// Runs all parts on up to `wanted` threads; see [`parallel`].
    fn run(self, wanted: usize, parts: usize, f: &(dyn Fn(usize) + Sync)) {
        let workers = self.workers(wanted - 1);
        let stride = workers.len() + 1;
        // SAFETY: only the lifetime is erased. All jobs with the pointer have ended when `handed`
        // is dropped, which happens before this function returns or unwinds.
        let erased: *const (dyn Fn(usize) + Sync) = unsafe {
            mem::transmute::<&(dyn Fn(usize) + Sync), &'static (dyn Fn(usize) + Sync)>(f)
        };

        let flushed = denormals::is_marked();
        let handed = Handed(workers);
        for (i, worker) in workers.iter().enumerate() {
            worker.send(Job {
                f: erased,
                first: i + 1,
                stride,
                parts,
                flushed,
            });
        }
        let own = run_parts(0, stride, parts, f);
        drop(handed);

        // One panic resumes below, when the team is free again.
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

/// Makes the workers, which have no job now, allocate as much memory as any thread has needed for
/// its parts, so that no later call allocates because it assigns the parts otherwise.
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
            stride: 1,
            parts: 1,
            flushed: false,
        });
    }
    for worker in workers {
        worker.wait();
        // A failed allocation is not an error here, as the memory may not be needed.
        discard(worker.panic());
        worker.growth.set(growth);
    }
}

/// Workers with jobs. When this is dropped, all jobs have ended, on the workers or here.
struct Handed<'t>(&'t [Worker]);

impl Drop for Handed<'_> {
    fn drop(&mut self) {
        self.0.iter().for_each(Worker::finish);
    }
}

impl Worker {
    /// Hands a job over and wakes the worker if it sleeps.
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

    /// Runs the last job if the worker has not begun it, and waits for it otherwise. Never unwinds.
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

    /// Waits for the last job, which the worker takes or has taken. Never unwinds.
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

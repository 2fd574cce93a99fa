//! Trainings of [`shapewright`] on several machines, over MPI.
//!
//! [`Mpi`] is a [`Communicator`] whose ranks are the processes that `mpirun` or `srun` have started:
//!
//! ```no_run
//! use shapewright::distributed::DataParallel;
//! use shapewright::prelude::*;
//! use shapewright_mpi::Mpi;
//!
//! network! { struct Line: [1] -> [1] { Linear<_, 1> } }
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mpi = Mpi::new()?;
//!     let x: Vec<_> = (0..64).map(|i| Tensor1::from([i as f32 / 64.0])).collect();
//!     let mut net = Line::init(&mut shapewright::rng(0));
//!     let history = Line::trainer(Adam::new(0.05), Mse)
//!         .distributed(DataParallel::new(&mpi))
//!         .fit(&mut net, &x, &x)?;
//!     if mpi.is_first() {
//!         println!("loss {:.4}", history.last().map_or(f64::NAN, |epoch| epoch.loss));
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # Ranks that die
//! `mpirun` ends all ranks as soon as one of them has died. A rank that hangs, or whose machine has
//! lost its network, is noticed after [`Mpi::TIMEOUT`]: the ranks that wait for it print the error
//! and end the run with `MPI_Abort`, since MPI has no safe way to give up a message that is under
//! way. The last checkpoint is whole in all of these cases.

#![warn(missing_docs)]

use std::fmt;
use std::time::{Duration, Instant};

use mpi::environment::{Threading, Universe};
use mpi::request;
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator as _, Destination as _, Equivalence as _, Source as _};

use shapewright::distributed::{CommunicationError, Communicator, Incoming, Outgoing};

/// The processes of an MPI run as ranks.
///
/// There is one per process. When it is dropped, the process leaves the run; after a panic, it ends
/// the run on all ranks.
pub struct Mpi {
    rank: usize,
    size: usize,
    timeout: Duration,
    /// Ends MPI when it is dropped.
    _universe: Universe,
}

/// The error of a process that can't take part in an MPI run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MpiError {
    /// MPI is initialized already, or was.
    Initialized,
    /// The installed MPI lets only one thread of a process send messages.
    Threads,
}

impl fmt::Display for MpiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MpiError::Initialized => {
                "MPI was initialized before, and can be only once in a process; make one `Mpi` and \
                 hand out references to it"
            }
            MpiError::Threads => {
                "the installed MPI allows messages from the main thread alone; install one with \
                 support for threads, such as Open MPI"
            }
        })
    }
}

impl std::error::Error for MpiError {}

/// The longest piece in which a message is sent, as MPI counts bytes in 32 bits.
const LONGEST: usize = 1 << 30;
/// The number of times that a rank asks for its messages without a pause, before it lets others run.
const SPINS: u32 = 200;
/// The time after which a waiting rank sleeps between its questions.
const PATIENCE: Duration = Duration::from_millis(20);
/// The time for which it sleeps.
const NAP: Duration = Duration::from_micros(100);

impl Mpi {
    /// The time for which a rank waits for messages before it ends the run, unless
    /// [`timeout`](Mpi::timeout) sets another.
    pub const TIMEOUT: Duration = Duration::from_secs(300);

    /// Joins the run. A program that is not started by `mpirun` or the like is the only rank.
    ///
    /// # Errors
    /// Returns an error if this process has joined before, or if MPI does not let several threads
    /// send messages in turn.
    pub fn new() -> Result<Self, MpiError> {
        let (universe, threading) =
            mpi::initialize_with_threading(Threading::Serialized).ok_or(MpiError::Initialized)?;
        if threading < Threading::Serialized {
            return Err(MpiError::Threads);
        }
        let world = universe.world();
        Ok(Mpi {
            rank: world.rank().unsigned_abs() as usize,
            size: world.size().unsigned_abs() as usize,
            timeout: Self::TIMEOUT,
            _universe: universe,
        })
    }

    /// Sets the time for which a rank waits for messages before it ends the run. It must be longer
    /// than any rank may lag behind the others, as where it reads its data.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Returns whether this is rank 0, which prints.
    pub fn is_first(&self) -> bool {
        self.rank == 0
    }

    /// Ends the run on all ranks, with the error of one that did not answer.
    fn abort(&self, rank: usize) -> ! {
        let error = CommunicationError::Timeout {
            rank,
            seconds: self.timeout.as_secs_f64(),
        };
        eprintln!("error on rank {}: {error}", self.rank);
        SimpleCommunicator::world().abort(1)
    }
}

impl Drop for Mpi {
    fn drop(&mut self) {
        // The others would wait for this rank.
        if std::thread::panicking() {
            SimpleCommunicator::world().abort(101);
        }
    }
}

impl Communicator for Mpi {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    /// Sends and receives messages by `MPI_Isend` and `MPI_Irecv`.
    ///
    /// # Errors
    /// Returns an error if a message is shorter than its memory. One that is longer, and any failure
    /// of MPI itself, ends the run.
    fn exchange(
        &self,
        sends: &[Outgoing<'_>],
        receives: &mut [Incoming<'_>],
    ) -> Result<(), CommunicationError> {
        let world = SimpleCommunicator::world();
        let begin = Instant::now();

        // The rank and the length of each piece that is received.
        let mut expected = Vec::with_capacity(receives.len());
        let count = sends.len() + receives.len();
        request::multiple_scope(count, |scope, requests| {
            for receive in receives {
                let source = world.process_at_rank(receive.from as i32);
                for piece in pieces_mut(receive.bytes) {
                    expected.push((receive.from, piece.len()));
                    requests.add(source.immediate_receive_into(scope, piece));
                }
            }
            for send in sends {
                let target = world.process_at_rank(send.to as i32);
                for piece in pieces(send.bytes) {
                    requests.add(target.immediate_send(scope, piece));
                }
            }

            let mut done = Vec::new();
            let mut tries = 0;
            while !requests.test_all(&mut done) {
                tries += 1;
                if tries < SPINS {
                    std::hint::spin_loop();
                    continue;
                }
                let waited = begin.elapsed();
                if waited > self.timeout {
                    // The first that is late is not known; with one rank it is that one.
                    let rank = expected.first().map(|&(rank, _)| rank);
                    self.abort(rank.or(sends.first().map(|send| send.to)).unwrap_or(0));
                }
                if waited < PATIENCE {
                    std::thread::yield_now();
                } else {
                    std::thread::sleep(NAP);
                }
            }

            for (index, status, _) in done {
                let Some(&(rank, expected)) = expected.get(index) else {
                    continue;
                };
                let found = status.count(u8::equivalent_datatype()).unsigned_abs() as usize;
                if found != expected {
                    return Err(CommunicationError::Length {
                        rank,
                        expected,
                        found,
                    });
                }
            }
            Ok(())
        })
    }
}

/// Cuts bytes into pieces that MPI can count; an empty message is one piece.
fn pieces(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let empty = bytes.is_empty().then_some(bytes);
    bytes.chunks(LONGEST).chain(empty)
}

/// As [`pieces`], of memory.
fn pieces_mut(bytes: &mut [u8]) -> impl Iterator<Item = &mut [u8]> {
    let is_empty = bytes.is_empty();
    let empty = is_empty.then(<&mut [u8]>::default);
    bytes.chunks_mut(LONGEST).chain(empty)
}

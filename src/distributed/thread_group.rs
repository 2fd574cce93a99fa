//! Ranks as threads of one process.

use core::time::Duration;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;

use super::{CommunicationError, Communicator, Incoming, Outgoing};

/// Ranks as threads of one process, for tests and for programs that try out a number of ranks.
///
/// Each rank has a network, a gradient and optimizer state of its own. The ranks share the workers of
/// the process: while one uses them, the others compute on their own threads.
pub struct ThreadGroup;

/// A rank of a [`ThreadGroup`].
pub struct Rank {
    rank: usize,
    timeout: Duration,
    /// For each other rank, the end of a queue to it; `None` for this rank.
    senders: Vec<Option<Sender<Vec<u8>>>>,
    /// The queues from the other ranks. Only one thread at a time uses them.
    receivers: Mutex<Vec<Option<Receiver<Vec<u8>>>>>,
}

impl ThreadGroup {
    /// The time for which a rank waits for a message of another one.
    pub const TIMEOUT: Duration = Duration::from_secs(300);

    /// Calls `f` with each of `size` ranks, each on a thread of its own, and returns the results in
    /// the order of the ranks.
    ///
    /// # Panics
    /// Panics if `size` is 0, or with the panic of `f` on any rank.
    pub fn run<R: Send>(size: usize, f: impl Fn(&Rank) -> R + Sync) -> Vec<R> {
        Self::run_with_timeout(size, Self::TIMEOUT, f)
    }

    /// As [`run`](ThreadGroup::run), with another time for which a rank waits for a message.
    ///
    /// # Panics
    /// Panics where [`run`](ThreadGroup::run) does.
    pub fn run_with_timeout<R: Send>(
        size: usize,
        timeout: Duration,
        f: impl Fn(&Rank) -> R + Sync,
    ) -> Vec<R> {
        assert!(
            size > 0,
            "a group of 0 ranks trains nothing; take at least 1"
        );
        thread::scope(|scope| {
            let threads: Vec<_> = ranks(size, timeout)
                .into_iter()
                .map(|rank| scope.spawn(|| f(&{ rank })))
                .collect();
            threads
                .into_iter()
                .map(|thread| match thread.join() {
                    Ok(result) => result,
                    Err(panic) => std::panic::resume_unwind(panic),
                })
                .collect()
        })
    }
}

/// Returns the ranks of a group, with a queue from each to each other.
fn ranks(size: usize, timeout: Duration) -> Vec<Rank> {
    let mut senders: Vec<Vec<_>> = (0..size).map(|_| Vec::new()).collect();
    let mut receivers: Vec<Vec<_>> = (0..size).map(|_| Vec::new()).collect();
    for (from, senders) in senders.iter_mut().enumerate() {
        for (to, receivers) in receivers.iter_mut().enumerate() {
            let (sender, receiver) = (from != to).then(mpsc::channel).unzip();
            senders.push(sender);
            receivers.push(receiver);
        }
    }

    let ends = senders.into_iter().zip(receivers);
    ends.enumerate()
        .map(|(rank, (senders, receivers))| Rank {
            rank,
            timeout,
            senders,
            receivers: Mutex::new(receivers),
        })
        .collect()
}

impl Communicator for Rank {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.senders.len()
    }

    fn exchange(
        &self,
        sends: &[Outgoing<'_>],
        receives: &mut [Incoming<'_>],
    ) -> Result<(), CommunicationError> {
        for &Outgoing { to, bytes } in sends {
            let sender = self.senders.get(to).and_then(Option::as_ref);
            let sender = sender.ok_or_else(|| no_rank(to))?;
            sender
                .send(bytes.to_vec())
                .map_err(|_| CommunicationError::Lost { rank: to })?;
        }

        let receivers = self.receivers.lock();
        let receivers = receivers.unwrap_or_else(PoisonError::into_inner);
        for Incoming { from, bytes } in receives {
            let rank = *from;
            let receiver = receivers.get(rank).and_then(Option::as_ref);
            let receiver = receiver.ok_or_else(|| no_rank(rank))?;
            let message = receiver
                .recv_timeout(self.timeout)
                .map_err(|error| match error {
                    RecvTimeoutError::Disconnected => CommunicationError::Lost { rank },
                    RecvTimeoutError::Timeout => CommunicationError::Timeout {
                        rank,
                        seconds: self.timeout.as_secs_f64(),
                    },
                })?;

            if message.len() != bytes.len() {
                return Err(CommunicationError::Length {
                    rank,
                    expected: bytes.len(),
                    found: message.len(),
                });
            }
            bytes.copy_from_slice(&message);
        }
        Ok(())
    }
}

fn no_rank(rank: usize) -> CommunicationError {
    CommunicationError::Engine {
        message: format!("rank {rank} is this rank or none of the group"),
    }
}

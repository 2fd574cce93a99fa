//! The errors of messages between ranks.

use core::fmt;

/// The error of a message between ranks. The rank that returns it must not send or receive again.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CommunicationError {
    /// A rank has ended.
    Lost {
        /// That rank.
        rank: usize,
    },
    /// A rank did not answer in time: it has died, hangs, or is much slower than the others.
    Timeout {
        /// That rank.
        rank: usize,
        /// The seconds for which this rank has waited.
        seconds: f64,
    },
    /// A message has another length than the memory for it: the ranks run different programs.
    Length {
        /// The rank that sent it.
        rank: usize,
        /// The number of bytes that it should have.
        expected: usize,
        /// The number of bytes that it has.
        found: usize,
    },
    /// The engine has failed.
    Engine {
        /// The failure in words.
        message: String,
    },
}

impl fmt::Display for CommunicationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const GO_ON: &str = "start all ranks again; with `checkpoint` and `resume` the training goes \
                             on from its last checkpoint";
        match self {
            CommunicationError::Lost { rank } => {
                write!(f, "rank {rank} has ended before the others; {GO_ON}")
            }
            CommunicationError::Timeout { rank, seconds } => write!(
                f,
                "rank {rank} has not answered for {seconds:.0} s; {GO_ON}, or give the ranks more \
                 time"
            ),
            CommunicationError::Length {
                rank,
                expected,
                found,
            } => write!(
                f,
                "rank {rank} sent {found} bytes where {expected} were expected; run the same \
                 program with the same arguments on all ranks"
            ),
            CommunicationError::Engine { message } => {
                write!(f, "a message between ranks has failed: {message}; {GO_ON}")
            }
        }
    }
}

impl core::error::Error for CommunicationError {}

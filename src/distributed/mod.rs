//! Training on several machines, or in several processes of one: ranks, and the messages between
//! them.
//!
//! The same program runs on each *rank*. A [`Communicator`] knows the ranks and carries their
//! messages: `Mpi` of the crate `shapewright-mpi` between processes, [`ThreadGroup`] between threads
//! of one process. A [`Trainer`](crate::train::Trainer) takes it with
//! [`distributed`](crate::train::Trainer::distributed); the page
//! [distributed](crate::guide::distributed) of the guide has the rest.
//!
//! ```
//! use shapewright::distributed::{DataParallel, ThreadGroup};
//! use shapewright::prelude::*;
//! network! { struct Line: [1] -> [1] { Linear<_, 1> } }
//!
//! let x: Vec<_> = (0..64).map(|i| Tensor1::from([i as f32 / 64.0])).collect();
//! let trained = |ranks| {
//!     let networks = ThreadGroup::run(ranks, |rank| {
//!         let mut net = Line::init(&mut shapewright::rng(0));
//!         Line::trainer(Adam::new(0.05), Mse)
//!             .batch_size(16)
//!             .distributed(DataParallel::new(rank))
//!             .fit(&mut net, &x, &x)
//!             .map(|_| net.params().to_vec())
//!     });
//!     networks.into_iter().collect::<Result<Vec<_>, _>>()
//! };
//! let [one, two] = [trained(1)?, trained(2)?];
//! assert!(two.iter().all(|net| *net == one[0]));
//! # Ok::<(), shapewright::train::TrainError>(())
//! ```
//!
//! # The same bits at any number of ranks
//! Floating-point sums depend on their order, and that of `MPI_Allreduce` is not specified. Here a
//! batch is cut into a fixed number of [slices](DataParallel::slices), each of which one rank
//! computes, and the gradients of the slices are added in a fixed binary tree: those of slices 0 and
//! 1, of 2 and 3, then these sums, and so on. A rank adds what lies within its own slices
//! ([`SliceSum`]); the rest travels. Each rank owns an equal share of the elements, receives the
//! others' partial sums of this share, adds them in the order of the tree, and sends the total to
//! all (a reduce-scatter and an all-gather). For `n` ranks that divide the slices, a rank sends
//! `2 (n - 1) / n` times the bytes of the gradient, which is as little as any algorithm needs.

mod collectives;
mod data_parallel;
mod error;
mod pipeline;
mod slice_sum;
mod thread_group;

pub use data_parallel::DataParallel;
pub use error::CommunicationError;
pub use pipeline::{Pipeline, PipelineError, Stage, StageAt, Stages};
pub use slice_sum::SliceSum;
pub use thread_group::{Rank, ThreadGroup};

use core::ops::Range;

use crate::network::Network;
use crate::params::Parameters;

pub(crate) use collectives::share_of;

/// Bytes that are sent to a rank.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// The rank that receives them.
    pub to: usize,
    /// The bytes, of which there may be none.
    pub bytes: &'a [u8],
}

/// Memory for bytes that a rank sends.
#[derive(Debug)]
pub struct Incoming<'a> {
    /// The rank that sends them.
    pub from: usize,
    /// The memory, which has the length of the message.
    pub bytes: &'a mut [u8],
}

/// The ranks of a program, and the messages between them.
///
/// An engine implements `rank`, `size` and [`exchange`](Communicator::exchange); the rest follows
/// from these. All ranks call the same functions in the same order. A function that fails on one rank
/// may have succeeded on another, and after an error no other call is made.
pub trait Communicator: Sync {
    /// Returns the index of this rank, from 0.
    fn rank(&self) -> usize;

    /// Returns the number of ranks.
    fn size(&self) -> usize;

    /// Sends and receives messages, all at the same time, and returns when all of them are done.
    ///
    /// Messages from one rank to another arrive in the order in which they were sent. No message is
    /// one of a rank to itself.
    ///
    /// # Errors
    /// Returns an error if a rank has ended or does not answer within the time of the engine, or if
    /// a message has another length than its memory.
    fn exchange(
        &self,
        sends: &[Outgoing<'_>],
        receives: &mut [Incoming<'_>],
    ) -> Result<(), CommunicationError>;

    /// Waits until all ranks have come here.
    ///
    /// # Errors
    /// Returns the errors of [`exchange`](Communicator::exchange).
    fn barrier(&self) -> Result<(), CommunicationError> {
        collectives::barrier(self.rank(), self.size(), &|sends, receives| {
            self.exchange(sends, receives)
        })
    }

    /// Copies the bytes of rank `root` to those of all others, which have the same length.
    ///
    /// They go along a binomial tree, in `log2(size)` rounds.
    ///
    /// # Errors
    /// Returns the errors of [`exchange`](Communicator::exchange).
    fn broadcast(&self, bytes: &mut [u8], root: usize) -> Result<(), CommunicationError> {
        collectives::broadcast(self.rank(), self.size(), bytes, root, &|sends, receives| {
            self.exchange(sends, receives)
        })
    }

    /// Returns the bytes of all ranks, rank after rank. Their numbers may differ.
    ///
    /// # Errors
    /// Returns the errors of [`exchange`](Communicator::exchange).
    fn all_gather(&self, own: &[u8]) -> Result<Vec<Vec<u8>>, CommunicationError> {
        collectives::all_gather(self.rank(), self.size(), own, &|sends, receives| {
            self.exchange(sends, receives)
        })
    }
}

/// Returns the most bytes of gradients that a rank sends in one step of a data-parallel training, for a
/// number of ranks that divides the number of slices: `2 (ranks - 1) / ranks` times those of the
/// parameters, and half of them with [`bf16`](DataParallel::bf16) in place of `f32`.
///
/// A rank sends its share of the losses in addition, 16 bytes for each slice and a few for each rank.
/// For a number of ranks that is no power of two, a rank whose slices have no common sum sends up to
/// twice their logarithm as much in the first half.
///
/// ```
/// use shapewright::distributed::gradient_bytes;
/// use shapewright::prelude::*;
/// network! { struct Mlp: [784] -> [10] { Linear<_, 128>, Relu, Linear<_, 10> } }
/// const BYTES: usize = gradient_bytes::<Mlp>(2);
/// assert_eq!(BYTES, 101_770 * 4);
/// ```
pub const fn gradient_bytes<N: Network>(ranks: usize) -> usize {
    let mut len = 0;
    let mut layer = 0;
    while layer < N::LAYERS.len() {
        len += N::LAYERS[layer].params;
        layer += 1;
    }
    len -= <N as Parameters<N::Element>>::FROZEN;
    2 * (ranks - 1) * len.div_ceil(ranks) * size_of::<N::Element>()
}

/// Returns the slices of a rank, of `slices` in all: each rank has as many as any other, or one more.
pub fn slices_of(rank: usize, size: usize, slices: usize) -> Range<usize> {
    share_of(rank, size, slices)
}

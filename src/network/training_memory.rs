//! The memory of a training, as constants.

use core::fmt::{self, Display, Formatter};

use super::Network;
use crate::params::Parameters;
use crate::sizes;

/// The bytes of memory that a training of a network needs, known before it begins.
///
/// ```
/// use shapewright::prelude::*;
/// use shapewright::TrainingMemory;
/// network! { struct Net: [64] -> [10] { fc: Lora<4, Linear<_, 256>>, Relu, head: Linear<_, 10> } }
///
/// // Batches of 32, an optimizer with two values for each parameter, such as `Adam`, two threads.
/// const MEMORY: TrainingMemory = TrainingMemory::of::<Net>(32, 2, 2);
/// const _: () = assert!(MEMORY.total() < 1_000_000);
/// assert_eq!(Net::TRAINABLE_PARAMS, 4 * (64 + 256) + 256 * 10 + 10);
/// assert!(MEMORY.gradient < MEMORY.parameters / 3);
/// println!("{MEMORY}");
/// ```
///
/// It is what the network, its gradient, the state of its optimizer and its
/// [`Workspace`](crate::Workspace) need. Inputs, targets, the program itself and, in a
/// [`Trainer`](crate::train::Trainer), the copies of averages and of early stopping come in addition.
/// The batches that [`Trainer::validate`](crate::train::Trainer::validate) runs through the network
/// take the memory of inference, [`Network::workspace_bytes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrainingMemory {
    /// The parameters, also those that are frozen.
    pub parameters: usize,
    /// The gradient of what is trained. What the types freeze has a place in the gradient, of which
    /// no byte is touched: with allocators that take zeros from the operating system, as those of
    /// Linux, macOS and Windows do for large blocks, it takes addresses and no memory.
    pub gradient: usize,
    /// The values that the optimizer keeps for what is trained.
    pub optimizer: usize,
    /// Activations and their gradients, for the whole batch.
    pub activations: usize,
    /// The memory of the threads.
    pub threads: usize,
}

impl TrainingMemory {
    /// Returns the memory for batches of `batch_size` samples, an optimizer that keeps `states` values
    /// for each parameter ([`Optimizer::states`](crate::optim::Optimizer::states): 2 for `Adam` and
    /// `AdamW`, 1 for `Sgd` with momentum), and a number of threads.
    pub const fn of<N: Network>(batch_size: usize, states: usize, threads: usize) -> Self {
        let size = size_of::<N::Element>();
        let all = <N as Parameters<N::Element>>::LEN;
        let trained = all - <N as Parameters<N::Element>>::FROZEN;
        TrainingMemory {
            parameters: sizes::product(&[all, size]),
            gradient: sizes::product(&[trained, size]),
            optimizer: sizes::product(&[states, trained, size]),
            activations: sizes::product(&[batch_size, N::TRAIN_WORKSPACE_BYTES]),
            threads: sizes::product(&[threads, N::TRAIN_THREAD_BYTES]),
        }
    }

    /// Returns the sum.
    pub const fn total(&self) -> usize {
        sizes::sum(&[
            self.parameters,
            self.gradient,
            self.optimizer,
            self.activations,
            self.threads,
        ])
    }
}

impl Display for TrainingMemory {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mb = |bytes: usize| bytes as f64 / 1e6;
        write!(
            f,
            "{:.1} MB: parameters {:.1}, gradient {:.1}, optimizer {:.1}, activations {:.1}, \
             threads {:.1}",
            mb(self.total()),
            mb(self.parameters),
            mb(self.gradient),
            mb(self.optimizer),
            mb(self.activations),
            mb(self.threads)
        )
    }
}

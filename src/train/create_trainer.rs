//! The trainer of a network.

use super::Trainer;
use crate::data::Sample;
use crate::loss::{Accepts, Loss};
use crate::network::{Network, Trainable};
use crate::optim::Optimizer;

/// The function of every network that creates a [`Trainer`].
pub trait CreateTrainer: Network {
    /// Creates a [`Trainer`] with this optimizer and this loss. It runs epochs, batches, validation
    /// and early stopping.
    ///
    /// `G` is the type of the loss's targets. If optimizer, loss and network do not fit each other, the
    /// compiler reports that here, and nothing about the calls behind this one.
    fn trainer<'a, O, L, G>(optimizer: O, loss: L) -> Trainer<'a, Self, O, L, G>
    where
        Self: Trainable,
        O: Optimizer + Sync,
        L: FittingLoss<Self, Target = G>,
    {
        L::trainer(optimizer, loss)
    }
}

impl<N: Network> CreateTrainer for N {}

/// A loss that fits the outputs of a network.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a loss for the outputs of `{N}`",
    label = "no loss for these outputs",
    note = "a trainer takes the optimizer and then the loss: `Net::trainer(Adam::new(1e-3), \
            CrossEntropy)`"
)]
pub trait FittingLoss<N: Network>: Sized {
    type Target;

    fn trainer<'a, O: Optimizer + Sync>(
        optimizer: O,
        loss: Self,
    ) -> Trainer<'a, N, O, Self, Self::Target>
    where
        N: Trainable;
}

impl<L, N> FittingLoss<N> for L
where
    N: Network,
    L: Loss<N::Output, N::Element>,
    L::Accepts: Accepts<N::Ends, L, N>,
    L::Target: Sample + Send + Sync,
{
    type Target = L::Target;

    fn trainer<'a, O: Optimizer + Sync>(
        optimizer: O,
        loss: Self,
    ) -> Trainer<'a, N, O, Self, L::Target>
    where
        N: Trainable,
    {
        Trainer::new(optimizer, loss)
    }
}

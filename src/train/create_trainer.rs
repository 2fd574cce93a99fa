//! The trainer of a network.

use super::Trainer;
use crate::data::Sample;
use crate::loss::{Accepts, Loss, TargetOf};
use crate::network::{Network, Trainable};
use crate::optim::Optimizer;

/// The function of every network that creates a [`Trainer`].
pub trait CreateTrainer: Network {
    /// Creates a [`Trainer`] with this optimizer and this loss. It runs epochs, batches, validation
    /// and early stopping.
    fn trainer<'a, O, L, G>(optimizer: O, loss: L) -> Trainer<'a, Self, O, L, G>
    where
        Self: Trainable,
        O: Optimizer + Sync,
        L: Loss<Self::Output, Self::Element>,
        L::Accepts: Accepts<Self::Ends, L, Self>,
        G: TargetOf<L::Target, L, Self> + Sample + Send + Sync,
    {
        Trainer::new(optimizer, loss)
    }
}

impl<N: Network> CreateTrainer for N {}

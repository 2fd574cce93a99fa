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
    /// `P` is the optimizer again, and `G` is the type of the loss's targets. If optimizer, loss and
    /// network do not fit each other, the compiler does not know these, and reports nothing about
    /// the calls behind this one.
    fn trainer<'a, O, L, P, G>(optimizer: O, loss: L) -> Trainer<'a, Self, P, L, G>
    where
        Self: Trainable,
        O: AsOptimizer<Optimizer = P>,
        P: Optimizer + Minimizes<L, Self, Target = G>,
    {
        P::trainer(optimizer.optimizer(), loss)
    }
}

impl<N: Network> CreateTrainer for N {}

/// An optimizer.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an optimizer",
    label = "not an optimizer",
    note = "the optimizer comes before the loss: `Net::trainer(Adam::new(1e-3), CrossEntropy)`"
)]
pub trait AsOptimizer {
    type Optimizer: Optimizer + Sync;

    fn optimizer(self) -> Self::Optimizer;
}

#[diagnostic::do_not_recommend]
impl<O: Optimizer + Sync> AsOptimizer for O {
    type Optimizer = O;

    fn optimizer(self) -> O {
        self
    }
}

/// An optimizer, all of which minimize any loss that fits the outputs of a network.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{L}` is not a loss for the outputs of `{N}`",
    label = "not a loss for `{N}`"
)]
pub trait Minimizes<L, N: Network>: Sized + Optimizer {
    type Target;

    fn trainer<'a>(self, loss: L) -> Trainer<'a, N, Self, L, Self::Target>
    where
        N: Trainable;
}

impl<O, L, N> Minimizes<L, N> for O
where
    O: Optimizer + Sync,
    N: Network,
    L: Loss<N::Output, N::Element>,
    L::Accepts: Accepts<N::Ends, L, N>,
    L::Target: Sample + Send + Sync,
{
    type Target = L::Target;

    fn trainer<'a>(self, loss: L) -> Trainer<'a, N, O, L, L::Target>
    where
        N: Trainable,
    {
        Trainer::new(self, loss)
    }
}

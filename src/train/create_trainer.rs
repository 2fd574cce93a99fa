//! The trainer of a network.

use core::convert::Infallible;
use core::marker::PhantomData;

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
    /// `O` is an [`Optimizer`], `L` a [`Loss`] on the outputs of the network, and `G` the type of the
    /// loss's targets. If optimizer, loss and network do not fit each other, the compiler reports
    /// that here, and nothing about the calls behind this one.
    fn trainer<'a, O, L, G>(optimizer: O, loss: L) -> Trainer<'a, Self, O, L, G>
    where
        Self: Trainable,
        L: FittingLoss<Self, O, Target = G>,
    {
        L::create_trainer(optimizer, loss)
    }
}

impl<N: Network> CreateTrainer for N {}

/// A loss that fits the outputs of a network, together with an optimizer. It carries the bounds of
/// both, so that of two swapped arguments the compiler reports one. A missing argument is an error
/// of its own, to which these bounds add nothing.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a loss for the outputs of `{N}`",
    label = "no loss for these outputs",
    note = "a trainer takes the optimizer and then the loss: `Net::trainer(Adam::new(1e-3), \
            CrossEntropy)`"
)]
pub trait FittingLoss<N: Network, O>: Sized {
    type Target;

    fn create_trainer<'a>(optimizer: O, loss: Self) -> Trainer<'a, N, O, Self, Self::Target>
    where
        N: Trainable;
}

impl<L, N, O> FittingLoss<N, O> for L
where
    N: Network,
    O: FirstArgument,
    L: SecondArgument<N, O, O::Is>,
{
    type Target = <L as SecondArgument<N, O, O::Is>>::Target;

    fn create_trainer<'a>(optimizer: O, loss: Self) -> Trainer<'a, N, O, Self, Self::Target>
    where
        N: Trainable,
    {
        SecondArgument::create_trainer(optimizer, loss, O::IS)
    }
}

/// An optimizer, as the first argument of `trainer`.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an optimizer; `trainer` takes the optimizer and then the loss",
    label = "the first argument is not an optimizer",
    note = "write it as in `Net::trainer(Adam::new(1e-3), CrossEntropy)`",
    note = "an optimizer of your own implements `shapewright::optim::Optimizer`, and a function over \
            any optimizer has the bound `O: Optimizer + Sync`"
)]
pub trait FirstArgument {
    type Is;
    const IS: Self::Is;
}

#[diagnostic::do_not_recommend]
impl<O: Optimizer> FirstArgument for O {
    type Is = AnOptimizer;
    const IS: AnOptimizer = AnOptimizer;
}

/// Applies to no type. With one implementation alone, the compiler would take it without asking
/// whether the type is an optimizer, and go on with the loss.
#[diagnostic::do_not_recommend]
impl<O> FirstArgument for O
where
    Nothing<O>: Never,
{
    type Is = AnOptimizer;
    const IS: AnOptimizer = AnOptimizer;
}

#[doc(hidden)]
pub struct Nothing<T>(PhantomData<T>);

/// A trait without implementations.
#[doc(hidden)]
pub trait Never {}

/// The kind of a first argument that is an optimizer.
#[doc(hidden)]
pub struct AnOptimizer;

/// The kind of a first argument that is no optimizer, which is reported. `G` stands for the
/// targets.
#[doc(hidden)]
pub struct Unknown<G>(Infallible, PhantomData<G>);

/// A loss behind a first argument.
#[doc(hidden)]
pub trait SecondArgument<N: Network, O, First>: Sized {
    type Target;

    fn create_trainer<'a>(
        optimizer: O,
        loss: Self,
        first: First,
    ) -> Trainer<'a, N, O, Self, Self::Target>
    where
        N: Trainable;
}

impl<L, N, O> SecondArgument<N, O, AnOptimizer> for L
where
    N: Network,
    O: Optimizer + Sync,
    L: Loss<N::Output, N::Element>,
    L::Accepts: Accepts<N::Ends, L, N>,
    L::Target: Sample + Send + Sync,
{
    type Target = L::Target;

    fn create_trainer<'a>(
        optimizer: O,
        loss: Self,
        _: AnOptimizer,
    ) -> Trainer<'a, N, O, Self, L::Target>
    where
        N: Trainable,
    {
        Trainer::new(optimizer, loss)
    }
}

impl<L, N: Network, O, G> SecondArgument<N, O, Unknown<G>> for L {
    type Target = G;

    fn create_trainer<'a>(_: O, _: Self, first: Unknown<G>) -> Trainer<'a, N, O, Self, G>
    where
        N: Trainable,
    {
        match first.0 {}
    }
}

//! The traits of the lists of layers inside a block: `network!` makes a type of each list.

use super::infer::Infer;
use super::layer::Layer;
use super::train::Train;
use crate::tensor::{Element, Shape};

/// The input shape, the output shape and the name of a list of layers.
#[doc(hidden)]
pub trait Ends: 'static {
    /// The shape of the input.
    type From: Shape;
    /// The shape of the output.
    type To: Shape;
    /// The name that the user gave it, or its position if it has no name.
    const NAME: &'static str;
}

/// A list of layers inside a block whose parameters are `P`.
#[doc(hidden)]
pub trait Branch<P, T: Element>:
    Ends + Layer<T, Config = ()> + Infer<<Self as Ends>::From, <Self as Ends>::To, T>
{
    /// Returns the list's parameters among those of the block.
    fn params(block: &P) -> &Self::Params;
    /// Returns the list's parameters among those of the block, mutably.
    fn params_mut(block: &mut P) -> &mut Self::Params;
}

/// A list of layers inside a block that can be trained.
#[doc(hidden)]
pub trait TrainBranch<P, T: Element>:
    Branch<P, T> + Train<<Self as Ends>::From, <Self as Ends>::To, T>
{
}

impl<P, T: Element, B> TrainBranch<P, T> for B where
    B: Branch<P, T> + Train<<B as Ends>::From, <B as Ends>::To, T>
{
}

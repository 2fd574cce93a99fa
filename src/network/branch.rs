//! What the lists of layers within a block are to the block: `network!` makes a type of each.

use super::layer::{Compute, Layer};
use crate::tensor::{Element, Shape};

/// Where a list of layers begins and ends.
#[doc(hidden)]
pub trait Ends: 'static {
    type From: Shape;
    type To: Shape;
    /// What the user calls it; its position without a name.
    const NAME: &'static str;
}

/// A list of layers within a block whose parameters are `P`.
#[doc(hidden)]
pub trait Branch<P, T: Element>:
    Ends + Layer<T, Config = ()> + Compute<<Self as Ends>::From, <Self as Ends>::To, T>
{
    fn params(block: &P) -> &Self::Params;
    fn params_mut(block: &mut P) -> &mut Self::Params;
}

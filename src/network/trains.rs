//! The condition under which a network can be trained, for each layer that may have no backward pass.
//!
//! If a condition does not hold, the compiler names the innermost one that is at fault, as long as
//! a single implementation can apply. For `Train` there are two, the layer's own and that of
//! `InPlace`: the compiler would name a nested network, and not the layer inside. [`Trains`] has a
//! single implementation for each value of `BY`.

use super::layer_input::{Inputs, LayerInput, Sources};
use super::network::Trainable;
use super::shape_rule::ShapeRule;
use super::train::Train;
use crate::tensor::{Element, Shape};

/// The value of `BY` for a layer that is no network.
const BY_ITSELF: usize = 0;
/// The value for a network, which can be trained if all of its layers can.
const BY_ITS_LAYERS: usize = 1;
/// The value for a network that reads an output for each of its inputs.
const BY_ITS_LAYERS_FROM_SOURCES: usize = 2;

/// Returns the parameter `BY` of [`Trains`] for a layer that reads this number of outputs.
#[doc(hidden)]
pub const fn trained_by(is_network: bool, sources: usize) -> usize {
    match (is_network, sources) {
        (false, _) => BY_ITSELF,
        (true, 1) => BY_ITS_LAYERS,
        (true, _) => BY_ITS_LAYERS_FROM_SOURCES,
    }
}

/// A layer that can be trained. `BY` says what this depends on: the layer itself or, for a network,
/// its layers.
#[doc(hidden)]
pub trait Trains<const BY: usize, In: LayerInput, Out: Shape, T: Element>:
    Train<In, Out, T>
{
}

impl<L, In, Out, T> Trains<BY_ITSELF, In, Out, T> for L
where
    L: Train<In, Out, T>,
    In: LayerInput,
    Out: Shape,
    T: Element,
{
}

impl<N, In, Out, T> Trains<BY_ITS_LAYERS, In, Out, T> for N
where
    N: Trainable<Input = In, Output = Out, Element = T>,
    In: Shape,
    Out: Shape,
    T: Element,
{
}

impl<N, X, Out, T> Trains<BY_ITS_LAYERS_FROM_SOURCES, Inputs<X>, Out, T> for N
where
    N: Trainable<Input = X, Output = Out, Element = T> + ShapeRule<Inputs<X>>,
    X: Shape + Sources,
    Out: Shape,
    T: Element,
{
}

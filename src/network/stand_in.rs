//! The stand-in for a layer after a mistake, so that one mistake is reported once.

use super::layer_input::LayerInput;
use core::marker::PhantomData;

use super::call::{BackwardInput, BackwardParams, Forward};
use super::infer::Infer;
use super::layer::Layer;
use super::reach::Reach;
use super::shape_rule::{Inferred, ShapeRule};
use super::train::Train;
use crate::params::FeatureOrder;
use crate::tensor::{Dims, Element, Shape};

/// Implements the computation of a stand-in: it accepts all shapes and never runs.
macro_rules! no_computation {
    ([$($generics:tt)*] $layer:ty) => {
        impl<In: LayerInput, Out: Shape, $($generics)* T: Element> Infer<In, Out, T> for $layer {
            const ORDER: FeatureOrder = FeatureOrder::Keeps;

            fn forward(_: Forward<'_, Self, In, Out, T>) {}
        }

        impl<In: LayerInput, Out: Shape, $($generics)* T: Element> Train<In, Out, T> for $layer {
            const READS_OUTPUT: bool = false;

            fn backward_input(_: BackwardInput<'_, Self, In, Out, T>) {}

            fn backward_params(_: BackwardParams<'_, Self, In, Out, T>) {}
        }
    };
}
pub(crate) use no_computation;

/// A layer whose input fits, or its stand-in after a mistake. The stand-in has the same parameters
/// and computes nothing, so that the rest of the program is checked as if there were no mistake.
#[doc(hidden)]
pub struct OrStub<const FINE: bool, L>(PhantomData<L>);

impl<const FINE: bool, L: Layer<T>, T: Element> Layer<T> for OrStub<FINE, L> {
    type Config = L::Config;
    type Params = L::Params;
}

/// The choice of the layer to call: the declared one, or its stand-in after a mistake.
#[doc(hidden)]
pub trait Choose {
    type Layer;
}

impl<L> Choose for OrStub<true, L> {
    type Layer = L;
}

impl<L> Choose for OrStub<false, L> {
    type Layer = OrStub<false, L>;
}

impl<In: LayerInput, L: 'static> ShapeRule<In> for OrStub<false, L> {
    const OUTPUT: Inferred = Inferred::shape(Dims::UNKNOWN);
    const REACH: Reach = Reach::POSITION;
}

no_computation!([L: Layer<T>,] OrStub<false, L>);

/// A network by a template. Nothing implements it: the type of a template has functions with this
/// bound, so that a call of one reports that the template itself is no network.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is a template and no network: give the network of these sizes a name, \
               `network! {{ struct Small = {Self}; }}`, and use that",
    label = "a template"
)]
pub trait NamedNetwork {
    fn off() -> !;
}

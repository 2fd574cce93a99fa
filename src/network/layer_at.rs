//! The layers of a list as constants, from which everything about them follows.

use core::marker::PhantomData;

use rand::Rng;

use super::infer::Infer;
use super::layer::{Configuration, Layer};
use super::layer_input::LayerInput;
use super::plan::Stage;
use super::shape_rule::ShapeRule;
use super::summary::LayerSummary;
use super::train::Train;
use crate::params::Parameters;
use crate::params::param_tree::ParamField;
use crate::tensor::{Dims, Element, Shape};

/// A layer at its place in a list: its type, the shapes of its input and output, its index and its
/// configuration.
///
/// The code that `network!` emits has one constant for each layer and hands it to every call. Types
/// that are written at each call would be checked at each call.
#[doc(hidden)]
pub struct LayerAt<L: Layer<T>, In, Out, T: Element, const INDEX: usize> {
    pub config: L::Config,
    pub types: PhantomData<(In, Out)>,
}

impl<L: Layer<T>, In, Out, T: Element, const INDEX: usize> LayerAt<L, In, Out, T, INDEX> {
    /// The layer as it is without arguments.
    pub const DEFAULT: Self = LayerAt {
        config: L::Config::DEFAULT,
        types: PhantomData,
    };

    /// Sets the layer's parameters to their initial values.
    pub fn initialize<R: Rng + ?Sized>(&self, params: &mut L::Params, rng: &mut R) {
        L::initialize(&self.config, params, rng);
    }
}

impl<L, In, Out, T, const INDEX: usize> LayerAt<L, In, Out, T, INDEX>
where
    L: Infer<In, Out, T> + ShapeRule<In>,
    In: LayerInput,
    Out: Shape,
    T: Element,
{
    /// Returns its place in a tree of parameters; see [`ParamField::layer`].
    pub const fn field(&self, name: &'static str, text: &'static str, first: usize) -> ParamField {
        ParamField::layer::<L, In, Out, T>(name, text, first)
    }

    /// Returns the same for a layer that shares the parameters of an earlier one.
    pub const fn tied_field(
        &self,
        name: &'static str,
        text: &'static str,
        first: usize,
    ) -> ParamField {
        ParamField::tied_layer::<L, In, Out, T>(name, text, first)
    }

    /// Returns its row in the summary. `first` is the index of the first of its parameters.
    pub const fn summary(&self, layer: &'static str, output: Dims, first: usize) -> LayerSummary {
        LayerSummary {
            layer,
            takes_indices: L::TAKES_INDICES,
            output,
            params: <L::Params as Parameters<T>>::COUNT,
            params_at: first,
            macs: L::MULTIPLY_ADDS,
            inner: &[],
        }
    }

    /// Returns the same for a layer that shares the parameters of an earlier one, where they are
    /// counted.
    pub const fn tied_summary(
        &self,
        layer: &'static str,
        output: Dims,
        first: usize,
    ) -> LayerSummary {
        LayerSummary {
            params: 0,
            ..self.summary(layer, output, first)
        }
    }
}

impl<L, In, Out, T, const INDEX: usize> LayerAt<L, In, Out, T, INDEX>
where
    L: Train<In, Out, T>,
    In: LayerInput,
    Out: Shape,
    T: Element,
{
    /// Returns its properties, from which the plan is made.
    pub const fn stage(&self) -> Stage {
        Stage::of::<L, In, Out, T>()
    }
}

//! A layer of a list as a constant, which the code emitted by `network!` hands to every call.

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

/// A layer at its position in a list: its type, the shapes of its input and output, and its index.
///
/// There is one constant for each layer, because the compiler would check types that are written at
/// each call again at each call. It does not hold the arguments: wrong ones would make an error of
/// every constant that depends on the layer.
#[doc(hidden)]
pub struct LayerAt<L, In, Out, T, const INDEX: usize>(PhantomData<(L, In, Out, T)>);

impl<L, In, Out, T, const INDEX: usize> LayerAt<L, In, Out, T, INDEX> {
    pub const HERE: Self = LayerAt(PhantomData);
}

impl<L: Layer<T>, In, Out, T: Element, const INDEX: usize> LayerAt<L, In, Out, T, INDEX> {
    /// Sets the parameters of a layer to their initial values. `config` has its arguments, if it has
    /// any.
    pub fn initialize<R: Rng + ?Sized>(
        self,
        config: Option<&L::Config>,
        params: &mut L::Params,
        rng: &mut R,
    ) {
        L::initialize(config.unwrap_or(&L::Config::DEFAULT), params, rng);
    }
}

impl<L, In, Out, T, const INDEX: usize> LayerAt<L, In, Out, T, INDEX>
where
    L: Infer<In, Out, T> + ShapeRule<In>,
    In: LayerInput,
    Out: Shape,
    T: Element,
{
    /// Returns its entry in a parameter tree; see [`ParamField::layer`].
    pub const fn field(self, name: &'static str, text: &'static str, first: usize) -> ParamField {
        ParamField::layer::<L, In, Out, T>(name, text, first)
    }

    /// Returns the entry of a layer that shares the parameters of an earlier one.
    pub const fn tied_field(
        self,
        name: &'static str,
        text: &'static str,
        first: usize,
    ) -> ParamField {
        ParamField::tied_layer::<L, In, Out, T>(name, text, first)
    }

    /// Returns its row in the summary. `first` is the index of the first of its parameters.
    pub const fn summary(self, layer: &'static str, output: Dims, first: usize) -> LayerSummary {
        LayerSummary {
            layer,
            takes_indices: L::TAKES_INDICES,
            output,
            params: <L::Params as Parameters<T>>::COUNT,
            params_at: first,
            tied_to: None,
            macs: L::MULTIPLY_ADDS,
            inner: &[],
        }
    }

    /// Returns the row of a layer that shares the parameters of an earlier one, the `owner`, which counts
    /// them.
    pub const fn tied_summary(
        self,
        layer: &'static str,
        output: Dims,
        first: usize,
        owner: usize,
    ) -> LayerSummary {
        LayerSummary {
            params: 0,
            tied_to: Some(owner),
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
    pub const fn stage(self) -> Stage {
        Stage::of::<L, In, Out, T>()
    }
}

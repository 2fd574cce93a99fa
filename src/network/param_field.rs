//! The layers of a list in the tree of its parameters.

use super::infer::Infer;
use super::layer_input::LayerInput;
use crate::params::param_tree::{Freezing, LayerInfo, ParamField, ParamTree};
use crate::params::{FeatureOrder, Parameters};
use crate::tensor::{Element, Shape};

impl ParamField {
    /// A layer of a list.
    pub const fn layer<L: Infer<In, Out, T>, In: LayerInput, Out: Shape, T: Element>(
        name: &'static str,
        text: &'static str,
        first: usize,
    ) -> Self {
        let layer = LayerInfo {
            text,
            order: L::ORDER.on(In::DIMS),
            axes_as_here: matches!(L::ORDER, FeatureOrder::Trailing),
            sources: &[],
            input: In::DIMS,
            output: Out::DIMS,
        };

        ParamField {
            name,
            first,
            contents: <L::Params as Parameters<T>>::PARAM_TREE,
            layer: Some(layer),
            freezing: Freezing::Inherited,
        }
    }

    /// A layer of a list that shares the parameters of an earlier one.
    pub const fn tied_layer<L: Infer<In, Out, T>, In: LayerInput, Out: Shape, T: Element>(
        name: &'static str,
        text: &'static str,
        first: usize,
    ) -> Self {
        ParamField {
            contents: ParamTree::Fields(&[]),
            ..Self::layer::<L, In, Out, T>(name, text, first)
        }
    }
}

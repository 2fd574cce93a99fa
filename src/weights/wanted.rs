//! The look-ahead for the order in which layers want their input features.

use super::order::{Followed, channels_last, keeps_last, output_of};
use super::pieces::Pieces;
use super::wiring::{Reached, is_wired};
use crate::params::FeatureOrder;
use crate::params::param_tree::{Joint, LayerInfo, ParamField, ParamTree};
use crate::tensor::Dims;

/// The largest number of paths that a look-ahead follows through a wired list. It is bounded, as
/// the number of paths is not.
const MOST_WAYS: usize = 32;

/// Returns the order in which the readers of an output want their input features; `behind` is the
/// order in which the list's output is wanted. An image that a `Reshape` makes of features has its
/// channels first in PyTorch.
///
/// `followed` are the outputs whose order is known already.
pub(super) const fn wanted_by(
    layers: &[ParamField],
    output: usize,
    behind: Option<Pieces>,
    followed: &Followed,
) -> Option<Pieces> {
    if is_wired(layers) {
        let mut ways = MOST_WAYS;
        return wanted_in_wiring(layers, output, behind, followed, &mut ways);
    }

    let mut i = output;
    while i < layers.len() {
        let Some(layer) = &layers[i].layer else {
            return None;
        };
        if let FeatureOrder::Layers = layer.order {
            let behind = wanted_by(layers, i + 1, behind, followed);
            return wanted_in(&layers[i].contents, layer.output, behind);
        }
        if !passes_on(layer, layer.input) {
            return wanted_by_itself(layer, layer.input);
        }
        i += 1;
    }
    behind
}

/// Like [`wanted_by`], for a list in which a layer reads another output than the one before it.
/// Layers that read an output directly or behind layers that pass it on are checked in order, and
/// the first that requires an order decides.
const fn wanted_in_wiring(
    layers: &[ParamField],
    output: usize,
    behind: Option<Pieces>,
    followed: &Followed,
    ways: &mut usize,
) -> Option<Pieces> {
    if *ways == 0 {
        return None;
    }
    *ways -= 1;

    let mut reached = Reached::only(output);
    let mut i = output;
    while i < layers.len() {
        let Some(layer) = &layers[i].layer else {
            return None;
        };
        if let Some(source) = reached.first_source(layer, i) {
            let input = layer.source_shape(source);
            let several = layer.sources.len() > 1;
            let wanted = match layer.order {
                FeatureOrder::Layers => {
                    let behind = wanted_in_wiring(layers, i + 1, behind, followed, ways);
                    let network = &layers[i].contents;
                    match taken_apart(network, source) {
                        _ if !several => wanted_in(network, layer.output, behind),
                        Some(output) => {
                            wanted_by(network.members(), output, behind, &Followed::NONE)
                        }
                        None => None,
                    }
                }
                FeatureOrder::Joins => {
                    let behind = wanted_in_wiring(layers, i + 1, behind, followed, ways);
                    let before = first_element(layer, source);
                    wanted_of_branch(behind, before, input, layer.output)
                }
                FeatureOrder::Keeps if several && layer.has_equal_sources() => {
                    let wanted = followed.beside(layer, &reached);
                    if wanted.is_none() {
                        reached.add(i + 1);
                    }
                    wanted
                }
                _ if several => None,
                _ if passes_on(layer, input) => {
                    reached.add(i + 1);
                    None
                }
                _ => wanted_by_itself(layer, input),
            };
            if wanted.is_some() {
                return wanted;
            }
        }
        i += 1;
    }
    if reached.has(layers.len()) {
        behind
    } else {
        None
    }
}

/// Returns the number of the output that is one of a network's inputs alone. `None` if no layer
/// takes the inputs apart, because they have no names.
const fn taken_apart(network: &ParamTree, input: usize) -> Option<usize> {
    let layers = network.members();
    if input >= layers.len() {
        return None;
    }
    match &layers[input].layer {
        Some(LayerInfo {
            order: FeatureOrder::Part(part),
            ..
        }) if *part == input => Some(input + 1),
        _ => None,
    }
}

/// Returns whether a layer without layers inside wants its inputs as its outputs are wanted.
const fn passes_on(layer: &LayerInfo, input: Dims) -> bool {
    let axes = input.sizes().len();
    match layer.order {
        FeatureOrder::View => true,
        FeatureOrder::Keeps => input.same(&layer.output),
        FeatureOrder::Channels => axes <= 1 && input.same(&layer.output),
        // With other than three axes, it also takes rows.
        FeatureOrder::Whole => axes != 3,
        FeatureOrder::Makes
        | FeatureOrder::Depends
        | FeatureOrder::Mixes
        | FeatureOrder::Trailing
        | FeatureOrder::Steps
        | FeatureOrder::Joins
        | FeatureOrder::Part(_)
        | FeatureOrder::Layers => false,
    }
}

/// Returns the order that a layer wants that does not pass its inputs on.
const fn wanted_by_itself(layer: &LayerInfo, input: Dims) -> Option<Pieces> {
    let axes = input.sizes().len();
    let takes_channels = matches!(layer.order, FeatureOrder::Channels) && axes > 1;
    if takes_channels || axes == 3 {
        Some(channels_last(input))
    } else {
        None
    }
}

/// Returns the number of elements of a layer's sources before one of them.
const fn first_element(layer: &LayerInfo, source: usize) -> usize {
    let mut first = 0;
    let mut i = 0;
    while i < source {
        first += layer.source_shape(i).len();
        i += 1;
    }
    first
}

/// Like [`wanted_by`], for a network or a block.
pub(super) const fn wanted_in(
    tree: &ParamTree,
    output: Dims,
    behind: Option<Pieces>,
) -> Option<Pieces> {
    match tree {
        ParamTree::Layers(layers) => wanted_by(layers, 0, behind, &Followed::NONE),
        ParamTree::Items { item, .. } => wanted_in(item, output, behind),
        ParamTree::Block(joint, branches) => {
            if let (Joint::Sum, [_], Some(_)) = (joint, branches, behind) {
                return behind;
            }

            let mut first = 0;
            let mut i = 0;
            while i < branches.len() {
                let own = output_of(branches[i].contents.members());
                let behind = match joint {
                    Joint::Sum => behind,
                    Joint::SideBySide => wanted_of_branch(behind, first, own, output),
                };
                if let Some(wanted) = wanted_in(&branches[i].contents, own, behind) {
                    return Some(wanted);
                }
                first += own.len();
                i += 1;
            }
            None
        }
        ParamTree::Tensor(_) | ParamTree::Fields(_) => None,
    }
}

/// The uses that the branches of a block make of their input's axes, before they change these.
#[derive(Clone, Copy)]
pub(super) struct Uses {
    /// True if a branch takes the last axis for channels.
    pub channels: bool,
    /// True if a branch reduces all axes except the last one, whichever is first.
    pub pools: bool,
    /// True if a branch works along the last axis.
    pub along_last: bool,
    /// True if one has weights of all axes, which may be in either order.
    pub whole: bool,
}

impl Uses {
    /// No use.
    pub const NONE: Uses = Uses {
        channels: false,
        pools: false,
        along_last: false,
        whole: false,
    };

    const fn and(self, other: Uses) -> Self {
        Uses {
            channels: self.channels || other.channels,
            pools: self.pools || other.pools,
            along_last: self.along_last || other.along_last,
            whole: self.whole || other.whole,
        }
    }

    /// Returns the uses of these lists of layers; `behind` are those of the layers behind them.
    pub const fn of(branches: &[ParamField], behind: Uses) -> Self {
        let (mut uses, mut i) = (Uses::NONE, 0);
        while i < branches.len() {
            uses = uses.and(Uses::of_one(&branches[i].contents, behind));
            i += 1;
        }
        uses
    }

    /// Returns the uses of one list, or of a block.
    pub const fn of_one(contents: &ParamTree, behind: Uses) -> Self {
        match contents {
            ParamTree::Items { item, .. } => Uses::of_one(item, behind),
            ParamTree::Block(_, branches) => Uses::of(branches, behind),
            _ => Uses::by(contents.members(), 0, behind),
        }
    }

    /// Returns the uses that a network with several inputs makes of one of them.
    pub const fn of_input(network: &ParamTree, input: usize) -> Self {
        match taken_apart(network, input) {
            Some(output) => Uses::by(network.members(), output, Uses::NONE),
            None => Uses::NONE,
        }
    }

    /// Returns the uses that the readers of an output make of it, directly or behind layers that
    /// keep the axes.
    pub const fn by(layers: &[ParamField], output: usize, behind: Uses) -> Self {
        let mut uses = Uses::NONE;
        let mut reached = Reached::only(output);
        let mut i = output;

        while i < layers.len() {
            let Some(layer) = &layers[i].layer else {
                return uses;
            };

            if let Some(source) = reached.first_source(layer, i) {
                let (own, passes_on) = Uses::of_layer(&layers[i], layer, source);
                uses = uses.and(own);
                if passes_on {
                    reached.add(i + 1);
                }
            }

            i += 1;
        }

        if reached.has(layers.len()) {
            uses.and(behind)
        } else {
            uses
        }
    }

    /// Returns the uses that a layer makes of one of its sources, and whether its output has the same
    /// axes, of which the layers behind it make further uses.
    const fn of_layer(field: &ParamField, layer: &LayerInfo, source: usize) -> (Self, bool) {
        let input = layer.source_shape(source);
        let output = layer.output;
        let several = input.sizes().len() > 1;

        match layer.order {
            FeatureOrder::Keeps => (Uses::NONE, true),
            FeatureOrder::Joins => (Uses::NONE, output.sizes().len() > 1),
            FeatureOrder::View => (Uses::NONE, keeps_last(input, output)),
            FeatureOrder::Part(_) | FeatureOrder::Steps => (Uses::NONE, false),
            FeatureOrder::Layers => {
                let own = if layer.sources.len() > 1 {
                    Uses::of_input(&field.contents, source)
                } else {
                    Uses::of_one(&field.contents, Uses::NONE)
                };
                let decides = own.channels || own.pools || own.along_last;
                (own, !decides && input.same(&output))
            }
            FeatureOrder::Whole => (
                Uses {
                    whole: several,
                    ..Uses::NONE
                },
                true,
            ),
            FeatureOrder::Channels => {
                let channels = output.sizes().len() > 1;
                let own = Uses {
                    channels: several && channels,
                    pools: several && !channels,
                    ..Uses::NONE
                };
                (own, false)
            }
            FeatureOrder::Makes
            | FeatureOrder::Depends
            | FeatureOrder::Mixes
            | FeatureOrder::Trailing => {
                let own = Uses {
                    along_last: several,
                    ..Uses::NONE
                };
                (own, false)
            }
        }
    }
}

/// Returns the order that is wanted of a branch, from the order that is wanted of the concatenated
/// outputs; the branches before it have `first` elements.
pub(super) const fn wanted_of_branch(
    wanted: Option<Pieces>,
    first: usize,
    own: Dims,
    output: Dims,
) -> Option<Pieces> {
    match wanted {
        _ if own.sizes().len() == 3 => Some(channels_last(own)),
        Some(_) if output.sizes().len() > 1 => Some(channels_last(own)),
        Some(wanted) if first + own.len() <= wanted.len() => wanted.part(first, own.len()),
        _ => None,
    }
}

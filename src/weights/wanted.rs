//! The look-ahead for the order in which layers want their input features.

use super::order::{channels_last, keeps_last, output_of};
use super::pieces::Pieces;
use crate::network::FeatureOrder;
use crate::network::param_tree::{Joint, LayerInfo, ParamField, ParamTree};
use crate::tensor::Dims;

/// Returns the order in which the layers `i..` want their input features; `behind` is the order in
/// which their outputs are wanted. An image that a `Reshape` makes of features has its channels
/// first in PyTorch.
pub(super) const fn wanted_by(
    layers: &[ParamField],
    mut i: usize,
    behind: Option<Pieces>,
) -> Option<Pieces> {
    while i < layers.len() {
        let Some(LayerInfo {
            order,
            input,
            output,
            ..
        }) = &layers[i].layer
        else {
            return None;
        };

        let axes = input.sizes().len();
        let keeps_order = match order {
            FeatureOrder::View => true,
            FeatureOrder::Keeps => input.same(output),
            FeatureOrder::Channels if axes > 1 => return Some(channels_last(*input)),
            FeatureOrder::Channels => input.same(output),
            FeatureOrder::Makes | FeatureOrder::Depends | FeatureOrder::Mixes => false,
            FeatureOrder::Layers => {
                return wanted_in(
                    &layers[i].contents,
                    *output,
                    wanted_by(layers, i + 1, behind),
                );
            }
        };
        if !keeps_order {
            return if axes == 3 {
                Some(channels_last(*input))
            } else {
                None
            };
        }
        i += 1;
    }
    behind
}

/// Like [`wanted_by`], for a network or a block.
pub(super) const fn wanted_in(
    tree: &ParamTree,
    output: Dims,
    behind: Option<Pieces>,
) -> Option<Pieces> {
    match tree {
        ParamTree::Layers(layers) => wanted_by(layers, 0, behind),
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
    /// Whether a branch takes the last axis for channels.
    pub channels: bool,
    /// Whether a branch reduces all axes except the last one, whichever is first.
    pub pools: bool,
    /// Whether a branch works along the last axis.
    pub along_last: bool,
}

impl Uses {
    const NONE: Uses = Uses {
        channels: false,
        pools: false,
        along_last: false,
    };

    /// Returns the uses of these lists of layers.
    pub const fn of(branches: &[ParamField]) -> Self {
        let mut uses = Uses::NONE;
        let mut i = 0;
        while i < branches.len() {
            let own = Uses::of_one(&branches[i].contents);
            uses = Uses {
                channels: uses.channels || own.channels,
                pools: uses.pools || own.pools,
                along_last: uses.along_last || own.along_last,
            };
            i += 1;
        }
        uses
    }

    /// Returns the uses of one list of layers, a block or a repetition.
    const fn of_one(tree: &ParamTree) -> Self {
        let layers = match tree {
            ParamTree::Items { item, .. } => return Uses::of_one(item),
            ParamTree::Block(_, branches) => return Uses::of(branches),
            _ => tree.members(),
        };

        let mut i = 0;
        while i < layers.len() {
            let Some(layer) = &layers[i].layer else {
                break;
            };
            let input = layer.input;
            let output = layer.output;
            let several = input.sizes().len() > 1;
            match layer.order {
                FeatureOrder::Keeps => {}
                FeatureOrder::View if keeps_last(input, output) => {}
                FeatureOrder::Layers => {
                    let own = Uses::of_one(&layers[i].contents);
                    if own.channels || own.pools || own.along_last {
                        return own;
                    }
                    if !input.same(&output) {
                        break;
                    }
                }
                FeatureOrder::Channels => {
                    let channels = output.sizes().len() > 1;
                    return Uses {
                        channels: several && channels,
                        pools: several && !channels,
                        along_last: false,
                    };
                }
                FeatureOrder::Makes | FeatureOrder::Depends | FeatureOrder::Mixes => {
                    return Uses {
                        along_last: several,
                        ..Uses::NONE
                    };
                }
                FeatureOrder::View => break,
            }
            i += 1;
        }
        Uses::NONE
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

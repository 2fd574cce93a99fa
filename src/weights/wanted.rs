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
            // Of other than three axes it takes rows, too.
            FeatureOrder::Whole => axes != 3,
            FeatureOrder::Makes
            | FeatureOrder::Depends
            | FeatureOrder::Mixes
            | FeatureOrder::Trailing => false,
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

    /// Returns the uses of the layers `i..`.
    pub const fn by(layers: &[ParamField], mut i: usize, behind: Uses) -> Self {
        let mut uses = Uses::NONE;
        while i < layers.len() {
            let Some(layer) = &layers[i].layer else {
                return uses;
            };
            let input = layer.input;
            let output = layer.output;
            let several = input.sizes().len() > 1;
            match layer.order {
                FeatureOrder::Keeps => {}
                FeatureOrder::View if keeps_last(input, output) => {}
                FeatureOrder::Layers => {
                    let own = Uses::of_one(&layers[i].contents, Uses::NONE);
                    uses = uses.and(own);
                    if own.channels || own.pools || own.along_last || !input.same(&output) {
                        return uses;
                    }
                }
                FeatureOrder::Whole => uses.whole = uses.whole || several,
                FeatureOrder::Channels => {
                    let channels = output.sizes().len() > 1;
                    return uses.and(Uses {
                        channels: several && channels,
                        pools: several && !channels,
                        ..Uses::NONE
                    });
                }
                FeatureOrder::Makes
                | FeatureOrder::Depends
                | FeatureOrder::Mixes
                | FeatureOrder::Trailing => {
                    return uses.and(Uses {
                        along_last: several,
                        ..Uses::NONE
                    });
                }
                FeatureOrder::View => return uses,
            }
            i += 1;
        }
        uses.and(behind)
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

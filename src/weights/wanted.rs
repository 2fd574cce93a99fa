//! Looks ahead, for the order in which layers want features that are made before them.

use super::order::{channels_last, output_of};
use super::pieces::Pieces;
use crate::network::FeatureOrder;
use crate::network::contents::{Contents, Joint, LayerInfo, Member};
use crate::tensor::Dims;

/// The order that the layers from `i` on want features in that are made before them; `behind` is
/// what is wanted of those that come out. An image that a `Reshape` makes of features has its
/// channels first in PyTorch.
pub(super) const fn wanted_by(
    layers: &[Member],
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
        let goes_on = match order {
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
        if !goes_on {
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

/// The same of a network or a block.
pub(super) const fn wanted_in(
    contents: &Contents,
    output: Dims,
    behind: Option<Pieces>,
) -> Option<Pieces> {
    match contents {
        Contents::Layers(layers) => wanted_by(layers, 0, behind),
        Contents::Items { item, .. } => wanted_in(item, output, behind),
        Contents::Block(joint, branches) => {
            if let (Joint::Sum, [_], Some(_)) = (joint, branches, behind) {
                return behind;
            }
            let (mut first, mut i) = (0, 0);
            while i < branches.len() {
                let own = output_of(branches[i].contents.members());
                let behind = match joint {
                    Joint::Sum => behind,
                    Joint::SideBySide => wanted_of_branch(behind, first, own, output),
                };
                if let Some(wanted) = wanted_in(&branches[i].contents, own, behind) {
                    return Some(wanted);
                }
                (first, i) = (first + own.len(), i + 1);
            }
            None
        }
        Contents::Tensor(_) | Contents::Fields(_) => None,
    }
}

/// Whether one of these lists of layers takes the last axis of what it is given for channels.
pub(super) const fn take_channels(branches: &[Member]) -> bool {
    let mut i = 0;
    while i < branches.len() {
        if takes_channels(&branches[i].contents) {
            return true;
        }
        i += 1;
    }
    false
}

const fn takes_channels(contents: &Contents) -> bool {
    let layers = match contents {
        Contents::Items { item, .. } => return takes_channels(item),
        Contents::Block(_, branches) => return take_channels(branches),
        _ => contents.members(),
    };
    let mut i = 0;
    while i < layers.len() {
        match &layers[i].layer {
            Some(LayerInfo {
                order: FeatureOrder::Channels,
                input,
                ..
            }) => return input.sizes().len() > 1,
            Some(LayerInfo {
                order: FeatureOrder::Layers,
                ..
            }) => {
                return takes_channels(&layers[i].contents);
            }
            Some(LayerInfo {
                order: FeatureOrder::Keeps,
                ..
            }) => i += 1,
            _ => return false,
        }
    }
    false
}

/// What is wanted of a branch, of what is wanted of all side by side; `first` elements are those of
/// branches before.
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

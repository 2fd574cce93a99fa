//! Follows the order of features through the layers of a network. All of it is const code, so that
//! the compiler, the loader and the saver agree.
//!
//! A tensor here and the same tensor in PyTorch have their elements in an order each. A `Flatten`
//! or a `Reshape` changes neither; most layers keep them; a dense layer makes new features, in
//! whatever order is wanted behind it. So the order is followed from the input on, and where
//! features are made, what is wanted of them is looked for ahead.
//!
//! What the order is, [`state`] says, and what becomes of it in a layer and in a block, [`layer`]
//! and [`block`]. Where it cannot be known, nothing happens until a result depends on it; the layer
//! with that result gets a [`Doubt`], and files a mark.

mod block;
mod layer;
mod state;

pub(super) use layer::keeps_last;
pub(super) use state::channels_last;

use super::pieces::Pieces;
use super::wanted::{Uses, wanted_by};
use crate::network::FeatureOrder;
use crate::network::param_tree::{ParamField, ParamTree};
use crate::sizes;
use crate::tensor::Dims;
use block::block;
use layer::{through, whole};
use state::{Flat, Order, along_axis, flat};

/// Why a layer may compute something else in PyTorch.
#[derive(Clone, Copy)]
pub(super) enum Doubt {
    /// Its result depends on the order of its inputs, which is another one there.
    Depends,
    /// Its inputs were flattened while their order was not known.
    Moved,
    /// It works along the last axis of what was made of features in another order.
    Viewed,
    /// It begins the network, which is given features in another order.
    Given,
    /// Its weights have axes of equal sizes, whose order in files nothing tells; they are read with
    /// channels first.
    SquareFirst,
    /// The same, but they are read with channels last.
    SquareLast,
}

/// What goes in and out of a layer.
#[derive(Clone, Copy)]
pub(super) struct LayerOrder {
    /// The features that come in, if they are a single axis.
    pub input: Pieces,
    /// The features that come out, if they are a single axis.
    pub output: Pieces,
    /// Why the layer may compute something else in PyTorch, if it may.
    pub doubt: Option<Doubt>,
    /// Its tensors have their axes in files as they are here.
    pub axes_as_here: bool,
}

impl LayerOrder {
    pub const NONE: LayerOrder = LayerOrder {
        input: Pieces::same(0),
        output: Pieces::same(0),
        doubt: None,
        axes_as_here: false,
    };
}

/// What comes out of a layer.
#[derive(Clone, Copy)]
struct Passed {
    order: Order,
    /// It would have been another order, had one been wanted.
    free: bool,
    doubt: Option<Doubt>,
}

/// Where the orders go: one entry for each layer and block, outer ones first. It may have room for
/// none.
struct Sink<'a> {
    orders: &'a mut [LayerOrder],
    next: usize,
}

impl ParamTree {
    /// How many layers and blocks there are, each repetition counted.
    pub(super) const fn layers(&self) -> usize {
        if let ParamTree::Items { count, item, .. } = self {
            return sizes::product(&[*count, item.layers()]);
        }
        let (members, mut sum, mut i) = (self.members(), 0, 0);
        while i < members.len() {
            let own = if members[i].layer.is_some() { 1 } else { 0 };
            sum = sizes::sum(&[sum, members[i].contents.layers(), own]);
            i += 1;
        }
        sum
    }

    /// Sets the orders of all layers, of which there are as many as [`ParamTree::layers`] says.
    pub(super) const fn follow(&self, orders: &mut [LayerOrder]) {
        networks(self, &mut Sink { orders, next: 0 });
    }
}

/// Follows each network that begins in these parameters with features of its own.
const fn networks(contents: &ParamTree, sink: &mut Sink) {
    match contents {
        ParamTree::Tensor(_) => {}
        ParamTree::Items { count, item, .. } => {
            let mut i = 0;
            while i < *count && item.layers() > 0 {
                networks(item, sink);
                i += 1;
            }
        }
        ParamTree::Layers(layers) => network(layers, sink),
        ParamTree::Fields(members) | ParamTree::Block(_, members) => {
            let mut i = 0;
            while i < members.len() {
                networks(&members[i].contents, sink);
                i += 1;
            }
        }
    }
}

/// Follows a network with features of its own.
const fn network(layers: &[ParamField], sink: &mut Sink) {
    let (input, output) = (input_of(layers), output_of(layers));
    // An image that comes out is one of PyTorch's.
    let wanted = if output.sizes().len() == 3 {
        Some(channels_last(output))
    } else {
        None
    };
    let (order, first) = (begin(input, wanted_by(layers, 0, wanted)), sink.next);
    list(layers, order, wanted, Uses::NONE, sink);

    // No weight tells a caller that these features lie otherwise there.
    if first < sink.orders.len()
        && sink.orders[first].doubt.is_none()
        && input.sizes().len() == 1
        && !flat(order, input).pieces.is_same()
    {
        sink.orders[first].doubt = Some(Doubt::Given);
    }
}

/// The order of what a network is given: images have their channels first in PyTorch, features are
/// as they are wanted.
const fn begin(dims: Dims, wanted: Option<Pieces>) -> Order {
    match (dims.sizes().len(), wanted) {
        (3, _) => Order::ChannelsFirst,
        (2.., _) => Order::Open,
        (1, Some(wanted)) if wanted.len() == dims.len() => Order::Flat(Flat::sure(wanted)),
        _ if dims.parts().is_empty() => Order::Flat(Flat::same(dims.len())),
        _ => {
            let (mut pieces, mut i) = (Pieces::same(0), 0);
            while i < dims.parts().len() {
                let part = flat(begin(dims.parts()[i], None), dims.parts()[i]).pieces;
                pieces = match pieces.and(&part) {
                    Some(both) => both,
                    None => Pieces::same(pieces.len() + part.len()),
                };
                i += 1;
            }
            Order::Flat(Flat::sure(pieces))
        }
    }
}

const fn input_of(layers: &[ParamField]) -> Dims {
    match layers {
        [
            ParamField {
                layer: Some(first), ..
            },
            ..,
        ] => first.input,
        _ => Dims::UNKNOWN,
    }
}

pub(super) const fn output_of(layers: &[ParamField]) -> Dims {
    match layers {
        [
            ..,
            ParamField {
                layer: Some(last), ..
            },
        ] => last.output,
        _ => Dims::UNKNOWN,
    }
}

/// Follows a list of layers that is given features in this order; `wanted` and `behind` are what
/// comes behind it.
const fn list(
    layers: &[ParamField],
    mut order: Order,
    wanted: Option<Pieces>,
    behind: Uses,
    sink: &mut Sink,
) -> Passed {
    let (mut free, mut i) = (false, 0);
    while i < layers.len() {
        if let Some(layer) = &layers[i].layer {
            let slot = sink.next;
            sink.next += 1;
            let mut axes_as_here = layer.axes_as_here;
            let passed = if let FeatureOrder::Layers = layer.order {
                let wanted = wanted_by(layers, i + 1, wanted);
                let behind = Uses::by(layers, i + 1, behind);
                block(
                    &layers[i].contents,
                    layer,
                    order,
                    free,
                    wanted,
                    behind,
                    sink,
                )
            } else if let (FeatureOrder::Whole, 2..) = (layer.order, layer.input.sizes().len()) {
                networks(&layers[i].contents, sink);
                let (passed, as_here) =
                    whole(layer.input, order, free, Uses::by(layers, i + 1, behind));
                axes_as_here = as_here;
                passed
            } else {
                networks(&layers[i].contents, sink);
                let makes = matches!(layer.order, FeatureOrder::Makes);
                let wanted = if makes {
                    wanted_by(layers, i + 1, wanted)
                } else {
                    None
                };
                through(&layers[i].contents, layer, order, free, wanted)
            };
            if slot < sink.orders.len() {
                sink.orders[slot] = LayerOrder {
                    input: along_axis(order, layer.input),
                    output: along_axis(passed.order, layer.output),
                    doubt: passed.doubt,
                    axes_as_here,
                };
            }
            (order, free) = (passed.order, passed.free);
        }
        i += 1;
    }
    Passed {
        order,
        free,
        doubt: None,
    }
}

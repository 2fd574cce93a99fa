//! The order of features, followed through the layers of a network. All of it is const code, so
//! that the compiler, the loader and the saver agree.
//!
//! A tensor here and the same tensor in PyTorch may have their elements in different orders. A
//! `Flatten` or a `Reshape` changes neither order, most layers keep them, and a dense layer makes
//! new features in whatever order the layers after it want. The order is therefore followed from
//! the input to the output; where a layer makes features, a look-ahead finds the order that is
//! wanted.
//!
//! [`state`] defines the order, [`layer`] and [`block`] follow it through a layer and through a
//! block. An unknown order does not matter until a result depends on it; the layer with that result
//! gets a [`Doubt`], and files a mark.

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

/// The reason for which a layer may compute another result in PyTorch.
#[derive(Clone, Copy)]
pub(super) enum Doubt {
    /// Its result depends on the order of its inputs, which is another one in PyTorch.
    Depends,
    /// Its inputs were flattened while their order was unknown.
    Moved,
    /// It works along the last axis of a tensor that a reshape made of features in another order.
    Viewed,
    /// It is the first layer of the network, whose inputs are features in another order.
    Given,
    /// Its weights have axes of equal sizes, whose order in files nothing tells; they are read with
    /// channels first.
    SquareFirst,
    /// The same, or the order of the last two of them; they are read with channels last.
    SquareLast,
}

/// The orders of a layer's inputs and outputs.
#[derive(Clone, Copy)]
pub(super) struct LayerOrder {
    /// The order of the input features, if they have a single axis.
    pub input: Pieces,
    /// The order of the output features, if they have a single axis.
    pub output: Pieces,
    /// The reason for which the layer may compute another result in PyTorch.
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

/// The order of a layer's output.
#[derive(Clone, Copy)]
struct Passed {
    order: Order,
    /// True if the layer would have made any other order that was wanted.
    free: bool,
    doubt: Option<Doubt>,
}

/// The destination of the orders: one entry for each layer and block, outer ones first. For a dry
/// run, it has no entries.
struct Sink<'a> {
    orders: &'a mut [LayerOrder],
    next: usize,
}

impl ParamTree {
    /// Returns the number of layers and blocks, each repetition counted.
    pub(super) const fn layers(&self) -> usize {
        if let ParamTree::Items { count, item, .. } = self {
            return sizes::product(&[*count, item.layers()]);
        }

        let fields = self.members();
        let mut sum = 0;
        let mut i = 0;
        while i < fields.len() {
            let own = if fields[i].layer.is_some() { 1 } else { 0 };
            sum = sizes::sum(&[sum, fields[i].contents.layers(), own]);
            i += 1;
        }
        sum
    }

    /// Sets the orders of all layers, whose number is [`ParamTree::layers`].
    pub(super) const fn follow(&self, orders: &mut [LayerOrder]) {
        networks(self, &mut Sink { orders, next: 0 });
    }
}

/// Follows each network in these parameters that begins with features of its own.
const fn networks(tree: &ParamTree, sink: &mut Sink) {
    match tree {
        ParamTree::Tensor(_) => {}
        ParamTree::Items { count, item, .. } => {
            let mut i = 0;
            while i < *count && item.layers() > 0 {
                networks(item, sink);
                i += 1;
            }
        }
        ParamTree::Layers(layers) => network(layers, sink),
        ParamTree::Fields(fields) | ParamTree::Block(_, fields) => {
            let mut i = 0;
            while i < fields.len() {
                networks(&fields[i].contents, sink);
                i += 1;
            }
        }
    }
}

/// Follows a network with features of its own.
const fn network(layers: &[ParamField], sink: &mut Sink) {
    let input = input_of(layers);
    let output = output_of(layers);

    // An image as output has its channels first in PyTorch.
    let wanted = if output.sizes().len() == 3 {
        Some(channels_last(output))
    } else {
        None
    };
    let (order, first) = (begin(input, wanted_by(layers, 0, wanted)), sink.next);
    list(layers, order, wanted, Uses::NONE, sink);

    // No weight tells a caller that the input features have another order in PyTorch.
    if first < sink.orders.len()
        && sink.orders[first].doubt.is_none()
        && input.sizes().len() == 1
        && !flat(order, input).pieces.is_same()
    {
        sink.orders[first].doubt = Some(Doubt::Given);
    }
}

/// Returns the order of a network's inputs: images have their channels first in PyTorch, features
/// have the order that is wanted.
const fn begin(dims: Dims, wanted: Option<Pieces>) -> Order {
    match (dims.sizes().len(), wanted) {
        (3, _) => Order::ChannelsFirst,
        (2.., _) => Order::Open,
        (1, Some(wanted)) if wanted.len() == dims.len() => Order::Flat(Flat::sure(wanted)),
        _ if dims.parts().is_empty() => Order::Flat(Flat::same(dims.len())),
        _ => {
            let mut pieces = Pieces::same(0);
            let mut i = 0;
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

/// Returns the input shape of a list of layers.
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

/// Returns the output shape of a list of layers.
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
    let mut free = false;
    let mut i = 0;
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
            order = passed.order;
            free = passed.free;
        }
        i += 1;
    }
    Passed {
        order,
        free,
        doubt: None,
    }
}

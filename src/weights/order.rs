//! The order of features, followed through the layers of a network. All of it is const code, so
//! that the compiler, the loader and the saver agree.
//!
//! A tensor here and the same tensor in PyTorch may have their elements in different orders. A
//! `Flatten` or a `Reshape` changes neither order, most layers keep them, and a dense layer makes
//! new features in whatever order the layers after it want. The order is therefore followed from
//! the input to the output; where a layer makes features, a look-ahead finds the order that is
//! wanted.
//!
//! [`state`] defines the order; [`layer`], [`block`] and [`merge`] follow it through a layer, through
//! a block, and through a layer that reads several outputs. In a list whose layers name their sources,
//! a layer is given the order of the output that it names. An unknown order does not matter until a
//! result depends on it; the layer with that result gets a [`Doubt`], and files a mark.

mod block;
mod layer;
mod merge;
mod state;

pub(super) use layer::keeps_last;
pub(super) use state::channels_last;

use super::pieces::Pieces;
use super::wanted::{Uses, wanted_by};
use super::wiring::{Reached, is_wired, readers, shape_of};
use crate::params::FeatureOrder;
use crate::params::param_tree::{LayerInfo, ParamField, ParamTree};
use crate::sizes;
use crate::tensor::Dims;
use block::{block, given};
use layer::{through, whole};
use merge::{either, merged, tuple_of_sources};
use state::{Order, along_axis, begin, doubt_of_output, flat, made, of_steps};

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
    /// Its weights have axes of equal sizes, so that files do not show their order; they are read
    /// with channels first.
    SquareFirst,
    /// The same, or the order of the last two of them; they are read with channels last.
    SquareLast,
    /// Its axes, which are those of the network's output, were made of features that have another
    /// order in PyTorch.
    Output,
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
    /// The order of the output, whatever its axes.
    passed: Passed,
}

impl LayerOrder {
    pub const NONE: LayerOrder = LayerOrder {
        input: Pieces::same(0),
        output: Pieces::same(0),
        doubt: None,
        axes_as_here: false,
        passed: Passed::sure(Order::Open),
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

impl Passed {
    /// Returns a known order.
    const fn sure(order: Order) -> Self {
        Passed {
            order,
            free: false,
            doubt: None,
        }
    }

    /// Returns the order after a layer whose result is, or may be, another one in PyTorch.
    const fn doubtful(output: Dims, doubt: Doubt) -> Self {
        Passed {
            order: made(output),
            free: false,
            doubt: Some(doubt),
        }
    }
}

/// The destination of the orders: one entry for each layer and block, outer ones first.
///
/// For a dry run, `next` is set back behind it, so that the entries are written again.
struct Sink<'a> {
    orders: &'a mut [LayerOrder],
    next: usize,
}

impl Sink<'_> {
    /// Marks a layer, unless it has a mark.
    const fn doubt(&mut self, slot: usize, doubt: Doubt) {
        if self.orders[slot].doubt.is_none() {
            self.orders[slot].doubt = Some(doubt);
        }
    }
}

/// The outputs of a list of layers that have been followed.
#[derive(Clone, Copy)]
pub(super) struct Followed<'a> {
    layers: &'a [ParamField],
    orders: &'a [LayerOrder],
    /// The entry of the list's first layer.
    first: usize,
    input: Passed,
    /// Their number.
    count: usize,
}

impl Followed<'_> {
    /// No outputs.
    pub const NONE: Followed<'static> = Followed {
        layers: &[],
        orders: &[],
        first: 0,
        input: Passed::sure(Order::Open),
        count: 0,
    };

    /// Returns the order of an output.
    const fn output(&self, output: usize) -> Passed {
        if output == 0 {
            return self.input;
        }
        self.orders[slot_of(self.layers, self.first, output - 1)].passed
    }

    /// Returns the order of the first followed output that a layer reads in addition to those that
    /// are reached.
    pub const fn beside(&self, layer: &LayerInfo, reached: &Reached) -> Option<Pieces> {
        let mut i = 0;
        while i < layer.sources.len() {
            let source = layer.sources[i];
            if source < self.count && !reached.has(source) {
                return Some(flat(self.output(source).order, layer.source_shape(i)).pieces);
            }
            i += 1;
        }
        None
    }
}

/// Returns the entry of a layer of a list whose first layer has the entry `first`.
const fn slot_of(layers: &[ParamField], first: usize, layer: usize) -> usize {
    let mut slot = first;
    let mut i = 0;
    while i < layer {
        slot += 1 + layers[i].contents.layers();
        i += 1;
    }
    slot
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
        ParamTree::Layers(layers) => {
            network(layers, sink);
        }
        ParamTree::Fields(fields) | ParamTree::Block(_, fields) => {
            let mut i = 0;
            while i < fields.len() {
                networks(&fields[i].contents, sink);
                i += 1;
            }
        }
    }
}

/// Follows a network with features of its own, and returns the order of its output.
const fn network(layers: &[ParamField], sink: &mut Sink) -> Order {
    let input = input_of(layers);
    let output = output_of(layers);

    // An image as output has its channels first in PyTorch.
    let wanted = if output.sizes().len() == 3 {
        Some(channels_last(output))
    } else {
        None
    };
    let first = sink.next;
    let order = begin(input, wanted_by(layers, 0, wanted, &Followed::NONE));
    let passed = list(layers, order, wanted, Uses::NONE, sink);

    // No weight tells a caller that the input features have another order in PyTorch.
    if input.sizes().len() == 1 && !flat(order, input).pieces.is_same() {
        sink.doubt(first, Doubt::Given);
    }
    end(layers, first, passed.order, sink);
    passed.order
}

/// Returns the order of the output of a layer that runs a network over time; `order` is that of the
/// network's output, and `came` that of the sequence.
const fn over_steps(
    cell: &[ParamField],
    order: Order,
    layer: &LayerInfo,
    came: Order,
    states_as_given: bool,
) -> Passed {
    let is_given = match came {
        Order::Flat(flat) => flat.pieces.is_same(),
        _ => true,
    };
    let step = flat(order, output_of(cell));
    Passed {
        order: if layer.output.is_tuple() {
            Order::Steps(step)
        } else {
            of_steps(step, layer.output)
        },
        free: false,
        doubt: if is_given && states_as_given {
            None
        } else {
            Some(Doubt::Depends)
        },
    }
}

/// Returns whether the sources behind the first one, if there are some, have the order of a network's
/// inputs.
const fn are_as_given(layer: &LayerInfo, followed: &Followed) -> bool {
    let mut i = 1;
    while i < layer.sources.len() {
        let dims = layer.source_shape(i);
        let order = followed.output(layer.sources[i]).order;
        let own = flat(order, dims);
        let given = flat(begin(dims, None), dims);
        if !(own.sure && own.pieces.equals(&given.pieces)) {
            return false;
        }
        i += 1;
    }
    true
}

/// Requires the order of a network's outputs, which a caller sees.
const fn end(layers: &[ParamField], first: usize, order: Order, sink: &mut Sink) {
    let [
        ..,
        ParamField {
            layer: Some(last), ..
        },
    ] = layers
    else {
        return;
    };

    // Several outputs are checked one by one, as a tuple of them does not track their axes.
    if matches!(last.order, FeatureOrder::Joins) && last.output.is_tuple() {
        let mut i = 0;
        while i < last.sources.len() {
            if last.sources[i] > 0 {
                let slot = slot_of(layers, first, last.sources[i] - 1);
                let order = sink.orders[slot].passed.order;
                if let Some(doubt) = doubt_of_output(order, last.source_shape(i)) {
                    sink.doubt(slot, doubt);
                }
            }
            i += 1;
        }
    } else if let Some(doubt) = doubt_of_output(order, last.output) {
        sink.doubt(slot_of(layers, first, layers.len() - 1), doubt);
    }
}

/// Returns the input shape of a list of layers.
pub(super) const fn input_of(layers: &[ParamField]) -> Dims {
    match layers {
        [
            ParamField {
                layer: Some(first), ..
            },
            ..,
        ] => first.source_shape(0),
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
    order: Order,
    wanted: Option<Pieces>,
    behind: Uses,
    sink: &mut Sink,
) -> Passed {
    let wired = is_wired(layers);
    let first = sink.next;
    let input = Passed::sure(if wired {
        shared(layers, 0, order, behind)
    } else {
        order
    });

    let mut before = input;
    let mut i = 0;
    while i < layers.len() {
        if let Some(layer) = &layers[i].layer {
            let slot = sink.next;
            sink.next += 1;

            let followed = Followed {
                layers,
                orders: sink.orders,
                first,
                input,
                count: i + 1,
            };
            let contents = &layers[i].contents;
            let came = match (layer.sources, layer.order) {
                ([source], _) => followed.output(*source),
                ([_, _, ..], FeatureOrder::Layers) => tuple_of_sources(contents, layer, &followed),
                _ => before,
            };
            let makes = matches!(layer.order, FeatureOrder::Makes | FeatureOrder::Layers);
            let wanted = if makes {
                wanted_by(layers, i + 1, wanted, &followed)
            } else {
                None
            };

            let mut read = came.order;
            let mut axes_as_here = layer.axes_as_here;
            let mut passed = if let FeatureOrder::Layers = layer.order {
                let behind = Uses::by(layers, i + 1, behind);
                let passed = block(contents, layer, came, wanted, behind, sink);
                Passed {
                    doubt: either(came.doubt, passed.doubt),
                    ..passed
                }
            } else if let (FeatureOrder::Steps, ParamTree::Layers(cell)) = (layer.order, contents) {
                let states = are_as_given(layer, &followed);
                let sequence = match layer.sources {
                    [first, ..] => followed.output(*first).order,
                    [] => came.order,
                };
                let order = network(cell, sink);
                over_steps(cell, order, layer, sequence, states)
            } else if layer.sources.len() > 1 {
                let passed;
                (read, passed) = merged(contents, layer, &followed);
                networks(contents, sink);
                passed
            } else if let (FeatureOrder::Whole, 2..) = (layer.order, layer.input.sizes().len()) {
                networks(contents, sink);
                let behind = Uses::by(layers, i + 1, behind);
                let (passed, as_here) = whole(layer.input, came.order, came.free, behind);
                axes_as_here = as_here;
                passed
            } else {
                networks(contents, sink);
                through(contents, layer, came.order, came.free, wanted)
            };
            let doubt = passed.doubt;
            passed.doubt = None;
            if wired {
                passed.order = shared(layers, i + 1, passed.order, behind);
            }

            sink.orders[slot] = LayerOrder {
                input: along_axis(read, layer.source_shape(0)),
                output: along_axis(passed.order, layer.output),
                doubt,
                axes_as_here,
                passed,
            };
            before = passed;
        }
        i += 1;
    }
    before
}

/// Returns the order of an output for all of its readers. If the axes are moved for one of them, this
/// may have been before all.
const fn shared(layers: &[ParamField], output: usize, order: Order, behind: Uses) -> Order {
    if readers(layers, output) < 2 {
        return order;
    }
    given(
        order,
        shape_of(layers, output),
        Uses::by(layers, output, Uses::NONE),
        Uses::by(layers, output, behind).along_last,
    )
}

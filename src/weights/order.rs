//! Follows the order of features through the layers of a network. All of it is const code, so that
//! the compiler, the loader and the saver agree.
//!
//! A tensor here and the same tensor in PyTorch have their elements in an order each. A `Flatten`
//! or a `Reshape` changes neither; most layers keep them; a dense layer makes new features, in
//! whatever order is wanted behind it. So the order is followed from the input on, and where
//! features are made, what is wanted of them is looked for ahead.

use super::pieces::Pieces;
use super::wanted::{take_channels, wanted_by, wanted_in, wanted_of_branch};
use crate::network::FeatureOrder;
use crate::network::contents::{Contents, Joint, LayerInfo, Member};
use crate::sizes;
use crate::tensor::Dims;

/// The order of a tensor's elements in PyTorch.
// Constants have no boxes.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Copy)]
enum Order {
    /// The axes as they are here, unless a layer takes the last one for channels.
    Open,
    /// The last axis here is the first one there.
    ChannelsFirst,
    /// That of each element in memory; the axes do not tell it.
    Flat(Pieces),
}

/// What goes in and out of a layer.
#[derive(Clone, Copy)]
pub(super) struct LayerOrder {
    /// The features that come in, if they are a single axis.
    pub input: Pieces,
    /// The features that come out, if they are a single axis.
    pub output: Pieces,
    /// The layer computes something else in PyTorch.
    pub differs: bool,
}

impl LayerOrder {
    pub const NONE: LayerOrder = LayerOrder {
        input: Pieces::same(0),
        output: Pieces::same(0),
        differs: false,
    };
}

/// What comes out of a layer.
#[derive(Clone, Copy)]
struct Passed {
    order: Order,
    /// It would have been another order, had one been wanted.
    free: bool,
    differs: bool,
}

/// Where the orders go: one entry for each layer and block, outer ones first. It may have room for
/// none.
struct Sink<'a> {
    orders: &'a mut [LayerOrder],
    next: usize,
}

impl Contents {
    /// How many layers and blocks there are, each repetition counted.
    pub(super) const fn layers(&self) -> usize {
        if let Contents::Items { count, item, .. } = self {
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

    /// Sets the orders of all layers, of which there are as many as [`Contents::layers`] says.
    pub(super) const fn follow(&self, orders: &mut [LayerOrder]) {
        networks(self, &mut Sink { orders, next: 0 });
    }
}

/// Follows each network that begins in these parameters with features of its own.
const fn networks(contents: &Contents, sink: &mut Sink) {
    match contents {
        Contents::Tensor(_) => {}
        Contents::Items { count, item, .. } => {
            let mut i = 0;
            while i < *count && item.layers() > 0 {
                networks(item, sink);
                i += 1;
            }
        }
        Contents::Layers(layers) => {
            let (input, output) = (input_of(layers), output_of(layers));
            // An image that comes out is one of PyTorch's.
            let wanted = if output.sizes().len() == 3 {
                Some(channels_last(output))
            } else {
                None
            };
            let order = begin(input, wanted_by(layers, 0, wanted));
            list(layers, order, wanted, sink);
        }
        Contents::Fields(members) | Contents::Block(_, members) => {
            let mut i = 0;
            while i < members.len() {
                networks(&members[i].contents, sink);
                i += 1;
            }
        }
    }
}

/// The order of what a network is given: images have their channels first in PyTorch, features are
/// as they are wanted.
const fn begin(dims: Dims, wanted: Option<Pieces>) -> Order {
    match (dims.sizes().len(), wanted) {
        (3, _) => Order::ChannelsFirst,
        (2.., _) => Order::Open,
        (1, Some(wanted)) if wanted.len() == dims.len() => Order::Flat(wanted),
        _ if dims.parts().is_empty() => Order::Flat(Pieces::same(dims.len())),
        _ => {
            let (mut pieces, mut i) = (Pieces::same(0), 0);
            while i < dims.parts().len() {
                let part = flat(begin(dims.parts()[i], None), dims.parts()[i]);
                pieces = or_same(pieces.and(&part), pieces.len() + part.len());
                i += 1;
            }
            Order::Flat(pieces)
        }
    }
}

const fn input_of(layers: &[Member]) -> Dims {
    match layers {
        [
            Member {
                layer: Some(first), ..
            },
            ..,
        ] => first.input,
        _ => Dims::UNKNOWN,
    }
}

pub(super) const fn output_of(layers: &[Member]) -> Dims {
    match layers {
        [
            ..,
            Member {
                layer: Some(last), ..
            },
        ] => last.output,
        _ => Dims::UNKNOWN,
    }
}

/// The order of the elements of an image or a sequence in PyTorch.
pub(super) const fn channels_last(dims: Dims) -> Pieces {
    match dims.last() {
        Some(last) => Pieces::channels_last(dims.len(), last),
        None => Pieces::same(dims.len()),
    }
}

const fn or_same(pieces: Option<Pieces>, len: usize) -> Pieces {
    match pieces {
        Some(pieces) => pieces,
        None => Pieces::same(len),
    }
}

/// The order of all elements.
const fn flat(order: Order, dims: Dims) -> Pieces {
    match order {
        Order::Open => Pieces::same(dims.len()),
        Order::ChannelsFirst => channels_last(dims),
        Order::Flat(pieces) => pieces,
    }
}

/// The order of features along a single axis; nothing for other tensors.
const fn along_axis(order: Order, dims: Dims) -> Pieces {
    if dims.sizes().len() == 1 {
        flat(order, dims)
    } else {
        Pieces::same(0)
    }
}

/// The same with the axes as they are here, or with the last one first, if the elements are in such
/// an order.
const fn by_axes(order: Order, dims: Dims) -> Option<Order> {
    match order {
        Order::Flat(pieces) if pieces.is_same() => Some(Order::Open),
        Order::Flat(pieces) if pieces.equals(&channels_last(dims)) => Some(Order::ChannelsFirst),
        Order::Flat(_) => None,
        _ => Some(order),
    }
}

/// Follows a list of layers that is given features in this order; `wanted` is what comes behind it.
const fn list(
    layers: &[Member],
    mut order: Order,
    wanted: Option<Pieces>,
    sink: &mut Sink,
) -> Passed {
    let (mut free, mut i) = (false, 0);
    while i < layers.len() {
        if let Some(layer) = &layers[i].layer {
            let slot = sink.next;
            sink.next += 1;
            let passed = if let FeatureOrder::Layers = layer.order {
                let wanted = wanted_by(layers, i + 1, wanted);
                block(&layers[i].contents, layer, order, free, wanted, sink)
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
                    differs: passed.differs,
                };
            }
            (order, free) = (passed.order, passed.free);
        }
        i += 1;
    }
    Passed {
        order,
        free,
        differs: false,
    }
}

/// What comes out of a layer without layers inside.
const fn through(
    contents: &Contents,
    layer: &LayerInfo,
    order: Order,
    free: bool,
    wanted: Option<Pieces>,
) -> Passed {
    let (input, output) = (layer.input, layer.output);
    let (axes, came) = (input.sizes().len(), flat(order, input));
    // What each case does not say.
    let fresh = Passed {
        order: begin_at(output),
        free: false,
        differs: false,
    };
    match layer.order {
        FeatureOrder::View => {
            let kept = matches!((input.last(), output.last()), (Some(a), Some(b)) if a == b);
            let order = if axes > 1 && output.sizes().len() > 1 && kept {
                order
            } else {
                Order::Flat(came)
            };
            Passed {
                order,
                free,
                differs: false,
            }
        }
        FeatureOrder::Channels if axes > 1 => {
            let fits = match order {
                Order::Flat(pieces) => pieces.equals(&channels_last(input)),
                _ => true,
            };
            let order = if output.sizes().len() > 1 {
                Order::ChannelsFirst
            } else {
                fresh.order
            };
            Passed {
                order,
                free: false,
                differs: !fits,
            }
        }
        FeatureOrder::Keeps | FeatureOrder::Channels => match kept(order, input, output) {
            Some(order)
                if came.is_same() || axes != 1 || !has(contents, Marked::Neither, input) =>
            {
                Passed {
                    order,
                    free,
                    differs: false,
                }
            }
            _ => Passed {
                differs: true,
                ..fresh
            },
        },
        FeatureOrder::Makes
        | FeatureOrder::Depends
        | FeatureOrder::Mixes
        | FeatureOrder::Layers
            if axes > 1 =>
        {
            match by_axes(order, input) {
                Some(order) if output.sizes().len() == axes => Passed { order, ..fresh },
                Some(_) => fresh,
                None => Passed {
                    differs: true,
                    ..fresh
                },
            }
        }
        FeatureOrder::Makes => {
            let differs = !(came.is_same() || axes == 1 && has(contents, Marked::Features, input));
            let free = output.sizes().len() == 1 && has(contents, Marked::Outputs, output);
            match wanted {
                Some(wanted) if free && wanted.len() == output.len() => Passed {
                    order: Order::Flat(wanted),
                    free,
                    differs,
                },
                _ => Passed {
                    free,
                    differs,
                    ..fresh
                },
            }
        }
        FeatureOrder::Depends | FeatureOrder::Mixes | FeatureOrder::Layers => Passed {
            differs: !came.is_same(),
            ..fresh
        },
    }
}

/// The order of new features.
const fn begin_at(dims: Dims) -> Order {
    if dims.sizes().len() > 1 {
        Order::Open
    } else {
        Order::Flat(Pieces::same(dims.len()))
    }
}

/// The order of what comes out if each element belongs to the one at its place, or to those at its
/// place in all parts of a tuple; `None` if those differ.
const fn kept(order: Order, input: Dims, output: Dims) -> Option<Order> {
    if input.same(&output) {
        return Some(order);
    }
    let pieces = flat(order, input);
    let (parts, whole) = if input.parts().is_empty() {
        (output.parts(), input)
    } else {
        (input.parts(), output)
    };
    let mut i = 0;
    while i < parts.len() {
        if !parts[i].same(&whole) {
            return if pieces.is_same() {
                Some(begin_at(output))
            } else {
                None
            };
        }
        i += 1;
    }
    if input.parts().is_empty() {
        let mut all = Some(Pieces::same(0));
        i = 0;
        while i < parts.len() {
            all = match all {
                Some(all) => all.and(&pieces),
                None => None,
            };
            i += 1;
        }
        return match all {
            Some(all) => Some(Order::Flat(all)),
            None => None,
        };
    }
    let Some(first) = pieces.part(0, whole.len()) else {
        return None;
    };
    i = 1;
    while i < parts.len() {
        match pieces.part(i * whole.len(), whole.len()) {
            Some(part) if part.equals(&first) => i += 1,
            _ => return None,
        }
    }
    Some(Order::Flat(first))
}

/// Which tensors of a layer are looked for.
#[derive(Clone, Copy)]
enum Marked {
    Features,
    Outputs,
    /// An entry for each feature, it seems, which nothing says.
    Neither,
}

/// Whether a layer has a tensor with an entry for each of these features.
const fn has(contents: &Contents, marked: Marked, features: Dims) -> bool {
    match contents {
        Contents::Tensor(tensor) => match (tensor.sizes(), marked) {
            ([first, ..], Marked::Features) => tensor.features && *first == features.len(),
            ([.., last], Marked::Outputs) => tensor.outputs && *last == features.len(),
            ([first, ..], Marked::Neither) => {
                !tensor.features && !tensor.outputs && *first == features.len()
            }
            ([], _) => false,
        },
        Contents::Fields(fields) => {
            let mut i = 0;
            while i < fields.len() {
                if has(&fields[i].contents, marked, features) {
                    return true;
                }
                i += 1;
            }
            false
        }
        _ => false,
    }
}

/// What comes out of a network or a block.
const fn block(
    contents: &Contents,
    layer: &LayerInfo,
    order: Order,
    free: bool,
    wanted: Option<Pieces>,
    sink: &mut Sink,
) -> Passed {
    match contents {
        Contents::Layers(layers) => list(layers, order, wanted, sink),
        Contents::Items { count, item, .. } => {
            let (mut passed, mut i) = (
                Passed {
                    order,
                    free,
                    differs: false,
                },
                0,
            );
            while i < *count {
                let behind = if i + 1 == *count {
                    wanted
                } else {
                    wanted_in(item, layer.output, wanted)
                };
                let next = block(item, layer, passed.order, passed.free, behind, sink);
                passed = Passed {
                    differs: passed.differs || next.differs,
                    ..next
                };
                i += 1;
            }
            passed
        }
        Contents::Block(joint, branches) => {
            let order = match order {
                Order::Open if take_channels(branches) => Order::ChannelsFirst,
                order => order,
            };
            match joint {
                Joint::Sum => sum(branches, layer, order, free, wanted, sink),
                Joint::SideBySide => side_by_side(branches, layer.output, order, wanted, sink),
            }
        }
        Contents::Fields(_) | Contents::Tensor(_) => {
            networks(contents, sink);
            through(contents, layer, order, free, None)
        }
    }
}

const fn branch(member: &Member, order: Order, wanted: Option<Pieces>, sink: &mut Sink) -> Passed {
    match &member.contents {
        Contents::Layers(layers) => list(layers, order, wanted, sink),
        _ => Passed {
            order,
            free: false,
            differs: true,
        },
    }
}

/// Adds a branch to the input, or two to each other: both must have one order, so what can be in
/// any takes the other's.
const fn sum(
    branches: &[Member],
    layer: &LayerInfo,
    order: Order,
    free: bool,
    wanted: Option<Pieces>,
    sink: &mut Sink,
) -> Passed {
    let output = layer.output;
    let other = Passed {
        order,
        free,
        differs: false,
    };
    let [first, second] = match branches {
        [only] => {
            let passed = branch(only, order, Some(flat(order, output)), sink);
            [passed, other]
        }
        [first, second, ..] => {
            let mut dry = Sink {
                orders: &mut [],
                next: 0,
            };
            let tried = [
                branch(first, order, None, &mut dry),
                branch(second, order, None, &mut dry),
            ];
            let target = match tried {
                [
                    Passed {
                        free: false, order, ..
                    },
                    _,
                ] => Some(flat(order, output)),
                [
                    _,
                    Passed {
                        free: false, order, ..
                    },
                ] => Some(flat(order, output)),
                _ => wanted,
            };
            [
                branch(first, order, target, sink),
                branch(second, order, target, sink),
            ]
        }
        [] => [other, other],
    };
    let summed = if output.sizes().len() > 1 {
        together((first.order, output), (second.order, output), output)
    } else if flat(first.order, output).equals(&flat(second.order, output)) {
        Some(first.order)
    } else {
        None
    };
    match summed {
        Some(order) => Passed {
            order,
            free: first.free && second.free,
            differs: false,
        },
        None => Passed {
            order: begin_at(output),
            free: false,
            differs: true,
        },
    }
}

/// The order of the sum of two tensors, or of two side by side along their last axis, of these
/// sizes; `None` if they differ.
const fn together(first: (Order, Dims), second: (Order, Dims), sum: Dims) -> Option<Order> {
    match (settled(first.0, first.1), settled(second.0, second.1)) {
        (Order::Open, Order::Open) => Some(Order::Open),
        // A tensor with its axes as they are here is exchanged where channels are added to it.
        (Order::ChannelsFirst, Order::ChannelsFirst | Order::Open)
        | (Order::Open, Order::ChannelsFirst) => Some(Order::ChannelsFirst),
        (Order::Flat(a), Order::Flat(b)) if a.is_same() && b.is_same() => {
            Some(Order::Flat(Pieces::same(sum.len())))
        }
        (Order::Flat(same), Order::Open) | (Order::Open, Order::Flat(same)) if same.is_same() => {
            Some(Order::Flat(Pieces::same(sum.len())))
        }
        _ => None,
    }
}

/// An order of elements as one of axes, where it is one; as they are here is one where it is that
/// of channels, too.
const fn settled(order: Order, dims: Dims) -> Order {
    match order {
        Order::Flat(pieces) if pieces.equals(&channels_last(dims)) => {
            if pieces.is_same() {
                Order::Open
            } else {
                Order::ChannelsFirst
            }
        }
        order => order,
    }
}

/// Joins branches along the last axis, or makes a tuple of them.
const fn side_by_side(
    branches: &[Member],
    output: Dims,
    order: Order,
    wanted: Option<Pieces>,
    sink: &mut Sink,
) -> Passed {
    let along_axis = output.sizes().len() > 1;
    let (mut joined, mut axes) = (Pieces::same(0), Order::Open);
    let (mut free, mut differs, mut i) = (true, false, 0);
    while i < branches.len() {
        let own = output_of(branches[i].contents.members());
        let behind = wanted_of_branch(wanted, joined.len(), own, output);
        let passed = branch(&branches[i], order, behind, sink);
        free = free && passed.free;
        let joins = if along_axis {
            match together((axes, own), (passed.order, own), output) {
                Some(order) => axes = order,
                None => differs = true,
            }
            Pieces::same(own.len())
        } else {
            flat(passed.order, own)
        };
        match joined.and(&joins) {
            Some(all) => joined = all,
            None => {
                differs = true;
                joined = Pieces::same(joined.len() + own.len());
            }
        }
        i += 1;
    }
    let order = if differs {
        begin_at(output)
    } else if along_axis {
        axes
    } else {
        Order::Flat(joined)
    };
    Passed {
        order,
        free,
        differs,
    }
}

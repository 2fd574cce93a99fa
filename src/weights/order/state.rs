//! The order of a tensor's elements in PyTorch, as far as the layers before it determine it.

use super::Doubt;
use crate::sizes;
use crate::tensor::Dims;
use crate::weights::pieces::Pieces;

/// The order of a tensor's elements in PyTorch.
// Constants have no boxes.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Copy)]
pub(super) enum Order {
    /// The axes have the same order, unless a later layer takes the last one for channels: no layer
    /// has determined it yet.
    Open,
    /// The axes have the same order: a layer has made them so, or has worked along the last one.
    AsHere,
    /// The last axis here is the first one in PyTorch.
    ChannelsFirst,
    /// The axes have the same order, or the last one is first. A layer has worked along the last
    /// axis, which was the first one in PyTorch, so that a program there has moved it. Whether the
    /// program has moved it back is unknown.
    Either,
    /// The order of each element in memory, which the axes do not determine.
    Flat(Flat),
    /// That of a tuple that a network is given: each part has the order of a network's input.
    Inputs,
    /// That of a tuple of the outputs of all steps and the states after the last one, from the order
    /// of a step's output and states.
    Steps(Flat),
}

/// The order of the elements in memory.
#[derive(Clone, Copy)]
pub(super) struct Flat {
    pub pieces: Pieces,
    /// True if the order was known when the features were flattened. If it was [`Order::Either`],
    /// the pieces are those with the channels first.
    pub sure: bool,
}

impl Flat {
    /// Returns the order that is the same in PyTorch.
    pub const fn same(len: usize) -> Self {
        Flat::sure(Pieces::same(len))
    }

    /// Returns a known order.
    pub const fn sure(pieces: Pieces) -> Self {
        Flat { pieces, sure: true }
    }
}

/// Returns the order of the elements of an image or a sequence in PyTorch.
pub(in crate::weights) const fn channels_last(dims: Dims) -> Pieces {
    match dims.last() {
        Some(last) => Pieces::channels_last(dims.len(), last),
        None => Pieces::same(dims.len()),
    }
}

/// Returns whether all axes have one size, so that a tensor's shape does not tell their order.
pub(super) const fn are_equal(dims: Dims) -> bool {
    let mut axis = 1;
    while axis < dims.sizes().len() && dims.sizes()[axis] == dims.sizes()[0] {
        axis += 1;
    }
    // A single element has only one order.
    axis >= dims.sizes().len() && dims.len() > 1
}

/// Returns the order of a network's inputs: images have their channels first in PyTorch, features
/// have the order that is wanted.
pub(super) const fn begin(dims: Dims, wanted: Option<Pieces>) -> Order {
    match (dims.sizes().len(), wanted) {
        (3, _) => Order::ChannelsFirst,
        (2.., _) => Order::Open,
        (1, Some(wanted)) if wanted.len() == dims.len() => Order::Flat(Flat::sure(wanted)),
        _ if dims.parts().is_empty() => Order::Flat(Flat::same(dims.len())),
        _ => Order::Inputs,
    }
}

/// Returns the order of one of the parts of a tuple; `None` if they share an image.
pub(super) const fn part(order: Order, dims: Dims, index: usize) -> Option<Order> {
    let parts = dims.parts();
    if let Order::Inputs = order {
        return Some(begin(parts[index], None));
    }

    if let Order::Steps(step) = order {
        return part_of_steps(step, parts, index);
    }

    let Flat { pieces, sure } = flat(order, dims);
    let mut first = 0;
    let mut i = 0;
    while i < index {
        first += parts[i].len();
        i += 1;
    }
    match pieces.part(first, parts[index].len()) {
        Some(pieces) => Some(Order::Flat(Flat { pieces, sure })),
        None => None,
    }
}

/// Returns the order of the outputs of all steps, from that of one of them. Which of its axes comes
/// first is told by no tensor, so that whatever depends on it is marked.
pub(super) const fn of_steps(step: Flat, all: Dims) -> Order {
    if step.sure && step.pieces.is_same() {
        made(all)
    } else {
        Order::Flat(Flat {
            pieces: Pieces::same(all.len()),
            sure: false,
        })
    }
}

/// Returns the order of the outputs of all steps, or of a state after the last one.
const fn part_of_steps(step: Flat, parts: &[Dims], index: usize) -> Option<Order> {
    let mut states = 0;
    let mut before = 0;
    let mut i = 1;
    while i < parts.len() {
        if i < index {
            before += parts[i].len();
        }
        states += parts[i].len();
        i += 1;
    }
    // A state may be the output as well.
    let first_state = step.pieces.len().saturating_sub(states);
    let (first, len) = match index {
        0 => (0, parts[0].len() / sizes::larger(parts[0].size(0), 1)),
        _ => (first_state + before, parts[index].len()),
    };
    let Some(pieces) = step.pieces.part(first, len) else {
        return None;
    };
    let own = Flat { pieces, ..step };
    Some(match index {
        0 => of_steps(own, parts[0]),
        _ if own.sure && own.pieces.is_same() => made(parts[index]),
        _ => Order::Flat(own),
    })
}

/// The order of all elements.
pub(super) const fn flat(order: Order, dims: Dims) -> Flat {
    match order {
        Order::Open | Order::AsHere => Flat::same(dims.len()),
        Order::ChannelsFirst => Flat::sure(channels_last(dims)),
        // With one channel or one pixel both orders are the same.
        Order::Either => Flat {
            pieces: channels_last(dims),
            sure: channels_last(dims).is_same(),
        },
        Order::Flat(flat) => flat,
        Order::Steps(step) => Flat {
            pieces: Pieces::same(dims.len()),
            sure: step.sure && step.pieces.is_same(),
        },
        Order::Inputs => {
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
            Flat::sure(pieces)
        }
    }
}

/// Returns the order of features along a single axis; no elements for other tensors.
pub(super) const fn along_axis(order: Order, dims: Dims) -> Pieces {
    if dims.sizes().len() == 1 {
        flat(order, dims).pieces
    } else {
        Pieces::same(0)
    }
}

/// Returns the order of a new tensor, whatever the order of the inputs.
pub(super) const fn made(dims: Dims) -> Order {
    if dims.sizes().len() > 1 {
        Order::AsHere
    } else {
        Order::Flat(Flat::same(dims.len()))
    }
}

/// Returns the order after a layer that works along the last of several axes; `None` if, as far as
/// is known, no axis in PyTorch has the same elements along it.
pub(super) const fn along_last(order: Order, dims: Dims) -> Option<Order> {
    match order {
        Order::Open | Order::AsHere => Some(Order::AsHere),
        Order::ChannelsFirst | Order::Either => Some(Order::Either),
        // With three axes, a `Reshape` makes an image of features; otherwise it makes the axes that
        // are written.
        Order::Flat(flat) if dims.sizes().len() == 3 => {
            if flat.sure && flat.pieces.equals(&channels_last(dims)) {
                Some(Order::Either)
            } else {
                None
            }
        }
        Order::Flat(flat) if flat.sure && flat.pieces.is_same() => Some(Order::AsHere),
        Order::Flat(_) | Order::Inputs | Order::Steps(_) => None,
    }
}

/// The common order of tensors that are added, or joined along their last axis.
// Constants have no boxes.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Copy)]
pub(super) enum Joined {
    /// All orders are the same.
    Any,
    /// The elements have the same order, under axes that a `Reshape` has written.
    Rows,
    /// The elements have the same order, under the axes of an image that a `Reshape` has made: its
    /// channels are not first in PyTorch.
    Image,
    /// The order of the axes.
    Axes(Order),
    /// The elements do not belong together in PyTorch.
    Apart,
}

impl Joined {
    /// Returns the order of one of the tensors.
    pub const fn one(order: Order, dims: Dims) -> Self {
        let Order::Flat(Flat { pieces, sure }) = order else {
            return Joined::Axes(order);
        };
        if sure && pieces.equals(&channels_last(dims)) {
            // With three axes, a `Reshape` makes an image.
            if pieces.is_same() && dims.sizes().len() != 3 {
                Joined::Any
            } else {
                Joined::Axes(Order::ChannelsFirst)
            }
        } else if pieces.is_same() && dims.sizes().len() == 3 {
            Joined::Image
        } else if pieces.is_same() {
            Joined::Rows
        } else {
            Joined::Apart
        }
    }

    /// Returns the common order of two groups of tensors.
    pub const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Joined::Any, known) | (known, Joined::Any) => known,
            (Joined::Axes(a), Joined::Axes(b)) => Joined::Axes(match (a, b) {
                (Order::Open, Order::Open) => Order::Open,
                (Order::Open | Order::AsHere, Order::Open | Order::AsHere) => Order::AsHere,
                (Order::ChannelsFirst, Order::ChannelsFirst) => Order::ChannelsFirst,
                // The axes of one of them were moved, but it is unknown of which.
                _ => Order::Either,
            }),
            (Joined::Rows, Joined::Rows | Joined::Axes(Order::Open))
            | (Joined::Axes(Order::Open), Joined::Rows) => Joined::Rows,
            (Joined::Image, Joined::Image) => Joined::Image,
            (Joined::Rows, Joined::Axes(Order::AsHere))
            | (Joined::Axes(Order::AsHere), Joined::Rows) => Joined::Axes(Order::AsHere),
            _ => Joined::Apart,
        }
    }

    /// Returns the order of the output; `None` if there is no common one.
    pub const fn order(self, output: Dims) -> Option<Order> {
        match self {
            Joined::Any => Some(Order::Open),
            Joined::Rows | Joined::Image => Some(Order::Flat(Flat::same(output.len()))),
            Joined::Axes(order) => Some(order),
            Joined::Apart => None,
        }
    }
}

/// Returns the reason why a network's output may differ in PyTorch. A caller compares the elements
/// of images by pixel and channel, and takes features as they come.
pub(super) const fn doubt_of_output(order: Order, dims: Dims) -> Option<Doubt> {
    let Order::Flat(Flat { pieces, sure }) = order else {
        return None;
    };

    let mut first = 0;
    let mut i = 0;
    while i < dims.parts().len() {
        let part = dims.parts()[i];
        let several = part.sizes().len() != 1;
        match pieces.part(first, part.len()) {
            // The axes of the parts of a tuple are not tracked: those of a sequence may have either
            // order.
            Some(own) if own.is_same() && part.sizes().len() == 2 => {}
            Some(own) if part.sizes().len() > 1 && own.equals(&channels_last(part)) => {}
            Some(own) if !part.parts().is_empty() => {
                if let Some(doubt) = doubt_of_output(Order::Flat(Flat::sure(own)), part) {
                    return Some(doubt);
                }
            }
            _ if several => return Some(Doubt::Output),
            _ => {}
        }
        first += part.len();
        i += 1;
    }

    match dims.sizes().len() {
        0 | 1 => None,
        3 if !pieces.equals(&channels_last(dims)) => Some(Doubt::Output),
        3 if !sure => Some(Doubt::Moved),
        3 => None,
        _ if pieces.is_same() => None,
        _ => Some(Doubt::Output),
    }
}

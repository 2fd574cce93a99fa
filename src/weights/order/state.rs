//! The order of one tensor's elements in PyTorch, as far as the layers before it tell.

use crate::tensor::Dims;
use crate::weights::pieces::Pieces;

/// The order of a tensor's elements in PyTorch.
// Constants have no boxes.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Copy)]
pub(super) enum Order {
    /// The axes as they are here, unless a layer takes the last one for channels: none has said
    /// anything yet.
    Open,
    /// The axes as they are here: a layer has made them so, or has worked along the last one.
    AsHere,
    /// The last axis here is the first one there.
    ChannelsFirst,
    /// The axes as they are here, or the last one first. A layer has worked along the last axis,
    /// which was the first one there, so that a program in PyTorch has moved it; whether it has
    /// moved it back, nothing tells.
    Either,
    /// That of each element in memory; the axes do not tell it.
    Flat(Flat),
}

/// The order of the elements in memory.
#[derive(Clone, Copy)]
pub(super) struct Flat {
    pub pieces: Pieces,
    /// They were not flattened while their order was [`Order::Either`]. If they were, the pieces
    /// are those with the channels first.
    pub sure: bool,
}

impl Flat {
    pub const fn same(len: usize) -> Self {
        Flat::sure(Pieces::same(len))
    }

    pub const fn sure(pieces: Pieces) -> Self {
        Flat { pieces, sure: true }
    }
}

/// The order of the elements of an image or a sequence in PyTorch.
pub(in crate::weights) const fn channels_last(dims: Dims) -> Pieces {
    match dims.last() {
        Some(last) => Pieces::channels_last(dims.len(), last),
        None => Pieces::same(dims.len()),
    }
}

/// Whether all axes have one size, so that a tensor's shape does not tell their order.
pub(super) const fn are_equal(dims: Dims) -> bool {
    let mut axis = 1;
    while axis < dims.sizes().len() && dims.sizes()[axis] == dims.sizes()[0] {
        axis += 1;
    }
    // With one element alone there is no other order.
    axis >= dims.sizes().len() && dims.len() > 1
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
    }
}

/// The order of features along a single axis; nothing for other tensors.
pub(super) const fn along_axis(order: Order, dims: Dims) -> Pieces {
    if dims.sizes().len() == 1 {
        flat(order, dims).pieces
    } else {
        Pieces::same(0)
    }
}

/// The order of what is made without regard to what came.
pub(super) const fn made(dims: Dims) -> Order {
    if dims.sizes().len() > 1 {
        Order::AsHere
    } else {
        Order::Flat(Flat::same(dims.len()))
    }
}

/// The order behind a layer that works along the last of several axes; `None` if what is along it
/// here is not along any axis there, as far as one knows.
pub(super) const fn along_last(order: Order, dims: Dims) -> Option<Order> {
    match order {
        Order::Open | Order::AsHere => Some(Order::AsHere),
        Order::ChannelsFirst | Order::Either => Some(Order::Either),
        // What a `Reshape` makes of features is an image, if it has three axes; otherwise it has
        // the axes that are written.
        Order::Flat(flat) if dims.sizes().len() == 3 => {
            if flat.sure && flat.pieces.equals(&channels_last(dims)) {
                Some(Order::Either)
            } else {
                None
            }
        }
        Order::Flat(flat) if flat.pieces.is_same() => Some(Order::AsHere),
        Order::Flat(_) => None,
    }
}

/// What is known of tensors that are added, or joined along their last axis.
// Constants have no boxes.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Copy)]
pub(super) enum Joined {
    /// Each order is the same.
    Any,
    /// The elements as they are here, under axes that are written.
    Rows,
    Axes(Order),
    /// Elements that do not belong together in PyTorch.
    Apart,
}

impl Joined {
    /// One of the tensors.
    pub const fn one(order: Order, dims: Dims) -> Self {
        let Order::Flat(Flat { pieces, sure }) = order else {
            return Joined::Axes(order);
        };
        if sure && pieces.equals(&channels_last(dims)) {
            // What a `Reshape` makes with three axes is an image.
            if pieces.is_same() && dims.sizes().len() != 3 {
                Joined::Any
            } else {
                Joined::Axes(Order::ChannelsFirst)
            }
        } else if pieces.is_same() {
            Joined::Rows
        } else {
            Joined::Apart
        }
    }

    pub const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Joined::Any, known) | (known, Joined::Any) => known,
            (Joined::Axes(a), Joined::Axes(b)) => Joined::Axes(match (a, b) {
                (Order::Open, Order::Open) => Order::Open,
                (Order::Open | Order::AsHere, Order::Open | Order::AsHere) => Order::AsHere,
                (Order::ChannelsFirst, Order::ChannelsFirst) => Order::ChannelsFirst,
                // One of them was moved, but which?
                _ => Order::Either,
            }),
            (Joined::Rows, Joined::Rows | Joined::Axes(Order::Open))
            | (Joined::Axes(Order::Open), Joined::Rows) => Joined::Rows,
            (Joined::Rows, Joined::Axes(Order::AsHere))
            | (Joined::Axes(Order::AsHere), Joined::Rows) => Joined::Axes(Order::AsHere),
            _ => Joined::Apart,
        }
    }

    /// The order of what comes out; `None` if it is none.
    pub const fn order(self, output: Dims) -> Option<Order> {
        match self {
            Joined::Any => Some(Order::Open),
            Joined::Rows => Some(Order::Flat(Flat::same(output.len()))),
            Joined::Axes(order) => Some(order),
            Joined::Apart => None,
        }
    }
}

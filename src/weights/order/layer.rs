//! The order through one layer without layers inside.

use super::state::{Flat, Order, along_last, are_equal, channels_last, flat, made, part};
use super::{Doubt, Passed};
use crate::params::FeatureOrder;
use crate::params::param_tree::{LayerInfo, ParamTree};
use crate::sizes;
use crate::tensor::Dims;
use crate::weights::pieces::Pieces;
use crate::weights::wanted::Uses;

/// Returns the order of the output of a layer without layers inside.
pub(super) const fn through(
    params: &ParamTree,
    layer: &LayerInfo,
    order: Order,
    free: bool,
    wanted: Option<Pieces>,
) -> Passed {
    let input = layer.input;
    let output = layer.output;
    let axes = input.sizes().len();
    let came = flat(order, input);
    // A new tensor, unless a case says otherwise.
    let fresh = Passed {
        order: made(output),
        free: false,
        doubt: None,
    };

    match layer.order {
        FeatureOrder::View => Passed {
            order: viewed(order, input, output),
            free,
            doubt: None,
        },
        FeatureOrder::Channels if axes > 1 => Passed {
            order: if output.sizes().len() > 1 {
                Order::ChannelsFirst
            } else {
                fresh.order
            },
            free: false,
            doubt: match order {
                Order::Flat(flat) if !flat.pieces.equals(&channels_last(input)) => {
                    Some(Doubt::Depends)
                }
                Order::Flat(Flat { sure: false, .. }) => Some(Doubt::Moved),
                _ => None,
            },
        },
        FeatureOrder::Keeps | FeatureOrder::Channels | FeatureOrder::Whole => {
            match kept(order, input, output) {
                Some(_) if axes == 1 && !came.sure && has(params, Marked::Features, input) => {
                    Passed {
                        // With the mark of this layer, the order is known.
                        order: Order::Flat(Flat::sure(came.pieces)),
                        free,
                        doubt: Some(Doubt::Moved),
                    }
                }
                Some(order)
                    if came.pieces.is_same()
                        || axes != 1
                        || !has(params, Marked::Neither, input) =>
                {
                    Passed {
                        order,
                        free,
                        doubt: None,
                    }
                }
                _ => Passed {
                    doubt: Some(Doubt::Depends),
                    ..fresh
                },
            }
        }
        FeatureOrder::Makes
        | FeatureOrder::Depends
        | FeatureOrder::Mixes
        | FeatureOrder::Trailing
        | FeatureOrder::Layers
            if axes > 1 =>
        {
            let passed = worked_along_last(order, input, output, fresh);
            let moved = matches!(along_last(order, input), Some(Order::Either));
            let doubt = match passed.doubt {
                None if moved && layer.axes_as_here && end_in_square(params) => {
                    Some(Doubt::SquareLast)
                }
                doubt => doubt,
            };
            Passed { doubt, ..passed }
        }
        FeatureOrder::Makes => made_features(params, came, input, output, wanted),
        FeatureOrder::Part(index) => match part(order, input, index) {
            Some(order) => Passed::sure(order),
            None => Passed::doubtful(output, Doubt::Depends),
        },
        FeatureOrder::Depends
        | FeatureOrder::Mixes
        | FeatureOrder::Trailing
        | FeatureOrder::Steps
        | FeatureOrder::Joins
        | FeatureOrder::Layers => Passed {
            doubt: if came.pieces.is_same() {
                None
            } else {
                Some(Doubt::Depends)
            },
            ..fresh
        },
    }
}

/// Returns the number of elements of a step's output and the states.
const fn step_len(parts: &[Dims]) -> usize {
    let mut len = parts[0].len() / sizes::larger(parts[0].size(0), 1);
    let mut i = 1;
    while i < parts.len() {
        len = sizes::sum(&[len, parts[i].len()]);
        i += 1;
    }
    len
}

/// Returns the order after a layer that works along the last of several axes; `fresh` is that of a
/// new tensor.
const fn worked_along_last(order: Order, input: Dims, output: Dims, fresh: Passed) -> Passed {
    let axes = input.sizes().len();
    let outputs = output.sizes().len();

    match along_last(order, input) {
        Some(order) if outputs == axes => Passed { order, ..fresh },
        // A recurrent layer that gives its last states as well.
        Some(Order::AsHere) if output.is_tuple() => Passed {
            order: Order::Steps(Flat::same(step_len(output.parts()))),
            ..fresh
        },
        // One more axis, as after an embedding, behind axes whose order is unknown.
        Some(Order::Either) if outputs > axes && !channels_last(input).is_same() => Passed {
            doubt: Some(Doubt::Depends),
            ..fresh
        },
        Some(_) => fresh,
        None => Passed {
            order: if outputs == axes {
                Order::Either
            } else {
                fresh.order
            },
            free: false,
            doubt: Some(Doubt::Viewed),
        },
    }
}

/// Returns the order after a layer that makes new features, in the order that is wanted if its
/// weights can be permuted; `came` is the order of its inputs.
const fn made_features(
    params: &ParamTree,
    came: Flat,
    input: Dims,
    output: Dims,
    wanted: Option<Pieces>,
) -> Passed {
    let reads_features = input.sizes().len() == 1 && has(params, Marked::Features, input);
    let doubt = if !came.pieces.is_same() && !reads_features {
        Some(Doubt::Depends)
    } else if !came.sure {
        Some(Doubt::Moved)
    } else {
        None
    };

    let free = output.sizes().len() == 1 && has(params, Marked::Outputs, output);
    let order = match wanted {
        Some(wanted) if free && wanted.len() == output.len() => Order::Flat(Flat::sure(wanted)),
        _ => made(output),
    };
    Passed { order, free, doubt }
}

/// Returns the output of a layer with weights over all of several axes, and whether their order in
/// files is that here. `behind` are the uses of the axes behind it.
pub(super) const fn whole(input: Dims, order: Order, free: bool, behind: Uses) -> (Passed, bool) {
    let stay = behind.along_last && !behind.channels;
    let rows = input.sizes().len() != 3;

    let (order, as_here, sure) = match order {
        Order::Open if stay => (Order::AsHere, true, false),
        Order::Open => (Order::ChannelsFirst, false, false),
        Order::Either if stay => (order, true, false),
        Order::Either => (Order::ChannelsFirst, false, false),
        // A program that moves the axes for a later layer may do so before this one.
        Order::AsHere => (order, true, !behind.channels),
        Order::ChannelsFirst => (order, false, !behind.along_last),
        // Of several axes, which a tuple does not have.
        Order::Inputs | Order::Steps(_) => (made(input), true, true),
        Order::Flat(Flat { pieces, sure: true }) if rows && pieces.is_same() => {
            (order, true, !behind.channels)
        }
        Order::Flat(Flat { pieces, sure }) => {
            let first = pieces.equals(&channels_last(input));
            let passed = Passed {
                order: Order::ChannelsFirst,
                free: false,
                doubt: match (first, sure) {
                    (false, _) => Some(Doubt::Depends),
                    (true, false) => Some(Doubt::Moved),
                    (true, true) if behind.along_last && are_equal(input) => {
                        Some(Doubt::SquareFirst)
                    }
                    (true, true) => None,
                },
            };
            return (passed, false);
        }
    };

    let doubt = match as_here {
        _ if sure || !are_equal(input) => None,
        true => Some(Doubt::SquareLast),
        false => Some(Doubt::SquareFirst),
    };

    let free = free && matches!(order, Order::Flat(_));
    (Passed { order, free, doubt }, as_here)
}

/// Returns the order of the same numbers under another shape.
const fn viewed(order: Order, input: Dims, output: Dims) -> Order {
    if keeps_last(input, output) {
        order
    } else {
        Order::Flat(flat(order, input))
    }
}

/// Returns whether several axes become several others with the same last axis.
pub(in crate::weights) const fn keeps_last(input: Dims, output: Dims) -> bool {
    let several = input.sizes().len() > 1 && output.sizes().len() > 1;
    several && matches!((input.last(), output.last()), (Some(a), Some(b)) if a == b)
}

/// Returns the order of outputs that belong to the inputs at the same position, or to those at the
/// same position in all parts of a tuple; `None` if the parts have different orders.
const fn kept(order: Order, input: Dims, output: Dims) -> Option<Order> {
    if input.same(&output) {
        return Some(order);
    }

    let Flat { pieces, sure } = flat(order, input);
    let (parts, whole) = if input.parts().is_empty() {
        (output.parts(), input)
    } else {
        (input.parts(), output)
    };
    let mut i = 0;
    while i < parts.len() {
        if !parts[i].same(&whole) {
            return if pieces.is_same() {
                Some(made(output))
            } else {
                None
            };
        }
        i += 1;
    }

    let kept = if input.parts().is_empty() {
        repeated(&pieces, parts.len())
    } else {
        common(&pieces, parts.len(), whole.len())
    };
    match kept {
        Some(pieces) => Some(Order::Flat(Flat { pieces, sure })),
        None => None,
    }
}

/// Returns the same order, repeated `count` times.
const fn repeated(pieces: &Pieces, count: usize) -> Option<Pieces> {
    let mut all = Pieces::same(0);
    let mut i = 0;
    while i < count {
        match all.and(pieces) {
            Some(more) => all = more,
            None => return None,
        }
        i += 1;
    }
    Some(all)
}

/// Returns the order of `count` parts of length `len`, if it is the same in all.
const fn common(pieces: &Pieces, count: usize, len: usize) -> Option<Pieces> {
    let Some(first) = pieces.part(0, len) else {
        return None;
    };
    let mut i = 1;
    while i < count {
        match pieces.part(i * len, len) {
            Some(part) if part.equals(&first) => i += 1,
            _ => return None,
        }
    }
    Some(first)
}

/// Returns whether a layer has weights whose last two axes have the same size, more than 1. If a
/// program has moved the channels behind the axes before them, their place among the last axes does
/// not show in the shape of such weights.
const fn end_in_square(params: &ParamTree) -> bool {
    match params {
        ParamTree::Tensor(tensor) => match tensor.sizes() {
            [.., positions, channels] => *positions == *channels && *channels > 1,
            _ => false,
        },
        ParamTree::Fields(fields) => {
            let mut i = 0;
            while i < fields.len() {
                if end_in_square(&fields[i].contents) {
                    return true;
                }
                i += 1;
            }
            false
        }
        _ => false,
    }
}

/// The attribute of the tensors that [`has`] looks for.
#[derive(Clone, Copy)]
enum Marked {
    /// `#[params(features)]`.
    Features,
    /// `#[params(outputs)]`.
    Outputs,
    /// No attribute, although the first axis is as long as the features.
    Neither,
}

/// Returns whether a layer has such a tensor with an entry for each of these features.
const fn has(params: &ParamTree, marked: Marked, features: Dims) -> bool {
    match params {
        ParamTree::Tensor(tensor) => match (tensor.sizes(), marked) {
            (sizes, Marked::Features) => {
                matches!(tensor.features_axis(), Some(axis) if sizes[axis] == features.len())
            }
            (sizes, Marked::Outputs) => {
                matches!(tensor.outputs_axis(), Some(axis) if sizes[axis] == features.len())
            }
            ([first, ..], Marked::Neither) => {
                !tensor.features && !tensor.outputs && *first == features.len()
            }
            ([], Marked::Neither) => false,
        },
        ParamTree::Fields(fields) => {
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

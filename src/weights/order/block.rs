//! The order through networks and blocks, which have layers inside.

use super::layer::through;
use super::merge::{SideBySide, added, either};
use super::state::{Order, are_equal, channels_last, flat};
use super::{Doubt, Passed, Sink, list, networks, output_of};
use crate::params::param_tree::{Joint, LayerInfo, ParamField, ParamTree};
use crate::tensor::Dims;
use crate::weights::pieces::Pieces;
use crate::weights::wanted::{Uses, wanted_in, wanted_of_branch};

/// Follows a network or a block and returns the order of its output.
pub(super) const fn block(
    tree: &ParamTree,
    layer: &LayerInfo,
    came: Passed,
    wanted: Option<Pieces>,
    behind: Uses,
    sink: &mut Sink,
) -> Passed {
    match tree {
        ParamTree::Layers(layers) => list(layers, came.order, wanted, behind, sink),
        ParamTree::Items { count, item, .. } => {
            let mut passed = came;
            let mut i = 0;
            while i < *count {
                let last = i + 1 == *count;
                let wanted = if last {
                    wanted
                } else {
                    wanted_in(item, layer.output, wanted)
                };
                let behind = if last {
                    behind
                } else {
                    Uses::of_one(item, behind)
                };

                let given = Passed {
                    doubt: None,
                    ..passed
                };

                let next = block(item, layer, given, wanted, behind, sink);
                passed = Passed {
                    doubt: either(passed.doubt, next.doubt),
                    ..next
                };
                i += 1;
            }
            passed
        }
        ParamTree::Block(joint, branches) => {
            let order = given(
                came.order,
                layer.input,
                Uses::of(branches, Uses::NONE),
                Uses::of(branches, behind).along_last,
            );
            let came = Passed { order, ..came };

            match joint {
                Joint::Sum => sum(branches, layer.output, came, wanted, behind, sink),
                Joint::SideBySide => {
                    side_by_side(branches, layer.output, order, wanted, behind, sink)
                }
            }
        }
        ParamTree::Fields(_) | ParamTree::Tensor(_) => {
            networks(tree, sink);
            through(tree, layer, came.order, came.free, None)
        }
    }
}

/// Returns the order that all branches are given, from the order of their input and their uses of
/// it. If the axes are moved for one of them, they may have been moved before all of them.
pub(super) const fn given(order: Order, input: Dims, uses: Uses, along_last: bool) -> Order {
    match order {
        // Weights over all axes show with their shape that channels are first, if the sizes differ.
        Order::Open if uses.whole && (along_last || are_equal(input)) => Order::Either,
        Order::Open if uses.whole => Order::ChannelsFirst,
        Order::Open => match (uses.channels, uses.along_last) {
            (true, false) => Order::ChannelsFirst,
            (false, true) => Order::AsHere,
            (false, false) if !uses.pools => Order::Open,
            _ => Order::Either,
        },
        Order::AsHere if uses.channels => Order::Either,
        Order::ChannelsFirst if uses.along_last => Order::Either,
        // So are those of an image that a `Reshape` has made.
        Order::Flat(flat)
            if uses.along_last
                && input.sizes().len() == 3
                && flat.sure
                && flat.pieces.equals(&channels_last(input)) =>
        {
            Order::Either
        }
        order => order,
    }
}

/// Follows a branch of a block.
const fn branch(
    field: &ParamField,
    order: Order,
    wanted: Option<Pieces>,
    behind: Uses,
    sink: &mut Sink,
) -> Passed {
    match &field.contents {
        ParamTree::Layers(layers) => list(layers, order, wanted, behind, sink),
        _ => Passed {
            order,
            free: false,
            doubt: Some(Doubt::Depends),
        },
    }
}

/// Follows the sum of a branch and the block's input, or of two branches. Both summands must have
/// one order, so that a summand that can have any order takes the other's.
const fn sum(
    branches: &[ParamField],
    output: Dims,
    came: Passed,
    wanted: Option<Pieces>,
    behind: Uses,
    sink: &mut Sink,
) -> Passed {
    let order = came.order;
    match branches {
        [only] => {
            let own = branch(only, order, Some(flat(order, output).pieces), behind, sink);
            let sum = added(&own, &came, output);
            // A branch that makes new features has already required an order of its input.
            if own.free && flat(own.order, output).sure && matches!(sum.doubt, Some(Doubt::Moved)) {
                Passed {
                    order,
                    doubt: None,
                    ..sum
                }
            } else {
                sum
            }
        }
        [first, second, ..] => {
            // A dry run finds out which branch has an order of its own.
            let begin = sink.next;
            let tried = [
                branch(first, order, None, behind, sink),
                branch(second, order, None, behind, sink),
            ];
            sink.next = begin;

            let target = match tried {
                [
                    Passed {
                        free: false, order, ..
                    },
                    _,
                ]
                | [
                    _,
                    Passed {
                        free: false, order, ..
                    },
                ] => Some(flat(order, output).pieces),
                _ => wanted,
            };
            let first = branch(first, order, target, behind, sink);
            let second = branch(second, order, target, behind, sink);
            added(&first, &second, output)
        }
        [] => came,
    }
}

/// Follows branches whose outputs are joined along the last axis, or become a tuple.
const fn side_by_side(
    branches: &[ParamField],
    output: Dims,
    order: Order,
    wanted: Option<Pieces>,
    behind: Uses,
    sink: &mut Sink,
) -> Passed {
    let mut parts = SideBySide::NONE;
    let mut first = 0;
    let mut i = 0;

    while i < branches.len() {
        let own = output_of(branches[i].contents.members());
        let wanted = wanted_of_branch(wanted, first, own, output);
        let passed = branch(&branches[i], order, wanted, behind, sink);
        parts = parts.and(&passed, own);
        first += own.len();
        i += 1;
    }

    parts.joined(output)
}

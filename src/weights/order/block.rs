//! The order through networks and blocks, which have layers inside.

use super::layer::through;
use super::state::{Flat, Joined, Order, are_equal, flat, made};
use super::{Doubt, Passed, Sink, list, networks, output_of};
use crate::network::param_tree::{Joint, LayerInfo, ParamField, ParamTree};
use crate::tensor::Dims;
use crate::weights::pieces::Pieces;
use crate::weights::wanted::{Uses, wanted_in, wanted_of_branch};

/// Follows a network or a block and returns the order of its output.
pub(super) const fn block(
    tree: &ParamTree,
    layer: &LayerInfo,
    order: Order,
    free: bool,
    wanted: Option<Pieces>,
    behind: Uses,
    sink: &mut Sink,
) -> Passed {
    let came = Passed {
        order,
        free,
        doubt: None,
    };
    match tree {
        ParamTree::Layers(layers) => list(layers, order, wanted, behind, sink),
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
                let (order, free) = (passed.order, passed.free);
                let next = block(item, layer, order, free, wanted, behind, sink);
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
                order,
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
            through(tree, layer, order, free, None)
        }
    }
}

/// Returns the first doubt, if there is one, or the second.
const fn either(first: Option<Doubt>, second: Option<Doubt>) -> Option<Doubt> {
    if first.is_some() { first } else { second }
}

/// The order of what all branches are given, of the order that comes to them and what they do with
/// it. If the axes are moved for one of them, this may have been before all.
const fn given(order: Order, input: Dims, uses: Uses, along_last: bool) -> Order {
    match order {
        // What has weights of all axes says with their shape that channels are first, if that is
        // to be seen.
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
    let [first, second] = match branches {
        [only] => {
            let passed = branch(only, order, Some(flat(order, output).pieces), behind, sink);
            [passed, came]
        }
        [first, second, ..] => {
            // A dry run finds out which branch has an order of its own.
            let mut dry = Sink {
                orders: &mut [],
                next: 0,
            };
            let tried = [
                branch(first, order, None, behind, &mut dry),
                branch(second, order, None, behind, &mut dry),
            ];
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
            [
                branch(first, order, target, behind, sink),
                branch(second, order, target, behind, sink),
            ]
        }
        [] => [came, came],
    };

    let free = first.free && second.free;
    if output.sizes().len() > 1 {
        let joined = Joined::one(first.order, output).and(Joined::one(second.order, output));
        return match joined.order(output) {
            Some(order) => Passed {
                order,
                free,
                doubt: None,
            },
            None => Passed {
                order: made(output),
                free: false,
                doubt: Some(Doubt::Depends),
            },
        };
    }
    added(&first, &second, output, free)
}

/// Returns the order of a sum of features, which have a single axis.
const fn added(first: &Passed, second: &Passed, output: Dims, free: bool) -> Passed {
    let a = flat(first.order, output);
    let b = flat(second.order, output);
    if !a.pieces.equals(&b.pieces) {
        return Passed {
            order: made(output),
            free: false,
            doubt: Some(Doubt::Depends),
        };
    }

    // A free summand takes the other's order, whichever that is; any other has its own.
    let apart = a.sure && !b.sure && !first.free || b.sure && !a.sure && !second.free;
    Passed {
        order: Order::Flat(Flat {
            pieces: a.pieces,
            sure: apart || a.sure && b.sure,
        }),
        free,
        doubt: if apart { Some(Doubt::Moved) } else { None },
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
    let mut axes = Joined::Any;
    let mut all = Some(Pieces::same(0));
    let mut sure = true;
    let mut free = true;
    let mut first = 0;
    let mut i = 0;
    while i < branches.len() {
        let own = output_of(branches[i].contents.members());
        let wanted = wanted_of_branch(wanted, first, own, output);
        let passed = branch(&branches[i], order, wanted, behind, sink);
        let joins = flat(passed.order, own);

        axes = axes.and(Joined::one(passed.order, own));
        all = match all {
            Some(all) => all.and(&joins.pieces),
            None => None,
        };
        sure = sure && joins.sure;
        free = free && passed.free;

        first += own.len();
        i += 1;
    }

    let order = if output.sizes().len() > 1 {
        axes.order(output)
    } else {
        match all {
            Some(pieces) => Some(Order::Flat(Flat { pieces, sure })),
            None => None,
        }
    };
    match order {
        Some(order) => Passed {
            order,
            free,
            doubt: None,
        },
        None => Passed {
            order: made(output),
            free,
            doubt: Some(Doubt::Depends),
        },
    }
}

//! The order through layers that read several outputs, and code that they share with blocks.

use super::block::given;
use super::layer::through;
use super::state::{Flat, Joined, Order, flat, made};
use super::{Doubt, Followed, Passed};
use crate::params::FeatureOrder;
use crate::params::param_tree::{LayerInfo, ParamTree};
use crate::tensor::Dims;
use crate::weights::pieces::Pieces;
use crate::weights::wanted::Uses;

/// Returns the first doubt, if there is one, or the second.
pub(super) const fn either(first: Option<Doubt>, second: Option<Doubt>) -> Option<Doubt> {
    if first.is_some() { first } else { second }
}

/// Returns the order of the tuple that a network with several sources reads.
pub(super) const fn tuple_of_sources(
    network: &ParamTree,
    layer: &LayerInfo,
    followed: &Followed,
) -> Passed {
    let mut parts = SideBySide::NONE;
    let mut i = 0;
    while i < layer.sources.len() {
        let passed = followed.output(layer.sources[i]);
        let shape = layer.source_shape(i);
        let uses = Uses::of_input(network, i);
        let order = given(passed.order, shape, uses, uses.along_last);
        parts = parts.and(&Passed { order, ..passed }, shape);
        i += 1;
    }
    parts.joined(layer.input)
}

/// Returns the common order of the sources of a layer that reads several, and that of its output.
pub(super) const fn merged(
    params: &ParamTree,
    layer: &LayerInfo,
    followed: &Followed,
) -> (Order, Passed) {
    match layer.order {
        FeatureOrder::Joins => {
            let mut parts = SideBySide::NONE;
            let mut i = 0;
            while i < layer.sources.len() {
                let passed = followed.output(layer.sources[i]);
                parts = parts.and(&passed, layer.source_shape(i));
                i += 1;
            }
            let passed = parts.joined(layer.output);
            (passed.order, passed)
        }
        FeatureOrder::Keeps if layer.has_equal_sources() => {
            let mut sum = followed.output(layer.sources[0]);
            let mut i = 1;
            while i < layer.sources.len() {
                let next = followed.output(layer.sources[i]);
                let both = added(&sum, &next, layer.output);
                sum = Passed {
                    doubt: either(sum.doubt, both.doubt),
                    ..both
                };
                i += 1;
            }

            // A layer of the user's own may have weights of the common order.
            let alone = LayerInfo {
                input: layer.output,
                sources: &[],
                ..*layer
            };
            let passed = through(params, &alone, sum.order, sum.free, None);
            let doubt = either(sum.doubt, passed.doubt);
            (sum.order, Passed { doubt, ..passed })
        }
        _ => (made(layer.output), made_of_several(params, layer, followed)),
    }
}

/// Returns the order of the output of a layer of the user's own that reads several outputs. Features
/// must have the order that they have here, as no weight can be put into another one.
const fn made_of_several(params: &ParamTree, layer: &LayerInfo, followed: &Followed) -> Passed {
    let output = layer.output;
    let axes = output.sizes().len();
    let mut joined = Joined::Any;
    let mut is_joined = false;
    let mut doubt = None;
    let mut i = 0;
    while i < layer.sources.len() {
        let input = layer.source_shape(i);
        let order = followed.output(layer.sources[i]).order;
        let works_on_axes = matches!(
            layer.order,
            FeatureOrder::Keeps
                | FeatureOrder::Channels
                | FeatureOrder::Makes
                | FeatureOrder::Depends
                | FeatureOrder::Mixes
                | FeatureOrder::Trailing
        );

        if works_on_axes && input.sizes().len() > 1 {
            let alone = LayerInfo {
                input,
                sources: &[],
                ..*layer
            };
            let passed = through(params, &alone, order, false, None);
            doubt = either(doubt, passed.doubt);
            if input.sizes().len() == axes {
                joined = joined.and(Joined::one(passed.order, output));
                is_joined = true;
            }
        } else if !flat(order, input).pieces.is_same() {
            doubt = either(doubt, Some(Doubt::Depends));
        }
        i += 1;
    }

    let order = match joined.order(output) {
        Some(order) if is_joined => order,
        Some(_) => made(output),
        None => return Passed::doubtful(output, Doubt::Depends),
    };
    Passed {
        order,
        free: false,
        doubt,
    }
}

/// Returns the order of the sum or the product of two tensors of one shape.
pub(super) const fn added(first: &Passed, second: &Passed, output: Dims) -> Passed {
    let free = first.free && second.free;
    if output.sizes().len() > 1 {
        let joined = Joined::one(first.order, output).and(Joined::one(second.order, output));
        return match joined.order(output) {
            Some(order) => Passed {
                order,
                free,
                doubt: None,
            },
            None => Passed::doubtful(output, Doubt::Depends),
        };
    }

    let a = flat(first.order, output);
    let b = flat(second.order, output);
    if !a.pieces.equals(&b.pieces) {
        return Passed::doubtful(output, Doubt::Depends);
    }
    // Of two elements that are added, one is where it is in PyTorch, and the other may not be.
    let apart = a.sure != b.sure;
    Passed {
        order: Order::Flat(Flat {
            pieces: a.pieces,
            sure: apart || a.sure,
        }),
        free,
        doubt: if apart { Some(Doubt::Moved) } else { None },
    }
}

/// Tensors that are joined along their last axis, or become a tuple.
pub(super) struct SideBySide {
    axes: Joined,
    /// The order of all elements; `None` if there are too many pieces.
    all: Option<Pieces>,
    sure: bool,
    free: bool,
}

impl SideBySide {
    /// No tensors.
    pub const NONE: SideBySide = SideBySide {
        axes: Joined::Any,
        all: Some(Pieces::same(0)),
        sure: true,
        free: true,
    };

    /// Returns these tensors and another one.
    pub const fn and(self, passed: &Passed, own: Dims) -> Self {
        let joins = flat(passed.order, own);
        let axes = match Joined::one(passed.order, own) {
            // In PyTorch the elements of each follow those of the one before it.
            Joined::Image => Joined::Apart,
            axes => axes,
        };
        SideBySide {
            axes: self.axes.and(axes),
            all: match self.all {
                Some(all) => all.and(&joins.pieces),
                None => None,
            },
            sure: self.sure && joins.sure,
            free: self.free && passed.free,
        }
    }

    /// Returns the order of the joined tensor, or of the tuple.
    pub const fn joined(self, output: Dims) -> Passed {
        let order = if output.sizes().len() > 1 {
            self.axes.order(output)
        } else {
            match self.all {
                Some(pieces) => Some(Order::Flat(Flat {
                    pieces,
                    sure: self.sure,
                })),
                None => None,
            }
        };

        match order {
            Some(order) => Passed {
                order,
                free: self.free,
                doubt: None,
            },
            None => Passed {
                free: self.free,
                ..Passed::doubtful(output, Doubt::Depends)
            },
        }
    }
}

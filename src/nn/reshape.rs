//! Layers that only change the shape.

use super::rule::zero_size;
use crate::memory::{flatten, flatten_mut};
use crate::network::shape_rule::is_within_memory;
use crate::network::{
    BackwardInput, Flow, Forward, INFER, Infer, Inferred, Layer, Reach, Sentence, ShapeRule, Train,
};
#[cfg(feature = "onnx-export")]
use crate::nn::export::{self, Export, Exported};
use crate::params::FeatureOrder;
use crate::sizes::product;
use crate::tensor::{Dims, Element, Shape};

/// Flattens all axes into one: `[28, 28, 1]` becomes `[784]`. Nothing moves in memory: the channels
/// of an image's pixel stay adjacent. In PyTorch, the pixels of a channel are adjacent, which
/// weight files take into account.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Dense: [4, 4, 1] -> [3] { Flatten, Linear<_, 3> } }
/// assert_eq!(Dense::PARAMS, 16 * 3 + 3);
/// ```
#[doc(alias = "Flatten2D")]
pub struct Flatten;

/// Returns its input unchanged, for a branch of a block that does nothing.
pub struct Identity;

/// Changes the axes and keeps the elements: `Reshape<7, 7, 16>`. One size may be `_`:
/// `Reshape<_, 2>` makes rows of two. Nothing moves in memory.
///
/// For weight files, `Reshape<H, W, C>` is PyTorch's `nn.Unflatten(1, (C, H, W))`: the layer that
/// produces the features of such an image has its outputs in PyTorch's order in the file.
///
/// If no layer produces them, because they are the network's input, the caller has to reorder them:
/// the network takes them with channels last, PyTorch's model with channels first. Files of such a
/// network are marked, so that files of PyTorch are not loaded silently. A network that takes
/// `[H, W, C]` itself needs no `Reshape` and no mark.
///
/// In a [stream](crate::Streaming), `Reshape<_, ..>` changes the axes of each position, whose number is
/// the first size.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Rows: [12] -> [3, 2] { Reshape<_, 4>, Linear<_, 2> } }
/// assert_eq!(Rows::PARAMS, 4 * 2 + 2);
/// ```
#[doc(alias = "View")]
#[doc(alias = "Unflatten")]
pub struct Reshape<
    const RANK: usize,
    const A: usize = 1,
    const B: usize = 1,
    const C: usize = 1,
    const D: usize = 1,
>;

impl<In: Shape> ShapeRule<In> for Flatten {
    const OUTPUT: Inferred = Inferred::shape(if In::DIMS.is_unknown() {
        Dims::UNKNOWN
    } else {
        Dims::new(&[In::LEN])
    });
}

impl<In: Shape, const RANK: usize, const A: usize, const B: usize, const C: usize, const D: usize>
    ShapeRule<In> for Reshape<RANK, A, B, C, D>
{
    const OUTPUT: Inferred = {
        let mut sizes = [A, B, C, D];

        // The product of the sizes that are written, and the sizes that are `_`.
        let mut known = 1;
        let mut open_sizes = 0;
        let mut open_axis = 0;
        let mut axis = 0;
        while axis < RANK {
            if sizes[axis] == INFER {
                open_sizes += 1;
                open_axis = axis;
            } else {
                known = product(&[known, sizes[axis]]);
            }
            axis += 1;
        }

        let wanted = Dims::new(sizes.split_at(RANK).0);
        let is_open = open_sizes > 0;
        let divides = if is_open {
            known != 0 && In::LEN % known == 0
        } else {
            In::LEN == known
        };

        if known == 0 {
            zero_size("a size of", Dims::UNKNOWN)
        } else if open_sizes > 1 {
            Inferred::wrong(
                Sentence::new("leaves two sizes open; at most one can be `_`"),
                Dims::UNKNOWN,
            )
        } else if In::DIMS.is_unknown() {
            Inferred::shape(if is_open { Dims::UNKNOWN } else { wanted })
        } else if !divides {
            let elements = if is_open {
                " elements or a multiple, "
            } else {
                " elements, "
            };
            Inferred::mismatch(
                Sentence::new("").number(known).text(elements).dims(wanted),
                Sentence::new(", ")
                    .number(In::LEN)
                    .text(" elements; make the sizes multiply to ")
                    .number(In::LEN),
                // Sizes that no tensor can have would be a mistake of each layer behind this one.
                if is_open || !is_within_memory(wanted) {
                    Dims::UNKNOWN
                } else {
                    wanted
                },
            )
        } else {
            if is_open {
                sizes[open_axis] = In::LEN / known;
            }
            Inferred::shape(Dims::new(sizes.split_at(RANK).0)).infers(sizes[open_axis])
        }
    };
    /// The positions stay what they are if their number does.
    const REACH: Reach = match *In::DIMS.sizes() {
        [length, ..] if RANK > 0 && A == length => Reach::POSITION,
        _ => Reach::WHOLE,
    };
}

impl<In: Shape> ShapeRule<In> for Identity {
    const OUTPUT: Inferred = Inferred::shape(In::DIMS);
    const REACH: Reach = Reach::POSITION;
}

impl<T: Element> Layer<T> for Identity {
    type Config = ();
    type Params = ();
}

impl<T: Element> Layer<T> for Flatten {
    type Config = ();
    type Params = ();
}

impl<T: Element, const RANK: usize, const A: usize, const B: usize, const C: usize, const D: usize>
    Layer<T> for Reshape<RANK, A, B, C, D>
{
    type Config = ();
    type Params = ();
}

/// Implements a layer whose output is its input under another shape of the same length.
macro_rules! view {
    ([$(const $size:ident: usize),*] $layer:ty, $order:ident, $export:ident) => {
        impl<In: Shape, Out: Shape, T: Element, $(const $size: usize),*> Infer<In, Out, T>
            for $layer
        {
            const ORDER: FeatureOrder = FeatureOrder::$order;
            const FLOW: Flow = Flow::View;

            #[cfg(feature = "onnx-export")]
            fn export(_: &(), _: &(), call: Export<'_>) -> Exported {
                export::simple::$export(call)
            }

            fn forward(call: Forward<'_, Self, In, Out, T>) {
                let Forward { x, y, .. } = call;
                flatten_mut(y).copy_from_slice(flatten(x));
            }
        }

        impl<In: Shape, Out: Shape, T: Element, $(const $size: usize),*> Train<In, Out, T>
            for $layer
        {
            const READS_OUTPUT: bool = false;

            fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
                let BackwardInput { dy, dx, .. } = call;
                if let Some(dx) = dx {
                    flatten_mut(dx).copy_from_slice(flatten(dy));
                }
            }
        }
    };
}
view!([] Flatten, View, view);
view!([] Identity, Keeps, identity);
view!(
    [const RANK: usize, const A: usize, const B: usize, const C: usize, const D: usize]
    Reshape<RANK, A, B, C, D>,
    View,
    view
);

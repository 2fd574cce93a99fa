//! Layers that change the shape alone.

use crate::memory::{flatten, flatten_mut};
use crate::network::{
    ActivationStore, Compute, Context, FeatureOrder, Flow, INFER, Inferred, Layer, LayerOutputs,
    Sentence, ShapeRule,
};
use crate::sizes::product;
use crate::tensor::{Dims, Element, Shape, Tensor};

/// All axes into one: `[28, 28, 1]` becomes `[784]`. In memory nothing happens: of an image, the
/// channels of a pixel stay side by side. In PyTorch, the pixels of a channel do, which weight files
/// take into account.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Dense: [4, 4, 1] -> [3] { Flatten, Linear<_, 3> } }
/// assert_eq!(Dense::PARAMS, 16 * 3 + 3);
/// ```
pub struct Flatten;

/// What comes in, as it is: for a branch of a block that does nothing.
pub struct Identity;

/// Other axes for the same number of elements: `Reshape<7, 7, 16>`. One size may be `_`:
/// `Reshape<_, 2>` makes rows of two. In memory nothing happens.
///
/// For weight files, `Reshape<H, W, C>` is PyTorch's `nn.Unflatten(1, (C, H, W))`: the layer that
/// makes the features of such an image has its outputs in PyTorch's order there. If no layer does,
/// as the network is given them, its caller has to: channels are last in what goes in here, and
/// first in what goes into PyTorch's model. Files of such a network are marked, so that PyTorch's
/// are not loaded without a word; a network that takes `[H, W, C]` itself needs no `Reshape` and no
/// mark.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Rows: [12] -> [3, 2] { Reshape<_, 4>, Linear<_, 2> } }
/// assert_eq!(Rows::PARAMS, 4 * 2 + 2);
/// ```
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
        let (mut known, mut unknowns, mut unknown, mut axis) = (1, 0, 0, 0);
        while axis < RANK {
            if sizes[axis] == INFER {
                (unknowns, unknown) = (unknowns + 1, axis);
            } else {
                known = product(&[known, sizes[axis]]);
            }
            axis += 1;
        }
        let wanted = Dims::new(sizes.split_at(RANK).0);
        if known == 0 {
            Inferred::wrong(
                Sentence::new("has a size of 0; every size must be at least 1"),
                Dims::UNKNOWN,
            )
        } else if unknowns > 1 {
            Inferred::wrong(
                Sentence::new("leaves two sizes open; at most one can be `_`"),
                Dims::UNKNOWN,
            )
        } else if In::DIMS.is_unknown() {
            Inferred::shape(if unknowns == 0 { wanted } else { Dims::UNKNOWN })
        } else if if unknowns == 0 {
            In::LEN != known
        } else {
            In::LEN % known != 0
        } {
            let elements = if unknowns == 0 {
                " elements, "
            } else {
                " elements or a multiple, "
            };
            Inferred::mismatch(
                Sentence::new("").number(known).text(elements).dims(wanted),
                Sentence::new(", ")
                    .number(In::LEN)
                    .text(" elements; make the sizes multiply to ")
                    .number(In::LEN),
                if unknowns == 0 { wanted } else { Dims::UNKNOWN },
            )
        } else {
            if unknowns == 1 {
                sizes[unknown] = In::LEN / known;
            }
            Inferred::shape(Dims::new(sizes.split_at(RANK).0)).infers(sizes[unknown])
        }
    };
}

impl<In: Shape> ShapeRule<In> for Identity {
    const OUTPUT: Inferred = Inferred::shape(In::DIMS);
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

/// The output is the input under another shape, which is as long.
macro_rules! view {
    ([$(const $size:ident: usize),*] $layer:ty, $order:ident) => {
        impl<In: Shape, Out: Shape, T: Element, $(const $size: usize),*> Compute<In, Out, T> for $layer {
            const ORDER: FeatureOrder = FeatureOrder::$order;
            const READS_OUTPUT: bool = false;
            const FLOW: Flow = Flow::View;

            fn forward(
                _: &(),
                _: &(),
                x: &[Tensor<In, T>],
                y: &mut [Tensor<Out, T>],
                _: &mut [T],
                _: &Context<T>,
            ) {
                flatten_mut(y).copy_from_slice(flatten(x));
            }

            fn backward_input(
                _: &(),
                _: &(),
                _: &[Tensor<In, T>],
                _: LayerOutputs<'_, Out, T>,
                _: ActivationStore<'_, T>,
                dy: &mut [Tensor<Out, T>],
                dx: Option<&mut [Tensor<In, T>]>,
                _: &Context<T>,
            ) {
                if let Some(dx) = dx {
                    flatten_mut(dx).copy_from_slice(flatten(dy));
                }
            }
        }
    };
}
view!([] Flatten, View);
view!([] Identity, Keeps);
view!([const RANK: usize, const A: usize, const B: usize, const C: usize, const D: usize] Reshape<RANK, A, B, C, D>, View);

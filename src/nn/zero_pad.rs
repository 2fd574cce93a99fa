//! Zeros around images.

use super::pad2d::Sides;
use crate::memory::{flatten, flatten_mut};
use crate::network::{BackwardInput, Forward, Infer, Inferred, Layer, Reach, ShapeRule, Train};
#[cfg(feature = "onnx-export")]
use crate::nn::export::{self, Export, Exported};
use crate::params::FeatureOrder;
use crate::tensor::{Element, Shape};

/// Pads an image with zeros: `[height, width, channels]` becomes
/// `[TOP + height + BOTTOM, LEFT + width + RIGHT, channels]`.
///
/// In a network: `ZeroPad2d<padding>`, a number for all sides or `(left, right, top, bottom)`.
/// PyTorch's `nn.ZeroPad2d`.
///
/// With nothing at the top and the bottom it pads each row on its own, so that it can be part of a
/// [stream](crate::Streaming) of rows.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Pad: [1, 1, 1] -> [2, 3, 1] { ZeroPad2d<(2, 0, 1, 0)> } }
/// let y = Pad::zeros().forward(&Tensor3::from([[[7.0]]]));
/// assert_eq!(
///     y,
///     Tensor3::from([[[0.0], [0.0], [0.0]], [[0.0], [0.0], [7.0]]])
/// );
/// ```
pub struct ZeroPad2d<
    const LEFT: usize,
    const RIGHT: usize = LEFT,
    const TOP: usize = LEFT,
    const BOTTOM: usize = LEFT,
>;

impl<const LEFT: usize, const RIGHT: usize, const TOP: usize, const BOTTOM: usize>
    ZeroPad2d<LEFT, RIGHT, TOP, BOTTOM>
{
    const SIDES: Sides = Sides {
        left: LEFT,
        right: RIGHT,
        top: TOP,
        bottom: BOTTOM,
    };
}

impl<In: Shape, const LEFT: usize, const RIGHT: usize, const TOP: usize, const BOTTOM: usize>
    ShapeRule<In> for ZeroPad2d<LEFT, RIGHT, TOP, BOTTOM>
{
    const OUTPUT: Inferred = Self::SIDES.infer(In::DIMS);
    const REACH: Reach = Self::SIDES.reach();
}

impl<T: Element, const LEFT: usize, const RIGHT: usize, const TOP: usize, const BOTTOM: usize>
    Layer<T> for ZeroPad2d<LEFT, RIGHT, TOP, BOTTOM>
{
    type Config = ();
    type Params = ();
}

/// Calls `f` for each row of the images, with the offset of the row, its offset in the padded
/// images, and its length.
#[inline(always)]
fn for_each_row<In: Shape, Out: Shape>(
    samples: usize,
    left: usize,
    top: usize,
    mut f: impl FnMut(usize, usize, usize),
) {
    let height = In::DIMS.size(0);
    let width = In::DIMS.size(1);
    let channels = In::DIMS.size(2);
    let padded_width = Out::DIMS.size(1);

    for sample in 0..samples {
        for row in 0..height {
            let inside = (sample * height + row) * width * channels;
            let padded = sample * Out::LEN + ((top + row) * padded_width + left) * channels;
            f(inside, padded, width * channels);
        }
    }
}

impl<
    In: Shape,
    Out: Shape,
    T: Element,
    const LEFT: usize,
    const RIGHT: usize,
    const TOP: usize,
    const BOTTOM: usize,
> Infer<In, Out, T> for ZeroPad2d<LEFT, RIGHT, TOP, BOTTOM>
{
    const ORDER: FeatureOrder = FeatureOrder::Channels;

    #[cfg(feature = "onnx-export")]
    fn export(_: &(), _: &(), call: Export<'_>) -> Exported {
        export::images::pad(call, &[TOP, LEFT, 0], &[BOTTOM, RIGHT, 0], "constant")
    }

    fn forward(call: Forward<'_, Self, In, Out, T>) {
        let Forward { x, y, .. } = call;
        let samples = x.len();
        let x = flatten(x);
        let y = flatten_mut(y);

        // Everything between the end of a row and the beginning of the next one is zero.
        let mut end = 0;
        for_each_row::<In, Out>(samples, LEFT, TOP, |inside, padded, len| {
            y[end..padded].fill(T::zero());
            end = padded + len;
            y[padded..end].copy_from_slice(&x[inside..][..len]);
        });
        y[end..].fill(T::zero());
    }
}

impl<
    In: Shape,
    Out: Shape,
    T: Element,
    const LEFT: usize,
    const RIGHT: usize,
    const TOP: usize,
    const BOTTOM: usize,
> Train<In, Out, T> for ZeroPad2d<LEFT, RIGHT, TOP, BOTTOM>
{
    const READS_OUTPUT: bool = false;

    fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
        let BackwardInput { dy, dx, .. } = call;
        let Some(dx) = dx else { return };
        let samples = dx.len();
        let dy = flatten(dy);
        let dx = flatten_mut(dx);

        for_each_row::<In, Out>(samples, LEFT, TOP, |inside, padded, len| {
            dx[inside..][..len].copy_from_slice(&dy[padded..][..len]);
        });
    }
}

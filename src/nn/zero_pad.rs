//! Zeros around images.

use super::window::{fit_sizes, refuse};
use crate::memory::{flatten, flatten_mut};
use crate::network::{
    ActivationStore, Compute, Context, FeatureOrder, Inferred, Layer, LayerOutputs, ShapeRule,
};
use crate::sizes;
use crate::tensor::{Element, Shape, Tensor};

/// Zeros around an image: `[height, width, channels]` becomes
/// `[TOP + height + BOTTOM, LEFT + width + RIGHT, channels]`.
///
/// In a network: `ZeroPad2d<padding>`, a number for all sides or `(left, right, top, bottom)`.
/// PyTorch's `nn.ZeroPad2d`.
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
pub struct ZeroPad2d<const LEFT: usize, const RIGHT: usize, const TOP: usize, const BOTTOM: usize>;

impl<In: Shape, const LEFT: usize, const RIGHT: usize, const TOP: usize, const BOTTOM: usize>
    ShapeRule<In> for ZeroPad2d<LEFT, RIGHT, TOP, BOTTOM>
{
    const OUTPUT: Inferred = match refuse(In::DIMS, 2) {
        Some(fit) => fit,
        None => {
            let height = sizes::sum(&[TOP, In::DIMS.size(0), BOTTOM]);
            fit_sizes(
                In::DIMS,
                [height, sizes::sum(&[LEFT, In::DIMS.size(1), RIGHT])],
            )
        }
    };
}

impl<T: Element, const LEFT: usize, const RIGHT: usize, const TOP: usize, const BOTTOM: usize>
    Layer<T> for ZeroPad2d<LEFT, RIGHT, TOP, BOTTOM>
{
    type Config = ();
    type Params = ();
}

/// Calls with the rows of the images, each with the place of its first number in the padded ones.
#[inline(always)]
fn rows<In: Shape, Out: Shape>(
    samples: usize,
    left: usize,
    top: usize,
    mut f: impl FnMut(usize, usize, usize),
) {
    let (height, width, channels) = (In::DIMS.size(0), In::DIMS.size(1), In::DIMS.size(2));
    let outer = Out::DIMS.size(1);
    for sample in 0..samples {
        for row in 0..height {
            let inside = (sample * height + row) * width * channels;
            let outside = sample * Out::LEN + ((top + row) * outer + left) * channels;
            f(inside, outside, width * channels);
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
> Compute<In, Out, T> for ZeroPad2d<LEFT, RIGHT, TOP, BOTTOM>
{
    const ORDER: FeatureOrder = FeatureOrder::Channels;
    const READS_OUTPUT: bool = false;

    fn forward(
        _: &(),
        _: &(),
        x: &[Tensor<In, T>],
        y: &mut [Tensor<Out, T>],
        _: &mut [T],
        _: &Context<T>,
    ) {
        let samples = x.len();
        let (x, y) = (flatten(x), flatten_mut(y));
        let mut end = 0;
        rows::<In, Out>(samples, LEFT, TOP, |inside, outside, len| {
            y[end..outside].fill(T::zero());
            end = outside + len;
            y[outside..end].copy_from_slice(&x[inside..][..len]);
        });
        y[end..].fill(T::zero());
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
        let Some(dx) = dx else { return };
        let samples = dx.len();
        let (dy, dx) = (flatten(dy), flatten_mut(dx));
        rows::<In, Out>(samples, LEFT, TOP, |inside, outside, len| {
            dx[inside..][..len].copy_from_slice(&dy[outside..][..len]);
        });
    }
}

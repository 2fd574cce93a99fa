//! Positions of a signal that overlap.

use super::rule::zero_size;
use crate::memory::{flatten, flatten_mut};
use crate::network::{
    BackwardInput, Forward, Infer, Inferred, Layer, Needs, Reach, Sentence, ShapeRule, Train,
};
#[cfg(feature = "onnx-export")]
use crate::nn::export::{self, Export, Exported};
use crate::params::FeatureOrder;
use crate::sizes;
use crate::tensor::{Dims, Element, Shape};

/// Puts the `N` numbers that end the earlier positions in front of each position, so that
/// neighbouring positions overlap: `[length, size]` becomes `[length, N + size]`. Before the first
/// position there are zeros. Of `[length, size, channels]`, it does the same with rows of channels.
///
/// These are the frames of a signal that is cut into `length` pieces of `size` samples, for a
/// short-time Fourier transform or a convolution over each frame. In a
/// [stream](crate::Streaming), which is given one piece after another, the layer keeps the last `N`
/// numbers. PyTorch's `F.pad(x.flatten(1), (N, 0)).unfold(1, N + size, size)`.
///
/// ```
/// use shapewright::prelude::*;
/// network! {
///     #[stream]
///     struct Frames: [3, 2] -> [3, 5] { Overlap<3> }
/// }
/// let net = Frames::zeros();
/// let y = net.forward(&Tensor2::from([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]));
/// assert_eq!(
///     y,
///     Tensor2::from([[0.0, 0.0, 0.0, 1.0, 2.0], [0.0, 1.0, 2.0, 3.0, 4.0], [2.0, 3.0, 4.0, 5.0, 6.0]])
/// );
///
/// let mut stream = Frames::stream();
/// let _ = stream.step(&net, &Tensor1::from([1.0, 2.0]));
/// let y = stream.step(&net, &Tensor1::from([3.0, 4.0]));
/// assert_eq!(y, Tensor1::from([0.0, 1.0, 2.0, 3.0, 4.0]));
/// ```
#[doc(alias = "Unfold")]
#[doc(alias = "Frames")]
pub struct Overlap<const N: usize>;

impl<In: Shape, const N: usize> ShapeRule<In> for Overlap<N> {
    const OUTPUT: Inferred = match *In::DIMS.sizes() {
        _ if N == 0 => zero_size("overlap", Dims::UNKNOWN),
        _ if In::DIMS.is_unknown() => Inferred::shape(Dims::UNKNOWN),
        [length, size] => Inferred::shape(Dims::new(&[length, sizes::sum(&[N, size])])),
        [length, size, channels] => {
            Inferred::shape(Dims::new(&[length, sizes::sum(&[N, size]), channels]))
        }
        _ => {
            let way_out = match *In::DIMS.sizes() {
                [] if In::DIMS.rank().is_none() => Sentence::new("; it takes one tensor"),
                [_] => Sentence::new(
                    "; cut the signal into pieces with a `Reshape<_, size>` before it",
                ),
                _ => Sentence::new("; put a `Reshape` before it"),
            };
            let wanted = Sentence::new("[length, size] or [length, size, channels]");
            Inferred::mismatch(wanted, way_out, Dims::UNKNOWN)
        }
    };
    const REACH: Reach = match *In::DIMS.sizes() {
        [_, size, ..] if size > 0 => Reach::past(N.div_ceil(size)),
        _ => Reach::POSITION,
    };
}

impl<T: Element, const N: usize> Layer<T> for Overlap<N> {
    type Config = ();
    type Params = ();
}

/// The numbers of numbers that `Overlap<N>` moves.
struct Widths {
    /// Of a position.
    own: usize,
    /// Of what is put in front of it.
    earlier: usize,
}

impl Widths {
    const fn of<In: Shape>(overlap: usize) -> Self {
        // A layer that does not fit, which is reported, has one position.
        let (own, channels) = match *In::DIMS.sizes() {
            [_, size] => (size, 1),
            [_, size, channels] => (sizes::product(&[size, channels]), channels),
            _ => (1, 1),
        };
        Widths {
            own,
            earlier: sizes::product(&[overlap, channels]),
        }
    }

    const fn all(&self) -> usize {
        sizes::sum(&[self.own, self.earlier])
    }
}

/// Fills the front of a frame: with the last of the numbers `before` its own in the same call, behind
/// those that were `kept` of earlier calls, or zeros.
fn fill_front<T: Element>(kept: Option<&[T]>, before: &[T], front: &mut [T]) {
    let recent = before.len().min(front.len());
    let (old, new) = front.split_at_mut(front.len() - recent);
    new.copy_from_slice(&before[before.len() - recent..]);
    match kept {
        Some(kept) => old.copy_from_slice(&kept[recent..]),
        None => old.fill(T::zero()),
    }
}

impl<In: Shape, Out: Shape, T: Element, const N: usize> Infer<In, Out, T> for Overlap<N> {
    /// Of an image, rows of channels stay what they are.
    const ORDER: FeatureOrder = match In::DIMS.sizes().len() {
        3 => FeatureOrder::Channels,
        _ => FeatureOrder::Depends,
    };
    const NEEDS: Needs = Needs::NONE.state::<T>(Widths::of::<In>(N).earlier);

    #[cfg(feature = "onnx-export")]
    fn export(_: &(), _: &(), call: Export<'_>) -> Exported {
        export::sequence::overlap(call, N)
    }

    fn forward(call: Forward<'_, Self, In, Out, T>) {
        let Forward { x, y, state, .. } = call;
        let widths = const { Widths::of::<In>(N) };
        let mut kept = state.map(|mut state| state.take::<T>(widths.earlier));
        let signals = flatten(x).chunks_exact(In::LEN);
        let outputs = flatten_mut(y).chunks_exact_mut(Out::LEN);

        for (x, y) in signals.zip(outputs) {
            for (position, y) in y.chunks_exact_mut(widths.all()).enumerate() {
                let (before, own) = x.split_at(position * widths.own);
                let (front, y) = y.split_at_mut(widths.earlier);
                y.copy_from_slice(&own[..widths.own]);
                fill_front(kept.as_deref(), before, front);
            }

            // What the next call has in front of its first position.
            if let Some(kept) = &mut kept {
                let recent = x.len().min(kept.len());
                kept.copy_within(recent.., 0);
                let newest = kept.len() - recent;
                kept[newest..].copy_from_slice(&x[x.len() - recent..]);
            }
        }
    }
}

impl<In: Shape, Out: Shape, T: Element, const N: usize> Train<In, Out, T> for Overlap<N> {
    const READS_OUTPUT: bool = false;

    fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
        let BackwardInput { dy, dx, .. } = call;
        let Some(dx) = dx else { return };
        let widths = const { Widths::of::<In>(N) };
        let gradients = flatten(dy).chunks_exact(Out::LEN);
        let signals = flatten_mut(dx).chunks_exact_mut(In::LEN);

        for (dy, dx) in gradients.zip(signals) {
            dx.fill(T::zero());
            for (position, dy) in dy.chunks_exact(widths.all()).enumerate() {
                // The frame ends where its own position does, and may begin before the signal.
                let end = (position + 1) * widths.own;
                let inside = end.min(dy.len());
                let dx = &mut dx[end - inside..end];
                let dy = &dy[dy.len() - inside..];
                dx.iter_mut().zip(dy).for_each(|(dx, &dy)| *dx += dy);
            }
        }
    }
}

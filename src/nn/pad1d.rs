//! Padding of sequences.

use core::ops::Range;

use super::add_to;
use super::window::{Namesake, of_sizes, reject_rank};
use crate::memory::{flatten, flatten_mut};
use crate::network::{BackwardInput, Forward, Infer, Inferred, Layer, Sentence, ShapeRule, Train};
#[cfg(feature = "onnx-export")]
use crate::nn::export::{self, Export, Exported};
use crate::params::FeatureOrder;
use crate::sizes;
use crate::sum::Sum;
use crate::tensor::{Dims, Element, Shape, double};

/// Pads a sequence with zeros: `[length, channels]` becomes `[LEFT + length + RIGHT, channels]`.
///
/// In a network: `ZeroPad1d<padding>`, a number for both ends or `(left, right)`. PyTorch's
/// `nn.ZeroPad1d`.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Pad: [2, 1] -> [5, 1] { ZeroPad1d<(2, 1)> } }
/// let y = Pad::zeros().forward(&Tensor2::from([[7.0], [8.0]]));
/// assert_eq!(y, Tensor2::from([[0.0], [0.0], [7.0], [8.0], [0.0]]));
/// ```
pub struct ZeroPad1d<const LEFT: usize, const RIGHT: usize = LEFT>;

/// Pads a sequence with its reflections at the first and the last position, which are not repeated:
/// `[length, channels]` becomes `[LEFT + length + RIGHT, channels]`.
///
/// In a network: `ReflectionPad1d<padding>`, a number for both ends or `(left, right)`, each less
/// than the length. PyTorch's `nn.ReflectionPad1d`.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Pad: [3, 1] -> [6, 1] { ReflectionPad1d<(2, 1)> } }
/// let y = Pad::zeros().forward(&Tensor2::from([[7.0], [8.0], [9.0]]));
/// assert_eq!(y, Tensor2::from([[9.0], [8.0], [7.0], [8.0], [9.0], [8.0]]));
/// ```
///
/// A reflection of more than there is is a compile error:
///
/// ```compile_fail
/// use shapewright::prelude::*;
/// network! { struct Wrong: [3, 1] -> [9, 1] { ReflectionPad1d<3> } }
/// ```
pub struct ReflectionPad1d<const LEFT: usize, const RIGHT: usize = LEFT>;

/// Pads a sequence with copies of its first and its last position: `[length, channels]` becomes
/// `[LEFT + length + RIGHT, channels]`.
///
/// In a network: `ReplicationPad1d<padding>`, a number for both ends or `(left, right)`. PyTorch's
/// `nn.ReplicationPad1d`.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Pad: [2, 1] -> [5, 1] { ReplicationPad1d<(2, 1)> } }
/// let y = Pad::zeros().forward(&Tensor2::from([[7.0], [8.0]]));
/// assert_eq!(y, Tensor2::from([[7.0], [7.0], [7.0], [8.0], [8.0]]));
/// ```
pub struct ReplicationPad1d<const LEFT: usize, const RIGHT: usize = LEFT>;

/// The shape rule of padding.
const fn infer(dims: Dims, left: usize, right: usize) -> Inferred {
    match reject_rank(dims, 1, Namesake::Exists) {
        Some(mistake) => mistake,
        None => of_sizes(dims, [sizes::sum(&[left, dims.size(0), right])]),
    }
}

/// The shape rule of a padding that reflects.
const fn infer_reflected(dims: Dims, left: usize, right: usize) -> Inferred {
    let inferred = infer(dims, left, right);
    if !inferred.is_fine() || dims.is_unknown() {
        return inferred;
    }
    let length = dims.size(0);
    if sizes::larger(left, right) < length {
        return inferred;
    }
    let sentence = Sentence::new("reflects up to ")
        .number(sizes::larger(left, right))
        .text(" positions at an end, but ")
        .dims(dims)
        .text(" has ")
        .number(length.saturating_sub(1))
        .text(" beside the one at the end; pad with fewer, or use `ReplicationPad1d`");
    Inferred::wrong(sentence, inferred.output())
}

/// A position of the padding, by its distance from the nearest end of the sequence, at least 1.
pub(super) enum Outside {
    Before(usize),
    Behind(usize),
}

/// Returns the position of a sequence of this length that the padding is a reflection of.
pub(super) fn reflected(length: usize, outside: Outside) -> Option<usize> {
    Some(match outside {
        Outside::Before(distance) => distance,
        Outside::Behind(distance) => length - 1 - distance,
    })
}

/// Returns the position of a sequence of this length that the padding is a copy of.
pub(super) fn replicated(length: usize, outside: Outside) -> Option<usize> {
    Some(match outside {
        Outside::Before(_) => 0,
        Outside::Behind(_) => length - 1,
    })
}

/// Padding with zeros is a copy of no position.
fn zero(_: usize, _: Outside) -> Option<usize> {
    None
}

/// Returns the position that the padded one at `padded` has its numbers from, if any; `fill` answers
/// for those outside the sequence.
pub(super) fn source(
    padded: usize,
    left: usize,
    length: usize,
    fill: impl Fn(usize, Outside) -> Option<usize>,
) -> Option<usize> {
    if padded < left {
        fill(length, Outside::Before(left - padded))
    } else if padded - left >= length {
        fill(length, Outside::Behind(padded - left - length + 1))
    } else {
        Some(padded - left)
    }
}

/// Returns the runs of padded positions that are copies of one position, and that position.
#[inline(always)]
pub(super) fn runs(
    padded: Range<usize>,
    source: impl Fn(usize) -> Option<usize>,
) -> impl Iterator<Item = (Range<usize>, usize)> {
    let mut left = padded;
    core::iter::from_fn(move || {
        while left.start < left.end {
            let start = left.start;
            let position = source(start);
            left.start += 1;
            while left.start < left.end && source(left.start) == position {
                left.start += 1;
            }
            if let Some(position) = position {
                return Some((start..left.start, position));
            }
        }
        None
    })
}

/// Adds rows of numbers to one row. Of several rows no digits are lost, however many they are.
#[inline(always)]
fn add_rows<T: Element>(to: &mut [T], rows: &[T]) {
    let row_len = to.len();
    if rows.len() == row_len {
        add_to(to, rows);
    } else {
        add_pixels(to, rows, row_len, 0..1);
    }
}

/// Adds the pixels of all rows in these columns to one pixel, without a loss of digits.
pub(super) fn add_pixels<T: Element>(
    to: &mut [T],
    rows: &[T],
    row_len: usize,
    columns: Range<usize>,
) {
    let channels = to.len();
    for (channel, to) in to.iter_mut().enumerate() {
        let mut sum = Sum::default();
        sum.add(double(*to));
        for row in rows.chunks_exact(row_len) {
            for column in columns.clone() {
                sum.add(double(row[column * channels + channel]));
            }
        }
        *to = T::from_f64_lossy(sum.value());
    }
}

/// Implements a padding by its shape rule and the position that each of those outside reads.
macro_rules! pad1d {
    ($name:ident, $infer:path, $fill:path, $mode:literal) => {
        impl<In: Shape, const LEFT: usize, const RIGHT: usize> ShapeRule<In>
            for $name<LEFT, RIGHT>
        {
            const OUTPUT: Inferred = $infer(In::DIMS, LEFT, RIGHT);
        }

        impl<T: Element, const LEFT: usize, const RIGHT: usize> Layer<T> for $name<LEFT, RIGHT> {
            type Config = ();
            type Params = ();
        }

        impl<In: Shape, Out: Shape, T: Element, const LEFT: usize, const RIGHT: usize>
            Infer<In, Out, T> for $name<LEFT, RIGHT>
        {
            const ORDER: FeatureOrder = FeatureOrder::Channels;

            #[cfg(feature = "onnx-export")]
            fn export(_: &(), _: &(), call: Export<'_>) -> Exported {
                export::images::pad(call, &[LEFT, 0], &[RIGHT, 0], $mode)
            }

            fn forward(call: Forward<'_, Self, In, Out, T>) {
                let Forward { x, y, .. } = call;
                let (length, channels) = (In::DIMS.size(0), In::DIMS.size(1));
                let sequences = flatten(x).chunks_exact(In::LEN);
                let outputs = flatten_mut(y).chunks_exact_mut(Out::LEN);

                for (x, y) in sequences.zip(outputs) {
                    for (padded, y) in y.chunks_exact_mut(channels).enumerate() {
                        match source(padded, LEFT, length, $fill) {
                            Some(position) => {
                                y.copy_from_slice(&x[position * channels..][..channels]);
                            }
                            None => y.fill(T::zero()),
                        }
                    }
                }
            }
        }

        impl<In: Shape, Out: Shape, T: Element, const LEFT: usize, const RIGHT: usize>
            Train<In, Out, T> for $name<LEFT, RIGHT>
        {
            const READS_OUTPUT: bool = false;

            fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
                let BackwardInput { dy, dx, .. } = call;
                let Some(dx) = dx else { return };
                let (length, channels) = (In::DIMS.size(0), In::DIMS.size(1));
                let gradients = flatten(dy).chunks_exact(Out::LEN);
                let sequences = flatten_mut(dx).chunks_exact_mut(In::LEN);

                for (dy, dx) in gradients.zip(sequences) {
                    dx.fill(T::zero());
                    let all = 0..Out::DIMS.size(0);
                    for (run, position) in runs(all, |i| source(i, LEFT, length, $fill)) {
                        let dy = &dy[run.start * channels..run.end * channels];
                        add_rows(&mut dx[position * channels..][..channels], dy);
                    }
                }
            }
        }
    };
}
pad1d!(ZeroPad1d, infer, zero, "constant");
pad1d!(ReflectionPad1d, infer_reflected, reflected, "reflect");
pad1d!(ReplicationPad1d, infer, replicated, "edge");

//! The mean and the maximum over the positions of a sequence, which may have a mask.

use core::ops::Range;

use super::avg_pool::infer_global;
use crate::memory::flatten_mut;
use crate::network::{
    BackwardInput, Forward, ForwardTrain, Infer, Inferred, Layer, LayerInput, Needs, Sentence,
    ShapeRule, Train,
};
#[cfg(feature = "onnx-export")]
use crate::nn::export::{self, Export, Exported};
use crate::params::FeatureOrder;
use crate::tensor::{Dims, Element, Shape};

/// The mean of each channel over the positions of a sequence: `[length, channels]` becomes
/// `[channels]`. `MeanOverTime <- (x, mask)` reads a mask as well.
///
/// A mask has the shape `[length]`: 0 where a position is padding, 1 where it is real, as for
/// [`struct@Lstm`](struct@crate::nn::Lstm) and [`struct@MultiHeadAttention`](struct@crate::nn::MultiHeadAttention).
/// The mean is over the real positions; without any it is 0. What padding contains, be it NaN,
/// changes neither the result nor a gradient, and the gradient of padding and of the mask is 0.
///
/// PyTorch's `(x * mask).sum(1) / mask.sum(1)`, where the first axis is the batch and `mask` has a
/// last axis of size 1. Without a mask it is the same as
/// [`GlobalAvgPool1d`](crate::nn::GlobalAvgPool1d).
///
/// ```
/// use shapewright::prelude::*;
/// network! {
///     struct Mean: (x: [3, 2], mask: [3]) -> [2] { MeanOverTime <- (x, mask) }
/// }
/// let x = Tensor2::from([[1.0, 2.0], [3.0, -4.0], [f32::NAN, 9.0]]);
/// let mask = Tensor1::from([1.0_f32, 1.0, 0.0]);
/// let y = Mean::zeros().forward(&Tensor::from((x, mask)));
/// assert_eq!(y, Tensor1::from([2.0, -1.0]));
/// ```
///
/// A mask of another length is a compile error:
///
/// ```compile_fail
/// use shapewright::prelude::*;
/// network! {
///     struct Wrong: (x: [3, 2], mask: [4]) -> [2] { MeanOverTime <- (x, mask) }
/// }
/// ```
pub struct MeanOverTime;

/// The maximum of each channel over the positions of a sequence: `[length, channels]` becomes
/// `[channels]`. `MaxOverTime <- (x, mask)` reads a mask as well.
///
/// A mask is that of [`MeanOverTime`]: the maximum is over the real positions, and 0 without any.
/// The gradient goes to the first of several equal maxima. If a real position contains NaN, so does
/// the maximum.
///
/// PyTorch's `x.masked_fill(mask == 0, -torch.inf).amax(1)`; without a mask `x.amax(1)`, or
/// `nn.AdaptiveMaxPool1d(1)` of channels first. Max-over-time pooling: Collobert et al., 2011.
///
/// ```
/// use shapewright::prelude::*;
/// network! {
///     struct Classifier: (text: [5], mask: [5]) -> [2] {
///         embed: Embedding<100, 8> <- text,
///         pool: MaxOverTime <- (embed, mask),
///         head: Linear<_, 2>,
///     }
/// }
///
/// network! { struct Max: [3, 2] -> [2] { MaxOverTime } }
/// let y = Max::zeros().forward(&Tensor2::from([[1.0, -2.0], [3.0, -4.0], [2.0, -9.0]]));
/// assert_eq!(y, Tensor1::from([3.0, -2.0]));
/// ```
pub struct MaxOverTime;

/// The shape rule of a sequence, or of one and its mask.
const fn infer<In: LayerInput>() -> Inferred {
    if In::SOURCES == 1 && In::DIMS.sizes().len() > 2 {
        let way_out = Sentence::new("; put a `Reshape` before it");
        return Inferred::mismatch(Sentence::new("[length, channels]"), way_out, Dims::UNKNOWN);
    }
    if In::SOURCES == 1 {
        return infer_global(In::DIMS, 1);
    }
    let [sequence, mask] = In::DIMS.parts() else {
        let sentence = Sentence::new("reads a sequence, or `<- (sequence, mask)`, but ")
            .number(In::SOURCES)
            .text(" outputs are named");
        return Inferred::wrong(sentence, Dims::UNKNOWN);
    };
    if sequence.is_unknown() {
        return Inferred::shape(Dims::UNKNOWN);
    }
    let [length, channels] = *sequence.sizes() else {
        let sentence = Sentence::new("reads a sequence [length, channels] first, but that is ")
            .dims(*sequence)
            .text("; put a `Reshape<length, channels>` before it");
        return Inferred::wrong(sentence, Dims::UNKNOWN);
    };

    let output = Dims::new(&[channels]);
    let wanted = Dims::new(&[length]);
    if mask.is_unknown() || mask.same(&wanted) {
        return Inferred::shape(output);
    }
    let sentence = Sentence::new("reads a mask with an entry for each position, ")
        .dims(wanted)
        .text(", but the mask is ")
        .dims(*mask)
        .text("; make the two equal");
    Inferred::wrong(sentence, output)
}

impl<In: LayerInput> ShapeRule<In> for MeanOverTime {
    const OUTPUT: Inferred = infer::<In>();
}

impl<In: LayerInput> ShapeRule<In> for MaxOverTime {
    const OUTPUT: Inferred = infer::<In>();
}

impl<T: Element> Layer<T> for MeanOverTime {
    type Config = ();
    type Params = ();
}

impl<T: Element> Layer<T> for MaxOverTime {
    type Config = ();
    type Params = ();
}

/// The mask of one sample, or none.
#[derive(Clone, Copy)]
struct Mask<'a, T>(Option<&'a [T]>);

impl<'a, T: Element> Mask<'a, T> {
    /// Returns the mask of the sample at an index, of a batch with these sources.
    fn of<In: LayerInput>(sources: &[&'a [T]], sample: usize) -> Self {
        let length = In::LENS[1];
        Mask((In::SOURCES > 1).then(|| &sources[1][sample * length..][..length]))
    }

    fn is_real(&self, position: usize) -> bool {
        self.0.is_none_or(|mask| !mask[position].is_zero())
    }

    /// Returns the number of real positions.
    fn count(&self, length: usize) -> usize {
        (0..length).filter(|&i| self.is_real(i)).count()
    }
}

/// Sets the gradient of the mask, which is no function of anything.
fn clear_mask<T: Element>(mask: &mut Option<&mut [T]>) {
    if let Some(mask) = mask {
        mask.fill(T::zero());
    }
}

/// The largest number of positions that are added in one chain.
const CHAIN: usize = 64;

/// The number of channels whose sums lie on the stack at a time.
const CHANNELS: usize = 16;

/// Sets `y` to the sum of the real positions in a range, for each channel of `x`.
///
/// The error is at most 64 roundings and one more for each doubling of the length, times the sum of
/// the magnitudes.
fn sum_positions<T: Element>(x: &[T], mask: Mask<T>, positions: Range<usize>, y: &mut [T]) {
    let channels = y.len();
    if positions.len() <= CHAIN {
        return add_positions(x, channels, 0, mask, positions, y);
    }
    for (part, y) in y.chunks_mut(CHANNELS).enumerate() {
        add_positions(x, channels, part * CHANNELS, mask, positions.clone(), y);
    }
}

/// Sets `sums` to the sums of the channels from `first` on. A long range is summed in halves, which
/// are added (pairwise summation).
fn add_positions<T: Element>(
    x: &[T],
    channels: usize,
    first: usize,
    mask: Mask<T>,
    positions: Range<usize>,
    sums: &mut [T],
) {
    if positions.len() <= CHAIN {
        sums.fill(T::zero());
        for i in positions.filter(|&i| mask.is_real(i)) {
            let x = &x[i * channels + first..][..sums.len()];
            sums.iter_mut().zip(x).for_each(|(sum, &x)| *sum += x);
        }
        return;
    }

    let middle = positions.start + positions.len() / 2;
    let mut later = [T::zero(); CHANNELS];
    let later = &mut later[..sums.len()];
    add_positions(x, channels, first, mask, positions.start..middle, sums);
    add_positions(x, channels, first, mask, middle..positions.end, later);
    sums.iter_mut()
        .zip(later)
        .for_each(|(sum, later)| *sum += *later);
}

impl<In: LayerInput, Out: Shape, T: Element> Infer<In, Out, T> for MeanOverTime {
    const ORDER: FeatureOrder = FeatureOrder::Channels;

    #[cfg(feature = "onnx-export")]
    fn export(_: &(), _: &(), call: Export<'_>) -> Exported {
        export::sequence::mean_over_time(call)
    }

    fn forward(call: Forward<'_, Self, In, Out, T>) {
        let Forward { x, y, .. } = call;
        let sources = In::elements(x);
        let samples = sources[0].chunks_exact(In::LENS[0]);
        let outputs = flatten_mut(y).chunks_exact_mut(Out::LEN);

        for (sample, (x, y)) in samples.zip(outputs).enumerate() {
            let mask = Mask::of::<In>(&sources, sample);
            let length = In::LENS[0] / Out::LEN;
            sum_positions(x, mask, 0..length, y);

            // A sum without terms stays 0.
            let count = T::from_f64_lossy(mask.count(length).max(1) as f64);
            y.iter_mut().for_each(|y| *y /= count);
        }
    }
}

impl<In: LayerInput, Out: Shape, T: Element> Train<In, Out, T> for MeanOverTime {
    const READS_OUTPUT: bool = false;

    fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
        let BackwardInput { x, dy, dx, .. } = call;
        let sources = In::elements(x);
        let [sequences, mut mask, ..] = In::gradient_elements(dx);
        clear_mask(&mut mask);
        let Some(dx) = sequences else { return };
        let gradients = flatten_mut(dy).chunks_exact_mut(Out::LEN);
        let sequences = dx.chunks_exact_mut(In::LENS[0]);

        for (sample, (dy, dx)) in gradients.zip(sequences).enumerate() {
            let mask = Mask::of::<In>(&sources, sample);
            let count = mask.count(In::LENS[0] / Out::LEN);
            let count = T::from_f64_lossy(count.max(1) as f64);
            dy.iter_mut().for_each(|dy| *dy /= count);

            for (i, dx) in dx.chunks_exact_mut(Out::LEN).enumerate() {
                if mask.is_real(i) {
                    dx.copy_from_slice(dy);
                } else {
                    dx.fill(T::zero());
                }
            }
        }
    }
}

/// Sets the maxima of one sample. `found(channel, position)` is told each one, as long as it is the
/// largest so far.
fn maxima<T: Element>(x: &[T], mask: Mask<T>, y: &mut [T], mut found: impl FnMut(usize, usize)) {
    let mut is_first = true;
    y.fill(T::zero());
    for (i, x) in x.chunks_exact(y.len()).enumerate() {
        if !mask.is_real(i) {
            continue;
        }
        for (channel, (y, &x)) in y.iter_mut().zip(x).enumerate() {
            // The first NaN stays.
            if is_first || x > *y || x.is_nan() && !y.is_nan() {
                *y = x;
                found(channel, i);
            }
        }
        is_first = false;
    }
}

impl<In: LayerInput, Out: Shape, T: Element> Infer<In, Out, T> for MaxOverTime {
    const ORDER: FeatureOrder = FeatureOrder::Channels;

    #[cfg(feature = "onnx-export")]
    fn export(_: &(), _: &(), call: Export<'_>) -> Exported {
        export::sequence::max_over_time(call)
    }

    fn forward(call: Forward<'_, Self, In, Out, T>) {
        let Forward { x, y, .. } = call;
        let sources = In::elements(x);
        let samples = sources[0].chunks_exact(In::LENS[0]);
        let outputs = flatten_mut(y).chunks_exact_mut(Out::LEN);
        for (sample, (x, y)) in samples.zip(outputs).enumerate() {
            maxima(x, Mask::of::<In>(&sources, sample), y, |_, _| ());
        }
    }
}

/// The position of a maximum where all positions are padding.
const NOWHERE: u64 = u64::MAX;

impl<In: LayerInput, Out: Shape, T: Element> Train<In, Out, T> for MaxOverTime {
    const READS_OUTPUT: bool = false;
    /// The position of each maximum.
    const TRAIN_NEEDS: Needs = Needs::NONE.per_sample::<u64>(Out::LEN);

    fn forward_train(call: ForwardTrain<'_, Self, In, Out, T>) {
        let ForwardTrain {
            x, y, mut cache, ..
        } = call;
        let sources = In::elements(x);
        let positions = cache.take::<u64>(Out::LEN);
        positions.fill(NOWHERE);
        let samples = sources[0].chunks_exact(In::LENS[0]);
        let outputs = flatten_mut(y).chunks_exact_mut(Out::LEN);
        let positions = positions.chunks_exact_mut(Out::LEN);

        for (sample, ((x, y), positions)) in samples.zip(outputs).zip(positions).enumerate() {
            let mask = Mask::of::<In>(&sources, sample);
            maxima(x, mask, y, |channel, i| positions[channel] = i as u64);
        }
    }

    fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
        let BackwardInput {
            mut cache, dy, dx, ..
        } = call;
        let [sequences, mut mask, ..] = In::gradient_elements(dx);
        clear_mask(&mut mask);
        let Some(dx) = sequences else { return };
        let positions = cache.take::<u64>(Out::LEN).chunks_exact(Out::LEN);
        let gradients = flatten_mut(dy).chunks_exact(Out::LEN);
        let sequences = dx.chunks_exact_mut(In::LENS[0]);

        for ((dy, dx), positions) in gradients.zip(sequences).zip(positions) {
            dx.fill(T::zero());
            for (channel, (&dy, &position)) in dy.iter().zip(positions).enumerate() {
                if position != NOWHERE {
                    dx[position as usize * Out::LEN + channel] = dy;
                }
            }
        }
    }
}

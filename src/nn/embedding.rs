//! A table of vectors, looked up by their indices.

use rand::Rng;

use super::index::exact;
use super::int8::{HasInt8, Int8EmbeddingParams, Int8Passes, QuantizeFrom, quantize_rows};
use super::rule::zero_size;
use crate::derive::Parameters;
use crate::init;
use crate::kernels::Quantization;
use crate::memory::{ThreadMemory, flatten, flatten_mut};
use crate::network::{
    BackwardInput, BackwardParams, Context, Forward, INFER, Infer, Inferred, Layer, Needs, Reach,
    Sentence, ShapeRule, Train,
};
#[cfg(feature = "onnx-export")]
use crate::nn::export::{self, Export, Exported};
use crate::params::FeatureOrder;
use crate::tensor::{Dims, Element, MAX_RANK, Shape};
use crate::{sizes, threads};

/// A table of vectors: replaces each index by the row of the weight with that number. An input
/// `[..]` of at most three axes becomes `[.., embedding_dim]`.
///
/// In a network: `Embedding<num_embeddings, embedding_dim>`. With the option `PaddingIdx<index>`,
/// the row of that index starts at zero and has no gradient: it pads sequences that are shorter
/// than the input. An optimizer that also moves parameters without a gradient, for example by
/// weight decay, leaves zeros as they are.
///
/// Indices are passed as whole numbers. Make them with [`Index`](crate::nn::Index), which checks
/// them once. For any other number, the output is NaN; the loss is then NaN as well, and a
/// [`Trainer`](crate::train::Trainer) names this layer. The gradient with respect to the indices is
/// zero.
///
/// Definition and initial values (normal, with mean 0 and standard deviation 1) are those of
/// PyTorch's `nn.Embedding`, and weight files have the weight in the same order. The gradient is
/// dense, as in PyTorch: it has all rows, and those of indices that do not occur in the batch are
/// zero.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Words: [3] -> [3, 2] { embed: Embedding<4, 2, PaddingIdx<0>> } }
/// let mut net = Words::zeros();
/// net.embed.weight[2] = [0.5, -1.0];
/// let x = Tensor1::from_indices(&Index::<4>::from_numbers(&[2u8, 0, 2])?)?;
/// assert_eq!(
///     net.forward(&x),
///     Tensor2::from([[0.5, -1.0], [0.0, 0.0], [0.5, -1.0]])
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Embedding<
    const NUM_EMBEDDINGS: usize,
    const EMBEDDING_DIM: usize,
    const PADDING_IDX: usize = INFER,
>;

/// The parameters of an [`Embedding`] layer.
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
pub struct EmbeddingParams<const NUM_EMBEDDINGS: usize, const EMBEDDING_DIM: usize, T: Element> {
    /// `[num_embeddings][embedding_dim]`
    pub weight: [[T; EMBEDDING_DIM]; NUM_EMBEDDINGS],
}

impl<In: Shape, const N: usize, const D: usize, const PADDING: usize> ShapeRule<In>
    for Embedding<N, D, PADDING>
{
    const TAKES_INDICES: bool = true;
    const OUTPUT: Inferred = {
        let input = In::DIMS;
        let rank = input.sizes().len();

        // The sizes of the input, followed by `embedding_dim`.
        let mut sizes = [D; MAX_RANK];
        let mut axis = 0;
        while axis < rank && axis < MAX_RANK {
            sizes[axis] = input.sizes()[axis];
            axis += 1;
        }
        let has_room = rank < MAX_RANK && input.parts().is_empty() && !input.is_unknown();
        let output = if has_room {
            Dims::new(sizes.split_at(rank + 1).0)
        } else {
            Dims::UNKNOWN
        };

        if N == 0 {
            zero_size(
                "num_embeddings",
                if D == 0 { Dims::UNKNOWN } else { output },
            )
        } else if D == 0 {
            zero_size("embedding_dim", Dims::UNKNOWN)
        } else if PADDING != INFER && PADDING >= N {
            let sentence = Sentence::new("has PaddingIdx<")
                .number(PADDING)
                .text(">, but its ")
                .number(N)
                .text(" embeddings are 0 to ")
                .number(N - 1);
            Inferred::wrong(sentence, output)
        } else if has_room || input.is_unknown() {
            Inferred::shape(output)
        } else if rank < MAX_RANK {
            let way_out = Sentence::new("; it takes one tensor of indices: join them before it");
            Inferred::mismatch(Sentence::new("at most 3 axes"), way_out, Dims::UNKNOWN)
        } else {
            let way_out = Sentence::new(
                "; it adds an axis, and a tensor has at most 4: \
                 put `Flatten` or a `Reshape` before it",
            );
            Inferred::mismatch(Sentence::new("at most 3 axes"), way_out, Dims::UNKNOWN)
        }
    };
    const REACH: Reach = Reach::POSITION;
}

impl<T: Element, const N: usize, const D: usize, const PADDING: usize> Layer<T>
    for Embedding<N, D, PADDING>
{
    const WRONG_ELEMENT: Option<&'static str> = if exact::<T>(N) {
        None
    } else {
        Some(
            "has more rows than the 16777216 that an `f32` can tell apart: make the network `as \
             f64`",
        )
    };
    type Config = ();
    type Params = EmbeddingParams<N, D, T>;

    fn initialize<R: Rng + ?Sized>(_: &(), params: &mut Self::Params, rng: &mut R) {
        init::normal(&mut params.weight, 0.0, 1.0, rng);
        if let Some(row) = params.weight.get_mut(PADDING) {
            row.fill(T::zero());
        }
    }
}

/// Returns the row that a number stands for, or `None` if it is not a whole number from 0 to
/// `N - 1`.
#[inline(always)]
fn row<T: Element, const N: usize>(index: T) -> Option<usize> {
    const {
        assert!(
            exact::<T>(N),
            "an `f32` tells 2^24 indices apart: make the network `as f64`"
        )
    };
    let row = index.to_usize()?;
    (row < N && T::from_usize(row) == Some(index)).then_some(row)
}

/// The largest number of terms of a row that are added without compensation.
const FREQUENT: u32 = 512;
/// The largest number of rows that are compensated in one pass over the terms.
const COMPENSATED: usize = 64;

/// Adds each term to its row; there are at most `most` terms. The error is at most `FREQUENT *
/// EPSILON / 2` times the sum of the magnitudes, for any number of terms.
///
/// `counts` has a number for each row, and `lost` is for the compensations of some rows: if more
/// rows are frequent, the terms are passed over again.
fn add_rows<'a, T: Element, const D: usize>(
    terms: impl Iterator<Item = (usize, &'a [T; D])> + Clone,
    most: usize,
    rows: &mut [[T; D]],
    counts: &mut [u32],
    lost: &mut [[T; D]],
) {
    if most <= FREQUENT as usize {
        return terms.for_each(|(row, term)| add(&mut rows[row], term));
    }

    let counts = &mut counts[..rows.len()];
    counts.fill(0);
    for (row, _) in terms.clone() {
        counts[row] = counts[row].saturating_add(1);
    }

    // In its place, the number of the row's compensation, counted from 1; 0 for none.
    let mut frequent = 0;
    for count in counts.iter_mut() {
        *count = if *count > FREQUENT {
            frequent += 1;
            frequent
        } else {
            0
        };
    }

    // The first pass adds to all other rows as well.
    let frequent = frequent as usize;
    for first in (0..frequent.max(1)).step_by(lost.len().max(1)) {
        lost.fill([T::zero(); D]);

        for (row, term) in terms.clone() {
            match counts[row] as usize {
                0 if first == 0 => add(&mut rows[row], term),
                0 => {}
                number => {
                    let lost = (number - 1)
                        .checked_sub(first)
                        .and_then(|i| lost.get_mut(i));
                    if let Some(lost) = lost {
                        add_compensated(&mut rows[row], lost, term);
                    }
                }
            }
        }
    }
}

fn add<T: Element, const D: usize>(sums: &mut [T; D], term: &[T; D]) {
    sums.iter_mut().zip(term).for_each(|(sum, &x)| *sum += x);
}

/// Adds a term and the rounding errors of earlier additions (compensated summation, Kahan, 1965).
fn add_compensated<T: Element, const D: usize>(
    sums: &mut [T; D],
    lost: &mut [T; D],
    term: &[T; D],
) {
    for ((sum, lost), &x) in sums.iter_mut().zip(lost).zip(term) {
        let x = x - *lost;
        let after = *sum + x;
        *lost = (after - *sum) - x;
        *sum = after;
    }
}

impl<In: Shape, Out: Shape, T: Element, const N: usize, const D: usize, const PADDING: usize>
    Infer<In, Out, T> for Embedding<N, D, PADDING>
{
    /// The row of each index keeps its position, so the order of the input matters.
    const ORDER: FeatureOrder = FeatureOrder::Depends;

    #[cfg(feature = "onnx-export")]
    fn export(_: &(), params: &Self::Params, call: Export<'_>) -> Exported {
        export::simple::embedding::<T, _>(params, call)
    }

    #[inline(always)]
    fn forward(call: Forward<'_, Self, In, Out, T>) {
        let Forward { params, x, y, .. } = call;
        for (&index, y) in flatten(x).iter().zip(flatten_mut(y).as_chunks_mut::<D>().0) {
            match row::<T, N>(index) {
                Some(row) => y.copy_from_slice(&params.weight[row]),
                None => y.fill(T::nan()),
            }
        }
    }
}

impl<In: Shape, Out: Shape, T: Element, const N: usize, const D: usize, const PADDING: usize>
    Train<In, Out, T> for Embedding<N, D, PADDING>
{
    const READS_OUTPUT: bool = false;
    const OVERWRITES: bool = true;
    /// The counts of all rows, and the compensations of some.
    const TRAIN_NEEDS: Needs = Needs::NONE
        .per_thread::<u32>(N)
        .per_thread::<T>(sizes::product(&[COMPENSATED, D]));

    #[inline(always)]
    fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
        let BackwardInput { dx, .. } = call;
        if let Some(dx) = dx {
            flatten_mut(dx).fill(T::zero());
        }
    }

    fn backward_params(call: BackwardParams<'_, Self, In, Out, T>) {
        let BackwardParams {
            x,
            dy,
            gradient,
            thread_memory,
            cx,
            ..
        } = call;
        let indices = flatten(x);
        let dy = flatten(dy).as_chunks::<D>().0;
        let accumulate = cx.accumulate();

        // Split over the rows of the weight. Each part looks for its own rows among all indices, so
        // that a row is summed in the order of the batch, at any number of threads.
        let additions = sizes::product(&[sizes::sum(&[indices.len(), N]), D]);
        let rows = N.div_ceil(cx.parts(additions)).max(1);
        threads::split_mut_with(
            &mut gradient.weight,
            rows,
            thread_memory,
            &|part, gradient: &mut [[T; D]], mut memory| {
                if !accumulate {
                    gradient.as_flattened_mut().fill(T::zero());
                }

                let first = part * rows;
                let count = gradient.len();
                let own = indices.iter().zip(dy).filter_map(|(&index, dy)| {
                    let row = row::<T, N>(index).filter(|&row| row != PADDING)?;
                    Some((row.checked_sub(first).filter(|&row| row < count)?, dy))
                });

                let counts = memory.take(N);
                let lost = memory.take(COMPENSATED * D).as_chunks_mut().0;
                add_rows(own, indices.len(), gradient, counts, lost);
            },
        );
    }
}

impl<const N: usize, const D: usize, const PADDING: usize> HasInt8 for Embedding<N, D, PADDING> {
    type Int8Params = Int8EmbeddingParams<N, D>;
    const INT8_REACH: Reach = Reach::POSITION;
}

impl<const N: usize, const D: usize> QuantizeFrom<EmbeddingParams<N, D, f32>>
    for Int8EmbeddingParams<N, D>
{
    fn quantize_from(&mut self, layer: &EmbeddingParams<N, D, f32>, _: Option<Quantization>) {
        let rows = self.weight.as_mut_slice().as_chunks_mut::<D>().0;
        quantize_rows(&layer.weight, |row, scale, numbers| {
            self.weight_scale[row] = scale;
            rows[row]
                .iter_mut()
                .zip(numbers)
                .for_each(|(to, x)| *to = x);
        });
    }
}

impl<In: Shape, Out: Shape, const N: usize, const D: usize, const PADDING: usize>
    Int8Passes<In, Out> for Embedding<N, D, PADDING>
{
    const INT8_NEEDS: Needs = Needs::NONE;
    const FAKE_NEEDS: Needs = Needs::NONE;
    const BACKWARD_NEEDS: Needs = Needs::NONE;

    fn int8_forward(
        params: &Int8EmbeddingParams<N, D>,
        x: &[f32],
        y: &mut [f32],
        _: ThreadMemory<'_>,
        _: &Context<f32>,
    ) {
        let rows = params.weight.as_slice().as_chunks::<D>().0;
        for (&index, y) in x.iter().zip(y.as_chunks_mut::<D>().0) {
            match row::<f32, N>(index) {
                Some(row) => {
                    let scale = params.weight_scale[row];
                    let numbers = y.iter_mut().zip(&rows[row]);
                    numbers.for_each(|(y, &weight)| *y = f32::from(weight) * scale);
                }
                None => y.fill(f32::NAN),
            }
        }
    }

    fn fake_forward(
        layer: &EmbeddingParams<N, D, f32>,
        _: Quantization,
        x: &[f32],
        y: &mut [f32],
        _: ThreadMemory<'_>,
        _: &Context<f32>,
    ) {
        for (&index, y) in x.iter().zip(y.as_chunks_mut::<D>().0) {
            match row::<f32, N>(index) {
                Some(row) => quantize_rows(&layer.weight[row..=row], |_, scale, numbers| {
                    let numbers = y.iter_mut().zip(numbers);
                    numbers.for_each(|(y, weight)| *y = f32::from(weight) * scale);
                }),
                None => y.fill(f32::NAN),
            }
        }
    }

    fn round_input(_: Quantization, x: &[f32], to: &mut [f32], _: &Context<f32>) {
        to.copy_from_slice(x);
    }

    fn fake_backward(
        _: &EmbeddingParams<N, D, f32>,
        _: Option<Quantization>,
        _: &[f32],
        _: &[f32],
        dx: &mut [f32],
        _: ThreadMemory<'_>,
        _: &Context<f32>,
    ) {
        dx.fill(0.0);
    }

    #[cfg(feature = "onnx-export")]
    fn int8_export(params: &Int8EmbeddingParams<N, D>, call: Export<'_>) -> Exported {
        export::quantized::embedding(params, call)
    }
}

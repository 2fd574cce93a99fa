//! A table of vectors, looked up by their indices.

use rand::Rng;

use super::index::exact;
use crate::derive::Parameters;
use crate::init;
use crate::memory::{flatten, flatten_mut};
use crate::network::{
    ActivationStore, Compute, Context, FeatureOrder, INFER, Inferred, Layer, LayerOutputs,
    Sentence, ShapeRule, with_scratch,
};
use crate::tensor::{Dims, Element, MAX_RANK, Shape, Tensor};
use crate::{sizes, threads};

/// Each index becomes the row of the weight with that number: `[..]` of at most three axes becomes
/// `[.., embedding_dim]`.
///
/// In a network: `Embedding<num_embeddings, embedding_dim>`. With the option `PaddingIdx<index>`,
/// the row of that index begins at zero and has no gradient: it stands for what is not there, as
/// after the end of a short sentence. An optimizer that moves parameters without a gradient, such
/// as by weight decay, leaves zeros as they are.
///
/// Indices come as whole numbers; make them with [`Index`](crate::nn::Index), which checks them once.
/// For any other number, the output is NaN: then the loss is NaN as well, and a
/// [`Trainer`](crate::train::Trainer) names this layer. The gradient with respect to indices is zero.
///
/// Definition and initial values (normal, with mean 0 and standard deviation 1) are those of
/// PyTorch's `nn.Embedding`; weight files have the weight as it lies here. As there, the gradient
/// has all rows, those of indices that a batch does not have are zero.
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
    const OUTPUT: Inferred = {
        let input = In::DIMS;
        let rank = input.sizes().len();
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
        if N == 0 || D == 0 {
            let what = if N == 0 {
                "num_embeddings"
            } else {
                "embedding_dim"
            };
            let sentence = Sentence::new("has ")
                .text(what)
                .text(" 0; every size must be at least 1");
            Inferred::wrong(sentence, if D == 0 { Dims::UNKNOWN } else { output })
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
            let way_out = "; it adds an axis, and a tensor has at most 4: put `Flatten` or a `Reshape` before it";
            Inferred::mismatch(
                Sentence::new("at most 3 axes"),
                Sentence::new(way_out),
                Dims::UNKNOWN,
            )
        }
    };
}

impl<T: Element, const N: usize, const D: usize, const PADDING: usize> Layer<T>
    for Embedding<N, D, PADDING>
{
    type Config = ();
    type Params = EmbeddingParams<N, D, T>;

    fn initialize<R: Rng + ?Sized>(_: &(), params: &mut Self::Params, rng: &mut R) {
        init::normal(&mut params.weight, 0.0, 1.0, rng);
        if let Some(row) = params.weight.get_mut(PADDING) {
            row.fill(T::zero());
        }
    }
}

/// The row that a number stands for; `None` if it is not a whole number from 0 to `N - 1`.
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

/// A row with more terms keeps what its additions round off.
const FREQUENT: usize = 512;

/// Adds each of the terms, at most `most`, to its row: off by at most `FREQUENT * EPSILON / 2`
/// times the sum of the magnitudes, however many there are.
fn add_rows<'a, T: Element, const D: usize>(
    terms: impl Iterator<Item = (usize, &'a [T; D])> + Clone,
    most: usize,
    rows: &mut [[T; D]],
) {
    if most <= FREQUENT {
        return terms.for_each(|(row, term)| add(&mut rows[row], term));
    }
    // How many terms each row has, then the place of those that have many, from 1 on.
    let len = rows.len() + most / FREQUENT * D;
    with_scratch(
        len,
        1,
        || "the gradient of an embedding".to_owned(),
        |scratch: &mut [T]| {
            let (places, lost) = scratch.split_at_mut(rows.len());
            let lost = lost.as_chunks_mut::<D>().0;
            places.fill(T::zero());
            terms.clone().for_each(|(row, _)| places[row] += T::one());
            let (many, mut frequent) = (T::from_f64_lossy(FREQUENT as f64), 0);
            for place in places.iter_mut() {
                *place = if *place > many {
                    lost[frequent].fill(T::zero());
                    frequent += 1;
                    T::from_f64_lossy(frequent as f64)
                } else {
                    T::zero()
                };
            }

            for (row, term) in terms {
                match places[row].to_usize() {
                    Some(place @ 1..) => add_exactly(&mut rows[row], &mut lost[place - 1], term),
                    _ => add(&mut rows[row], term),
                }
            }
        },
    );
}

fn add<T: Element, const D: usize>(sums: &mut [T; D], term: &[T; D]) {
    sums.iter_mut().zip(term).for_each(|(sum, &x)| *sum += x);
}

/// Adds a term, and what the additions before have lost (Kahan 1965).
fn add_exactly<T: Element, const D: usize>(sums: &mut [T; D], lost: &mut [T; D], term: &[T; D]) {
    for ((sum, lost), &x) in sums.iter_mut().zip(lost).zip(term) {
        let x = x - *lost;
        let after = *sum + x;
        *lost = (after - *sum) - x;
        *sum = after;
    }
}

impl<In: Shape, Out: Shape, T: Element, const N: usize, const D: usize, const PADDING: usize>
    Compute<In, Out, T> for Embedding<N, D, PADDING>
{
    /// Which row belongs to which index.
    const ORDER: FeatureOrder = FeatureOrder::Depends;
    const READS_OUTPUT: bool = false;
    const OVERWRITES: bool = true;

    #[inline(always)]
    fn forward(
        _: &(),
        params: &Self::Params,
        x: &[Tensor<In, T>],
        y: &mut [Tensor<Out, T>],
        _: &mut [T],
        _: &Context<T>,
    ) {
        for (&index, y) in flatten(x).iter().zip(flatten_mut(y).as_chunks_mut::<D>().0) {
            match row::<T, N>(index) {
                Some(row) => y.copy_from_slice(&params.weight[row]),
                None => y.fill(T::nan()),
            }
        }
    }

    #[inline(always)]
    fn backward_input(
        _: &(),
        _: &Self::Params,
        _: &[Tensor<In, T>],
        _: LayerOutputs<'_, Out, T>,
        _: ActivationStore<'_, T>,
        _: &mut [Tensor<Out, T>],
        dx: Option<&mut [Tensor<In, T>]>,
        _: &Context<T>,
    ) {
        if let Some(dx) = dx {
            flatten_mut(dx).fill(T::zero());
        }
    }

    fn backward_params(
        _: &(),
        _: &Self::Params,
        x: &[Tensor<In, T>],
        _: LayerOutputs<'_, Out, T>,
        _: ActivationStore<'_, T>,
        dy: &[Tensor<Out, T>],
        gradient: &mut Self::Params,
        cx: &Context<T>,
    ) {
        let (indices, dy, accumulate) =
            (flatten(x), flatten(dy).as_chunks::<D>().0, cx.accumulate());
        // Cut over the rows of the weight, each part looking for its own among all indices: so a
        // row is summed in the order of the batch, whatever the number of threads.
        let rows = N
            .div_ceil(threads::parts(sizes::product(&[
                sizes::sum(&[indices.len(), N]),
                D,
            ])))
            .max(1);
        threads::split_mut(
            &mut gradient.weight,
            rows,
            &|part, gradient: &mut [[T; D]]| {
                if !accumulate {
                    gradient.as_flattened_mut().fill(T::zero());
                }
                let (first, count) = (part * rows, gradient.len());
                let own = indices.iter().zip(dy).filter_map(|(&index, dy)| {
                    let row = row::<T, N>(index).filter(|&row| row != PADDING)?;
                    Some((row.checked_sub(first).filter(|&row| row < count)?, dy))
                });
                add_rows(own, indices.len(), gradient);
            },
        );
    }
}
